//! What the tests of several crates share: certificates, bad networks, and servers that
//! nobody here wrote. Tests alone use it, so a helper panics where what it is asked for
//! fails: that is how a test fails.
//!
//! What needs the DTLS engine is behind features, since that is tested with parts left
//! out. What would burden every program that links it is in crates beside this one:
//! `iot-coap-test-heap`, an allocator; `iot-coap-test-library`, with the C library;
//! `iot-coap-test-cloud`, with the cloud.

#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "see above")]
#![allow(clippy::missing_errors_doc, reason = "what fails is what is tested")]

pub mod certificates;
pub mod chains;
pub mod folders;
pub mod forge;
pub mod hellos;
pub mod instructions;
pub mod lateness;
pub mod network;
pub mod peers;
pub mod processes;
pub mod threads;
pub mod waiting;

#[cfg(feature = "dtls")]
pub mod dtls;
#[cfg(feature = "scripted")]
pub mod scripted;
#[cfg(feature = "server")]
pub mod served;
