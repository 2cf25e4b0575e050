//! What the passing of time does: retransmissions, giving up, signing in again.

use super::{Client, GiveUp};
use crate::exchange::{End, State};

impl<A> Client<A> {
    /// When [`Client::tick`] is next due, or `None` if nothing is waited for.
    pub fn deadline(&self) -> Option<u64> {
        let exchanges = self.exchanges.list.iter().map(|exchange| exchange.deadline);
        let deadline = exchanges.fold(self.sign_in_deadline(), u64::min);
        (deadline != u64::MAX).then_some(deadline)
    }

    /// How long after a message is first transmitted it is transmitted again,
    /// at the least: `ACK_TIMEOUT` (RFC 7252 section 4.8), in milliseconds.
    pub const fn ack_timeout_ms(&self) -> u32 {
        self.config.transmission.ack_timeout_ms
    }

    /// Does what is due at `now`.
    pub fn tick(&mut self, now: u64) {
        let max_retransmit = self.config.transmission.max_retransmit;
        for index in 0..self.exchanges.list.len() {
            let exchange = &mut self.exchanges.list[index];
            if now < exchange.deadline {
                continue;
            }
            let reason = match exchange.state() {
                State::AwaitingAck if exchange.retransmissions < max_retransmit => {
                    exchange.retransmissions += 1;
                    exchange.timeout_ms *= 2;
                    self.exchanges.set_state(index, State::Due);
                    continue;
                }
                State::AwaitingAck => GiveUp::NotAcknowledged,
                State::AwaitingResponse => GiveUp::NotAnswered,
                State::Free | State::Due | State::Parked | State::Ended => continue,
            };
            self.give_up(now, index, reason);
        }
        self.sign_in_tick(now);
    }

    /// Stops waiting for an exchange, the application's or a sign-in.
    pub(super) fn give_up(&mut self, now: u64, index: usize, reason: GiveUp) {
        if self.exchanges.list[index].is_of_application() {
            self.exchanges.end(index, End::GaveUp(reason));
        } else {
            self.exchanges.release(index);
            self.sign_in_unanswered(now);
        }
    }

    /// Transmits again, as new, every Confirmable message that is not answered:
    /// the peer has forgotten what it heard, since the session below is another
    /// one. What is older than an exchange lifetime keeps the tries it has left.
    pub fn session_renewed(&mut self, now: u64) {
        let lifetime_ms = self.config.transmission.exchange_lifetime_ms();
        for index in 0..self.exchanges.list.len() {
            let exchange = &mut self.exchanges.list[index];
            let awaits_answer =
                matches!(exchange.state(), State::AwaitingAck | State::AwaitingResponse);
            let is_young = now.saturating_sub(exchange.made_at) < lifetime_ms;
            if awaits_answer && is_young && exchange.kind == crate::Kind::Confirmable {
                exchange.retransmissions = 0;
                exchange.timeout_ms = self.config.transmission.first_timeout_ms(self.random.next());
                self.exchanges.set_state(index, State::Due);
            }
        }
    }

    /// Whether a Confirmable message was transmitted and neither acknowledged
    /// nor answered yet.
    pub fn awaits_acknowledgement(&self) -> bool {
        self.exchanges.list.iter().any(|exchange| exchange.state() == State::AwaitingAck)
    }
}
