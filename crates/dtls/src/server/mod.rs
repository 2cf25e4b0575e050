//! The server's side of DTLS 1.2, with the records, ciphers and key schedule of the client's.
//!
//! Like the client it does no I/O and knows no clock. A server has one [`Cookies`], one
//! [`Config`] and a [`Connection`] for each client. Nothing is kept of a client before it has
//! shown, by a cookie, that it receives at its address; how many connections there may be after
//! that, in all and of one address, is the caller's to decide.
//!
//! ```
//! use std::sync::Arc;
//!
//! use iot_coap_dtls::server::{Config, PreSharedKeys};
//! use iot_coap_dtls::{Error, PreSharedKey};
//!
//! struct OneKey;
//! impl PreSharedKeys for OneKey {
//!     fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error> {
//!         let key = PreSharedKey::new(identity, b"not a secret")?;
//!         Ok((identity == b"sensor-7").then_some(key))
//!     }
//! }
//!
//! let config = Arc::new(Config::new().pre_shared_keys(Arc::new(OneKey)));
//! ```
//!
//! A whole server that listens at a UDP socket is in the [crate's documentation](crate).
//!
//! A client that has lost its session sends a ClientHello from the address of the old one, and
//! so may somebody else who receives there. The server of the example takes the new connection
//! at once; one that does not want to lose the old one before the new one is connected keeps
//! both until then (RFC 6347, section 4.2.8). With connection ids, look a datagram's up by
//! [`connection_id`] before its address, and see [`Connection::take_newest`].
//!
//! It has no client certificates, no renegotiation and no compression.

mod client_hello;
mod config;
mod connection;
mod cookies;
mod export;
mod handshake;
#[cfg(feature = "certificates")]
mod identity;
mod receive;
mod server_hello;
mod ticket;

pub use config::{Config, DEFAULT_MAX_MESSAGE_LEN, PreSharedKeys};
pub use connection::Connection;
pub use cookies::{
    COOKIE_SECRET_LEN, Cookies, Greeting, HELLO_VERIFY_REQUEST_LEN, Hello, connection_id,
};
#[cfg(feature = "certificates")]
pub use identity::{Identity, SignatureScheme, Signer};
