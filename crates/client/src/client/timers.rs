//! Handles the passing of time: retransmits messages, gives messages up, signs in again.

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

    /// The shortest time between a message's first transmission and its retransmission:
    /// `ACK_TIMEOUT` (RFC 7252 section 4.8).
    pub const fn ack_timeout(&self) -> Duration {
        self.exchanges.timing().ack_timeout()
    }

    /// Whether a Confirmable message was transmitted and is neither acknowledged nor
    /// answered.
    pub fn awaits_acknowledgement(&self) -> bool {
        self.exchanges.any_awaits_ack()
    }

    /// How many requests, including sign-ins, were transmitted and wait for the peer. A
    /// request that is due again does not count.
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

    /// Does what is due at `now`. All datagrams that have arrived must be passed in before;
    /// see [`Client`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.exchanges.handle_timeout(now) {
            self.handle_sign_in_unanswered(now);
        }
        match self.sign_in.handle_timeout(now) {
            Action::Nothing => {}
            action => self.act(now, action),
        }
    }

    /// Tells the client that there is a new session below, whose peer has forgotten earlier
    /// messages. Every unanswered Confirmable message is sent again, as new. A message that
    /// is older than an exchange lifetime keeps its remaining retransmissions.
    pub fn handle_session_renewed(&mut self, now: Instant) {
        self.exchanges.handle_session_renewed(now, &mut self.random);
    }

    /// Tells the client that its datagrams take another way to the same peer from now on.
    /// Every unacknowledged Confirmable message is sent at once, which counts as one of its
    /// retransmissions. A message without any left is sent once more, and given up at the
    /// same time as before.
    pub fn handle_path_changed(&mut self) {
        self.exchanges.handle_path_changed();
    }
}

/// Methods for learned time-outs, which are useful beyond this client. Without the feature
/// `cocoa`, nothing is learned.
impl<A> Client<A> {
    /// The retransmission time-out at `now` by the measured round trips, from `ACK_TIMEOUT`
    /// to 60 s; `None` if nothing was learned. A message waits up to half as long again for
    /// its acknowledgement. Other retransmissions to the same peer, such as a DTLS
    /// handshake, should start with this time-out, too.
    pub fn retransmission_timeout(&self, now: Instant) -> Option<Duration> {
        self.exchanges.round_trips().overall(now, self.exchanges.timing())
    }

    /// The [`retransmission_timeout`](Self::retransmission_timeout) at `now`, if it is
    /// longer than `ACK_TIMEOUT`, the initial time-out.
    pub fn learned_timeout(&self, now: Instant) -> Option<Duration> {
        self.retransmission_timeout(now).filter(|timeout| *timeout > self.ack_timeout())
    }

    /// Learns a round trip to the peer that was measured elsewhere, such as with a flight
    /// of a DTLS handshake that was transmitted once.
    pub fn learn_round_trip(&mut self, now: Instant, round_trip: Duration) {
        self.exchanges.learn_round_trip(now, round_trip);
    }

    /// Starts with a [`retransmission_timeout`](Self::retransmission_timeout) that was kept
    /// over a restart, until round trips are measured.
    pub fn restore_retransmission_timeout(&mut self, now: Instant, timeout: Duration) {
        self.exchanges.round_trips_mut().restore(now, timeout);
    }
}
