//! Remembers the last session with each peer, so that a reconnection takes an abbreviated
//! handshake, also in another context. Sessions are in memory only, and are wiped when they
//! are replaced, refused or displaced.

use alloc::vec::Vec;

use iot_coap_dtls::SavedSession;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::age::{Age, Limits};
use super::table::Table;
use super::terms::{PreShared, Terms};
use crate::log::log;
use crate::port::Trusted;

/// The most sessions that are remembered. A device talks to one or two endpoints.
const MAX_SESSIONS: usize = 8;

/// Names a peer and the terms on which it was accepted: a hash over everything that a
/// resumed session does not verify again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Key(pub(super) [u8; 32]);

impl Key {
    pub(super) fn of(terms: &Terms<'_>, pre_shared_key: Option<PreShared<'_>>) -> Self {
        let mut hash = Sha256::new();
        let mut add = |part: &[u8]| {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        };
        add(terms.peer.host.to_bytes());
        add(&terms.peer.port.to_be_bytes());
        add(&[u8::from(terms.static_rsa), u8::from(terms.cbc)]);
        match pre_shared_key {
            None => match terms.peer.trusted {
                Trusted::Pem(text) => add(text.to_bytes()),
                #[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
                Trusted::BuiltIn => add(crate::certificates::ANCHORS),
                // Without a pre-shared key there is no session.
                #[cfg(not(any(feature = "dtls-p256", feature = "dtls-rsa")))]
                Trusted::BuiltIn => {}
            },
            Some((identity, key)) => {
                add(identity);
                add(key);
            }
        }
        Self(hash.finalize().into())
    }

    /// The bytes of the key, to which a kept session is bound.
    pub(super) const fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

struct Entry {
    key: Key,
    /// The encoding of [`SavedSession::to_bytes`].
    session: Zeroizing<Vec<u8>>,
    age: Age,
}

/// The sessions that can be resumed, the newest last.
static TABLE: Table<Vec<Entry>> = Table::new(Vec::new());

/// The last session with this peer, encoded, and its age.
pub(super) fn bytes_for(key: &Key) -> Option<(Zeroizing<Vec<u8>>, Age)> {
    let copied = TABLE.with(|entries| {
        let entry = entries.iter().find(|entry| entry.key == *key)?;
        let mut session = Zeroizing::new(Vec::new());
        session.try_reserve_exact(entry.session.len()).ok()?;
        session.extend_from_slice(&entry.session);
        Some((session, entry.age))
    });
    copied.flatten()
}

/// The last session with this peer and its age. A session that is too old, or cannot be
/// decoded, is forgotten instead.
pub(super) fn to_offer(key: &Key, limits: Limits) -> Option<(SavedSession, Age)> {
    let (bytes, age) = bytes_for(key)?;
    let Some(session) = SavedSession::from_bytes(&bytes) else {
        log!(Warning, "the saved DTLS session does not parse, or there is no memory for it");
        forget(key);
        return None;
    };
    if !age.allows_resumption(limits, session.lifetime_hint()) {
        log!(Info, "the saved DTLS session is too old");
        forget(key);
        return None;
    }
    Some((session, age))
}

/// Remembers a session in place of the last one with its peer, or none if there is no
/// memory. If the ticket is the same, it keeps its age.
pub(super) fn remember(key: Key, session: &SavedSession, age: Age) {
    match session.to_bytes() {
        Ok(session) => {
            let is_same = TABLE.with(|entries| {
                entries.iter().any(|entry| entry.key == key && entry.session == session)
            });
            let is_same = is_same == Some(true);
            remember_bytes(key, session, if is_same { age } else { age.with_new_ticket() });
        }
        Err(_) => forget(&key),
    }
}

/// [`remember`] for an encoded session.
pub(super) fn remember_bytes(key: Key, session: Zeroizing<Vec<u8>>, age: Age) {
    TABLE.with(|entries| {
        remove(entries, &key);
        if entries.len() >= MAX_SESSIONS {
            entries.remove(0);
        }
        if entries.try_reserve_exact(1).is_ok() {
            entries.push(Entry { key, session, age });
        }
    });
}

/// [`remember_bytes`], unless a session with this peer is remembered, which is newer.
pub(super) fn remember_if_new(key: Key, session: Zeroizing<Vec<u8>>, age: Age) {
    let is_known = TABLE.with(|entries| entries.iter().any(|entry| entry.key == key));
    if is_known == Some(false) {
        remember_bytes(key, session, age);
    }
}

/// Forgets a session that must not be resumed.
pub(super) fn forget(key: &Key) {
    TABLE.with(|entries| remove(entries, key));
}

/// Removes the session with this peer, if there is one.
fn remove(entries: &mut Vec<Entry>, key: &Key) {
    if let Some(index) = entries.iter().position(|entry| entry.key == *key) {
        entries.remove(index);
    }
}

#[cfg(test)]
mod tests {
    use iot_coap_client::Duration;
    use iot_coap_test_support::dtls::now;
    use iot_coap_test_support::scripted::messages::{NEW_SESSION_TICKET, SESSION_TICKET};
    use iot_coap_test_support::scripted::{Hello, Pair, Suite, feed, psk_config};

