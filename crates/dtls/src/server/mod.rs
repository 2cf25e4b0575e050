//! The server's side of DTLS 1.2, with the records, ciphers and key schedule of the client's.
//!
//! Like the client it does no I/O and knows no clock. A server has one [`Cookies`], one
//! [`Config`] and a [`Connection`] for each client. Nothing is kept of a client before it has
//! shown, by a cookie, that it receives at its address; how many connections there may be after
//! that, in all and of one address, is the caller's to decide.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::{collections::HashMap, net::UdpSocket, sync::Arc};
//!
//! use iot_coap_dtls::server::{Config, Connection, Cookies, Greeting, PreSharedKeys};
//! use iot_coap_dtls::{Datagram, Error, Instant, PreSharedKey};
//!
//! struct OneKey;
//! impl PreSharedKeys for OneKey {
//!     fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, Error> {
//!         let key = PreSharedKey::new(identity, b"not a secret")?;
//!         Ok((identity == b"sensor-7").then_some(key))
//!     }
//! }
//!
//! # let secret = || [0; 32];
//! let (start, socket) = (std::time::Instant::now(), UdpSocket::bind("0.0.0.0:5684")?);
//! let cookies = Cookies::new(secret()); // and cookies.rotate(secret()) every minute
//! let config = Arc::new(Config::new().pre_shared_keys(Arc::new(OneKey)));
//! let mut connections = HashMap::new();
//! let mut buffer = [0; 2048];
//! loop {
//!     let (len, peer) = socket.recv_from(&mut buffer)?;
//!     let now = Instant::from_millis(start.elapsed().as_millis() as u64);
//!     match cookies.examine(peer.to_string().as_bytes(), &mut buffer[..len]) {
//!         Greeting::Unverified(answer) => drop(socket.send_to(&answer, peer)?),
//!         // In place of one that this client has forgotten, and not of one that it begins.
//!         Greeting::Verified(hello)
//!             if !connections.get(&peer).is_some_and(|old: &Connection<_>| old.began_with(&hello)) =>
//!         {
//!             let new = Connection::accept(&config, &hello, None, getrandom::SysRng, now)?;
//!             connections.insert(peer, new);
//!         }
//!         _ => {}
//!     }
//!     let Some(connection) = connections.get_mut(&peer) else { continue };
//!     let mut datagram = Datagram::new(&mut buffer[..len]);
//!     let mut answers = Vec::new();
//!     while let Ok(Some(plaintext)) = connection.handle_datagram(now, &mut datagram) {
//!         answers.push(plaintext.to_vec());
//!     }
//!     while let Some(len) = connection.poll_transmit(&mut buffer) {
//!         socket.send_to(&buffer[..len], peer)?;
//!     }
//!     for answer in answers {
//!         let len = connection.send(&answer, &mut buffer)?;
//!         socket.send_to(&buffer[..len], peer)?;
//!     }
//!     // And for each connection whose next_timeout has come: handle_timeout, and send what
//!     // is due; those whose state is State::Ended go.
//! }
//! # }
//! ```
//!
//! A client that has lost its session sends a ClientHello from the address of the old one, and
//! so may somebody else who receives there. The example takes the new connection at once; a
//! server that does not want to lose the old one before the new one is connected keeps both
//! until then (RFC 6347, section 4.2.8). With connection ids, look a datagram's up by
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
