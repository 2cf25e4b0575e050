//! Saves a session that is kept over restarts, and restores it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use iot_coap_client::{Duration, Instant};

use super::Session;
use crate::dtls::offer::{self, Room, Started};
use crate::dtls::resumption::{self, Key};
use crate::dtls::saved::{self, Keep, Kept, Unsealed};
use crate::dtls::store::SessionStore;
use crate::dtls::terms::Terms;
use crate::log::{Queue, log, log_later};
use crate::port::Udp;

impl Session {
    /// Restores the session in a blob, or starts a new one, resumed if possible. The first
    /// flight uses the time-out that the kept session had learned.
    pub(in crate::dtls) fn restore(
        socket: Udp,
        terms: &Terms<'_>,
        store: &mut SessionStore,
        blob: &[u8],
        now: Instant,
    ) -> Option<Box<Self>> {
        let mut kept = Restored { timeout: Duration::ZERO, generation: 0 };
        let mut session = Self::make(socket, terms, |proof, room| {
            let room = match kept.unseal(terms, store, blob, proof.0, room) {
                Ok(begun) => return Ok(begun),
                Err(room) => room,
            };
            let first_timeout = terms.first_timeout.max(kept.timeout);
            offer::begin(&Terms { first_timeout, ..*terms }, proof, room, now)
        })?;
        session.kept_timeout_ms = kept.timeout.as_millis_u32();
        session.kept_as = kept.generation;
        Some(session)
    }

    /// Whether the store must save the session: once the peer has shown that it has the
    /// last flight, and whenever all reserved record numbers are used.
    pub(crate) fn needs_saving(&self) -> bool {
        let is_settled = || !self.client.uses_connection_id() || !self.client.is_flight_due();
        self.is_open() && (!self.is_saved && is_settled() || !self.can_write())
    }

    /// The generation that was saved last, or restored; 0 if there is none.
    pub(in crate::dtls) const fn kept_as(&self) -> u64 {
        self.kept_as
    }

    /// Whether the session itself is saved, and not only a saved session.
    pub(in crate::dtls) fn is_live(&self) -> bool {
        saved::is_live(&self.client)
    }

    /// Seals the session, with the time-out that was learned from the network. After
    /// [`note_saved`](Self::note_saved), it may write as many records as were reserved.
    pub(in crate::dtls) fn save(
        &mut self,
        keep: &Keep<'_>,
        learned: Option<Duration>,
        log: &mut Queue,
    ) -> Option<Vec<u8>> {
        match saved::seal(&mut self.client, &self.key, keep, self.age, learned) {
            Ok(Some(blob)) => return Some(blob),
            Ok(None) => {
                log_later!(log, Info, "the server has given nothing to resume a session by");
            }
            Err(error) => log_later!(log, Warning, "the DTLS session cannot be kept: {error}"),
        }
        None
    }

    /// Notes whether the store has the latest saved state, as `generation`. Returns whether
    /// the session can go on.
    pub(in crate::dtls) fn note_saved(&mut self, generation: u64, is_stored: bool) -> bool {
        if is_stored {
            self.client.confirm_checkpoint();
            self.kept_as = generation;
        }
        self.is_saved = true;
        self.can_write()
    }

    /// Closes the socket without an alert: the session is kept.
    pub(crate) fn close_silently(self) {
        self.socket.close();
    }
}

/// The content of a blob besides the session.
struct Restored {
    timeout: Duration,
    /// 0 if a handshake is needed.
    generation: u64,
}

impl Restored {
    /// Restores the session in a blob. If a handshake is needed, remembers the saved
    /// session for it, and gives the room back.
    // Not inlined: its session on the stack would take room that a handshake needs.
    #[inline(never)]
    fn unseal(
        &mut self,
        terms: &Terms<'_>,
        store: &mut SessionStore,
        blob: &[u8],
        key: Key,
        room: Room,
    ) -> Result<Started, Room> {
        let keep = store.keep_of_stored();
        let generation = keep.generation;
        match saved::unseal(&key, &keep, terms.limits, blob) {
            Ok(Unsealed { session, beside, age, learned }) => {
                self.timeout = learned.unwrap_or_default();
                match session {
                    Kept::Live(client) => {
                        self.generation = generation;
                        // For a new handshake, if the server has lost the session.
                        if let Some(beside) = beside {
                            resumption::remember_if_new(key, beside, age);
                        }
                        return Ok(Started::restored(Box::write(room, client), age));
                    }
                    // The blob is used up before the server sees the session.
                    Kept::Resumable(session) if store.use_up() => {
                        resumption::remember_bytes(key, session, age);
                    }
                    Kept::Resumable(_) => log!(
                        Warning,
                        "the board port keeps nothing: the DTLS session is not resumed"
                    ),
                }
            }
            Err(reason) => log!(
                Warning,
                "DTLS session with {} port {} is not restored: {reason}",
                terms.host(),
                terms.peer.port
            ),
        }
        Err(room)
    }
}
