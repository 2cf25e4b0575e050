//! Processes received datagrams.
//!
//! Invalid data is dropped and counted. Only the server can end a session: by a protected
//! alert, or by its messages in the handshake. Unprotected alerts and unexpected messages
//! may be forged; they end the handshake only if the server does not answer the
//! retransmitted flight.

use iot_coap_time::Instant;
use rand_core::TryCryptoRng;

use super::{Client, MAX_REFUSALS, Origin};
use crate::alert::Alert;
use crate::error::{Error, Violation};
use crate::handshake::{FragmentHeader, Inserted, MessageType, Progress};
use crate::record::{ContentType, Datagram, EPOCH_PLAIN, EPOCH_PROTECTED, Record};
use crate::session::State;
use crate::wire::Reader;

impl<R: TryCryptoRng> Client<R> {
    /// Processes the datagram up to the next record of application data and returns its
    /// plaintext. Call it again with the same datagram until it returns `None`: then all
    /// records are read.
    ///
    /// Pass all datagrams that have arrived before calling
    /// [`handle_timeout`](Self::handle_timeout): a flight that is answered in time is then
    /// not retransmitted, however late this side reads the answer. Afterwards call
    /// [`poll_transmit`](Self::poll_transmit): an answer may be due.
    ///
    /// # Errors
    ///
    /// Why the session has ended, now or earlier. Malformed, forged and replayed records are
    /// not errors: they are dropped, see [`dropped`](Self::dropped).
    pub fn handle_datagram<'d>(
        &mut self,
        now: Instant,
        datagram: &mut Datagram<'d>,
    ) -> Result<Option<&'d mut [u8]>, Error> {
        while !datagram.is_empty() {
            if let State::Ended(error) = self.state {
                return Err(error);
            }
            let Some(record) = self.reader.next_record(datagram) else { break };
            let plaintext = match record.header.epoch {
                EPOCH_PROTECTED => self.read_protected(now, record),
                EPOCH_PLAIN => self.read_plain(now, &record).map(|()| None),
                _ => {
                    self.reader.count_malformed();
                    Ok(None)
                }
            };
            match plaintext {
                Ok(None) => {}
                Ok(plaintext) => return Ok(plaintext),
                Err(error) => return Err(self.end(error)),
            }
        }
        match self.state {
            State::Ended(error) => Err(error),
            _ => Ok(None),
        }
    }

    /// Processes an unprotected record. Anybody may have sent it, so it matters only during
    /// the handshake.
    fn read_plain(&mut self, now: Instant, record: &Record<'_>) -> Result<(), Error> {
        // `==` would compare errors as well, which takes 150 bytes of flash.
        if !matches!(self.state, State::Handshaking) {
            self.reader.count_malformed();
            return Ok(());
        }
        let most = self.handshake.as_ref().map(|handshake| handshake.max_fragment().bytes());
        if most.is_some_and(|most| record.fragment.len() > most) {
            self.reader.count_malformed();
            return Ok(());
        }
        match record.header.content_type {
            ContentType::Handshake => self.read_handshake(now, EPOCH_PLAIN, record.fragment),
            ContentType::Alert => {
                match Alert::decode(record.fragment) {
                    Some((alert, is_fatal)) if is_fatal || alert == Alert::CLOSE_NOTIFY => {
                        self.retransmission.note_unauthenticated_error(alert.into());
                        if alert.is_refusal() {
                            self.note_refusal(now);
                        }
                    }
                    _ => {}
                }
                Ok(())
            }
            // The epoch of a record has the same meaning, and is authenticated.
            ContentType::ChangeCipherSpec => Ok(()),
            ContentType::ApplicationData | ContentType::Tls12Cid => {
                self.reader.count_malformed();
                Ok(())
            }
        }
    }

    fn read_protected<'d>(
        &mut self,
        now: Instant,
        record: Record<'d>,
    ) -> Result<Option<&'d mut [u8]>, Error> {
        let Some((content_type, content)) = self.reader.open(self.keys.as_ref(), record) else {
            let worn_out = self.keys.as_ref().filter(|keys| self.reader.is_worn_out(keys, false));
            return worn_out.map_or(Ok(None), |_| Err(Error::TooManyForgeries));
        };
        match content_type {
            ContentType::ApplicationData if matches!(self.state, State::Connected) => {
                // This shows that the server has the final flight.
                if !self.flight.is_empty() {
                    self.flight.clear();
                }
                return Ok(Some(content));
            }
            ContentType::Handshake => self.read_handshake(now, EPOCH_PROTECTED, content)?,
            ContentType::Alert => match Alert::decode(content) {
                Some((Alert::CLOSE_NOTIFY, _)) => return Err(Error::Closed),
                Some((alert, true)) => return Err(alert.into()),
                _ => {}
            },
            // Application data before the handshake is done, or an invalid type.
            _ => self.reader.count_malformed(),
        }
        Ok(None)
    }

    fn read_handshake(&mut self, now: Instant, epoch: u16, content: &[u8]) -> Result<(), Error> {
        let mut reader = Reader::new(content);
        while !reader.is_empty() {
            let Some((header, fragment)) = FragmentHeader::read(&mut reader) else {
                self.reader.count_malformed();
                break;
            };
            let is_finished = header.kind == MessageType::FINISHED;
            // A HelloRequest is not part of the handshake in progress (RFC 5246, section
            // 7.4.1.1).
            if header.kind == MessageType::HELLO_REQUEST {
                self.refuse_renegotiation();
                continue;
            }
            if is_finished && epoch == EPOCH_PLAIN {
                self.reader.count_malformed();
                continue;
            }
            let Some(handshake) = &mut self.handshake else {
                // The server did not receive the final flight.
                if is_finished {
                    self.answer_again(now);
                }
                continue;
            };
            match handshake.reassembly.insert(header, epoch, fragment)? {
                Inserted::Accepted => {
                    self.retransmission.answer_begins(now);
                    self.process_messages(now)?;
                }
                // A server that asks for a cookie keeps no state and has no timer (RFC
                // 6347, section 4.2.1), so this answers a copy of the earlier hello.
                Inserted::Retransmission if header.kind == MessageType::HELLO_VERIFY_REQUEST => {
                    handshake.note_other_cookie(fragment)?;
                }
                Inserted::Retransmission => self.answer_again(now),
                Inserted::Contradiction => self.drop_message(Violation::Contradiction),
                Inserted::TooLong { limit } => {
                    let violation = Violation::TooLong { len: header.message_len, limit };
                    if epoch != EPOCH_PLAIN {
                        return Err(violation.into());
                    }
                    self.drop_message(violation);
                }
            }
        }
        Ok(())
    }

    /// Processes all messages that are complete.
    fn process_messages(&mut self, now: Instant) -> Result<(), Error> {
        while let Some(handshake) = &mut self.handshake {
            let progress = handshake.process_next_message(&mut self.flight, &mut self.random)?;
            let Some(Progress { ignored, new_flight, has_keys, done }) = progress else { break };
            if let Some(violation) = ignored {
                self.drop_message(violation);
                continue;
            }
            self.retransmission.server_answered();
            if has_keys {
                let keys = handshake.make_keys(&mut self.keys)?;
                self.reader.start_epoch(keys.own_id);
            }
            if done {
                self.complete();
            }
            match (new_flight, done) {
                (true, false) => self.retransmission.start(now),
                // The flight is kept in case it is lost.
                (true, true) => self.retransmission.final_flight(now),
                (false, true) => self.flight.clear(),
                (false, false) => {}
            }
        }
        Ok(())
    }

    /// The handshake is done.
    #[inline(never)]
    fn complete(&mut self) {
        let Some(mut handshake) = self.handshake.take() else { return };
        self.validity = handshake.validity();
        self.saved_session = handshake.saved_session();
        self.renegotiation_info = handshake.has_renegotiation_info();
        if handshake.was_resumed() {
            self.origin = Origin::Resumed;
        }
        self.retransmission.stop();
        self.state = State::Connected;
    }

    /// Notes that the server, or somebody in its name, refuses the offer. The server is
    /// asked again at once, so that a caller that can offer more knows soon; see
    /// [`is_refused`](Self::is_refused).
    fn note_refusal(&mut self, now: Instant) {
        // A server that keeps its state while it asks for a cookie could not take a message with
        // the same number again.
        let asks_again = self.refusals == 0
            && self.handshake.as_ref().is_some_and(|handshake| handshake.is_first_hello());
        self.refusals = if asks_again { 1 } else { MAX_REFUSALS };
        if asks_again {
            self.retransmission.repeat(now);
            self.flight.rewind();
        }
    }

    /// Drops an unprotected message that is invalid, and may be forged.
    fn drop_message(&mut self, violation: Violation) {
        self.reader.count_malformed();
        self.retransmission.note_unauthenticated_error(violation.into());
    }

    /// Handles a retransmission of the server's flight: the answer may be due again.
    fn answer_again(&mut self, now: Instant) {
        if self.flight.is_sent() && self.retransmission.peer_retransmits(now) {
            self.flight.rewind();
        }
    }

    /// Answers the first HelloRequest of a session.
    fn refuse_renegotiation(&mut self) {
        if matches!(self.state, State::Connected) && !self.renegotiation_refused {
            self.renegotiation_refused = true;
            self.alert = Some(Alert::NO_RENEGOTIATION);
        }
    }
}
