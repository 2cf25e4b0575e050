//! Writes the datagrams that are due: flights, alerts and application data.

use rand_core::TryCryptoRng;

use super::{Client, State};
use crate::error::Error;
use crate::handshake::{FlightRecord, HANDSHAKE_HEADER_LEN};
use crate::record::{ContentType, EPOCH_PLAIN, FragmentLength, RECORD_HEADER_LEN};

const CHANGE_CIPHER_SPEC: [u8; 1] = [1];

/// The longest datagram of a flight that was sent twice more in vain, in bytes. Every host
/// and path of IPv4 takes 576 bytes (RFC 791, section 3.1), of which the headers of IP and
/// UDP take 28.
#[cfg(feature = "mtu-fallback")]
const FALLBACK_MTU: usize = 576 - 28;

/// How many retransmissions go out whole, before their loss is put down to their length.
/// RFC 6347, section 4.1.1.1, has two or three.
#[cfg(feature = "mtu-fallback")]
const MAX_WHOLE_REPEATS: u8 = 2;

/// The shortest fragment of a handshake message that is worth a record at the end of a
/// datagram, in bytes.
const MIN_FRAGMENT_LEN: usize = 16;

/// The least room for the content of a record of a flight, in bytes.
const MIN_ROOM: usize = HANDSHAKE_HEADER_LEN + MIN_FRAGMENT_LEN;

impl<R: TryCryptoRng> Client<R> {
    /// Writes the next datagram that is due into `out` and returns its length, or `None` if
    /// nothing is due. Call it until it returns `None`, after each other call that takes
    /// `&mut self`.
    ///
    /// `out` should have as many bytes as [`transmit_len`](Self::transmit_len) says, or as
    /// [`Config::mtu`]. What does not fit remains due, as does what cannot be encrypted because
    /// the source of randomness fails.
    ///
    /// [`Config::mtu`]: crate::Config::mtu
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<usize> {
        let longest = self.longest_datagram();
        let out = out.get_mut(..out.len().min(longest))?;
        let mut len = 0;
        while let Some(epoch) = self.flight.next_epoch() {
            let Some(rest) = out.get_mut(len..) else { break };
            match self.write_flight_record(epoch, rest) {
                Some(written) => len += written,
                None => break,
            }
        }
        // The flight needs another datagram because long ones get lost: so do the next ones.
        #[cfg(feature = "mtu-fallback")]
        if !self.flight.is_sent() {
            self.mtu = longest;
        }
        if len > 0 {
            return Some(len);
        }
        let alert = self.alert?.encode();
        let written = if self.writer.is_protected() {
            self.write_protected(ContentType::Alert, [&alert, &[]], out).ok()
        } else {
            self.writer.write_plain(ContentType::Alert, [&alert, &[]], out)
        };
        self.alert.take_if(|_| written.is_some());
        written
    }

    /// How long the datagram is at most that [`poll_transmit`](Self::poll_transmit) writes
    /// next, in bytes; 0 if nothing is due. Flights are short: without a client's certificate,
    /// which this client never has, a few hundred bytes, or as many as the server's ticket.
    #[inline]
    pub fn transmit_len(&self) -> usize {
        if self.flight.is_sent() && self.alert.is_none() { 0 } else { self.due_len() }
    }

    #[inline(never)]
    fn due_len(&self) -> usize {
        let overhead = self.record_overhead().max(RECORD_HEADER_LEN);
        let alert = self.alert.map_or(0, |alert| overhead + alert.encode().len());
        self.flight.due_len(overhead, MIN_ROOM).min(self.longest_datagram()).max(alert)
    }

    /// The longest datagram of the flight that is due, in bytes.
    fn longest_datagram(&self) -> usize {
        #[cfg(feature = "mtu-fallback")]
        if self.retransmission.repeats() > MAX_WHOLE_REPEATS {
            return self.mtu.min(FALLBACK_MTU);
        }
        self.mtu
    }

