//! A flight: the messages that this side sends together, again and again until
//! the answer comes (RFC 6347, section 4.2.4). It is kept as plaintext, since
//! each sending takes new record numbers. It keeps no time.

use alloc::vec::Vec;

use super::header::{FragmentHeader, HANDSHAKE_HEADER_LEN, MessageType};
use crate::error::Error;
use crate::record::{EPOCH_PLAIN, EPOCH_PROTECTED};

/// The messages of a flight and how much of them has gone out.
#[derive(Default)]
pub(crate) struct Flight {
    /// Bodies, one after another.
    bodies: Vec<u8>,
    items: Vec<Item>,
    position: Position,
}

/// The item that is due, and how many of its bytes have been sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Position(usize, usize);

#[derive(Clone, Copy)]
enum Item {
    Message { header: FragmentHeader, start: usize, epoch: u16 },
    ChangeCipherSpec,
}

/// A piece of a flight that goes into one record.
pub(crate) enum Piece<'f> {
    ChangeCipherSpec,
    Fragment { epoch: u16, header: [u8; HANDSHAKE_HEADER_LEN], body: &'f [u8] },
}

impl Flight {
    /// Starts over with nothing, keeping the memory.
    pub(crate) fn clear(&mut self) {
        use zeroize::Zeroize;
        self.bodies.zeroize();
        self.items.clear();
        self.position = Position::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds a message, whose `write` appends its body, and returns header and
    /// body as the transcript takes them.
    pub(crate) fn add(
        &mut self,
        kind: MessageType,
        message_seq: u16,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<([u8; HANDSHAKE_HEADER_LEN], &[u8]), Error> {
        let start = self.bodies.len();
        write(&mut self.bodies)?;
        let body = self.bodies.get(start..).unwrap_or_default();
        let header = FragmentHeader::of_whole(kind, message_seq, body.len());
        let protected = self.items.iter().any(|item| matches!(item, Item::ChangeCipherSpec));
        let epoch = if protected { EPOCH_PROTECTED } else { EPOCH_PLAIN };
        self.items.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.items.push(Item::Message { header, start, epoch });
        Ok((header.encode(body.len()), body))
    }

    /// What follows is protected.
    pub(crate) fn change_cipher_spec(&mut self) -> Result<(), Error> {
        self.items.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.items.push(Item::ChangeCipherSpec);
        Ok(())
    }

    /// Everything is due again.
    pub(crate) fn rewind(&mut self) {
        self.position = Position::default();
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.position.0 >= self.items.len()
    }

    /// The epoch of what is due next.
    pub(crate) fn next_epoch(&self) -> Option<u16> {
        Some(match self.items.get(self.position.0)? {
            Item::Message { epoch, .. } => *epoch,
            Item::ChangeCipherSpec => EPOCH_PLAIN,
        })
    }

    /// The next piece, of at most `room` bytes in a record, and where to
    /// [`advance`](Self::advance) to once it is written; `None` when nothing is
    /// due or nothing of it fits.
    pub(crate) fn next_piece(&self, room: usize) -> Option<(Piece<'_>, Position)> {
        let Position(index, sent) = self.position;
        match *self.items.get(index)? {
            Item::ChangeCipherSpec if room == 0 => None,
            Item::ChangeCipherSpec => Some((Piece::ChangeCipherSpec, Position(index + 1, 0))),
            Item::Message { header, start, epoch } => {
                let left = header.message_len - sent;
                let room = room.checked_sub(HANDSHAKE_HEADER_LEN)?;
                let len = left.min(room);
                if len == 0 && left > 0 {
                    return None;
                }
                let body = self.bodies.get(start + sent..start + sent + len)?;
                let header = FragmentHeader { offset: sent, ..header }.encode(len);
                let behind =
                    if len == left { Position(index + 1, 0) } else { Position(index, sent + len) };
                Some((Piece::Fragment { epoch, header, body }, behind))
            }
        }
    }

    /// The pieces up to here have been written.
    pub(crate) fn advance(&mut self, position: Position) {
        self.position = position;
    }
}
