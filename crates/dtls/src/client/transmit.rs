//! Writes the datagrams that are due: flights, alerts and application data.

use rand_core::TryCryptoRng;

use super::Client;
use crate::error::Error;
use crate::keys::Keys;
use crate::record::{ContentType, FragmentLength, RECORD_HEADER_LEN};
use crate::session::{MIN_ROOM, Outgoing};

/// The longest datagram of a flight after two retransmissions in vain, in bytes. Every IPv4
/// host and path accepts 576 bytes (RFC 791, section 3.1), of which the headers of IP and
/// UDP take 28.
#[cfg(feature = "mtu-fallback")]
const FALLBACK_MTU: usize = 576 - 28;

/// How many retransmissions have the full length before a loss is attributed to the length.
/// RFC 6347, section 4.1.1.1, suggests two or three.
#[cfg(feature = "mtu-fallback")]
const MAX_WHOLE_REPEATS: u8 = 2;

impl<R: TryCryptoRng> Client<R> {
    /// Writes the next datagram that is due into `out` and returns its length, or `None` if
    /// nothing is due. Call it until it returns `None`, after each other call that takes
    /// `&mut self`.
    ///
    /// `out` should be as long as [`transmit_len`](Self::transmit_len) or [`Config::mtu`].
    /// Data that does not fit, or cannot be encrypted because the source of randomness
    /// fails, remains due.
    ///
    /// [`Config::mtu`]: crate::Config::mtu
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> Option<usize> {
        let longest = self.longest_datagram();
        let out = out.get_mut(..out.len().min(longest))?;
        // Until the server has agreed to a limit, this is the limit of every record.
        let max_fragment = match (&self.keys, &self.handshake) {
            (Some(keys), _) => keys.secrets.max_fragment,
            (None, Some(handshake)) => handshake.max_fragment(),
            (None, None) => FragmentLength::default(),
        };
        let Self { flight, writer, keys, random, alert, .. } = self;
        let outgoing = Outgoing { flight, writer, keys: keys.as_ref(), random, max_fragment };
        let written = outgoing.poll(alert, out);
        // The flight needs another datagram because long ones get lost; later flights will,
        // too.
        #[cfg(feature = "mtu-fallback")]
        if !self.flight.is_sent() {
            self.mtu = longest;
        }
        written
    }

    /// The longest datagram that [`poll_transmit`](Self::poll_transmit) may write next, in
    /// bytes; 0 if nothing is due. Flights are short, since the client has no certificate:
    /// a few hundred bytes, plus the server's ticket.
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

    /// Encrypts `plaintext` into one record in `out` and returns the record's length, which
    /// is at most [`record_overhead`](Self::record_overhead) bytes more than the length of
    /// `plaintext`. The record is a datagram: send it before the datagrams of
    /// [`poll_transmit`](Self::poll_transmit).
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session has ended; [`Error::BadLength`] if
    /// `plaintext` is longer than [`max_plaintext_len`](Self::max_plaintext_len) or `out` is
    /// too short; [`Error::ReservationExhausted`]; [`Error::SequenceExhausted`], which ends
    /// the session; [`Error::Random`].
    pub fn send(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        self.state.check_connected()?;
        if self.writer.is_exhausted() {
            return Err(self.end(Error::SequenceExhausted));
        }
        let Self { keys, writer, random, .. } = self;
        let (kind, content) = (ContentType::ApplicationData, [plaintext, &[]]);
        let len = writer.write_protected(keys.as_ref(), random, kind, content, out)?;
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
        self.keys.as_ref().map_or(0, Keys::record_overhead)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand_core::{TryCryptoRng, TryRng};

    use crate::Instant;
    use crate::client::Client;
    use crate::error::Error;
    use crate::handshake::MessageType;
    use crate::record::{Datagram, MAX_SEQUENCE};
    use crate::sealing::SealingKey;
    use crate::session::{RecordWriter, State};

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

    /// Otherwise a Finished would be missing until the flight is retransmitted.
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
        // A buffer that is too short has the same effect.
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

    /// With AES-GCM, a number that is used twice reveals the authentication key.
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
