//! Keeps the access token over restarts, in the port's key/value store. The token is a
//! secret: the store must belong to the device alone.

use iot_coap_client::{Client, Device, Endpoint, Instant, MAX_ACCESS_TOKEN_LEN};
use zeroize::Zeroizing;

use crate::entry::Entry;
use crate::log::log;
use crate::port::store;

/// The place of one device's token for one endpoint.
#[derive(Clone, Copy)]
pub(crate) struct TokenStore {
    entry: Entry,
}

/// A copy of a token, which is wiped when it is dropped.
pub(crate) struct TokenCopy {
    bytes: Zeroizing<[u8; MAX_ACCESS_TOKEN_LEN]>,
    len: usize,
}

impl TokenCopy {
    /// The token that a client has, if any.
    pub(crate) fn of<A>(client: &Client<A>) -> Self {
        let token = client.access_token().unwrap_or_default();
        let mut bytes = Zeroizing::new([0; MAX_ACCESS_TOKEN_LEN]);
        let len = token.len().min(bytes.len());
        bytes[..len].copy_from_slice(&token[..len]);
        Self { bytes, len }
    }
}

impl TokenStore {
    /// The store of `device` at `endpoint`.
    pub(crate) fn new(device: &Device, endpoint: &Endpoint) -> Self {
        Self { entry: Entry::new(*b"token", device, endpoint) }
    }

    /// Gives `client` the kept token; returns whether there is one.
    pub(crate) fn restore<A>(&self, now: Instant, client: &mut Client<A>) -> bool {
        let mut value = Zeroizing::new([0; MAX_ACCESS_TOKEN_LEN]);
        let restored = store::get(self.entry.key(), &mut *value)
            .is_some_and(|len| client.restore_access_token(now, &value[..len]));
        if restored {
            log!(Info, "using the access token that was kept");
        }
        restored
    }

    /// Stores a token. If `token` is empty, deletes the stored one.
    pub(crate) fn write(&self, token: &TokenCopy) {
        match token.bytes.get(..token.len) {
            Some(bytes) if !bytes.is_empty() => {
                if !store::set(self.entry.key(), bytes) {
                    log!(Warning, "the board port did not keep the access token");
                }
            }
            _ => store::delete(self.entry.key()),
        }
    }
}
