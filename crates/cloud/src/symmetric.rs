//! Symmetric mode: the key of a sign-in, the cipher, and sequence numbers that
//! are taken once. Sockets and options are others' business.

use std::collections::{HashMap, VecDeque};

use openssl::hash::{MessageDigest, hash};
use openssl::symm::{Cipher, decrypt, encrypt};

use crate::access_token::TokenId;
use crate::bounded::BoundedMap;
use crate::devices::DeviceNumber;
use crate::random;
use crate::sign::hex;

const IV: &[u8; 16] = b"543yhjy97ae7fyfg";

/// Sessions remembered; the oldest have to sign in again.
const SESSIONS: usize = 65_536;

/// Numbers this far behind the highest may still arrive (datagrams overtake
/// one another), each of them once.
const WINDOW: u64 = 128;

/// The key of a device and the `random` of its sign-in.
pub(crate) fn derive_key(device_secret: &str, random: &str) -> [u8; 16] {
    let digest = hash(MessageDigest::sha256(), format!("{device_secret},{random}").as_bytes())
        .expect("hashing fails only when memory is exhausted");
    let mut key = [0; 16];
    key.copy_from_slice(&digest[8..24]);
    key
}

/// Encrypts a payload or a sequence number.
pub(crate) fn seal(key: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    encrypt(Cipher::aes_128_cbc(), key, Some(IV), plain)
        .expect("encryption fails only when memory is exhausted")
}

/// Decrypts what [`seal`] made; `None` under another key, mostly.
pub(crate) fn open(key: &[u8; 16], sealed: &[u8]) -> Option<Vec<u8>> {
    decrypt(Cipher::aes_128_cbc(), key, Some(IV), sealed).ok()
}

/// What a sign-in in symmetric mode is told besides its token.
pub(crate) struct Terms {
    pub(crate) random: String,
    pub(crate) sequence_offset: u64,
}

struct Session {
    key: [u8; 16],
    numbers: Numbers,
}

/// Why a topic message cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unopened {
    NoSession,
    NoSequence,
    BadSequence,
    Repeated(u64),
    BadPayload,
}

/// The sessions of devices that signed in, by their access token.
pub(crate) struct SymmetricSessions {
    sessions: BoundedMap<TokenId, Session>,
    /// Those of each device whose sessions are counted, the oldest first. Each has a few at most.
    owned: HashMap<DeviceNumber, VecDeque<TokenId>>,
}

impl SymmetricSessions {
    pub(crate) fn new() -> Self {
        Self { sessions: BoundedMap::new(SESSIONS), owned: HashMap::new() }
    }

    /// A device has signed in for this token. Where its sessions are counted, its oldest make
    /// room, so that they are no more than `most`.
    pub(crate) fn start(
        &mut self,
        token: TokenId,
        (device, most): (DeviceNumber, Option<usize>),
        device_secret: &str,
    ) -> Terms {
        if let Some(most) = most {
            let owned = self.owned.entry(device).or_default();
            owned.push_back(token);
            while owned.len() > most {
                let oldest = owned.pop_front();
                oldest.and_then(|token| self.sessions.remove(&token));
            }
        }
        let random = hex(&random::unpredictable::<8>());
        let sequence_offset = u64::from(u16::from_be_bytes(random::unpredictable()));
        let session = Session {
            key: derive_key(device_secret, &random),
            numbers: Numbers::after(sequence_offset),
        };
        self.sessions.insert(token, session);
        Terms { random, sequence_offset }
    }

    /// Opens a topic message: its sequence number and its payload.
    pub(crate) fn open(
        &mut self,
        token: &TokenId,
        sequence: Option<&[u8]>,
        payload: &[u8],
    ) -> Result<(u64, Vec<u8>), Unopened> {
        let session = self.sessions.get_mut(token).ok_or(Unopened::NoSession)?;
        let sequence = sequence.ok_or(Unopened::NoSequence)?;
        let number = open(&session.key, sequence)
            .and_then(|digits| decimal(&digits))
            .ok_or(Unopened::BadSequence)?;
        let payload = if payload.is_empty() {
            Vec::new()
        } else {
            open(&session.key, payload).ok_or(Unopened::BadPayload)?
        };
        if session.numbers.take(number) {
            Ok((number, payload))
        } else {
            Err(Unopened::Repeated(number))
        }
    }

