//! Sessions kept over restarts, through the port's key/value store: sealed with the
//! device's secret, and each accepted once.
//!
//! Two entries: the sealed session, and the smallest generation that may be
//! restored. That number is written first, so that whenever the power fails, what is
//! found is either the latest or refused; see `crates/dtls`, whose `checkpoint`
//! reserves the record numbers.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use iot_coap_client::{Device, Duration, Endpoint, Instant};
use zeroize::Zeroizing;

use super::saved::Keep;
use super::session::Session;
use super::terms::Terms;
use crate::entry::Entry;
use crate::log::{Queue, log};
use crate::port::{Udp, store};

/// Records between two writes to the store. A message is one record, and flash stands
/// 10,000 writes or more.
const RESERVE: u32 = 256;

/// A session with a connection id takes about 240 bytes; a saved session somewhat more
/// than its ticket.
const MAX_BLOB_LEN: usize = 1024;

/// Where one device's session with one endpoint is kept.
pub(crate) struct SessionStore {
    session: Entry,
    oldest: Entry,
    context: String,
    secret: Zeroizing<String>,
    /// The latest generation that was made.
    generation: u64,
}

/// What is to be written to the store, with no lock held.
pub(crate) struct Saving {
    session: Entry,
    oldest: Entry,
    generation: u64,
    /// `None` if the session cannot be kept: then the entry is deleted.
    blob: Option<Vec<u8>>,
}

impl Saving {
    /// Writes it; returns whether the session is kept.
    pub(crate) fn write(&self) -> bool {
        let Some(blob) = &self.blob else {
            store::delete(self.session.key());
            return false;
        };
        let is_stored = store::set(self.oldest.key(), &self.generation.to_be_bytes())
            && store::set(self.session.key(), blob);
        if !is_stored {
            log!(Warning, "the board port did not keep the DTLS session");
        }
        is_stored
    }
}

impl SessionStore {
    /// The store of `device` for `endpoint`; `None` if the heap is exhausted.
    pub(crate) fn new(device: &Device, endpoint: &Endpoint) -> Option<Self> {
        let (product, name) = (device.product_key(), device.device_name());
        let Endpoint { host, port, .. } = endpoint;
        let mut context = String::new();
        // Enough for all of it: a port has at most five digits.
        context.try_reserve_exact(host.len() + product.len() + name.len() + 8).ok()?;
        write!(context, "{host}:{port}/{product}/{name}").ok()?;
        let mut secret = Zeroizing::new(String::new());
        secret.try_reserve_exact(device.device_secret().len()).ok()?;
        secret.push_str(device.device_secret());
        let oldest = Entry::new(*b"dgen\0", device, endpoint);
        let mut value = [0; 8];
        let generation = match store::get(oldest.key(), &mut value) {
            Some(8) => u64::from_be_bytes(value),
            _ => 0,
        };
        let session = Entry::new(*b"dtls\0", device, endpoint);
        Some(Self { session, oldest, context, secret, generation })
    }

    /// A session over `socket` that goes on with the kept one, or a new one.
    pub(crate) fn connect(
        &self,
        socket: Udp,
        terms: &Terms<'_>,
        now: Instant,
    ) -> Option<Box<Session>> {
        let mut kept = [0; MAX_BLOB_LEN];
        match store::get(self.session.key(), &mut kept).filter(|&len| len > 0) {
            Some(len) => {
                let keep = self.keep(self.generation, 0);
                Session::restore(socket, terms, &keep, kept.get(..len)?, now)
            }
            None => Session::connect(socket, terms, now),
        }
    }

    /// What is to be written for a session: the session, sealed, with record numbers
    /// reserved for it, and the time-out that was `learned` from the network. `None` if
    /// nothing is due.
    pub(crate) fn save(
        &mut self,
        session: &mut Session,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Option<Saving> {
        session.needs_saving().then(|| self.seal(session, RESERVE, learned, log))
    }

    /// [`save`](Self::save) before a sleep, after which the session writes no record.
    pub(crate) fn save_to_pause(
        &mut self,
        session: &mut Session,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Saving {
        self.seal(session, 0, learned, log)
    }

    fn seal(
        &mut self,
        session: &mut Session,
        reserve: u32,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Saving {
        let generation = self.generation.saturating_add(1);
        let blob = session.save(&self.keep(generation, reserve), learned, log);
        let blob = blob.filter(|blob| blob.len() <= MAX_BLOB_LEN);
        if blob.is_some() {
            self.generation = generation;
        }
        Saving { session: self.session, oldest: self.oldest, generation, blob }
    }

    fn keep(&self, generation: u64, reserve: u32) -> Keep<'_> {
        let (secret, context) = (self.secret.as_bytes(), self.context.as_bytes());
        Keep { secret, context, generation, reserve }
    }
}
