//! What a datagram does (RFC 7252 sections 4.2, 4.3, 5.2 to 5.4). Requests of the
//! server's are in `server_request.rs`.

use core::ops::Range;

use super::{Client, Dropped, GiveUp, Received, Response};
use crate::code::Code;
use crate::exchange::{End, State};
use crate::message::{Kind, Message};
use crate::option::OptionNumber;

impl<A> Client<A> {
    /// Takes a datagram. Where it holds an answer, that is returned, with its
    /// payload in `datagram`, in clear; the answer to a sign-in is wiped from
    /// it.
    pub fn receive(&mut self, now: u64, datagram: &mut [u8]) -> Received<A> {
        self.statistics.count(|all| all.bytes_received += datagram.len() as u64);
        let message = match Message::parse(datagram) {
            Ok(message) => message,
            Err(malformed) => {
                if let Some((Kind::Confirmable, id)) = malformed.header {
                    self.reply_empty(Kind::Reset, id);
                }
                return Received::Dropped(Dropped::Malformed(malformed.error));
            }
        };
        if message.code == Code::EMPTY {
            return self.receive_empty(now, message.kind, message.id);
        }
        if message.code.is_request() {
            return self.receive_request(now, &message);
        }
        let critical = if message.options.may_have_critical() {
            self.unknown_critical_option(&message)
        } else {
            None
        };
        let index = match self.match_response(now, &message) {
            Ok(index) if message.code.is_response() && critical.is_none() => index,
            unmatched => {
                if message.kind == Kind::Confirmable && unmatched != Err(Dropped::Duplicate) {
                    self.reply_empty(Kind::Reset, message.id);
                }
                return Received::Dropped(match (unmatched, critical) {
                    (Ok(_), Some(number)) => Dropped::CriticalOption(number),
                    (Ok(_), None) => Dropped::Unmatched,
                    (Err(dropped), _) => dropped,
                });
            }
        };
        let (kind, id, code) = (message.kind, message.id, message.code);
        let payload = datagram.len() - message.payload.len()..datagram.len();
        if kind == Kind::Confirmable {
            self.reply_empty(Kind::Acknowledgement, id);
        }
        match kind {
            Kind::Confirmable => {
                let until = now.saturating_add(self.config.transmission.exchange_lifetime_ms());
                self.handled.insert(id, until);
            }
            Kind::NonConfirmable => {
                let until = now.saturating_add(self.config.transmission.non_lifetime_ms());
                self.handled.insert(id, until);
            }
            Kind::Acknowledgement | Kind::Reset => {}
        }
        self.answered(now, index, code, payload, datagram)
    }

    /// A critical option of a response that is not known here.
    fn unknown_critical_option(&self, message: &Message<'_>) -> Option<OptionNumber> {
        // A server that does not know the access token's option may send it back
        // in its 4.02; that option is known here.
        let echoed = (message.code == Code::BAD_OPTION).then_some(self.config.access_token_option);
        let mut numbers = message.options.clone().map(|option| option.number);
        numbers.find(|&number| number.is_critical() && Some(number) != echoed)
    }

    /// An Empty message: a ping, an acknowledgement or a Reset.
    fn receive_empty(&mut self, now: u64, kind: Kind, id: u16) -> Received<A> {
        let index = match kind {
            Kind::Confirmable => {
                self.reply_empty(Kind::Reset, id);
                return Received::Handled;
            }
            Kind::NonConfirmable => None,
            Kind::Acknowledgement | Kind::Reset => self.exchanges.by_id(id),
        };
        let Some(index) = index else { return Received::Dropped(Dropped::Unmatched) };
        if kind == Kind::Reset {
            self.give_up(now, index, GiveUp::Reset);
            return Received::Handled;
        }
        let lifetime_ms = self.config.transmission.exchange_lifetime_ms();
        let exchange = &mut self.exchanges.list[index];
        match (exchange.kind, exchange.state()) {
            (Kind::Confirmable, State::Due | State::AwaitingAck) => {
                exchange.deadline = exchange.first_sent.saturating_add(lifetime_ms);
                self.exchanges.set_state(index, State::AwaitingResponse);
                Received::Handled
            }
            (Kind::Confirmable, _) => Received::Dropped(Dropped::Duplicate),
            _ => Received::Dropped(Dropped::Unmatched),
        }
    }

