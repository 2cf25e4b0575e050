//! Datagrams out: flights, alerts and plaintext, each into a buffer of the
//! caller's.

use rand_core::TryCryptoRng;

use super::{Client, State};
use crate::error::Error;
use crate::handshake::{HANDSHAKE_HEADER_LEN, Piece};
use crate::record::{
    Connection, ContentType, EPOCH_PLAIN, EPOCH_PROTECTED, Header, RECORD_HEADER_LEN, SEQUENCE_END,
};

/// The longest plaintext of a record (RFC 5246, section 6.2.1).
pub(super) const LONGEST_PLAINTEXT: usize = 1 << 14;

const CHANGE_CIPHER_SPEC: [u8; 1] = [1];

/// A server that got none of so many is not there.
const MOST_FLIGHT_REPEATS: u8 = 4;

/// The last number is for saying goodbye.
const LAST_SEQUENCE: u64 = SEQUENCE_END - 1;

impl<R: TryCryptoRng> Client<R> {
    /// Writes the next datagram that is due into `out` and returns its length;
    /// `None` when nothing is due. Call it until then, after each call that may
    /// have made something due. `out` needs as many bytes as [`Config::mtu`]
    /// says; with fewer, what does not fit stays due, as does what the source of
    /// randomness fails for.
    ///
    /// [`Config::mtu`]: crate::Config::mtu
    pub fn transmit(&mut self, out: &mut [u8]) -> Option<usize> {
        let room = out.len().min(self.mtu);
        let out = out.get_mut(..room)?;
        let mut len = 0;
        while let Some(epoch) = self.flight.next_epoch() {
            let Some(rest) = out.get_mut(len..) else { break };
            match self.write_piece(epoch, rest) {
                Some(written) => len += written,
                None => break,
            }
        }
        if len > 0 {
            return Some(len);
        }
        let alert = self.alert?.encode();
        let written = if self.writes_protected {
            self.protect(ContentType::Alert, [&alert, &[]], out).ok()
        } else {
            self.write_plain(ContentType::Alert, [&alert, &[]], out)
        };
        self.alert.take_if(|_| written.is_some());
        written
    }

    /// Makes one record of `plaintext` in `out` and returns its length, which
    /// is at most [`overhead`](Self::overhead) bytes more.
    ///
    /// # Errors
    ///
    /// [`Error::NotConnected`], or why the session is over;
    /// [`Error::BadLength`] for more than 16,384 bytes of plaintext or too
    /// short an `out`; [`Error::ReservationExhausted`];
    /// [`Error::SequenceExhausted`], which ends the session; [`Error::Random`].
    pub fn send(&mut self, plaintext: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        match self.state {
            State::Connected => {}
            State::Handshaking => return Err(Error::NotConnected),
            State::Ended(error) => return Err(error),
        }
        if self.sequence >= LAST_SEQUENCE {
            return Err(self.end(Error::SequenceExhausted));
        }
        let len = self.protect(ContentType::ApplicationData, [plaintext, &[]], out)?;
        self.repeat_last_flight();
        Ok(len)
    }

    /// Where the last flight was ours, nothing but plaintext from the server
    /// proves that it arrived, and a server that waits for it may take whatever
    /// else comes for a reason not to ask (GnuTLS does): it is due again with
    /// each record after the first, some times.
    fn repeat_last_flight(&mut self) {
        if self.flight.is_empty() || !self.flight.is_sent() {
            return;
        }
        if (1..=MOST_FLIGHT_REPEATS).contains(&self.flight_repeats) {
            self.flight.rewind();
        }
        self.flight_repeats = self.flight_repeats.saturating_add(1);
    }

    /// How many bytes longer than its plaintext a record is at most; 0 before
    /// there are keys.
    pub fn overhead(&self) -> usize {
        self.keys.as_ref().map_or(0, |keys| {
            // Of block ciphers a length of 15 makes the longest padding.
            let longest = (0..16).map(|len| keys.write.sealed_len(len + 1) - len).max();
            RECORD_HEADER_LEN + keys.peer_id.len() + longest.unwrap_or(0)
        })
    }

    fn write_piece(&mut self, epoch: u16, out: &mut [u8]) -> Option<usize> {
        // Keeps the room that protection takes, whatever the length.
        let overhead = if epoch == EPOCH_PLAIN { RECORD_HEADER_LEN } else { self.overhead() };
        let room = out.len().checked_sub(overhead)?;
        // A datagram is not ended by a fragment of a few bytes.
        if room < HANDSHAKE_HEADER_LEN + 16 {
            return None;
        }
        let flight = core::mem::take(&mut self.flight);
        let piece = flight.next_piece(room);
        let written = piece.and_then(|(piece, behind)| {
            let written = match piece {
                Piece::ChangeCipherSpec => {
                    let content = [&CHANGE_CIPHER_SPEC[..], &[]];
                    let written = self.write_plain(ContentType::ChangeCipherSpec, content, out);
                    self.writes_protected |= written.is_some();
                    written
                }
                Piece::Fragment { epoch: EPOCH_PLAIN, header, body } => {
                    self.write_plain(ContentType::Handshake, [&header, body], out)
                }
                Piece::Fragment { header, body, .. } => {
                    self.protect(ContentType::Handshake, [&header, body], out).ok()
                }
            };
            written.map(|len| (len, behind))
        });
        self.flight = flight;
        let (len, behind) = written?;
        self.flight.advance(behind);
        Some(len)
    }

