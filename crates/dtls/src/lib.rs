#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
// Where parts are left out, the rest of a table or an enumeration stays whole.
#![cfg_attr(not(feature = "full"), allow(dead_code))]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod alert;
#[cfg(feature = "certificates")]
mod certificate;
mod cipher;
mod client;
mod config;
mod error;
mod handshake;
mod key_schedule;
mod record;
mod saved_session;
mod sealed;
mod suite;
mod wire;

pub use alert::Alert;
#[cfg(feature = "certificates")]
pub use certificate::{CertificateError, TrustAnchors};
pub use client::{Client, Dropped, RestoreError, State};
pub use config::{
    Config, DEFAULT_LONGEST_MESSAGE, DEFAULT_MTU, LONGEST_PSK, PreSharedKey, SHORTEST_MTU,
};
pub use error::{Error, Violation};
/// The traits of the caller's source of randomness.
pub use rand_core;
pub use record::Datagram;
pub use saved_session::SavedSession;
pub use sealed::{SHORTEST_SEALING_SECRET, SealingKey};
