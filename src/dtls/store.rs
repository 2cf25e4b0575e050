//! Keeps sessions over restarts, in the port's key/value store. They are sealed with the
//! device's secret, used by one owner at a time, and accepted once each.
//!
//! There are two entries: the sealed session, and its generation, a number that is never
//! used again. The generation is written first. Whenever the power fails, the session in
//! the store is then either the latest one or refused; see `crates/dtls`, whose
//! `checkpoint` reserves the record numbers.
//!
//! Nothing is written for a session if another generation is in the store than its own:
//! somebody else has gone on with the kept session, or has stored a copy. So the session
//! ends, even if [`Ownership`] has failed to keep the other one out.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use iot_coap_client::{Device, Duration, Endpoint, Instant};
use zeroize::Zeroizing;

use super::owner::Ownership;
use super::saved::{Keep, MAX_BLOB_LEN};
use super::session::Session;
use super::terms::Terms;
use crate::entry::Entry;
use crate::log::{Queue, log};
use crate::port::{Udp, store};

/// How many records are sent between two writes to the store. A message is one record, and
/// flash endures 10,000 writes or more.
const RESERVE: u32 = 256;

/// The place of one device's session with one endpoint.
pub(crate) struct SessionStore {
    session: Entry,
    oldest: Entry,
    /// Names the device and the endpoint.
    context: String,
    secret: Zeroizing<String>,
    /// The latest generation that was read or made.
    generation: u64,
    /// The session itself was written last, which a close_notify of either side ends.
    has_live: bool,
    /// That session is over, and no other has replaced it yet.
    has_given_up_live: bool,
    /// Both entries belong to this store alone.
    _ownership: Ownership,
}

/// A pending write to the store, which is done with no lock held.
pub(crate) struct Saving {
    session: Entry,
    oldest: Entry,
    /// The generation of the session before this write, or that it was restored from; 0 for
    /// a new session.
    replaces: u64,
    generation: u64,
    /// `None` if the session cannot be kept. The entry is then deleted.
    blob: Option<Vec<u8>>,
    is_live: bool,
}

/// The result of a [`Saving`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Kept,
    NotKept,
    /// Nothing was written: this generation is in the store, and it is not the session's.
    Overtaken(u64),
}

/// The generation that is in the store; 0 if there is none.
fn stored_generation(oldest: Entry) -> u64 {
    let mut value = [0; 8];
    match store::get(oldest.key(), &mut value) {
        Some(8) => u64::from_be_bytes(value),
        _ => 0,
    }
}

impl Saving {
    /// Writes to the store.
    pub(crate) fn write(&self) -> Written {
        let stored = stored_generation(self.oldest);
        // A new session has a generation of its own, and replaces any older one.
        let is_overtaken =
            if self.replaces == 0 { stored >= self.generation } else { stored != self.replaces };
        if is_overtaken {
            log!(
                Warning,
                "the kept DTLS session was used or replaced by somebody else: this one ends"
            );
            return Written::Overtaken(stored);
        }
        let Some(blob) = &self.blob else {
            store::delete(self.session.key());
            return Written::NotKept;
        };
        let is_stored = store::set(self.oldest.key(), &self.generation.to_be_bytes())
            && store::set(self.session.key(), blob);
        if !is_stored {
            log!(Warning, "the board port did not keep the DTLS session");
            return Written::NotKept;
        }
        Written::Kept
    }

    /// Notes the result in the session. Returns whether the session can go on.
    pub(crate) fn note_written(&self, session: &mut Session, written: Written) -> bool {
        match written {
            Written::Overtaken(_) => false,
            Written::Kept | Written::NotKept => {
                session.note_saved(self.generation, written == Written::Kept)
            }
        }
    }
}