    fn write_plain(
        &mut self,
        content_type: ContentType,
        content: [&[u8]; 2],
        out: &mut [u8],
    ) -> Option<usize> {
        let header = Header {
            content_type,
            epoch: EPOCH_PLAIN,
            sequence: self.plain_sequence,
            connection: Connection::default(),
        };
        let len = content[0].len() + content[1].len();
        header.encode(len, out)?;
        let end = RECORD_HEADER_LEN + len;
        put(content, out.get_mut(RECORD_HEADER_LEN..end)?)?;
        self.plain_sequence += 1;
        Some(end)
    }

    /// Makes a protected record, if a number is left for it.
    fn protect(
        &mut self,
        content_type: ContentType,
        content: [&[u8]; 2],
        out: &mut [u8],
    ) -> Result<usize, Error> {
        let keys = self.keys.as_ref().ok_or(Error::NotConnected)?;
        if self.sequence >= self.sequence_limit {
            return Err(Error::ReservationExhausted);
        }
        let content_len = content[0].len() + content[1].len();
        if content_len > LONGEST_PLAINTEXT {
            return Err(Error::BadLength);
        }
        // With a connection id the type goes inside (RFC 9146, section 4).
        let has_id = !keys.peer_id.is_empty();
        let inner_len = content_len + usize::from(has_id);
        let header = Header {
            content_type: if has_id { ContentType::ConnectionId } else { content_type },
            epoch: EPOCH_PROTECTED,
            sequence: self.sequence,
            connection: keys.peer_id,
        };
        let fragment_len = keys.write.sealed_len(inner_len);
        let end = header.len() + fragment_len;
        header.encode(fragment_len, out).ok_or(Error::BadLength)?;
        let fragment = out.get_mut(header.len()..end).ok_or(Error::BadLength)?;
        let start = keys.write.content_start();
        let (place, behind) = fragment
            .get_mut(start..)
            .and_then(|rest| rest.split_at_mut_checked(content_len))
            .ok_or(Error::BadLength)?;
        put(content, place).ok_or(Error::BadLength)?;
        if has_id {
            *behind.first_mut().ok_or(Error::BadLength)? = content_type.byte();
        }
        keys.write.seal(&header, fragment, inner_len, &mut self.random)?;
        self.sequence += 1;
        Ok(end)
    }
}

/// Two parts, one behind the other; `None` if `out` is not as long as both.
fn put(content: [&[u8]; 2], out: &mut [u8]) -> Option<()> {
    let [first, second] = content;
    let (start, rest) = out.split_at_mut_checked(first.len())?;
    start.copy_from_slice(first);
    if rest.len() != second.len() {
        return None;
    }
    rest.copy_from_slice(second);
    Some(())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand_core::{TryCryptoRng, TryRng};

    use super::{LAST_SEQUENCE, SEQUENCE_END};
    use crate::handshake::MessageType;
    use crate::{Client, Datagram, Error, SealingKey, State};

    const PSK_GCM: u16 = 0x00a8;
    const PSK_CBC: u16 = 0x008c;

    /// A session from a blob, whose secrets are all zeros.
    fn connected<R: TryCryptoRng>(suite: u16, random: R) -> Client<R> {
        let mut content = vec![1; 1];
        content.extend_from_slice(&[0; 24]);
        content.extend_from_slice(&suite.to_be_bytes());
        content.extend_from_slice(&[0; 1 + 48 + 64 + 2]);
        let key = SealingKey::new(&[7; 16]).unwrap();
        let blob = key.seal(b"", &content, &mut getrandom::SysRng).unwrap();
        let mut client = Client::restore(&blob, &key, b"", 0, random).unwrap();
        client.sequence_limit = SEQUENCE_END;
        client
    }

    /// Fails so many times.
    struct Failing(u32);

    impl TryRng for Failing {
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

    impl TryCryptoRng for Failing {}

    /// Else a Finished would be lost until the flight is due again.
    #[test]
    fn what_cannot_be_written_stays_due() {
        let mut client = connected(PSK_CBC, Failing(2));
        client.flight.change_cipher_spec().unwrap();
        client
            .flight
            .add(MessageType::FINISHED, 3, |out| {
                out.extend_from_slice(&[5; 12]);
                Ok(())
            })
            .unwrap();
        let mut out = [0; 200];
        let change_cipher_spec = client.transmit(&mut out).unwrap();
        assert_eq!((change_cipher_spec, out[0]), (14, 20));
        assert_eq!(client.transmit(&mut out), None);
        // Nor in a buffer that is too short.
        assert_eq!(client.transmit(&mut out[..30]), None);
        assert!(client.transmit(&mut out).is_some());
        assert_eq!((out[0], client.sequence), (22, 1));
        assert_eq!(client.transmit(&mut out), None);

        client.close();
        assert_eq!(client.transmit(&mut out[..30]), None);
        client.random.0 = 1;
        assert_eq!(client.transmit(&mut out), None);
        assert!(client.transmit(&mut out).is_some());
        assert_eq!((out[0], client.sequence), (21, 2));
        assert_eq!(client.transmit(&mut out), None);
    }

    /// With AES-GCM a number that is used twice gives the key away.
    #[test]
    fn the_last_number_is_for_the_goodbye_and_no_other_follows() {
        let mut client = connected(PSK_GCM, getrandom::SysRng);
        client.sequence = LAST_SEQUENCE - 1;
        let mut out = [0; 100];
        client.send(b"x", &mut out).unwrap();
        assert_eq!(client.send(b"x", &mut out), Err(Error::SequenceExhausted));
        assert_eq!(client.state(), State::Ended(Error::SequenceExhausted));
        assert!(client.transmit(&mut out).is_some());
        assert_eq!(out[..11], [21, 0xfe, 0xfd, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(client.transmit(&mut out), None);
        client.close();
        assert_eq!(client.transmit(&mut out), None);
        let read = client.read(&mut Datagram::new(&mut out), 0);
        assert_eq!(read, Err(Error::SequenceExhausted));
    }
}