    /// The exchange that a response answers (section 5.3.2).
    fn match_response(&mut self, now: u64, message: &Message<'_>) -> Result<usize, Dropped> {
        let token = <[u8; 4]>::try_from(message.token).map(u32::from_le_bytes).ok();
        match message.kind {
            Kind::Acknowledgement => {
                let index = self.exchanges.by_id(message.id).ok_or(Dropped::Unmatched)?;
                let exchange = &self.exchanges.list[index];
                if exchange.kind == Kind::Confirmable && Some(exchange.token) == token {
                    Ok(index)
                } else {
                    Err(Dropped::Unmatched)
                }
            }
            Kind::Reset => Err(Dropped::Unmatched),
            Kind::Confirmable | Kind::NonConfirmable => {
                if self.handled.contains(message.id, now) {
                    if message.kind == Kind::Confirmable {
                        self.reply_empty(Kind::Acknowledgement, message.id);
                    }
                    return Err(Dropped::Duplicate);
                }
                let index = token.and_then(|token| self.exchanges.by_token(token));
                index.ok_or(Dropped::Unmatched)
            }
        }
    }

    /// The exchange at `index` has its answer.
    fn answered(
        &mut self,
        now: u64,
        index: usize,
        code: Code,
        payload: Range<usize>,
        datagram: &mut [u8],
    ) -> Received<A> {
        if !self.exchanges.list[index].is_of_application() {
            self.exchanges.release(index);
            let payload = datagram.get_mut(payload).unwrap_or_default();
            self.sign_in_answered(now, code, payload);
            return Received::Handled;
        }
        let refuses_token = matches!(code, Code::UNAUTHORIZED | Code::BAD_OPTION);
        if refuses_token && self.exchanges.list[index].refused.is_none() {
            self.refused(now, index, code);
            return Received::Handled;
        }
        if !refuses_token {
            self.sign_in.access_token_taken();
        }
        let payload = if self.is_symmetric() && !payload.is_empty() {
            let cipher = datagram.get_mut(payload.clone()).unwrap_or_default();
            let key = self.keys.of(self.exchanges.list[index].generation);
            match key.and_then(|key| key.decrypt(cipher).ok()) {
                Some(len) => payload.start..payload.start + len,
                // An error's text need not be encrypted; its code counts.
                None if code.class() != 2 => payload.start..payload.start,
                None => {
                    self.exchanges.end(index, End::GaveUp(GiveUp::Undecryptable));
                    return Received::Handled;
                }
            }
        } else {
            payload
        };
        let exchange = &mut self.exchanges.list[index];
        if exchange.retransmissions == 0 {
            let round_trip_ms = now.saturating_sub(exchange.first_sent);
            self.statistics.count(|all| all.note_round_trip(round_trip_ms));
        }
        self.statistics.count(|all| all.answered += 1);
        let token = exchange.token;
        match self.exchanges.release(index) {
            Some(application) => Received::Response(Response { application, code, payload, token }),
            None => Received::Handled,
        }
    }

    /// A message was refused for its access token: it is sent once more with
    /// another.
    fn refused(&mut self, now: u64, index: usize, code: Code) {
        let exchange = &mut self.exchanges.list[index];
        exchange.refused = Some(code);
        let token_in_force = exchange.generation == self.generation;
        if self.park(index).is_err() {
            self.exchanges.end(index, End::Refused(code));
            return;
        }
        if token_in_force && self.access_token.take().is_some() {
            self.access_token_refused(now);
        }
        if self.access_token.is_some() {
            self.unpark_all(now);
        } else {
            self.ensure_signing_in(now);
        }
    }

    fn reply_empty(&mut self, kind: Kind, id: u16) {
        self.control.set(kind, Code::EMPTY, id, &[]);
    }
}