    /// Encrypts `plaintext` into one record in `out` and returns its length, which is at
    /// most [`record_overhead`](Self::record_overhead) bytes more than that of `plaintext`.
    /// The record is a datagram: send it before those of
    /// [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended; [`Error::BadLength`] if
    /// `plaintext` has more than 16,384 bytes or `out` is too short;
    /// [`Error::ReservationExhausted`]; [`Error::SequenceExhausted`], which ends the
    /// session; [`Error::Random`]. [`Error::BadLength`] also if `plaintext` is longer than
    /// [`max_plaintext_len`](Self::max_plaintext_len).
    pub fn send(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.check_connected()?;
        if self.writer.is_exhausted() {
            return Err(self.end(Error::SequenceExhausted));
        }
        let len = self.write_protected(ContentType::ApplicationData, [plaintext, &[]], out)?;
        if !self.flight.is_empty()
            && self.flight.is_sent()
            && self.retransmission.sent_after_final_flight()
        {
            self.flight.rewind();
        }
        Ok(len)
    }

    /// The longest plaintext of a record, in bytes: 16,384, or what was negotiated by
    /// [`Config::max_fragment_length`](crate::Config::max_fragment_length).
    pub fn max_plaintext_len(&self) -> usize {
        let keys = self.keys.as_ref();
        keys.map_or(FragmentLength::default(), |keys| keys.secrets.max_fragment).bytes()
    }

    /// How many bytes a record is longer than its plaintext, at most; 0 before there are
    /// keys.
    pub fn record_overhead(&self) -> usize {
        self.keys.as_ref().map_or(0, |keys| {
            // With a block cipher the overhead depends on the length modulo 16.
            let overhead = (0..16).map(|len| keys.write.sealed_len(len + 1) - len).max();
            RECORD_HEADER_LEN + keys.peer_id.len() + overhead.unwrap_or(0)
        })
    }

    /// Writes the next record of the flight; `None` if it does not fit or cannot be
    /// encrypted.
    fn write_flight_record(&mut self, epoch: u16, out: &mut [u8]) -> Option<usize> {
        let overhead =
            if epoch == EPOCH_PLAIN { RECORD_HEADER_LEN } else { self.record_overhead() };
        // Before the server has agreed to less, it is what every record may have.
        let most = match (&self.keys, &self.handshake) {
            (Some(keys), _) => keys.secrets.max_fragment,
            (None, Some(handshake)) => handshake.max_fragment(),
            (None, None) => FragmentLength::default(),
        };
        let room = out.len().checked_sub(overhead)?.min(most.bytes());
        if room < MIN_ROOM {
            return None;
        }
        let flight = core::mem::take(&mut self.flight);
        let record = flight.next_record(room);
        let written = record.and_then(|(record, end)| {
            let written = match record {
                FlightRecord::ChangeCipherSpec => {
                    let content = [&CHANGE_CIPHER_SPEC[..], &[]];
                    let kind = ContentType::ChangeCipherSpec;
                    let written = self.writer.write_plain(kind, content, out);
                    if written.is_some() {
                        self.writer.set_protected();
                    }
                    written
                }
                FlightRecord::Fragment { epoch: EPOCH_PLAIN, header, body } => {
                    self.writer.write_plain(ContentType::Handshake, [&header, body], out)
                }
                FlightRecord::Fragment { header, body, .. } => {
                    self.write_protected(ContentType::Handshake, [&header, body], out).ok()
                }
            };
            written.map(|len| (len, end))
        });
        self.flight = flight;
        let (len, end) = written?;
        self.flight.advance(end);
        Some(len)
    }

