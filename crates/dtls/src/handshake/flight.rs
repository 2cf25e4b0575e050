//! A flight: the messages that this side sends together, and retransmits until the answer
//! comes (RFC 6347, section 4.2.4). It is stored as plaintext, since each transmission
//! takes new record numbers. Timers are in another module.

use alloc::vec::Vec;

use zeroize::Zeroize;

use super::header::{FragmentHeader, HANDSHAKE_HEADER_LEN, MessageType};
use crate::error::Error;
use crate::record::{EPOCH_PLAIN, EPOCH_PROTECTED};

/// The messages of a flight, and how much of them has been sent.
#[derive(Default)]
pub(crate) struct Flight {
    /// The bodies of all messages, one after another.
    bodies: Vec<u8>,
    items: Vec<Item>,
    position: Position,
}

/// How much of a flight has been sent: the index of the next item, and how many bytes
/// of its body.
#[derive(Clone, Copy, Default)]
pub(crate) struct Position(usize, usize);

#[derive(Clone, Copy)]
enum Item {
    Message { header: FragmentHeader, start: usize, epoch: u16 },
    ChangeCipherSpec,
}

/// The part of a flight that goes into one record.
pub(crate) enum FlightRecord<'f> {
    ChangeCipherSpec,
    Fragment { epoch: u16, header: [u8; HANDSHAKE_HEADER_LEN], body: &'f [u8] },
}

impl Flight {
    /// Removes all messages. Keeps the memory for the next flight.
    pub(crate) fn clear(&mut self) {
        self.bodies.zeroize();
        self.items.clear();
        self.position = Position::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a message. `write` appends its body to the given memory. Returns the header
    /// and the body as they enter the transcript.
    pub(crate) fn add(
        &mut self,
        kind: MessageType,
        message_seq: u16,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<([u8; HANDSHAKE_HEADER_LEN], &[u8]), Error> {
        let start = self.bodies.len();
        write(&mut self.bodies)?;
        let body = self.bodies.get(start..).unwrap_or_default();
        let header = FragmentHeader::of_message(kind, message_seq, body.len());
        let protected = self.items.iter().any(|item| matches!(item, Item::ChangeCipherSpec));
        let epoch = if protected { EPOCH_PROTECTED } else { EPOCH_PLAIN };
        self.items.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.items.push(Item::Message { header, start, epoch });
        Ok((header.encode(body.len()), body))
    }

    /// Adds a ChangeCipherSpec. The messages after it are protected.
    pub(crate) fn add_change_cipher_spec(&mut self) -> Result<(), Error> {
        self.items.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.items.push(Item::ChangeCipherSpec);
        Ok(())
    }

    /// Makes the whole flight due again.
    pub(crate) fn rewind(&mut self) {
        self.position = Position::default();
    }

    #[inline]
    pub(crate) fn is_sent(&self) -> bool {
        self.position.0 >= self.items.len()
    }

    /// The epoch of the record that is due next.
    pub(crate) fn next_epoch(&self) -> Option<u16> {
        Some(match self.items.get(self.position.0)? {
            Item::Message { epoch, .. } => *epoch,
            Item::ChangeCipherSpec => EPOCH_PLAIN,
        })
    }

    /// An upper limit for the length of the due part, in bytes. Each record is `overhead`
    /// bytes longer than its content, and has room for at least `least` bytes of content.
    pub(crate) fn due_len(&self, overhead: usize, least: usize) -> usize {
        let items = self.items.get(self.position.0..).unwrap_or_default();
        let lens = items.iter().map(|item| match item {
            Item::Message { header, .. } => HANDSHAKE_HEADER_LEN + header.message_len,
            Item::ChangeCipherSpec => 1,
        });
        lens.map(|len| overhead + len.max(least)).sum()
    }

    /// The content of the next record, with at most `room` bytes, and the position to
    /// [`advance`](Self::advance) to once it is written. `None` if nothing is due or
    /// nothing fits.
    pub(crate) fn next_record(&self, room: usize) -> Option<(FlightRecord<'_>, Position)> {
        let Position(index, sent) = self.position;
        match *self.items.get(index)? {
            Item::ChangeCipherSpec if room == 0 => None,
            Item::ChangeCipherSpec => {
                Some((FlightRecord::ChangeCipherSpec, Position(index + 1, 0)))
            }
            Item::Message { header, start, epoch } => {
                let left = header.message_len - sent;
                let room = room.checked_sub(HANDSHAKE_HEADER_LEN)?;
                let len = left.min(room);
                if len == 0 && left > 0 {
                    return None;
                }
                let body = self.bodies.get(start + sent..start + sent + len)?;
                let header = FragmentHeader { offset: sent, ..header }.encode(len);
                let end =
                    if len == left { Position(index + 1, 0) } else { Position(index, sent + len) };
                Some((FlightRecord::Fragment { epoch, header, body }, end))
            }
        }
    }

    /// Marks everything before `position` as sent.
    pub(crate) fn advance(&mut self, position: Position) {
        self.position = position;
    }
}
