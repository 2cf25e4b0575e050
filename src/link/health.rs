//! Decides when a link is suspect, and when it is opened again. This module knows no
//! sockets, only times and counts.
//!
//! | what happens | what it does |
//! | --- | --- |
//! | something comes from the peer | the link is open, and nothing counts against it |
//! | a datagram cannot be sent or read, or an ICMP message refuses it | suspect |
//! | messages are sent, and nothing comes for as long as [`SILENCE`] | suspect |
//! | a candidate fails | the next address, another try, or a pause |
//!
//! A link that has served is opened again at once. So is its replacement if that never
//! serves, or while there is an address that was not tried. Otherwise there is a random
//! pause of 1 s to 60 s ([`PAUSES`]), so that the devices of a cloud that was away do not
//! all come back in the same second. A wide range spreads the devices, but more of them
//! come back at its beginning than at its end, so the range is narrow once they are spread.

use iot_coap_client::{Duration, Instant, jittered};

use super::State;
use super::cause::Cause;

/// If nothing has come from the peer for this long after a message was sent, the network
/// path or the session is assumed to be gone. A DTLS peer that has forgotten a session
/// cannot tell: it silently drops what it receives.
pub(super) const SILENCE: Duration = Duration::from_secs(15);

/// The limit for silence from an address that has never answered, while there is another
/// address to try. It is shorter than the 10 s for which `IOT_CoAP_DeviceNameAuth` waits.
const SILENCE_OF_A_STRANGER: Duration = Duration::from_secs(4);

/// The limit for silence if only answers to Non-confirmable messages are awaited, which not
/// every server sends. It is `MAX_LATENCY` (RFC 7252, section 4.8.2), which is over before
/// the messages are given up.
const SILENCE_TO_NON: Duration = Duration::from_secs(100);

/// The ranges of the pauses before a link is opened again, in milliseconds: for the first
/// pause, the second, and all later ones.
const PAUSES: [(u32, u32); 3] = [(1000, 8000), (1000, 60_000), (40_000, 60_000)];

/// The time within which an idle device comes back, in milliseconds. It expects nothing and
/// has nothing to send.
const RETURN: u32 = 90_000;

const AT_ONCE: Instant = Instant::from_millis(0);
const NEVER: Instant = Instant::from_millis(u64::MAX);

/// The answers that the client still expects from the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Nothing,
    /// Answers to Non-confirmable messages, or to acknowledged ones.
    Answers,
    /// Acknowledgements.
    Acknowledgements,
}

/// See the [module](self).
#[allow(clippy::struct_excessive_bools, reason = "independent facts, not one state")]
pub(super) struct Health {
    /// When the link is opened again: [`NEVER`] while it serves, [`AT_ONCE`] if it is
    /// suspect.
    reopen_at: Instant,
    /// When the first message was sent after the last sign of life; or [`NEVER`].
    silent_since: Instant,
    /// When silence is judged next.
    judge_at: Instant,
    /// The last attempt failed, and nothing else is left to try before a pause. A refusal
    /// by the network does not count.
    has_tried_all: bool,
    /// The server declined the first offer.
    has_declined: bool,
    /// The latest handshake failed.
    has_failed_handshake: bool,
    /// The pause ends as soon as there is something to send.
    is_deferred: bool,
    // The fields from here on are small and lie side by side, since most of them change
    // with each datagram.
    /// How many pauses there were since the last sign of life.
    pauses: u8,
    /// The transport cannot be used at all.
    is_broken: bool,
    /// There was a sign of life, however long ago.
    has_heard: bool,
    /// How many sockets were opened since the last sign of life.
    openings: u8,
    /// The number of the address to try next.
    next_address: u8,
    /// The peer has answered before, but did not answer the latest handshake in time.
    is_unanswered: bool,
    /// Nobody listened at the peer's port since the last sign of life, and the log says so.
    #[cfg(feature = "port-linux")]
    has_noted_refusal: bool,
    /// How many addresses the host has, as far as is known.
    addresses: u8,
}

impl Health {
    /// The health of a link whose first candidate is being opened.
    pub(super) const fn new() -> Self {
        Self {
            reopen_at: AT_ONCE,
            openings: 0,
            next_address: 0,
            addresses: 1,
            silent_since: NEVER,
            judge_at: Instant::from_millis(0),
            pauses: 0,
            is_broken: false,
            has_tried_all: false,
            has_declined: false,
            has_failed_handshake: false,
            is_unanswered: false,
            #[cfg(feature = "port-linux")]
            has_noted_refusal: false,
            is_deferred: false,
            has_heard: false,
        }
    }

