//! When to sign in, how long to try, and what becomes of messages meanwhile.
//!
//! There is one sign-in at a time, whoever asked for it. One that the
//! application asks for has the time limit it names; one that the client needs
//! (its access token was refused or runs out) has [`BACKGROUND_LIMIT_MS`].
//! Between two requests to `/auth` lies a pause that doubles.

use alloc::vec::Vec;
use core::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::{Client, GiveUp, HeadName, SendError};
use crate::access_token::{ACCESS_TOKEN_MAX_LEN, AccessToken};
use crate::auth::{Reply, ReplyError, write_request};
use crate::code::Code;
use crate::encode::{Encoder, make_room};
use crate::exchange::State;
use crate::message::Kind;
use crate::option::OptionNumber;

/// How long a sign-in that the application asks for may take: what the
/// original SDK blocks for, in milliseconds.
pub const SIGN_IN_LIMIT_MS: u64 = 10_000;

/// How long the client tries on its own behalf, in milliseconds, before it
/// tells the messages that wait for it.
const BACKGROUND_LIMIT_MS: u64 = 247_000;

/// What a request to `/auth` has besides its payload: header, token, three
/// options and the payload marker.
const OVERHEAD_LEN: usize = 4 + 4 + 5 + 2 + 2 + 1;

/// The longest pause between two requests to `/auth`, in milliseconds.
const LONGEST_PAUSE_MS: u64 = 300_000;

/// The greatest sequence offset that is taken: above it, the numbers that are
/// greater and not used yet might run out.
const SEQUENCE_OFFSET_MAX: u64 = u64::MAX / 2;

/// Names a sign-in, so that whoever started it can ask how it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt(u32);

/// Why a sign-in failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInError {
    /// The cloud refused it with this code.
    Refused(Code),
    /// No answer within the time limit.
    NotAnswered,
    /// The answer holds no access token that can be used.
    BadReply,
    /// The heap is exhausted, and the access token could not be kept.
    OutOfMemory,
    /// It was called off.
    Cancelled,
    /// The request could not be made.
    NotSent(SendError),
}

impl fmt::Display for SignInError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(code) => write!(f, "refused with {code}"),
            Self::NotAnswered => f.write_str("not answered in time"),
            Self::BadReply => f.write_str("answered without a usable access token"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Cancelled => f.write_str("called off"),
            Self::NotSent(error) => write!(f, "not sent: {error}"),
        }
    }
}

impl core::error::Error for SignInError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing is under way.
    Idle,
    /// A request to `/auth` is outstanding.
    Asking,
    /// The next request is made at this time.
    Pausing(u64),
}

/// The state of signing in.
#[derive(Debug)]
pub(crate) struct SignIn {
    stage: Stage,
    attempt: u32,
    /// When the attempt that is under way ends.
    until: u64,
    /// How the attempt ended.
    outcome: Option<Result<(), SignInError>>,
    announcement: Option<Result<(), SignInError>>,
    /// Requests in a row that brought nothing of use.
    fruitless: u32,
    /// Before this time the client does not ask on its own behalf.
    not_before: u64,
    has_ever_succeeded: bool,
    renew_at: u64,
}

impl SignIn {
    pub(super) const fn new() -> Self {
        Self {
            stage: Stage::Idle,
            attempt: 0,
            until: 0,
            outcome: None,
            announcement: None,
            fruitless: 0,
            not_before: 0,
            has_ever_succeeded: false,
            renew_at: u64::MAX,
        }
    }

    pub(super) const fn has_ever_succeeded(&self) -> bool {
        self.has_ever_succeeded
    }

    pub(super) const fn has_announcement(&self) -> bool {
        self.announcement.is_some()
    }

    pub(super) const fn take_announcement(&mut self) -> Option<Result<(), SignInError>> {
        self.announcement.take()
    }

    /// The cloud took an access token. Where the last sign-in brought it, that
    /// was not in vain; where one that renews it fails, it says nothing.
    pub(super) const fn access_token_taken(&mut self) {
        if matches!(self.outcome, Some(Ok(()))) {
            self.fruitless = 0;
            self.not_before = 0;
        }
    }
}

impl<A> Client<A> {
    /// Starts to sign in, or joins the sign-in that is under way; it ends at
    /// the latest `limit_ms` from now. [`Client::sign_in_outcome`] tells how.
    pub fn sign_in(&mut self, now: u64, limit_ms: u64) -> Attempt {
        let until = now.saturating_add(limit_ms);
        match self.sign_in.stage {
            Stage::Idle => self.begin(until),
            Stage::Asking | Stage::Pausing(_) => {
                // Whoever waits for it had better not wait for a timer that
                // has doubled a few times already.
                self.release_request();
                self.sign_in.until = until;
            }
        }
        self.ask(now);
        Attempt(self.sign_in.attempt)
    }

