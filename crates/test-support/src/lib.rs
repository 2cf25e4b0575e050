//! What the tests of several crates share: certificates, bad networks, servers that
//! nobody here wrote, and devices. Tests alone use it, so a helper panics where what
//! it is asked for fails: that is how a test fails.
//!
//! What needs one of the crates under test is behind a feature, so that the tests of a
//! small crate do not wait for a large one. Two crates stand beside this one, because a
//! program cannot link them without an effect: `iot-coap-test-heap`, an allocator, and
//! `iot-coap-test-library`, which brings the C library.

#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, reason = "see above")]
#![allow(clippy::missing_errors_doc, reason = "what fails is what is tested")]

pub mod certificates;
pub mod folders;
pub mod network;
pub mod peers;
pub mod processes;
pub mod threads;
pub mod waiting;

#[cfg(feature = "cloud")]
pub mod cloud;
#[cfg(feature = "dtls")]
pub mod dtls;
#[cfg(feature = "scripted")]
pub mod scripted;
