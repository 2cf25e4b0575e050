//! Reassembles the server's handshake messages from fragments, which may be repeated,
//! overlapping and in any order (RFC 6347, section 4.2.3), in bounded memory. Messages
//! are returned in the order of their numbers.
//!
//! Before there are keys, anybody can send a fragment. If two fragments contradict each
//! other, the later one counts. So a forged fragment is displaced when the server
//! retransmits its flight, and an attacker has to forge again each time.

use alloc::vec::Vec;

use super::header::{FragmentHeader, MessageType};
use crate::error::Error;
use crate::key_schedule::Transcript;

/// How far a message may be ahead of the next one. The longest flight has five messages.
const MAX_AHEAD: u16 = 8;

/// How many separate ranges of one message are kept. Fragments that would make more are
/// dropped; the server retransmits them.
const MAX_RANGES: usize = 16;

/// How many returned messages are remembered: a flight with certificates, the
/// HelloVerifyRequest, and the Finished.
const REMEMBERED: usize = 8;

/// A message that may be incomplete.
struct PartialMessage {
    kind: MessageType,
    message_seq: u16,
    epoch: u16,
    body: Vec<u8>,
    /// The received parts of the body, as sorted ranges that do not touch.
    received: Vec<(usize, usize)>,
}

/// A complete message.
pub(crate) struct Message {
    pub(crate) kind: MessageType,
    pub(crate) message_seq: u16,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// Adds the message to a transcript as if it had come in one piece (RFC 6347, section
    /// 4.2.6).
    pub(crate) fn add_to(&self, transcript: &mut Transcript) {
        let len = self.body.len();
        let header = FragmentHeader::of_message(self.kind, self.message_seq, len);
        transcript.add(&header.encode(len));
        transcript.add(&self.body);
    }
}

/// The result of [`Reassembly::insert`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It was kept, or dropped for a reason that does not matter to the caller.
    Accepted,
    /// It belongs to an earlier message, so the server retransmits its flight.
    Retransmission,
    /// It has the number of an earlier message and differs from it, so one of the two was
    /// forged.
    Contradiction,
    /// It belongs to the next message, which is longer than this limit.
    TooLong { limit: usize },
}

/// The state of the next message.
pub(crate) enum NextMessage {
    /// It has not arrived, or not completely.
    Incomplete,
    Complete(Message),
    /// A message of this type was not expected in this epoch, and was dropped. Its number
    /// remains free for another message.
    Unexpected(MessageType, u16),
}

/// The messages that are incomplete, or not next yet.
pub(crate) struct Reassembly {
    next_seq: u16,
    messages: Vec<PartialMessage>,
    /// The length of all bodies together.
    held_len: usize,
    max_held_len: usize,
    /// The types and checksums of the messages that were returned last, by their numbers.
    returned: [u32; REMEMBERED],
}

impl Reassembly {
    /// `max_held_len` bounds the length of all bodies together.
    pub(crate) fn new(max_held_len: usize) -> Self {
        let returned = [0; REMEMBERED];
        Self { next_seq: 0, messages: Vec::new(), held_len: 0, max_held_len, returned }
    }

    /// Like [`new`](Self::new), for a peer whose first message has this number.
    #[cfg(feature = "server")]
    pub(crate) fn starting_at(next_seq: u16, max_held_len: usize) -> Self {
        Self { next_seq, ..Self::new(max_held_len) }
    }

    /// Forgets the messages that were not returned.
    pub(crate) fn clear(&mut self) {
        self.messages.clear();
        self.held_len = 0;
    }