    /// How an attempt ended, or `None` while it is under way.
    pub fn sign_in_outcome(&self, attempt: Attempt) -> Option<Result<(), SignInError>> {
        if attempt.0 == self.sign_in.attempt {
            return self.sign_in.outcome;
        }
        // It was followed by another, so it ended: well, if there is a token.
        Some(match (&self.access_token, self.sign_in.outcome) {
            (Some(_), _) => Ok(()),
            (None, Some(Err(error))) => Err(error),
            (None, _) => Err(SignInError::NotAnswered),
        })
    }

    /// The access token in force, to be kept over a restart. A secret.
    pub fn access_token(&self) -> Option<&[u8]> {
        self.access_token.as_ref().map(AccessToken::bytes)
    }

    /// Goes on with an access token that was kept over a restart, as if it had
    /// just been got: if the cloud refuses it, the client signs in. Says
    /// whether it was taken up: not in symmetric mode, whose key is lost, nor
    /// if it is no access token by its length.
    pub fn restore_access_token(&mut self, now: u64, value: &[u8]) -> bool {
        if self.is_symmetric() || value.is_empty() || value.len() > ACCESS_TOKEN_MAX_LEN {
            return false;
        }
        let mut kept = Zeroizing::new(Vec::new());
        if kept.try_reserve_exact(value.len()).is_err() {
            return false;
        }
        kept.extend_from_slice(value);
        self.take_access_token(now, kept);
        self.sign_in.has_ever_succeeded = true;
        true
    }

    /// Calls the sign-in off, if one is under way.
    pub fn cancel_sign_in(&mut self, now: u64) {
        if self.sign_in.stage != Stage::Idle {
            self.fail_sign_in(now, SignInError::Cancelled);
        }
    }

    /// Whether there is an access token that is not known to be refused.
    pub const fn is_signed_in(&self) -> bool {
        self.access_token.is_some()
    }

    /// Sees to it that a sign-in is under way, for messages that wait for one.
    pub(super) fn ensure_signing_in(&mut self, now: u64) {
        if self.sign_in.stage != Stage::Idle {
            return;
        }
        // The limit counts from the first request: a long pause must leave the
        // cloud time to answer it.
        let start = now.max(self.sign_in.not_before);
        self.begin(start.saturating_add(BACKGROUND_LIMIT_MS));
        if now < start {
            self.sign_in.stage = Stage::Pausing(start);
        } else {
            self.ask(now);
        }
    }

    const fn begin(&mut self, until: u64) {
        self.sign_in.attempt = self.sign_in.attempt.wrapping_add(1);
        self.sign_in.outcome = None;
        self.sign_in.until = until;
    }

    /// Makes a request to `/auth`.
    fn ask(&mut self, now: u64) {
        match self.encode_sign_in(now) {
            Ok(()) => self.sign_in.stage = Stage::Asking,
            Err(error) => self.fail_sign_in(now, SignInError::NotSent(error)),
        }
    }

    fn encode_sign_in(&mut self, now: u64) -> Result<(), SendError> {
        let lifetime_ms = self.config.transmission.exchange_lifetime_ms();
        let index = self.exchanges.free_place().map_err(|_| SendError::OutOfMemory)?;
        let id = self
            .message_ids
            .allocate(now, lifetime_ms)
            .map_err(|_| SendError::MessageIdsExhausted)?;
        let sequence = self.is_symmetric().then(|| u64::from(self.random.next() >> 8));
        let mut payload = Zeroizing::new(Vec::new());
        write_request(&mut payload, &self.config.device, &self.config.sign_in, sequence)?;

        let token = self.tokens.allocate();
        let format = [self.config.sign_in.encoding.content_format().number()];
        let exchange = &mut self.exchanges.list[index];
        exchange.head = HeadName::default();
        let out: &mut Vec<u8> = &mut exchange.datagram;
        make_room(out, payload.len() + OVERHEAD_LEN)?;
        let mut encoder =
            Encoder::new(out, Kind::Confirmable, Code::POST, id, &token.to_le_bytes())?;
        encoder.option(OptionNumber::URI_PATH, b"auth")?;
        encoder.option(OptionNumber::CONTENT_FORMAT, &format)?;
        encoder.option(OptionNumber::ACCEPT, &format)?;
        let len = encoder.payload(&payload)?;
        out.truncate(len);
        exchange.kind = Kind::Confirmable;
        exchange.id = id;
        exchange.token = token;
        exchange.retransmissions = 0;
        exchange.made_at = now;
        exchange.timeout_ms = self.config.transmission.first_timeout_ms(self.random.next());
        self.exchanges.set_state(index, State::Due);
        Ok(())
    }

    /// The answer to a request to `/auth`; wipes `payload`.
    pub(super) fn sign_in_answered(&mut self, now: u64, code: Code, payload: &mut [u8]) {
        if code.class() == 2 {
            let reply = Reply::parse(payload, self.config.sign_in.encoding);
            payload.zeroize();
            let outcome = match reply {
                Ok(reply) => self.take_reply(now, reply),
                Err(ReplyError::Bad) => Err(SignInError::BadReply),
                Err(ReplyError::OutOfMemory) => Err(SignInError::OutOfMemory),
            };
            match outcome {
                Ok(()) => self.finish_sign_in(now, Ok(())),
                Err(error) => self.fail_sign_in(now, error),
            }
        } else if code.class() == 5 || code == Code::TOO_MANY_REQUESTS {
            self.pause(now, SignInError::Refused(code));
        } else {
            self.fail_sign_in(now, SignInError::Refused(code));
        }
    }

