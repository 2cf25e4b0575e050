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

/// Of how many messages it is remembered what they were: a flight with certificates, and the
/// request for a cookie and the Finished.
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

/// What [`Reassembly::insert`] did with a fragment.
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
    /// It has not come, or not completely.
    Incomplete,
    Complete(Message),
    /// A message of this type was not expected in this epoch, and was dropped. Its number
    /// remains free for another message.
    Unexpected(MessageType, u16),
}

/// The messages that are incomplete or not next yet.
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

    /// The same for a peer whose first message has this number.
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

    /// Whether an earlier message was another one, as far as a fragment tells. Cookies may
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

/// The type of a message and a checksum of its content, FNV-1a: whoever makes two messages with
/// one checksum gains nothing but time.
fn identity(kind: MessageType, body: &[u8]) -> u32 {
    let add = |sum: u32, &byte: &u8| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    body.iter().fold(0x811c_9dc5, add) & !KIND | u32::from(kind.0) << 24
}

/// Adds a range, and joins it with those that it touches. Returns false if there are too
/// many ranges.
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
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::{FragmentHeader, Inserted, MessageType, NextMessage, Reassembly, add_range};

    fn header(message_seq: u16, message_len: usize, offset: usize) -> FragmentHeader {
        FragmentHeader { kind: MessageType::CERTIFICATE, message_len, message_seq, offset }
    }

    /// The body of the next message, if it is complete.
    fn next(reassembly: &mut Reassembly) -> Option<Vec<u8>> {
        match reassembly.next_message(|_, _| true) {
            NextMessage::Complete(message) => Some(message.body),
            _ => None,
        }
    }

    #[test]
    fn overlapping_fragments_in_any_order_complete_the_message() {
        let body: Vec<u8> = (0..100).collect();
        let mut reassembly = Reassembly::new(1000);
        for (start, end) in [(50, 70), (90, 100), (0, 20), (60, 95), (10, 55)] {
            assert_eq!(next(&mut reassembly), None);
            let inserted = reassembly.insert(header(0, 100, start), 0, &body[start..end]).unwrap();
            assert_eq!(inserted, Inserted::Accepted);
        }
        assert_eq!(next(&mut reassembly), Some(body.clone()));
        let repeated = reassembly.insert(header(0, 100, 0), 0, &body).unwrap();
        assert_eq!(repeated, Inserted::Retransmission);
    }

    #[test]
    fn an_empty_message_is_complete_at_once() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.insert(header(0, 0, 0), 0, &[]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![]));
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.insert(header(1, 1, 0), 0, &[1]).unwrap();
        assert_eq!(next(&mut reassembly), None);
        reassembly.insert(header(0, 1, 0), 0, &[0]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![0]));
        assert_eq!(next(&mut reassembly), Some(vec![1]));
    }

    #[test]
    fn memory_is_bounded_and_the_next_message_has_priority() {
        let mut reassembly = Reassembly::new(100);
        for message_seq in 1..20 {
            reassembly.insert(header(message_seq, 60, 0), 0, &[0]).unwrap();
        }
        assert!(reassembly.held_len <= 100);
        reassembly.insert(header(0, 80, 0), 0, &[7; 80]).unwrap();
        assert!(reassembly.held_len <= 100);
        assert_eq!(next(&mut reassembly), Some(vec![7; 80]));
        assert_eq!(
            reassembly.insert(header(1, 101, 0), 0, &[0]),
            Ok(Inserted::TooLong { limit: 100 })
        );
    }

    fn with_kind(kind: MessageType, header: FragmentHeader) -> FragmentHeader {
        FragmentHeader { kind, ..header }
    }

    /// Either may be forged. If the later one counts, the genuine message arrives when the
    /// server retransmits it.
    #[test]
    fn the_later_of_two_contradicting_fragments_counts() {
        let forged = [
            header(0, 5, 1),
            header(0, 3, 0),
            header(0, 0, 0),
            with_kind(MessageType::FINISHED, header(0, 4, 0)),
        ];
        for forged in forged {
            let mut reassembly = Reassembly::new(100);
            reassembly.insert(forged, 0, &[9; 2][..forged.message_len.min(2)]).unwrap();
            reassembly.insert(header(0, 4, 0), 0, &[1, 2]).unwrap();
            // A forged fragment in between discards what came before it.
            reassembly.insert(forged, 0, &[]).unwrap();
            reassembly.insert(header(0, 4, 2), 0, &[3, 4]).unwrap();
            assert_eq!(next(&mut reassembly), None);
            reassembly.insert(header(0, 4, 0), 0, &[1, 2]).unwrap();
            assert_eq!(next(&mut reassembly), Some(vec![1, 2, 3, 4]), "{forged:?}");
            assert_eq!(reassembly.held_len, 0);
        }
    }

    #[test]
    fn contradicting_fragments_hold_one_message_each() {
        let mut reassembly = Reassembly::new(100);
        for round in 0..1000 {
            let len = 1 + round * 7 % 90;
            reassembly.insert(header((round % 3) as u16, len, 0), 0, &[0]).unwrap();
            let held: usize = reassembly.messages.iter().map(|message| message.body.len()).sum();
            assert_eq!(reassembly.held_len, held);
            assert!(held <= 100 && reassembly.messages.len() <= 3);
        }
        // A later message is not replaced by one that does not fit.
        let mut reassembly = Reassembly::new(100);
        reassembly.insert(header(0, 60, 0), 0, &[7; 60]).unwrap();
        reassembly.insert(header(1, 40, 0), 0, &[8; 40]).unwrap();
        reassembly.insert(header(1, 41, 0), 0, &[9; 41]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![7; 60]));
        assert_eq!(next(&mut reassembly), Some(vec![8; 40]));
    }

    /// Once it is the next message, complete or not.
    #[test]
    fn an_unexpected_message_is_dropped_and_does_not_block_others() {
        let expected = |kind, _| kind == MessageType::CERTIFICATE;
        let mut reassembly = Reassembly::new(100);
        reassembly.insert(with_kind(MessageType::FINISHED, header(1, 90, 0)), 0, &[0]).unwrap();
        reassembly.insert(header(0, 1, 0), 0, &[1]).unwrap();
        assert!(matches!(reassembly.next_message(expected), NextMessage::Complete(_)));
        let dropped = reassembly.next_message(expected);
        assert!(matches!(dropped, NextMessage::Unexpected(MessageType::FINISHED, 0)));
        assert_eq!(reassembly.held_len, 0);
        assert!(matches!(reassembly.next_message(expected), NextMessage::Incomplete));
        reassembly.insert(header(1, 1, 0), 0, &[2]).unwrap();
        let NextMessage::Complete(message) = reassembly.next_message(expected) else {
            panic!("none")
        };
        assert_eq!((message.message_seq, message.body), (1, vec![2]));
    }

    #[test]
    fn authenticated_fragments_displace_unauthenticated_ones() {
        let mut reassembly = Reassembly::new(100);
        reassembly.insert(header(0, 2, 0), 0, &[9]).unwrap();
        reassembly.insert(header(0, 2, 0), 1, &[1, 2]).unwrap();
        reassembly.insert(header(0, 2, 0), 0, &[9]).unwrap();
        let mut epoch = None;
        let message = reassembly.next_message(|_, message_epoch| {
            epoch = Some(message_epoch);
            true
        });
        assert!(matches!(message, NextMessage::Complete(message) if message.body == [1, 2]));
        assert_eq!(epoch, Some(1));
    }

    #[test]
    fn ranges_join_when_they_touch() {
        let mut received = Vec::new();
        for (start, end) in [(10, 20), (30, 40), (50, 60), (20, 30), (0, 5)] {
            assert!(add_range(&mut received, start, end).unwrap());
        }
        assert_eq!(received, [(0, 5), (10, 40), (50, 60)]);
        add_range(&mut received, 4, 55).unwrap();
        assert_eq!(received, [(0, 60)]);
    }
}
