//! The server's side of DTLS 1.2. It shares the records, ciphers and key schedule with the
//! client's side.
//!
//! Like the client, it does no I/O and has no clock. A server has one [`Cookies`], one
//! [`Config`] and a [`Connection`] for each client. Nothing is stored for a client before
//! it has shown, by a cookie, that it receives at its address. The caller limits the number
//! of connections, in total and for each address.
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
//! The [crate's documentation](crate) has a complete server on a UDP socket.
//!
//! A client that has lost its session sends a ClientHello from the address of the old
//! session, and so may anybody else who receives at that address. The example replaces the
//! old connection at once. A server that must not lose the old connection before the new
//! one is connected keeps both until then (RFC 6347, section 4.2.8). With connection ids,
//! look a datagram up by its [`connection_id`] first, then by its address, and see
//! [`Connection::take_newest`].
//!
//! Client certificates, renegotiation and compression are not supported.

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
