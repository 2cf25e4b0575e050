#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
// Tables and enumerations keep their entries in builds without all features.
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
#[cfg(feature = "certificates")]
mod der;
mod error;
mod handshake;
mod key_schedule;
mod keys;
mod memory;
#[cfg(feature = "p256")]
mod point;
mod record;
#[cfg(feature = "rsa")]
mod rsa;
mod saved_session;
mod sealing;
#[cfg(feature = "server")]
pub mod server;
mod session;
mod suite;
mod validity;
mod wire;

pub use alert::Alert;
#[cfg(feature = "certificates")]
pub use certificate::TrustAnchors;
/// Used by a fuzz target.
#[cfg(feature = "both-validators")]
#[doc(hidden)]
pub use certificate::both as both_validators;
pub use client::Client;
pub use config::{
    Config, DEFAULT_MAX_MESSAGE_LEN, DEFAULT_MTU, MAX_MTU, MAX_PSK_LEN, MIN_MTU, PreSharedKey,
    SUPPORTS_CBC,
};
#[cfg(feature = "certificates")]
pub use error::CertificateError;
pub use error::{Error, RestoreError, Violation};
pub use iot_coap_time::{Duration, Instant};
/// The traits for the caller's source of randomness.
pub use rand_core;
pub use record::Datagram;
pub use saved_session::SavedSession;
pub use sealing::{MIN_SEALING_SECRET_LEN, SealingKey};
pub use session::{Dropped, State};