    pub(super) const fn state(&self) -> State {
        match self.reopen_at.as_millis() {
            u64::MAX => State::Open,
            0 => State::Suspect,
            ms => State::BackingOff { until: Instant::from_millis(ms) },
        }
    }

    /// Whether the link serves.
    pub(super) const fn is_open(&self) -> bool {
        self.reopen_at.as_millis() == NEVER.as_millis()
    }

    /// The number of the address to try next, modulo the number of addresses.
    pub(super) const fn next_address(&self) -> u8 {
        self.next_address
    }

    /// How many addresses share the time to connect.
    pub(super) const fn addresses(&self) -> u8 {
        self.addresses
    }

    /// Whether the transport cannot be used at all.
    pub(super) const fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Whether the last attempt failed, and nothing else is left to try before a pause.
    pub(super) const fn has_tried_all(&self) -> bool {
        self.has_tried_all
    }

    /// How long the first flight waits for its answer, in a handshake that may take `most`,
    /// if the previous handshake was not answered: a raised timer is kept (RFC 6347,
    /// section 4.2.4.1). With a timer of 1 s, a device would ask an absent cloud six times
    /// in a handshake, and a large part of a fleet would reach the cloud in the first
    /// seconds after its return.
    #[cfg(feature = "dtls-psk")]
    pub(super) fn first_timeout(&self, most: Duration, random: u32) -> Option<Duration> {
        let third = most.as_millis_u32() / 3;
        self.is_unanswered.then(|| jittered(third, 2 * third, random))
    }

    /// Whether anything has ever come from the peer.
    pub(super) const fn has_heard(&self) -> bool {
        self.has_heard
    }

    /// When to judge silence.
    pub(super) fn judge_at(&self) -> Option<Instant> {
        (self.silent_since != NEVER).then_some(self.judge_at)
    }

    /// Something came from the peer.
    #[inline]
    pub(super) const fn handle_sign_of_life(&mut self) {
        self.reopen_at = NEVER;
        self.pauses = 0;
        self.openings = 0;
        self.next_address = 0;
        self.silent_since = NEVER;
        self.is_broken = false;
        self.is_unanswered = false;
        #[cfg(feature = "port-linux")]
        {
            self.has_noted_refusal = false;
        }
        self.has_heard = true;
    }

    /// Whether nobody listened at the peer's port since something came from it.
    #[cfg(feature = "port-linux")]
    pub(super) const fn has_noted_refusal(&self) -> bool {
        self.has_noted_refusal
    }

    /// Notes that nobody listens at the peer's port. Returns whether that is news.
    #[cfg(feature = "port-linux")]
    pub(super) const fn note_refusal(&mut self) -> bool {
        !core::mem::replace(&mut self.has_noted_refusal, true)
    }

    /// A socket was opened to one of `addresses` addresses.
    pub(super) const fn handle_opened(&mut self, addresses: u8) {
        self.openings = self.openings.saturating_add(1);
        self.next_address = self.next_address.wrapping_add(1);
        self.addresses = addresses;
        self.has_tried_all = false;
    }

    /// Another transport took over, from which nothing has come yet.
    pub(super) const fn handle_replaced(&mut self) {
        self.is_deferred = false;
        self.has_declined = false;
        self.has_failed_handshake = false;
        self.is_unanswered = false;
        self.reopen_at = NEVER;
        self.silent_since = NEVER;
        self.is_broken = false;
    }

    /// A message is sent that the peer has to answer.
    #[inline]
    pub(super) fn handle_sent(&mut self, now: Instant) {
        let judge_at = now + self.silence();
        if self.silent_since == NEVER {
            self.silent_since = now;
            self.judge_at = judge_at;
        } else {
            self.judge_at = self.judge_at.min(judge_at);
        }
    }

    /// Judges silence, if it is time; returns whether that makes the link suspect.
    /// `patience`: how long an answer may take, as far as is known. `is_proven`: the
    /// transport exists only because its peer has answered.
    pub(super) fn judge_silence(
        &mut self,
        now: Instant,
        is_proven: bool,
        expected: Expected,
        patience: Duration,
        random: u32,
    ) -> bool {
        let since = self.silent_since;
        let expects_answers = self.openings == 0 || (self.has_heard && !is_proven);
        if since == NEVER || now < self.judge_at || !self.is_open() {
            return false;
        }
        match expected {
            Expected::Acknowledgements if now < since + patience && !self.is_of_stranger() => {
                self.judge_at = since + patience;
                return false;
            }
            Expected::Acknowledgements => {}
            // Answers are only expected from a peer that has answered before.
            Expected::Answers if expects_answers && now < since + SILENCE_TO_NON => {
                self.judge_at = since + SILENCE_TO_NON;
                return false;
            }
            Expected::Answers if expects_answers => {}
            Expected::Answers | Expected::Nothing => {
                self.silent_since = NEVER;
                return false;
            }
        }
        self.suspect(now, random);
        true
    }