    fn write_protected(
        &mut self,
        content_type: ContentType,
        content: [&[u8]; 2],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let Self { keys, writer, random, .. } = self;
        let keys = keys.as_ref().ok_or(Error::NotConnected)?;
        writer.write_protected(keys, random, content_type, content, out)
    }

    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended.
    pub(super) fn check_connected(&self) -> Result<(), Error> {
        match self.state {
            State::Connected => Ok(()),
            State::Handshaking => Err(Error::NotConnected),
            State::Ended(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand_core::{TryCryptoRng, TryRng};

    use crate::Instant;
    use crate::client::record_writer::RecordWriter;
    use crate::client::{Client, State};
    use crate::error::Error;
    use crate::handshake::MessageType;
    use crate::record::{Datagram, MAX_SEQUENCE};
    use crate::sealing::SealingKey;

    const PSK_GCM: u16 = 0x00a8;
    const PSK_CBC: u16 = 0x008c;

    /// A restored session whose secrets are all zeros and whose next number is `sequence`.
    fn connected<R: TryCryptoRng>(suite: u16, random: R, sequence: u64) -> Client<R> {
        let mut content = vec![2; 1];
        content.extend_from_slice(&[0; 24]);
        content.extend_from_slice(&suite.to_be_bytes());
        content.extend_from_slice(&[0; 1 + 9 + 48 + 64 + 2]);
        let key = SealingKey::new(&[7; 16]).unwrap();
        let blob = key.seal(b"", &content, &mut getrandom::SysRng).unwrap();
        let mut client = Client::restore(&blob, &key, b"", 0, random).unwrap();
        client.writer = RecordWriter::at(sequence);
        client
    }

    /// The sequence number of a protected record.
    fn sequence(record: &[u8]) -> u64 {
        assert_eq!(record[3..5], [0, 1]);
        u64::from_be_bytes([
            0, 0, record[5], record[6], record[7], record[8], record[9], record[10],
        ])
    }

    /// A source of randomness that fails the given number of times.
    struct FailingRandom(u32);

    impl TryRng for FailingRandom {
        type Error = core::fmt::Error;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Err(core::fmt::Error)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Err(core::fmt::Error)
        }

        fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
            out.fill(9);
            match self.0.checked_sub(1) {
                None => Ok(()),
                Some(left) => {
                    self.0 = left;
                    Err(core::fmt::Error)
                }
            }
        }
    }

    impl TryCryptoRng for FailingRandom {}

    /// Otherwise a Finished would be lost until the flight is retransmitted.
    #[test]
    fn what_cannot_be_written_remains_due() {
        let mut client = connected(PSK_CBC, FailingRandom(2), 0);
        client.flight.add_change_cipher_spec().unwrap();
        client
            .flight
            .add(MessageType::FINISHED, 3, |out| {
                out.extend_from_slice(&[5; 12]);
                Ok(())
            })
            .unwrap();
        let mut out = [0; 200];
        let change_cipher_spec = client.poll_transmit(&mut out).unwrap();
        assert_eq!((change_cipher_spec, out[0]), (14, 20));
        assert_eq!(client.poll_transmit(&mut out), None);
        // The same with a buffer that is too short.
        assert_eq!(client.poll_transmit(&mut out[..30]), None);
        assert!(client.poll_transmit(&mut out).is_some());
        assert_eq!((out[0], sequence(&out)), (22, 0));
        assert_eq!(client.poll_transmit(&mut out), None);

        client.close();
        assert_eq!(client.poll_transmit(&mut out[..30]), None);
        client.random.0 = 1;
        assert_eq!(client.poll_transmit(&mut out), None);
        assert!(client.poll_transmit(&mut out).is_some());
        assert_eq!((out[0], sequence(&out)), (21, 1));
        assert_eq!(client.poll_transmit(&mut out), None);
    }

    /// With AES-GCM, a number that is used twice gives the keys away.
    #[test]
    fn the_last_number_is_for_the_closing_alert_and_none_follows() {
        let mut client = connected(PSK_GCM, getrandom::SysRng, MAX_SEQUENCE - 1);
        let mut out = [0; 100];
        client.send(b"x", &mut out).unwrap();
        assert_eq!(client.send(b"x", &mut out), Err(Error::SequenceExhausted));
        assert_eq!(client.state(), State::Ended(Error::SequenceExhausted));
        assert!(client.poll_transmit(&mut out).is_some());
        assert_eq!(out[..11], [21, 0xfe, 0xfd, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(client.poll_transmit(&mut out), None);
        client.close();
        assert_eq!(client.poll_transmit(&mut out), None);
        let now = Instant::from_millis(0);
        let result = client.handle_datagram(now, &mut Datagram::new(&mut out));
        assert_eq!(result, Err(Error::SequenceExhausted));
    }
}