    /// Adds a fragment from a record of `epoch`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn insert(
        &mut self,
        header: FragmentHeader,
        epoch: u16,
        fragment: &[u8],
    ) -> Result<Inserted, Error> {
        if header.message_seq < self.next_seq {
            let contradicts = self.contradicts(&header, fragment);
            return Ok(if contradicts {
                Inserted::Contradiction
            } else {
                Inserted::Retransmission
            });
        }
        if header.message_seq - self.next_seq >= MAX_AHEAD {
            return Ok(Inserted::Accepted);
        }
        if header.message_len > self.max_held_len && header.message_seq == self.next_seq {
            return Ok(Inserted::TooLong { limit: self.max_held_len });
        }
        let Some(message) = self.message_for(header, epoch)? else {
            return Ok(Inserted::Accepted);
        };
        let end = header.offset + fragment.len();
        if let Some(destination) = message.body.get_mut(header.offset..end)
            && add_range(&mut message.received, header.offset, end)?
        {
            destination.copy_from_slice(fragment);
        }
        Ok(Inserted::Accepted)
    }

    /// Whether a fragment differs from the earlier message with its number. Cookies may
    /// differ.
    fn contradicts(&self, header: &FragmentHeader, fragment: &[u8]) -> bool {
        let number = usize::from(header.message_seq);
        if number + REMEMBERED < usize::from(self.next_seq) {
            return false;
        }
        let is_whole = fragment.len() == header.message_len;
        let has_content = is_whole && header.kind != MessageType::HELLO_VERIFY_REQUEST;
        let differs = self.returned[number % REMEMBERED] ^ identity(header.kind, fragment);
        differs & KIND != 0 || has_content && differs != 0
    }

    /// The message that this fragment belongs to. `None` if there is no room for it, or if
    /// fragments of a later epoch, which are authenticated, contradict it.
    fn message_for(
        &mut self,
        header: FragmentHeader,
        epoch: u16,
    ) -> Result<Option<&mut PartialMessage>, Error> {
        let same = |message: &PartialMessage| message.message_seq == header.message_seq;
        let existing = self.messages.iter().position(same);
        let mut replaced_len = 0;
        if let Some(index) = existing {
            let message = &self.messages[index];
            if message.epoch > epoch {
                return Ok(None);
            }
            let agrees = message.kind == header.kind && message.body.len() == header.message_len;
            if message.epoch == epoch && agrees {
                return Ok(self.messages.get_mut(index));
            }
            replaced_len = message.body.len();
        }
        let is_next = header.message_seq == self.next_seq;
        if !is_next && self.held_len - replaced_len + header.message_len > self.max_held_len {
            return Ok(None);
        }
        if let Some(index) = existing {
            self.held_len -= replaced_len;
            self.messages.swap_remove(index);
        }
        self.make_room(header.message_len);
        let mut body = Vec::new();
        body.try_reserve_exact(header.message_len).map_err(|_| Error::OutOfMemory)?;
        body.resize(header.message_len, 0);
        self.messages.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.held_len += header.message_len;
        self.messages.push(PartialMessage {
            kind: header.kind,
            message_seq: header.message_seq,
            epoch,
            body,
            received: Vec::new(),
        });
        Ok(self.messages.last_mut())
    }

    /// Drops later messages to make room for the next one, without which they are useless.
    fn make_room(&mut self, len: usize) {
        while self.held_len + len > self.max_held_len {
            let Some(dropped) = self.messages.pop() else { break };
            self.held_len -= dropped.body.len();
        }
    }

    /// Removes and returns the next message if it is complete. `is_expected` gets its type
    /// and epoch; if it returns false, the message is dropped, complete or not.
    pub(crate) fn next_message(
        &mut self,
        is_expected: impl FnOnce(MessageType, u16) -> bool,
    ) -> NextMessage {
        let is_next = |message: &PartialMessage| message.message_seq == self.next_seq;
        let Some(index) = self.messages.iter().position(is_next) else {
            return NextMessage::Incomplete;
        };
        let message = &self.messages[index];
        let is_expected = is_expected(message.kind, message.epoch);
        let is_complete = match message.received[..] {
            [(0, end)] => end == message.body.len(),
            _ => false,
        };
        if is_expected && !is_complete {
            return NextMessage::Incomplete;
        }
        let PartialMessage { kind, message_seq, epoch, body, .. } =
            self.messages.swap_remove(index);
        self.held_len -= body.len();
        if !is_expected {
            return NextMessage::Unexpected(kind, epoch);
        }
        self.returned[usize::from(self.next_seq) % REMEMBERED] = identity(kind, &body);
        self.next_seq = self.next_seq.saturating_add(1);
        NextMessage::Complete(Message { kind, message_seq, body })
    }
}

/// The bits of [`identity`] that hold the type.
const KIND: u32 = 0xff00_0000;

/// The type of a message and a checksum of its content, FNV-1a. An attacker who finds two
/// messages with one checksum only delays the handshake.
fn identity(kind: MessageType, body: &[u8]) -> u32 {
    let add = |sum: u32, &byte: &u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    body.iter().fold(0x811c_9dc5, add) & !KIND | u32::from(kind.0) << 24
}

/// Adds a range, and joins it with the ranges that it touches. Returns false if there are
/// too many ranges.
fn add_range(received: &mut Vec<(usize, usize)>, start: usize, end: usize) -> Result<bool, Error> {
    let first = received.partition_point(|&(_, range_end)| range_end < start);
    let last = received.partition_point(|&(range_start, _)| range_start <= end);
    if first < last {
        // It touches the ranges from `first` to `last`: replace them by one.
        let joined = (start.min(received[first].0), end.max(received[last - 1].1));
        received[first] = joined;
        received.drain(first + 1..last);
    } else {
        if received.len() == MAX_RANGES {
            return Ok(false);
        }
        received.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        received.insert(first, (start, end));
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
