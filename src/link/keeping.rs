//! Keeps the link's session over restarts, in a [`SessionStore`](super::SessionStore).

#[cfg(feature = "extension")]
use alloc::boxed::Box;

use iot_coap_client::Duration;
#[cfg(feature = "extension")]
use iot_coap_client::Instant;

use super::{Link, Transport};
#[cfg(feature = "extension")]
use crate::dtls::{Saving, Session, Written};
#[cfg(feature = "extension")]
use crate::log::Queue;

/// A pending write to the store, and the transport that it belongs to.
#[cfg(feature = "extension")]
pub(crate) struct PendingSave {
    saving: Saving,
    serial: u16,
}

#[cfg(feature = "extension")]
impl PendingSave {
    /// Writes to the store, with no lock held.
    pub(crate) fn write(&self) -> Written {
        self.saving.write()
    }
}

impl Link {
    /// The round trip that was measured in the session's handshake.
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
}

#[cfg(feature = "extension")]
impl Link {
    /// Whether the session must be written to the store.
    #[inline]
    pub(crate) fn needs_saving(&self) -> bool {
        match (&self.store, &self.transport) {
            (Some(_), Some(Transport::Session(session))) => session.needs_saving(),
            (Some(store), None) => store.has_given_up_live(),
            _ => false,
        }
    }

    /// Prepares a write to the store, if one is due. `learned`: the time-out that was
    /// learned from the network.
    pub(crate) fn save(
        &mut self,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Option<PendingSave> {
        let saving = match (&mut self.store, &mut self.transport) {
            (Some(store), Some(Transport::Session(session))) => {
                store.save(session, learned, log)?
            }
            (Some(store), None) => store.forget_given_up()?,
            _ => return None,
        };
        Some(PendingSave { saving, serial: self.serial })
    }

    /// Notes the result of `save`.
    pub(crate) fn note_saved(&mut self, now: Instant, save: &PendingSave, written: Written) {
        let Some(store) = &mut self.store else { return };
        store.note_written(&save.saving, written);
        let Some(Transport::Session(session)) = &mut self.transport else { return };
        if save.serial == self.serial && !save.saving.note_written(session, written) {
            // No record may be sent unless its number is reserved.
            self.end_session(now);
        }
    }

    /// Takes the session out of the link, to keep it for a restart.
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

    /// Deletes the kept session before the session is closed: it could not be restored.
    pub(super) fn forget_closed_session(&mut self) {
        if let Some(store) = &mut self.store {
            store.forget_live();
        }
    }
}

/// A session that will be kept for a restart.
#[cfg(feature = "extension")]
pub(crate) struct KeptSession {
    saving: Saving,
    session: Box<Session>,
}

#[cfg(feature = "extension")]
impl KeptSession {
    /// Writes the session to the store, with no lock held, and closes its socket without an
    /// alert.
    pub(crate) fn keep(self) {
        self.saving.write();
        self.session.close_silently();
    }
}