    /// A request to `/auth` was given up.
    pub(super) fn sign_in_unanswered(&mut self, now: u64) {
        self.pause(now, SignInError::NotAnswered);
    }

    fn take_reply(&mut self, now: u64, reply: Reply) -> Result<(), SignInError> {
        if self.is_symmetric() {
            let (Some(random), Some(offset @ ..=SEQUENCE_OFFSET_MAX)) =
                (&reply.random, reply.sequence_offset)
            else {
                return Err(SignInError::BadReply);
            };
            let generation = self.generation.wrapping_add(1);
            self.keys.renew(&self.config.device.device_secret, random, generation);
            self.last_sequence = self.last_sequence.max(offset);
        }
        self.take_access_token(now, reply.access_token);
        Ok(())
    }

    fn take_access_token(&mut self, now: u64, value: Zeroizing<Vec<u8>>) {
        let lifetime_ms = self.config.access_token_lifetime_ms;
        let access_token = AccessToken::new(value, now.saturating_add(lifetime_ms));
        self.sign_in.renew_at = access_token.renew_at(lifetime_ms);
        self.access_token = Some(access_token);
        self.generation = self.generation.wrapping_add(1);
    }

    /// Waits before the next request, unless the attempt's time is then over.
    fn pause(&mut self, now: u64, error: SignInError) {
        self.postpone(now);
        let at = self.sign_in.not_before;
        if at >= self.sign_in.until {
            self.finish_sign_in(now, Err(error));
        } else {
            self.sign_in.stage = Stage::Pausing(at);
        }
    }

    /// Puts off the next request of the client's own: by `ACK_TIMEOUT` at
    /// random up to half as much again, doubled for each request in a row that
    /// brought nothing.
    fn postpone(&mut self, now: u64) {
        let first = self.config.transmission.first_timeout_ms(self.random.next());
        let pause_ms = (first << self.sign_in.fruitless.min(8)).min(LONGEST_PAUSE_MS);
        self.sign_in.fruitless = self.sign_in.fruitless.saturating_add(1);
        self.sign_in.not_before = now.saturating_add(pause_ms);
    }

    /// The cloud refused the access token in force. Once is no reason to wait;
    /// a fresh one refused must not bring on sign-in after sign-in.
    pub(super) fn access_token_refused(&mut self, now: u64) {
        self.sign_in.renew_at = u64::MAX;
        if self.sign_in.fruitless == 0 {
            self.sign_in.fruitless = 1;
        } else {
            self.postpone(now);
        }
    }

    fn release_request(&mut self) {
        let request = self
            .exchanges
            .position(|exchange| !exchange.is_of_application() && exchange.is_outstanding());
        if let Some(index) = request {
            self.exchanges.release(index);
        }
    }

    fn fail_sign_in(&mut self, now: u64, error: SignInError) {
        self.postpone(now);
        self.finish_sign_in(now, Err(error));
    }

    fn finish_sign_in(&mut self, now: u64, outcome: Result<(), SignInError>) {
        self.sign_in.stage = Stage::Idle;
        self.sign_in.outcome = Some(outcome);
        self.sign_in.announcement = Some(outcome);
        self.release_request();
        if outcome.is_ok() {
            self.sign_in.has_ever_succeeded = true;
            self.unpark_all(now);
            return;
        }
        if self.access_token.is_some() {
            // The old token may still do; try again before it runs out.
            self.sign_in.renew_at = self.sign_in.not_before;
            self.unpark_all(now);
            return;
        }
        while let Some(index) = self.oldest(State::Parked) {
            self.exchanges.end_unsent(index, GiveUp::NotSignedIn);
        }
    }

    /// When signing in has something to do.
    pub(super) fn sign_in_deadline(&self) -> u64 {
        match self.sign_in.stage {
            Stage::Asking => self.sign_in.until,
            Stage::Pausing(at) => at.min(self.sign_in.until),
            Stage::Idle => self.sign_in.renew_at,
        }
    }

    pub(super) fn sign_in_tick(&mut self, now: u64) {
        match self.sign_in.stage {
            Stage::Pausing(at) if now >= at => self.ask(now),
            Stage::Asking | Stage::Pausing(_) if now >= self.sign_in.until => {
                self.fail_sign_in(now, SignInError::NotAnswered);
            }
            Stage::Idle if now >= self.sign_in.renew_at => {
                self.sign_in.renew_at = u64::MAX;
                self.ensure_signing_in(now);
            }
            _ => {}
        }
    }

    /// Forgets an access token whose time is over.
    pub(super) fn drop_expired_access_token(&mut self, now: u64) {
        if self.access_token.as_ref().is_some_and(|token| token.has_expired(now)) {
            self.access_token = None;
        }
    }
}
