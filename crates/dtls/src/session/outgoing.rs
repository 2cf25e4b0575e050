//! Writes flights and alerts into records and datagrams.

use rand_core::TryCryptoRng;

use super::RecordWriter;
use crate::alert::Alert;
use crate::error::Error;
use crate::handshake::{Flight, FlightRecord, HANDSHAKE_HEADER_LEN};
use crate::keys::Keys;
use crate::record::{ContentType, EPOCH_PLAIN, FragmentLength, RECORD_HEADER_LEN};

const CHANGE_CIPHER_SPEC: [u8; 1] = [1];

/// The shortest fragment of a handshake message that is worth a record at the end of a
/// datagram, in bytes.
const MIN_FRAGMENT_LEN: usize = 16;

/// The least room for the content of a record of a flight, in bytes.
pub(crate) const MIN_ROOM: usize = HANDSHAKE_HEADER_LEN + MIN_FRAGMENT_LEN;

/// The parts of a session that take part in sending.
pub(crate) struct Outgoing<'s, R> {
    pub(crate) flight: &'s mut Flight,
    pub(crate) writer: &'s mut RecordWriter,
    pub(crate) keys: Option<&'s Keys>,
    pub(crate) random: &'s mut R,
    /// The most bytes of a handshake message in a record.
    pub(crate) max_fragment: FragmentLength,
}

impl<R: TryCryptoRng> Outgoing<'_, R> {
    /// Writes the next datagram that is due: as many records of the flight as fit into it,
    /// or else the alert. Data that does not fit or cannot be encrypted remains due.
    pub(crate) fn poll(mut self, alert: &mut Option<Alert>, out: &mut [u8]) -> Option<usize> {
        let mut len = 0;
        while let Some(epoch) = self.flight.next_epoch() {
            let Some(rest) = out.get_mut(len..) else { break };
            match self.write_flight_record(epoch, rest) {
                Some(written) => len += written,
                None => break,
            }
        }
        if len > 0 {
            return Some(len);
        }
        let content = (*alert)?.encode();
        let written = if self.writer.is_protected() {
            self.write_protected(ContentType::Alert, [&content, &[]], out).ok()
        } else {
            self.writer.write_plain(ContentType::Alert, [&content, &[]], out)
        };
        alert.take_if(|_| written.is_some());
        written
    }

    /// Writes the next record of the flight; `None` if it does not fit or cannot be
    /// encrypted.
    fn write_flight_record(&mut self, epoch: u16, out: &mut [u8]) -> Option<usize> {
        let overhead = if epoch == EPOCH_PLAIN {
            RECORD_HEADER_LEN
        } else {
            self.keys.map_or(0, Keys::record_overhead)
        };
        let room = out.len().checked_sub(overhead)?.min(self.max_fragment.bytes());
        if room < MIN_ROOM {
            return None;
        }
        let flight = core::mem::take(self.flight);
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
        *self.flight = flight;
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
        self.writer.write_protected(self.keys, self.random, content_type, content, out)
    }
}
