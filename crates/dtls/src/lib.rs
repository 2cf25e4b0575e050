//! A DTLS 1.2 client (RFC 6347) for constrained devices.
//!
//! - Sans-IO: it knows no socket, no clock and no thread. Datagrams and times go
//!   in, datagrams and plaintext come out; see [`Client`].
//! - `no_std`, in kilobytes: nothing is allocated once the handshake is done,
//!   records are sealed and opened in place, and what a server can make it hold
//!   is bounded.
//! - Servers prove themselves by RSA or ECDSA certificates ([`TrustAnchors`]) or
//!   know a [`PreSharedKey`]. ECDHE with X25519 or P-256 and AES-GCM first; for
//!   old servers AES-CBC and static RSA, both off until they are asked for.
//! - Links that lose, cut, repeat and reorder; addresses that change under a
//!   session (connection ids, RFC 9146); sessions that are resumed after a
//!   restart ([`SavedSession`]) or kept through deep sleep without a handshake
//!   ([`Client::checkpoint`]).
//! - All cryptography is RustCrypto's and dalek's, the checking of certificates
//!   rustls-webpki's.
//!
//! There is no server, no renegotiation, no compression and no certificate of
//! the client's own.

#![no_std]
#![forbid(unsafe_code)]
// Pre-shared keys need less: the rest of a table or an enumeration stays whole.
#![cfg_attr(not(feature = "certificates"), allow(dead_code))]

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