impl SessionStore {
    /// The store of `device` for `endpoint`; `None`, with a line in the log, if it has another
    /// owner, or if the heap is exhausted.
    pub(crate) fn new(device: &Device, endpoint: &Endpoint) -> Option<Self> {
        let oldest = Entry::new(*b"dgen\0", device, endpoint);
        let ownership = Ownership::claim(oldest);
        if let Err(refusal) = &ownership {
            let (host, port) = (&endpoint.host, endpoint.port);
            log!(
                Warning,
                "the DTLS session with {host} port {port} is new, and will not be kept: {refusal}"
            );
        }
        let ownership = ownership.ok()?;
        let (product, name) = (device.product_key(), device.device_name());
        let Endpoint { host, port, .. } = endpoint;
        let mut context = String::new();
        // Room for everything: a port has at most five digits.
        context.try_reserve_exact(host.len() + product.len() + name.len() + 8).ok()?;
        write!(context, "{host}:{port}/{product}/{name}").ok()?;
        let mut secret = Zeroizing::new(String::new());
        secret.try_reserve_exact(device.device_secret().len()).ok()?;
        secret.push_str(device.device_secret());
        let generation = stored_generation(oldest);
        let session = Entry::new(*b"dtls\0", device, endpoint);
        Some(Self {
            session,
            oldest,
            context,
            secret,
            generation,
            has_live: false,
            has_given_up_live: false,
            _ownership: ownership,
        })
    }

    /// Restores the kept session over `socket`, or starts a new one.
    pub(crate) fn connect(
        &mut self,
        socket: Udp,
        terms: &Terms<'_>,
        now: Instant,
    ) -> Option<Box<Session>> {
        let mut kept = [0; MAX_BLOB_LEN];
        match store::get(self.session.key(), &mut kept).filter(|&len| len > 0) {
            Some(len) => Session::restore(socket, terms, self, kept.get(..len)?, now),
            None => Session::connect(socket, terms, now),
        }
    }

    /// The secret, context and generation that open the blob in the store.
    pub(super) fn keep_of_stored(&self) -> Keep<'_> {
        self.keep(self.generation, 0)
    }

    /// Makes sure that the blob in the store is not used again; returns whether that was
    /// done.
    pub(super) fn use_up(&mut self) -> bool {
        let generation = self.generation.saturating_add(1);
        let is_stored = store::set(self.oldest.key(), &generation.to_be_bytes());
        if is_stored {
            self.generation = generation;
            store::delete(self.session.key());
        }
        is_stored
    }

    /// Prepares a write: the sealed session, with record numbers reserved for it, and the
    /// time-out that was `learned` from the network. `None` if nothing is due.
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
        let saving = self.seal(session, 0, learned, log);
        self.has_live = false;
        saving
    }

    fn seal(
        &mut self,
        session: &mut Session,
        reserve: u32,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Saving {
        let generation = self.generation.saturating_add(1);
        let (replaces, is_live) = (session.kept_as(), session.is_live());
        let blob = session.save(&self.keep(generation, reserve), learned, log);
        let blob = blob.filter(|blob| blob.len() <= MAX_BLOB_LEN);
        if blob.is_some() {
            self.generation = generation;
        }
        Saving { session: self.session, oldest: self.oldest, replaces, generation, blob, is_live }
    }

    /// Notes the result of a write.
    pub(crate) fn note_written(&mut self, saving: &Saving, written: Written) {
        self.has_given_up_live = false;
        match written {
            Written::Overtaken(stored) => {
                self.generation = self.generation.max(stored);
                // The session in the store belongs to somebody else.
                self.has_live = false;
            }
            Written::Kept | Written::NotKept => {
                self.has_live = saving.is_live && written == Written::Kept;
            }
        }
    }

    /// Notes that the session that was written last is over, so that restoring it would be
    /// useless.
    pub(crate) const fn give_up_live(&mut self) {
        self.has_given_up_live = self.has_live;
    }

    /// Whether there is something for [`forget_given_up`](Self::forget_given_up) to do.
    pub(crate) const fn has_given_up_live(&self) -> bool {
        self.has_given_up_live
    }

    /// Prepares to delete the session that is over, unless somebody else has replaced it.
    pub(crate) fn forget_given_up(&self) -> Option<Saving> {
        self.has_given_up_live.then_some(Saving {
            session: self.session,
            oldest: self.oldest,
            replaces: self.generation,
            generation: self.generation,
            blob: None,
            is_live: false,
        })
    }

    /// Deletes the session that was written last, if a close_notify is about to end it.
    pub(crate) fn forget_live(&mut self) {
        if core::mem::take(&mut self.has_live) && stored_generation(self.oldest) == self.generation
        {
            store::delete(self.session.key());
        }
    }

    fn keep(&self, generation: u64, reserve: u32) -> Keep<'_> {
        let (secret, context) = (self.secret.as_bytes(), self.context.as_bytes());
        Keep { secret, context, generation, reserve }
    }
}
