//! Keeps the link's session over restarts, in a [`SessionStore`](super::SessionStore).

use alloc::boxed::Box;

use iot_coap_client::{Duration, Instant};

use super::{Link, Transport};
use crate::dtls::{Saving, Session};
use crate::log::Queue;

/// What is to be written to the store, and for which transport.
pub(crate) struct PendingSave {
    saving: Saving,
    serial: u16,
}

impl PendingSave {
    /// Writes it, with no lock held; returns whether the session is kept.
    pub(crate) fn write(&self) -> bool {
        self.saving.write()
    }
}

impl Link {
    /// The round trip that the handshake of the session measured.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        match &self.transport {
            Some(Transport::Session(session)) => session.round_trip(),
            _ => None,
        }
    }

    /// The time-out that was kept with the session.
    pub(crate) fn kept_timeout(&self) -> Option<Duration> {
        match &self.transport {
            Some(Transport::Session(session)) => session.kept_timeout(),
            _ => None,
        }
    }

    /// Whether the session is to be written to the store.
    #[inline]
    pub(crate) fn needs_saving(&self) -> bool {
        match (&self.store, &self.transport) {
            (Some(_), Some(Transport::Session(session))) => session.needs_saving(),
            _ => false,
        }
    }

    /// What is to be written to the store now, if anything. `learned`: the time-out that is
    /// known to suit the network.
    pub(crate) fn save(
        &mut self,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Option<PendingSave> {
        let (Some(store), Some(Transport::Session(session))) =
            (&mut self.store, &mut self.transport)
        else {
            return None;
        };
        let saving = store.save(session, learned, log)?;
        Some(PendingSave { saving, serial: self.serial })
    }

    /// Notes whether `save` was written.
    pub(crate) fn note_saved(&mut self, now: Instant, save: &PendingSave, is_stored: bool) {
        let Some(Transport::Session(session)) = &mut self.transport else { return };
        if save.serial == self.serial && !session.note_saved(is_stored) {
            // No record may be written whose number is not reserved.
            self.end_session(now);
        }
    }

    /// Takes the session out of the link, to be kept for a restart.
    pub(crate) fn take_for_pause(
        &mut self,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Option<KeptSession> {
        let store = self.store.as_mut()?;
        let is_session = |transport: &mut Transport| matches!(transport, Transport::Session(_));
        let Transport::Session(mut session) = self.transport.take_if(is_session)? else {
            return None;
        };
        Some(KeptSession { saving: store.save_to_pause(&mut session, learned, log), session })
    }
}

/// A session that is to be kept.
pub(crate) struct KeptSession {
    saving: Saving,
    session: Box<Session>,
}

impl KeptSession {
    /// Writes it to the store, with no lock held, and closes its socket without an alert.
    pub(crate) fn keep(self) {
        self.saving.write();
        self.session.close_silently();
    }
}