    /// Encrypts a response's payload; an empty one stays empty, and so does
    /// that to a token without a session.
    pub(crate) fn seal(&self, token: &TokenId, payload: &[u8]) -> Vec<u8> {
        match self.sessions.get(token) {
            Some(session) if !payload.is_empty() => seal(&session.key, payload),
            _ => Vec::new(),
        }
    }
}

fn decimal(digits: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(digits).ok()?;
    // `parse` alone would take "+1".
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Sequence numbers above an offset, each taken once.
struct Numbers {
    offset: u64,
    highest: u64,
    /// Bit `n`: `highest - n` was taken.
    taken: u128,
}

impl Numbers {
    fn after(offset: u64) -> Self {
        Self { offset, highest: offset, taken: 1 }
    }

    fn take(&mut self, number: u64) -> bool {
        if number <= self.offset {
            return false;
        }
        if number > self.highest {
            let step = number - self.highest;
            self.taken = if step < WINDOW { self.taken << step } else { 0 } | 1;
            self.highest = number;
            return true;
        }
        let behind = self.highest - number;
        if behind >= WINDOW || self.taken >> behind & 1 == 1 {
            return false;
        }
        self.taken |= 1 << behind;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_vector() {
        let key = derive_key("i6Ad04DyBcF9GD9mQ5lpKh2oubErhjAV", "915ede6cbc8a059f");
        assert_eq!(hex(&key), "29d65b276b8c15a0a02f6d3aa4f26c70");
        let sealed = seal(&key, b"1");
        assert_eq!(hex(&sealed), "1ea3756c2cff521d23530a18dd9cb840");
        assert_eq!(open(&key, &sealed).as_deref(), Some(&b"1"[..]));
    }

    #[test]
    fn numbers_are_taken_once_and_above_the_offset() {
        let mut numbers = Numbers::after(10);
        assert!(!numbers.take(0));
        assert!(!numbers.take(10));
        assert!(numbers.take(11));
        assert!(!numbers.take(11));
        assert!(numbers.take(14));
        // 12 was overtaken.
        assert!(numbers.take(12));
        assert!(!numbers.take(12));
        assert!(numbers.take(1_000_000));
        assert!(!numbers.take(13));
        assert!(numbers.take(1_000_000 - 127));
        assert!(!numbers.take(1_000_000 - 128));
        assert!(numbers.take(u64::MAX));
        assert!(!numbers.take(u64::MAX));
    }

    #[test]
    fn messages_open_under_their_own_session_only() {
        let mut sessions = SymmetricSessions::new();
        let terms = sessions.start([1; 24], (DeviceNumber(0), None), "secret");
        sessions.start([2; 24], (DeviceNumber(0), None), "secret");
        let key = derive_key("secret", &terms.random);
        let number = terms.sequence_offset + 1;
        let sequence = seal(&key, number.to_string().as_bytes());
        let payload = seal(&key, b"hello");

        let mut open = |token, sequence| sessions.open(&token, sequence, &payload);
        assert_eq!(open([3; 24], Some(&sequence)), Err(Unopened::NoSession));
        assert_eq!(open([2; 24], Some(&sequence)), Err(Unopened::BadSequence));
        assert_eq!(open([1; 24], None), Err(Unopened::NoSequence));
        assert_eq!(open([1; 24], Some(b"short")), Err(Unopened::BadSequence));
        let signed = seal(&key, format!("+{number}").as_bytes());
        assert_eq!(open([1; 24], Some(&signed)), Err(Unopened::BadSequence));
        assert_eq!(open([1; 24], Some(&sequence)), Ok((number, b"hello".to_vec())));
        assert_eq!(open([1; 24], Some(&sequence)), Err(Unopened::Repeated(number)));
    }

    #[test]
    fn a_device_pushes_out_its_own_sessions_alone() {
        let mut sessions = SymmetricSessions::new();
        let token = |number: u8| [number; 24];
        sessions.start(token(1), (DeviceNumber(1), Some(2)), "secret");
        for number in 2..100 {
            sessions.start(token(number), (DeviceNumber(2), Some(2)), "secret");
        }
        let sealed = |number| !sessions.seal(&token(number), b"x").is_empty();
        assert_eq!((1..100).filter(|number| sealed(*number)).collect::<Vec<_>>(), [1, 98, 99]);
    }
}
