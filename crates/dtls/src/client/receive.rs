//! Datagrams in: records are told apart, proved, and handed to whom they are
//! for. Whatever is not as it must be is dropped and counted; only what a
//! server says in its handshake can end a session by an error. What anybody may
//! have said there without fitting in is dropped, too, and ends the handshake
//! only if nothing better comes in time.

use rand_core::TryCryptoRng;

use super::{Client, Origin, State};
use crate::alert::Alert;
use crate::error::{Error, Violation};
use crate::handshake::{FragmentHeader, Keys, MessageType, Step, Taken};
use crate::record::{
    ContentType, Datagram, EPOCH_PLAIN, EPOCH_PROTECTED, Header, Record, ReplayWindow,
};
use crate::wire::Reader;

impl<R: TryCryptoRng> Client<R> {
    /// Reads on in a datagram, up to the next record of plaintext; `None` once
    /// all of it is read. Call [`transmit`](Self::transmit) afterwards: an
    /// answer may be due.
    ///
    /// # Errors
    ///
    /// Why the session is over. Malformed, forged and repeated records are no
    /// errors; see [`dropped`](Self::dropped).
    pub fn read<'d>(
        &mut self,
        datagram: &mut Datagram<'d>,
        now: u64,
    ) -> Result<Option<&'d [u8]>, Error> {
        while !datagram.is_empty() {
            if let State::Ended(error) = self.state {
                return Err(error);
            }
            let Some(record) = datagram.next_record(&self.own_id) else {
                count(&mut self.dropped.malformed);
                break;
            };
            let plaintext = match record.header.epoch {
                EPOCH_PROTECTED => self.read_protected(record, now),
                EPOCH_PLAIN => self.read_plain(&record, now).map(|()| None),
                _ => {
                    count(&mut self.dropped.malformed);
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

    /// A record that anybody may have sent: good for nothing but a handshake.
    fn read_plain(&mut self, record: &Record<'_>, now: u64) -> Result<(), Error> {
        if self.state != State::Handshaking {
            count(&mut self.dropped.malformed);
            return Ok(());
        }
        match record.header.content_type {
            ContentType::Handshake => self.read_handshake(EPOCH_PLAIN, record.fragment, now),
            ContentType::Alert => {
                match Alert::decode(record.fragment) {
                    Some((alert, is_fatal)) if is_fatal || alert == Alert::CLOSE_NOTIFY => {
                        self.suspect(alert.into());
                    }
                    _ => {}
                }
                Ok(())
            }
            // The epoch says as much, and is proved.
            ContentType::ChangeCipherSpec => Ok(()),
            ContentType::ApplicationData | ContentType::ConnectionId => {
                count(&mut self.dropped.malformed);
                Ok(())
            }
        }
    }

    fn read_protected<'d>(
        &mut self,
        record: Record<'d>,
        now: u64,
    ) -> Result<Option<&'d [u8]>, Error> {
        let Record { header, fragment } = record;
        let Some(keys) = &self.keys else {
            count(&mut self.dropped.malformed);
            return Ok(None);
        };
        if !self.replay.is_new(header.sequence) {
            count(&mut self.dropped.replayed);
            return Ok(None);
        }
        let Some((content_type, content)) = open(keys, &header, fragment) else {
            count(&mut self.dropped.forged);
            return Ok(None);
        };
        self.replay.record(header.sequence);
        match content_type {
            ContentType::ApplicationData if self.state == State::Connected => {
                // So the server has our last flight.
                if !self.flight.is_empty() {
                    self.flight.clear();
                }
                return Ok(Some(content));
            }
            ContentType::Handshake => self.read_handshake(EPOCH_PROTECTED, content, now)?,
            ContentType::Alert => match Alert::decode(content) {
                Some((Alert::CLOSE_NOTIFY, _)) => return Err(Error::Closed),
                Some((alert, true)) => return Err(alert.into()),
                _ => {}
            },
            // Plaintext before the handshake is done, and what makes no sense.
            _ => count(&mut self.dropped.malformed),
        }
        Ok(None)
    }

    fn read_handshake(&mut self, epoch: u16, content: &[u8], now: u64) -> Result<(), Error> {
        let mut reader = Reader::new(content);
        while !reader.is_empty() {
            let Some((header, fragment)) = FragmentHeader::take(&mut reader) else {
                count(&mut self.dropped.malformed);
                break;
            };
            // It is no part of the handshake under way (RFC 5246, section
            // 7.4.1.1), nor is an unprotected Finished.
            let is_finished = header.kind == MessageType::FINISHED;
            if header.kind == MessageType::HELLO_REQUEST {
                self.refuse_renegotiation();
                continue;
            }
            if is_finished && epoch == EPOCH_PLAIN {
                count(&mut self.dropped.malformed);
                continue;
            }
            let Some(handshake) = &mut self.handshake else {
                // The server did not get our last flight.
                if is_finished {
                    self.repeat_flight(now);
                }
                continue;
            };
            match handshake.reassembly.take(header, epoch, fragment)? {
                Taken::Kept => self.step(now)?,
                Taken::Repeated => self.repeat_flight(now),
                Taken::TooLong if epoch == EPOCH_PLAIN => self.doubt(Violation::TooLong),
                Taken::TooLong => return Err(Violation::TooLong.into()),
            }
        }
        Ok(())
    }

    /// Takes every message that is whole by now.
    fn step(&mut self, now: u64) -> Result<(), Error> {
        while let Some(handshake) = &mut self.handshake {
            let Some(step) = handshake.next_step(&mut self.flight, &mut self.random)? else {
                break;
            };
            let Step { doubt, flight, keys, done } = step;
            if let Some(violation) = doubt {
                self.doubt(violation);
                continue;
            }
            // The server is there, whatever an alert said.
            self.suspicion = None;
            if let Some(keys) = keys {
                self.own_id = keys.own_id;
                self.replay = ReplayWindow::default();
                self.keys = Some(keys);
            }
            if done {
                self.saved = handshake.saved_session();
                if handshake.was_resumed() {
                    self.origin = Origin::Resumed;
                }
                self.handshake = None;
                self.timer = None;
                self.state = State::Connected;
            }
            match (flight, done) {
                (true, false) => self.arm(now),
                // Kept in case that it is lost; nothing but the server's
                // repeating itself tells.
                (true, true) => self.flight_due = now,
                (false, true) => self.flight.clear(),
                (false, false) => {}
            }
        }
        Ok(())
    }

    /// A message without protection does not fit: it is dropped.
    fn doubt(&mut self, violation: Violation) {
        count(&mut self.dropped.malformed);
        self.suspect(violation.into());
    }

    /// The server repeats what it said before, so it has not heard the answer
    /// (RFC 6347, section 4.2.4). At most four answers for each timeout, or two
    /// sides that repeat at each other would fill a line.
    fn repeat_flight(&mut self, now: u64) {
        let pause = u64::from(self.first_timeout / 4).max(1);
        if self.flight.is_sent() && now >= self.flight_due.saturating_add(pause) {
            self.flight_due = now;
            self.flight.rewind();
        }
    }

    fn refuse_renegotiation(&mut self) {
        if self.state == State::Connected && !self.renegotiation_refused {
            self.renegotiation_refused = true;
            self.alert = Some(Alert::NO_RENEGOTIATION);
        }
    }
}

/// Proves and decrypts a fragment, and takes the type out of a record with a
/// connection id (RFC 9146, section 4). A record without the id that was agreed
/// upon is as bad as a forged one, and the other way round.
fn open<'d>(
    keys: &Keys,
    header: &Header,
    fragment: &'d mut [u8],
) -> Option<(ContentType, &'d [u8])> {
    if header.connection != keys.own_id {
        return None;
    }
    let content = keys.read.open(header, fragment)?;
    if header.content_type != ContentType::ConnectionId {
        return Some((header.content_type, content));
    }
    let end = content.iter().rposition(|&byte| byte != 0)?;
    let content_type = ContentType::from_byte(*content.get(end)?)?;
    Some((content_type, content.get(..end)?))
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
