//! DTLS 1.2 for many clients over one socket: datagrams in, datagrams and
//! plaintext out. It owns no socket. There are two: the server of `iot-coap-dtls`,
//! and OpenSSL's, by which clients prove themselves to code that is not ours.

mod by_openssl;
mod claimed;
mod own;
mod remedy;

use std::cmp::Reverse;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::certificates::ServerCertificate;
use crate::config::{DtlsConfig, DtlsEngine, Limits};
use crate::devices::DeviceNumber;
use crate::events::{Event, EventLog};
use crate::server_keys::ServerKeys;
use crate::transport::{Peer, Route};

pub(crate) use own::CONNECTION_ID_LEN;

/// What is told of a session.
#[derive(Clone, Debug)]
pub(crate) struct DtlsSession {
    pub(crate) number: u64,
    pub(crate) peer: SocketAddr,
    /// The connection id in its client's records, in hexadecimal; empty without one.
    pub(crate) connection_id: String,
    /// The first device that has shown by it who it is.
    pub(crate) device: Option<DeviceNumber>,
    /// How often its client went on from another address;
    pub(crate) moves: u16,
    /// how often it was saved as sealed bytes.
    pub(crate) saves: u32,
    /// It is at the moment.
    pub(crate) sealed: bool,
}

/// A DTLS server behind one or more sockets.
pub(crate) trait DtlsServer: Send {
    /// Takes a datagram, which is decrypted in place.
    fn receive(&mut self, now: Instant, route: Route, datagram: &mut [u8]);

    /// Encrypts a message to a session; if that is gone, so is the message.
    fn send(&mut self, now: Instant, peer: Peer, plaintext: &[u8]);

    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<(Route, Vec<u8>)>;

    /// The next message that has come.
    fn poll_received(&mut self) -> Option<(Peer, Vec<u8>)>;

    /// When [`DtlsServer::tick`] is due.
    fn deadline(&self) -> Option<Instant>;

    /// Drives retransmissions and ends what has been silent for too long.
    fn tick(&mut self, now: Instant);

    /// How many sessions are open.
    fn count(&self) -> usize;

    /// How many of them are sealed, because their clients are silent.
    fn sealed(&self) -> usize {
        0
    }

    /// How many handshakes are under way with clients that have shown their cookies.
    fn handshakes(&self) -> usize;

    /// How many sessions a device has, or all have, and so many of those that were used last, the
    /// latest first.
    fn sessions(&self, device: Option<DeviceNumber>, most: usize) -> (usize, Vec<DtlsSession>);

    /// The session has not ended.
    fn is_open(&self, session: u64) -> bool;

    /// The device of a session has shown who it is: it makes room for others last, but for those
    /// of its own.
    fn prove(&mut self, session: u64, device: DeviceNumber);

    /// Closes every session with `close_notify`; says how many.
    fn close_all(&mut self, now: Instant) -> usize;

    /// Loses every session and handshake, as a server that was restarted; says how
    /// many sessions.
    fn forget_all(&mut self) -> usize;

    /// Closes or forgets the session that a random number picks.
    fn end_one(&mut self, now: Instant, pick: u64, silently: bool);

    /// What became of sessions that had been saved, to be told when the server is ready.
    fn take_restored(&mut self) -> Option<Event> {
        None
    }

    /// Takes other keys from here on.
    ///
    /// # Errors
    ///
    /// They cannot be used; those known so far are.
    fn set_keys(&mut self, keys: &ServerKeys) -> io::Result<()>;

    /// Shows another certificate from here on.
    ///
    /// # Errors
    ///
    /// It cannot be used, or not with its key; the one known so far is.
    fn set_certificate(&mut self, certificate: &ServerCertificate) -> io::Result<()>;

    /// Ends: sessions are saved for the next process if that was asked for, or else
    /// closed.
    ///
    /// # Errors
    ///
    /// They could not be saved.
    fn stop(&mut self, now: Instant) -> io::Result<()> {
        self.close_all(now);
        Ok(())
    }
}

/// Of sessions with the times of their last use, their number and so many of those used last.
fn used_last<T>(mut all: Vec<(Instant, T)>, most: usize) -> (usize, impl Iterator<Item = T>) {
    let total = all.len();
    if total > most {
        all.select_nth_unstable_by_key(most, |(used, _)| Reverse(*used));
        all.truncate(most);
    }
    all.sort_by_key(|(used, _)| Reverse(*used));
    (total, all.into_iter().map(|(_, session)| session))
}

/// Makes the server that the configuration asks for. It keeps sessions in `saved`
/// when it stops, and goes on with those that are there.
pub(crate) fn open(
    (config, limits): (&DtlsConfig, &Limits),
    certificate: &ServerCertificate,
    keys: &ServerKeys,
    saved: Option<PathBuf>,
    events: Arc<EventLog>,
) -> io::Result<Box<dyn DtlsServer>> {
    Ok(match config.engine() {
        DtlsEngine::Own => {
            Box::new(own::Server::new((config, limits), certificate, keys, saved, events)?)
        }
        DtlsEngine::OpenSsl => Box::new(by_openssl::Server::new(config, certificate, events)?),
    })
}
