//! Processes received datagrams.
//!
//! Invalid data is dropped and counted. Only the client can end a session: by a protected
//! alert, or by its messages in the handshake. Unprotected alerts and unexpected messages
//! may be forged; they end the handshake only if the client does not answer the flight that
//! is sent again.

use iot_coap_time::Instant;
use rand_core::TryCryptoRng;

use super::Connection;
use crate::alert::Alert;
use crate::error::{Error, Violation};
use crate::handshake::{FragmentHeader, Inserted, MessageType, Progress};
use crate::record::{ContentType, Datagram, EPOCH_PLAIN, EPOCH_PROTECTED, Record};
use crate::session::State;
use crate::wire::Reader;

impl<R: TryCryptoRng> Connection<R> {
    /// Processes the datagram up to the next record of application data and returns its
    /// plaintext. Call it again with the same datagram until it returns `None`: then all
    /// records are read. Afterwards call [`poll_transmit`](Self::poll_transmit): an answer may
    /// be due.
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
        // With a connection id, a datagram may come from any address, so its unprotected
        // records may be anybody's. A genuine client's unprotected records come first in a
        // datagram.
        let mut has_id = false;
        while !datagram.is_empty() {
            if let State::Ended(error) = self.state {
                return Err(error);
            }
            let Some(record) = self.reader.next_record(datagram) else { break };
            has_id |= !record.header.connection_id.is_empty();
            let plaintext = match record.header.epoch {
                EPOCH_PROTECTED => self.read_protected(now, record),
                EPOCH_PLAIN if !has_id => self.read_plain(now, &record).map(|()| None),
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

    /// Processes an unprotected record. Anybody may have sent it, so it matters only during the
    /// handshake.
    fn read_plain(&mut self, now: Instant, record: &Record<'_>) -> Result<(), Error> {
        let most = self.handshake.as_ref().map(|handshake| handshake.max_fragment().bytes());
        if most.is_none_or(|most| record.fragment.len() > most) {
            self.reader.count_malformed();
            return Ok(());
        }
        match record.header.content_type {
            ContentType::Handshake => self.read_handshake(now, EPOCH_PLAIN, record.fragment)?,
            ContentType::Alert => match Alert::decode(record.fragment) {
                Some((alert, is_fatal)) if is_fatal || alert == Alert::CLOSE_NOTIFY => {
                    self.retransmission.note_unauthenticated_error(alert.into());
                }
                _ => {}
            },
            // The epoch of a record has the same meaning, and is authenticated.
            ContentType::ChangeCipherSpec => {}
            ContentType::ApplicationData | ContentType::Tls12Cid => self.reader.count_malformed(),
        }
        Ok(())
    }

    fn read_protected<'d>(
        &mut self,
        now: Instant,
        record: Record<'d>,
    ) -> Result<Option<&'d mut [u8]>, Error> {
        let is_newest = !record.header.connection_id.is_empty()
            && record.header.sequence >= self.reader.end_sequence();
        let Some((content_type, content)) = self.reader.open(self.keys.as_ref(), record) else {
            let worn_out = self.keys.as_ref().filter(|keys| self.reader.is_worn_out(keys, false));
            return worn_out.map_or(Ok(None), |_| Err(Error::TooManyForgeries));
        };
        self.arrived.newest |= is_newest;
        self.arrived.authentic = true;
        match content_type {
            ContentType::ApplicationData if matches!(self.state, State::Connected) => {
                // This shows that the client has the last flight.
                if !self.flight.is_empty() {
                    self.forget_flight();
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
            if header.kind == MessageType::CLIENT_HELLO && epoch == EPOCH_PROTECTED {
                self.refuse_renegotiation();
                continue;
            }
            if is_finished && epoch == EPOCH_PLAIN {
                self.reader.count_malformed();
                continue;
            }
            let Some(handshake) = &mut self.handshake else {
                // The client did not receive the last flight.
                if is_finished {
                    self.answer_again(now);
                }
                continue;
            };
            // A late copy of the first ClientHello. It belongs to the cookie exchange, not
            // to this handshake.
            if header.message_seq < handshake.first_message_seq {
                continue;
            }
            match handshake.reassembly.insert(header, epoch, fragment)? {
                Inserted::Accepted => {
                    self.retransmission.answer_begins(now);
                    self.process_messages(now)?;
                }
                // The client did not receive the flight that answers its hello. If it
                // repeats later messages, it did.
                Inserted::Retransmission => {
                    if header.kind == MessageType::CLIENT_HELLO {
                        self.answer_again(now);
                    }
                }
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
                let own_id = handshake.make_keys(&mut self.keys)?.own_id;
                self.reader.start_epoch(own_id);
            }
            if done {
                self.complete();
            }
            match (new_flight, done) {
                (true, false) => self.retransmission.start(now),
                // The flight is kept in case it is lost.
                (true, true) => self.retransmission.final_flight(now),
                (false, true) => self.forget_flight(),
                (false, false) => {}
            }
        }
        Ok(())
    }

    /// The handshake is done.
    fn complete(&mut self) {
        let Some(mut handshake) = self.handshake.take() else { return };
        self.identity = core::mem::take(&mut handshake.identity);
        self.was_resumed = handshake.was_resumed;
        self.retransmission.stop();
        self.state = State::Connected;
    }

    /// Drops an unprotected message that is invalid, and may be forged.
    fn drop_message(&mut self, violation: Violation) {
        self.reader.count_malformed();
        self.retransmission.note_unauthenticated_error(violation.into());
    }

    /// Handles a repetition of the client's flight: the answer may be due again.
    fn answer_again(&mut self, now: Instant) {
        if self.flight.is_sent() && self.retransmission.peer_retransmits(now) {
            self.repeat_flight();
        }
    }

    /// Answers the first ClientHello in a session.
    fn refuse_renegotiation(&mut self) {
        if matches!(self.state, State::Connected) && !self.renegotiation_refused {
            self.renegotiation_refused = true;
            self.alert = Some(Alert::NO_RENEGOTIATION);
        }
    }
}
