//! The keys of a session, and the secrets they are derived from.

use crate::cipher::Protection;
use crate::key_schedule::{MasterSecret, Randoms};
use crate::record::{ConnectionId, FragmentLength, RECORD_HEADER_LEN};
use crate::suite::Suite;

/// The record protection of both directions, and the connection ids.
pub(crate) struct Keys {
    pub(crate) write: Protection,
    pub(crate) read: Protection,
    /// The id in records to the peer.
    pub(crate) peer_id: ConnectionId,
    /// The id in records from the peer.
    pub(crate) own_id: ConnectionId,
    pub(crate) secrets: Secrets,
}

impl Keys {
    /// Swaps the directions, so that a server writes with the server's keys.
    #[cfg(feature = "server")]
    pub(crate) fn swap_directions(&mut self) {
        core::mem::swap(&mut self.write, &mut self.read);
    }

    /// The most bytes by which a record to the peer is longer than its plaintext.
    pub(crate) fn record_overhead(&self) -> usize {
        // With a block cipher the overhead depends on the length modulo 16.
        let overhead = (0..16).map(|len| self.write.sealed_len(len + 1) - len).max();
        RECORD_HEADER_LEN + self.peer_id.len() + overhead.unwrap_or(0)
    }
}

/// The inputs of the key derivation. A checkpoint stores them, so that the keys can be
/// derived again.
#[derive(Clone)]
pub(crate) struct Secrets {
    pub(crate) suite: &'static Suite,
    pub(crate) master_secret: MasterSecret,
    pub(crate) randoms: Randoms,
    pub(crate) encrypt_then_mac: bool,
    /// The negotiated length of records in both directions.
    pub(crate) max_fragment: FragmentLength,
}

impl Secrets {
    /// Derives the keys of a client, in place, for a small stack; `None` if the key block is too short for
    /// them.
    pub(crate) fn derive_keys(
        self,
        peer_id: ConnectionId,
        own_id: ConnectionId,
        keys: &mut Option<Keys>,
    ) -> Option<&mut Keys> {
        let block = self.master_secret.key_block(&self.randoms);
        let [client, server] = self.suite.algorithm.split_key_block(&block[..])?;
        Some(keys.insert(Keys {
            write: client.protection(self.encrypt_then_mac),
            read: server.protection(self.encrypt_then_mac),
            peer_id,
            own_id,
            secrets: self,
        }))
    }
}
