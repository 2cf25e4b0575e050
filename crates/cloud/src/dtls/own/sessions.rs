//! All sessions: live while they are used, and sealed while their clients are silent.

use std::time::{Duration, Instant};

use iot_coap_dtls::{Error, SealingKey};

use super::clock::Clock;
use super::context::{Connection, Context};
use super::crowd::Crowd;
use super::session::{Kept, Session, feed};
use crate::random;
use crate::transport::Route;

/// What sealed sessions are sealed for, as long as the process lives.
const CONTEXT: &[u8] = b"iot-coap-cloud silent session";

/// A session ends when so many datagrams have been forged in its name: no more may be where
/// the suite is AES-CCM-8 (RFC 9147, section 4.5.3).
const MOST_FORGED: u32 = 1 << 16;

/// What became of a datagram.
pub(super) struct Read {
    /// What the client said.
    pub(super) plaintexts: Vec<Vec<u8>>,
    /// Where the client was, if it is elsewhere now.
    pub(super) moved_from: Option<Route>,
    /// The session was sealed until now.
    pub(super) woken: bool,
    /// Why the session is over.
    pub(super) ended: Option<Error>,
}

/// What becomes of a session that is looked at.
pub(super) enum Look {
    /// Look again then.
    Later(Instant),
    /// It was sealed just now; look again then.
    Sealed(Instant),
    /// Its client has been silent for too long.
    Idle,
    Ended(Error),
}

/// Sessions by number.
pub(super) struct Sessions {
    pub(super) crowd: Crowd<Session>,
    key: SealingKey,
    seal_after: Duration,
    pub(super) idle_timeout: Duration,
}

impl Sessions {
    pub(super) fn new(seal_after: Duration, idle_timeout: Duration) -> Result<Self, Error> {
        let key = SealingKey::new(&random::unpredictable::<32>())?;
        // One that cannot be sealed yet is looked at again after this time.
        let seal_after = seal_after.max(Duration::from_millis(1));
        Ok(Self { crowd: Crowd::new(), key, seal_after, idle_timeout })
    }

    /// When a session that is used now is to be looked at.
    pub(super) fn next_look(&self, now: Instant) -> Instant {
        now + self.seal_after.min(self.idle_timeout)
    }

    /// When a session that is silent is over.
    pub(super) fn end_of_silence(&self, heard: Instant) -> Instant {
        heard + self.idle_timeout
    }

    /// Seals a connection that is not to be used at the moment.
    pub(super) fn seal(&self, connection: &mut Connection) -> Result<Kept, Error> {
        Ok(Kept::Sealed(connection.export(&self.key, CONTEXT)?.into_boxed_slice()))
    }

    /// The connection of a session, to send something by. It stays live from here on.
    pub(super) fn wake(&mut self, context: &Context, number: u64) -> Option<&mut Connection> {
        let session = self.crowd.get_mut(number)?;
        if let Kept::Sealed(blob) = &session.kept {
            session.kept = Kept::Live(Box::new(context.import(blob, &self.key, CONTEXT)?));
        }
        match &mut session.kept {
            Kept::Live(connection) => Some(connection),
            Kept::Sealed(_) => None,
        }
    }

    /// Gives a session a datagram. `None` if nothing in it is authentic; then a sealed session
    /// stays as it is.
    pub(super) fn read(
        &mut self,
        context: &Context,
        (now, clock): (Instant, Clock),
        number: u64,
        route: Route,
        datagram: &mut [u8],
    ) -> Option<Read> {
        let session = self.crowd.get_mut(number)?;
        let mut unsealed = match &session.kept {
            Kept::Live(_) => None,
            Kept::Sealed(blob) => Some(Box::new(context.import(blob, &self.key, CONTEXT)?)),
        };
        let connection = match (&mut unsealed, &mut session.kept) {
            (Some(connection), _) | (None, Kept::Live(connection)) => connection,
            (None, Kept::Sealed(_)) => return None,
        };
        let mut plaintexts = Vec::new();
        let mut ended = feed(connection, clock.engine(now), datagram, &mut plaintexts).err();
        let is_newest = connection.take_newest();
        let is_authentic = connection.take_authentic();
        if unsealed.is_some() && !is_authentic {
            session.forged = session.forged.saturating_add(1);
            if session.forged < MOST_FORGED {
                return None;
            }
            ended = Some(Error::TooManyForgeries);
        }
        if !is_authentic && ended.is_none() {
            return None;
        }
        let woken = unsealed.is_some();
        if let Some(connection) = unsealed {
            session.kept = Kept::Live(connection);
        }
        if is_authentic {
            (session.heard, session.used) = (now, now);
        }
        let from = session.route;
        let moved_from = (is_newest && from != route).then_some(from);
        if moved_from.is_some() {
            session.route = route;
            session.moves = session.moves.saturating_add(1);
            self.crowd.has_moved(from.address, route.address);
        }
        Some(Read { plaintexts, moved_from, woken, ended })
    }

    /// Looks whether a session is to be sealed or closed.
    pub(super) fn look(&mut self, now: Instant, clock: Clock, number: u64) -> Option<Look> {
        let end_of_silence = self.end_of_silence(self.crowd.get(number)?.heard);
        if now >= end_of_silence {
            return Some(Look::Idle);
        }
        let (key, seal_after) = (&self.key, self.seal_after);
        let session = self.crowd.get_mut(number)?;
        let Kept::Live(connection) = &mut session.kept else {
            return Some(Look::Later(end_of_silence));
        };
        if let Err(error) = connection.handle_timeout(clock.engine(now)) {
            return Some(Look::Ended(error));
        }
        let timer = connection.next_timeout().map(|at| clock.system(at));
        let silent = session.used + seal_after;
        if now < silent {
            return Some(Look::Later(timer.map_or(silent, |timer| timer.min(silent))));
        }
        let forged = connection.dropped().forged;
        match connection.export(key, CONTEXT) {
            Ok(blob) => {
                session.kept = Kept::Sealed(blob.into_boxed_slice());
                // Both are forgotten with the connection.
                session.forged = session.forged.saturating_add(forged);
                session.saves = session.saves.saturating_add(1);
                Some(Look::Sealed(end_of_silence))
            }
            // The last flight is kept for a time.
            Err(Error::FlightDue) => {
                let later = now + seal_after;
                Some(Look::Later(timer.map_or(later, |timer| timer.max(now).min(later))))
            }
            Err(error) => Some(Look::Ended(error)),
        }
    }
}