    use super::*;
    use crate::port::Peer;

    const LIMITS: Limits = Limits::new(0, 0);

    /// Tests share the table, so each test has a host of its own.
    fn key(host: &core::ffi::CStr) -> Key {
        let peer = Peer { host, port: 5684, trusted: Trusted::BuiltIn };
        let first_timeout = Duration::from_secs(1);
        let limits = LIMITS;
        Key::of(
            &Terms {
                peer,
                static_rsa: false,
                cbc: false,
                first_timeout,
                mtu: 1232,
                max_fragment: 0,
                limits,
            },
            None,
        )
    }

    /// A session with a ticket that the server accepts for `lifetime_s`.
    fn session(lifetime_s: u32, ticket: u8) -> SavedSession {
        let hello = Hello::new(Suite::PskGcm).with(SESSION_TICKET, &[]);
        let mut pair = Pair::before_finished(psk_config(), Suite::PskGcm, &hello);
        let body = [&lifetime_s.to_be_bytes()[..], &[0, 1, ticket]].concat();
        let record = pair.server.say(NEW_SESSION_TICKET, &body);
        feed(&mut pair.client, &record).expect("the record is accepted");
        pair.finish();
        pair.client.take_saved_session().expect("it has a ticket")
    }

    /// The age of a session whose handshake and ticket are this many seconds old.
    fn aged(made_s: u64, ticket_s: u64) -> Age {
        let calendars = [made_s, ticket_s].map(|seconds| (1000 * (now() - seconds)).to_be_bytes());
        let mut bytes = calendars.concat();
        bytes.extend([0, 0]);
        Age::from_bytes(&bytes.try_into().expect("as long as an age"))
    }

    #[test]
    fn a_session_is_offered_for_a_day_and_as_long_as_its_ticket_is_good() {
        let key = key(c"of-age.example");
        for (lifetime_s, made_s, ticket_s, is_offered) in [
            (0, 86_000, 86_000, true),
            (0, 86_400, 60, false),
            (3600, 80_000, 3500, true),
            (3600, 3600, 3600, false),
            // A server that promises more than a day is not believed.
            (604_800, 86_400, 60, false),
        ] {
            let what = (lifetime_s, made_s, ticket_s);
            remember_bytes(
                key,
                session(lifetime_s, 1).to_bytes().expect("memory"),
                aged(made_s, ticket_s),
            );
            assert_eq!(to_offer(&key, LIMITS).is_some(), is_offered, "{what:?}");
            assert_eq!(
                bytes_for(&key).is_some(),
                is_offered,
                "a session that is too old is wiped: {what:?}"
            );
        }
        let age = aged(100, 100);
        remember_bytes(key, session(0, 1).to_bytes().expect("memory"), age);
        assert!(to_offer(&key, Limits::new(101, 0)).is_some());
        assert!(to_offer(&key, Limits::new(100, 0)).is_none());
    }

    /// Otherwise a session that is resumed again and again would last for ever.
    #[test]
    fn another_ticket_makes_a_session_no_younger() {
        let key = key(c"renewed.example");
        let first = session(3600, 1);
        remember_bytes(key, first.to_bytes().expect("memory"), aged(80_000, 3600));
        // The same ticket is as old as before.
        remember(key, &first, aged(80_000, 3600));
        assert!(to_offer(&key, LIMITS).is_none());
        remember_bytes(key, first.to_bytes().expect("memory"), aged(80_000, 3600));
        remember(key, &session(3600, 2), aged(80_000, 3600));
        assert!(to_offer(&key, LIMITS).is_some());
        assert!(to_offer(&key, Limits::new(80_000, 0)).is_none());
    }
}