    /// The transport failed. Unless `is_broken`, it may be used until another one replaces
    /// it.
    pub(super) fn handle_failure(&mut self, now: Instant, is_broken: bool, random: u32) {
        self.is_broken |= is_broken;
        if self.is_open() {
            self.suspect(now, random);
        }
    }

    /// The transport is gone.
    pub(super) fn handle_end(&mut self, now: Instant, random: u32) {
        self.silent_since = NEVER;
        if self.is_open() {
            self.suspect(now, random);
        }
    }

    /// Nothing could be opened.
    pub(super) fn handle_not_opened(&mut self, now: Instant, random: u32) {
        self.has_tried_all = true;
        self.pause(now, random);
    }

    /// A candidate failed.
    pub(super) fn handle_candidate_failed(&mut self, now: Instant, cause: Cause, random: u32) {
        // While the first connection opens, the program waits, and there is no outage yet.
        self.is_unanswered = self.has_heard && cause.is_silence();
        if self.is_tried_again(cause) {
            // The next handshake goes to the same address, from another port.
            self.openings = self.openings.saturating_sub(1);
            self.next_address = self.next_address.wrapping_sub(1);
        } else if self.has_untried() {
            self.has_declined = false;
            self.has_failed_handshake = false;
        } else if cause != Cause::Refused {
            self.has_tried_all = true;
            self.silent_since = NEVER;
            if cause == Cause::Late {
                // The attempt took as long as many short pauses.
                self.pauses = self.pauses.max(1);
            }
            self.pause(now, random);
            return;
        }
        self.suspect(now, random);
    }

    /// Whether another handshake may get further.
    fn is_tried_again(&mut self, cause: Cause) -> bool {
        match cause {
            #[cfg(feature = "dtls-psk")]
            Cause::Silent if self.has_untried() => false,
            #[cfg(feature = "dtls-psk")]
            Cause::Declined | Cause::Silent if !self.has_declined => {
                self.has_declined = true;
                true
            }
            #[cfg(feature = "dtls-psk")]
            Cause::Declined | Cause::Silent | Cause::Handshake => {
                !core::mem::replace(&mut self.has_failed_handshake, true)
            }
            Cause::Refused | Cause::Late => false,
        }
    }

    /// Nothing is expected, so there is no hurry: the transport stays until something is.
    pub(super) const fn rest(&mut self) {
        self.reopen_at = NEVER;
        self.silent_since = NEVER;
    }

    /// Nothing is expected, but there is no transport. Another one is opened within
    /// [`RETURN`], or when there is something to send. So if a cloud ends all sessions at
    /// once, not all devices come back at once.
    pub(super) fn defer(&mut self, now: Instant, random: u32) {
        self.reopen_at = now + jittered(1, RETURN, random);
        self.is_deferred = true;
    }

    /// Whether the pause ends as soon as there is something to send.
    pub(super) const fn is_deferred(&self) -> bool {
        self.is_deferred
    }

    /// Starts over in a forked process.
    #[cfg(feature = "std")]
    pub(super) const fn begin_anew(&mut self) {
        *self = Self::new();
    }

    /// How long silence may last before it is judged.
    #[inline]
    const fn silence(&self) -> Duration {
        if self.is_of_stranger() { SILENCE_OF_A_STRANGER } else { SILENCE }
    }

    /// Whether this address has never answered, and there is another one to try.
    const fn is_of_stranger(&self) -> bool {
        self.openings != 0 && self.has_untried()
    }

    /// Whether there is an address that was not tried.
    const fn has_untried(&self) -> bool {
        self.openings < self.addresses
    }

    fn suspect(&mut self, now: Instant, random: u32) {
        self.silent_since = NEVER;
        self.is_deferred = false;
        if self.openings <= 1 || self.has_untried() {
            self.reopen_at = AT_ONCE;
        } else {
            self.pause(now, random);
        }
    }

    fn pause(&mut self, now: Instant, random: u32) {
        self.is_deferred = false;
        let (shortest, longest) = PAUSES[usize::from(self.pauses).min(PAUSES.len() - 1)];
        self.pauses = self.pauses.saturating_add(1);
        self.reopen_at = now + jittered(shortest, longest, random);
    }
}

#[cfg(all(test, feature = "dtls-psk"))]
mod fleet;
#[cfg(test)]
mod tests;
