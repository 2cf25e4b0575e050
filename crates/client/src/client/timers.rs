//! What the passing of time does: retransmissions, giving up, signing in again.

use iot_coap_time::{Duration, Instant};

use super::Client;
use crate::sign_in::Action;
use crate::timing::NEVER;

impl<A> Client<A> {
    /// When [`handle_timeout`](Self::handle_timeout) is next due, or `None` if the
    /// client waits for nothing.
    pub fn next_timeout(&self) -> Option<Instant> {
        let next = self.exchanges.next_timeout().min(self.sign_in.next_timeout());
        (next != NEVER).then_some(next)
    }

    /// How long after its first transmission a message is retransmitted at the
    /// earliest: `ACK_TIMEOUT` (RFC 7252 section 4.8).
    pub const fn ack_timeout(&self) -> Duration {
        self.exchanges.timing().ack_timeout()
    }

    /// Whether a Confirmable message was transmitted and is neither acknowledged nor
    /// answered.
    pub fn awaits_acknowledgement(&self) -> bool {
        self.exchanges.any_awaits_ack()
    }

    /// How many requests, those to sign in among them, were transmitted and wait for the
    /// peer. One that is due to be transmitted again is none of them.
    pub fn awaited(&self) -> usize {
        self.exchanges.awaited()
    }

    /// Whether there is nothing to send, to wait for, or to tell the application.
    pub fn is_idle(&self) -> bool {
        self.exchanges.outstanding() == 0
            && !self.sign_in.is_under_way()
            && !self.has_event()
            && !self.has_transmit()
    }

    /// Does what is due at `now`. All datagrams that have arrived must be handed in
    /// before, see [`Client`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.exchanges.handle_timeout(now) {
            self.handle_sign_in_unanswered(now);
        }
        match self.sign_in.handle_timeout(now) {
            Action::Nothing => {}
            action => self.act(now, action),
        }
    }

    /// Tells the client that the session below is another one, whose peer has
    /// forgotten what it heard: sends every Confirmable message again, as new, that is
    /// not answered. A message that is older than an exchange lifetime keeps the
    /// retransmissions that it has left.
    pub fn handle_session_renewed(&mut self, now: Instant) {
        self.exchanges.handle_session_renewed(now, &mut self.random);
    }

    /// Tells the client that its datagrams take another way to the same peer from now on:
    /// sends every Confirmable message at once that is not acknowledged. That counts as one of
    /// its retransmissions. One that has none left is sent once more, and given up when it
    /// would have been.
    pub fn handle_path_changed(&mut self) {
        self.exchanges.handle_path_changed();
    }
}

/// What was learned from round trips, for those who need it besides this client. Without
/// the feature `cocoa` nothing is learned.
impl<A> Client<A> {
    /// The retransmission time-out that the measured round trips suggest at `now`, from
    /// `ACK_TIMEOUT` to 60 s; `None` if nothing was learned. A message waits up to half as
    /// long again for its acknowledgement; what else is retransmitted to the same peer,
    /// such as a DTLS handshake, had better start with this too.
    pub fn retransmission_timeout(&self, now: Instant) -> Option<Duration> {
        self.exchanges.round_trips().overall(now, self.exchanges.timing())
    }

    /// The [`retransmission_timeout`](Self::retransmission_timeout) at `now`, if it is longer
    /// than `ACK_TIMEOUT`, with which every network begins.
    pub fn learned_timeout(&self, now: Instant) -> Option<Duration> {
        self.retransmission_timeout(now).filter(|timeout| *timeout > self.ack_timeout())
    }

    /// Learns a round trip to the peer that was measured elsewhere, at something that
    /// was transmitted once, such as a flight of a DTLS handshake.
    pub fn learn_round_trip(&mut self, now: Instant, round_trip: Duration) {
        self.exchanges.learn_round_trip(now, round_trip);
    }

    /// Goes on with a [`retransmission_timeout`](Self::retransmission_timeout) that was
    /// kept over a restart, until round trips are measured.
    pub fn restore_retransmission_timeout(&mut self, now: Instant, timeout: Duration) {
        self.exchanges.round_trips_mut().restore(now, timeout);
    }
}
