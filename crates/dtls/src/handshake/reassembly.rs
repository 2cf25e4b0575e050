//! Putting the peer's handshake messages together from fragments that come cut,
//! twice, overlapping and in any order (RFC 6347, section 4.2.3), in bounded
//! memory. It hands messages out in the order of their numbers.
//!
//! Before there are keys anybody may send a fragment. Where two contradict each
//! other the later one counts: who forges one has to do it again each time that
//! the peer repeats its flight, or the true message comes through.

use alloc::vec::Vec;

use super::header::{FragmentHeader, MessageType};
use crate::error::Error;

/// Messages after the next one that are held: the rest of the longest flight,
/// which has five.
const WINDOW: u16 = 8;

/// Pieces of one message between which there are gaps; more are dropped, and
/// come again.
const MOST_GAPS: usize = 16;

/// A message that is being put together.
struct Partial {
    kind: MessageType,
    message_seq: u16,
    epoch: u16,
    body: Vec<u8>,
    /// What has come, as sorted ranges that do not touch.
    received: Vec<(usize, usize)>,
}

/// A message that is whole.
pub(crate) struct Message {
    pub(crate) kind: MessageType,
    pub(crate) message_seq: u16,
    pub(crate) body: Vec<u8>,
}

/// What a fragment turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Kept, or of no use.
    Kept,
    /// Part of a message that was handed out before: the peer repeats itself.
    Repeated,
    /// Part of the next message, which alone is longer than may be held.
    TooLong,
}

/// What there is of the next message.
pub(crate) enum Next {
    /// Not all of it.
    Partial,
    Whole(Message),
    /// It is of a kind that, in this epoch, is not expected, and has been
    /// dropped. Its number stays free for another.
    Unexpected(MessageType, u16),
}

pub(crate) struct Reassembly {
    next: u16,
    partial: Vec<Partial>,
    held: usize,
    most_held: usize,
}

impl Reassembly {
    /// At most `most_held` bytes of messages are held at any time.
    pub(crate) fn new(most_held: usize) -> Self {
        Self { next: 0, partial: Vec::new(), held: 0, most_held }
    }

    /// Takes a fragment of a record of `epoch`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn take(
        &mut self,
        header: FragmentHeader,
        epoch: u16,
        fragment: &[u8],
    ) -> Result<Taken, Error> {
        if header.message_seq < self.next {
            return Ok(Taken::Repeated);
        }
        if header.message_seq - self.next >= WINDOW {
            return Ok(Taken::Kept);
        }
        if header.message_len > self.most_held && header.message_seq == self.next {
            return Ok(Taken::TooLong);
        }
        let Some(partial) = self.slot(header, epoch)? else {
            return Ok(Taken::Kept);
        };
        let end = header.offset + fragment.len();
        if let Some(room) = partial.body.get_mut(header.offset..end)
            && mark(&mut partial.received, header.offset, end)?
        {
            room.copy_from_slice(fragment);
        }
        Ok(Taken::Kept)
    }

    /// Where fragments of this message go; `None` if there is no room, or if
    /// what came before is better proved.
    fn slot(&mut self, header: FragmentHeader, epoch: u16) -> Result<Option<&mut Partial>, Error> {
        let same = |partial: &Partial| partial.message_seq == header.message_seq;
        let held = self.partial.iter().position(same);
        let mut replaced = 0;
        if let Some(index) = held {
            let partial = &self.partial[index];
            if partial.epoch > epoch {
                return Ok(None);
            }
            let agrees = partial.kind == header.kind && partial.body.len() == header.message_len;
            if partial.epoch == epoch && agrees {
                return Ok(self.partial.get_mut(index));
            }
            replaced = partial.body.len();
        }
        let is_next = header.message_seq == self.next;
        if !is_next && self.held - replaced + header.message_len > self.most_held {
            return Ok(None);
        }
        if let Some(index) = held {
            self.held -= replaced;
            self.partial.swap_remove(index);
        }
        self.make_room(header.message_len);
        let mut body = Vec::new();
        body.try_reserve_exact(header.message_len).map_err(|_| Error::OutOfMemory)?;
        body.resize(header.message_len, 0);
        self.partial.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.held += header.message_len;
        self.partial.push(Partial {
            kind: header.kind,
            message_seq: header.message_seq,
            epoch,
            body,
            received: Vec::new(),
        });
        Ok(self.partial.last_mut())
    }

    /// Gives up later messages for the next one, without which they are of no
    /// use.
    fn make_room(&mut self, len: usize) {
        while self.held + len > self.most_held {
            let Some(dropped) = self.partial.pop() else { break };
            self.held -= dropped.body.len();
        }
    }

    /// Hands out the next message once all of it is there, and drops it as soon
    /// as it is of a kind that, in its epoch, is not expected.
    pub(crate) fn next_message(
        &mut self,
        is_expected: impl FnOnce(MessageType, u16) -> bool,
    ) -> Next {
        let is_next = |partial: &Partial| partial.message_seq == self.next;
        let Some(index) = self.partial.iter().position(is_next) else {
            return Next::Partial;
        };
        let partial = &self.partial[index];
        let is_expected = is_expected(partial.kind, partial.epoch);
        let is_whole = match partial.received[..] {
            [(0, end)] => end == partial.body.len(),
            _ => false,
        };
        if is_expected && !is_whole {
            return Next::Partial;
        }
        let Partial { kind, message_seq, epoch, body, .. } = self.partial.swap_remove(index);
        self.held -= body.len();
        if !is_expected {
            return Next::Unexpected(kind, epoch);
        }
        self.next = self.next.saturating_add(1);
        Next::Whole(Message { kind, message_seq, body })
    }
}

/// Adds a range; false if there are too many already.
fn mark(received: &mut Vec<(usize, usize)>, start: usize, end: usize) -> Result<bool, Error> {
    let first = received.partition_point(|&(_, before)| before < start);
    let last = received.partition_point(|&(after, _)| after <= end);
    if first < last {
        // It touches those from `first` to `last`: one range instead.
        let joined = (start.min(received[first].0), end.max(received[last - 1].1));
        received[first] = joined;
        received.drain(first + 1..last);
    } else {
        if received.len() == MOST_GAPS {
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

    use super::{FragmentHeader, MessageType, Next, Reassembly, Taken, mark};

    fn header(message_seq: u16, message_len: usize, offset: usize) -> FragmentHeader {
        FragmentHeader { kind: MessageType::CERTIFICATE, message_len, message_seq, offset }
    }

    /// The body of the next message, if all of it is there.
    fn next(reassembly: &mut Reassembly) -> Option<Vec<u8>> {
        match reassembly.next_message(|_, _| true) {
            Next::Whole(message) => Some(message.body),
            _ => None,
        }
    }

    #[test]
    fn fragments_in_any_order_with_overlaps_make_the_message() {
        let whole: Vec<u8> = (0..100).collect();
        let mut reassembly = Reassembly::new(1000);
        for (start, end) in [(50, 70), (90, 100), (0, 20), (60, 95), (10, 55)] {
            assert_eq!(next(&mut reassembly), None);
            let taken = reassembly.take(header(0, 100, start), 0, &whole[start..end]).unwrap();
            assert_eq!(taken, Taken::Kept);
        }
        assert_eq!(next(&mut reassembly), Some(whole.clone()));
        let repeated = reassembly.take(header(0, 100, 0), 0, &whole).unwrap();
        assert_eq!(repeated, Taken::Repeated);
    }

    #[test]
    fn an_empty_message_is_whole_at_once() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.take(header(0, 0, 0), 0, &[]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![]));
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.take(header(1, 1, 0), 0, &[1]).unwrap();
        assert_eq!(next(&mut reassembly), None);
        reassembly.take(header(0, 1, 0), 0, &[0]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![0]));
        assert_eq!(next(&mut reassembly), Some(vec![1]));
    }

    #[test]
    fn memory_is_bounded_and_the_next_message_comes_first() {
        let mut reassembly = Reassembly::new(100);
        for message_seq in 1..20 {
            reassembly.take(header(message_seq, 60, 0), 0, &[0]).unwrap();
        }
        assert!(reassembly.held <= 100);
        reassembly.take(header(0, 80, 0), 0, &[7; 80]).unwrap();
        assert!(reassembly.held <= 100);
        assert_eq!(next(&mut reassembly), Some(vec![7; 80]));
        assert_eq!(reassembly.take(header(1, 101, 0), 0, &[0]), Ok(Taken::TooLong));
    }

    fn of_kind(kind: MessageType, header: FragmentHeader) -> FragmentHeader {
        FragmentHeader { kind, ..header }
    }

    /// The first one may be forged as well as the second. If the later one
    /// counts, the true message comes through when the peer repeats it.
    #[test]
    fn of_fragments_that_contradict_each_other_the_later_one_counts() {
        let forged = [
            header(0, 5, 1),
            header(0, 3, 0),
            header(0, 0, 0),
            of_kind(MessageType::FINISHED, header(0, 4, 0)),
        ];
        for forged in forged {
            let mut reassembly = Reassembly::new(100);
            reassembly.take(forged, 0, &[9; 2][..forged.message_len.min(2)]).unwrap();
            reassembly.take(header(0, 4, 0), 0, &[1, 2]).unwrap();
            // In the middle, too, and then nothing of what came before counts.
            reassembly.take(forged, 0, &[]).unwrap();
            reassembly.take(header(0, 4, 2), 0, &[3, 4]).unwrap();
            assert_eq!(next(&mut reassembly), None);
            reassembly.take(header(0, 4, 0), 0, &[1, 2]).unwrap();
            assert_eq!(next(&mut reassembly), Some(vec![1, 2, 3, 4]), "{forged:?}");
            assert_eq!(reassembly.held, 0);
        }
    }

    #[test]
    fn contradictions_hold_no_more_than_one_message() {
        let mut reassembly = Reassembly::new(100);
        for round in 0..1000 {
            let len = 1 + round * 7 % 90;
            reassembly.take(header((round % 3) as u16, len, 0), 0, &[0]).unwrap();
            let held = reassembly.partial.iter().map(|partial| partial.body.len()).sum();
            assert_eq!(reassembly.held, held);
            assert!(held <= 100 && reassembly.partial.len() <= 3);
        }
        // A later message gives no room to what would not fit beside the others.
        let mut reassembly = Reassembly::new(100);
        reassembly.take(header(0, 60, 0), 0, &[7; 60]).unwrap();
        reassembly.take(header(1, 40, 0), 0, &[8; 40]).unwrap();
        reassembly.take(header(1, 41, 0), 0, &[9; 41]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![7; 60]));
        assert_eq!(next(&mut reassembly), Some(vec![8; 40]));
    }

    /// As soon as it is the next one, whole or not.
    #[test]
    fn a_message_that_is_not_expected_is_dropped_and_keeps_no_other_out() {
        let expected = |kind, _| kind == MessageType::CERTIFICATE;
        let mut reassembly = Reassembly::new(100);
        reassembly.take(of_kind(MessageType::FINISHED, header(1, 90, 0)), 0, &[0]).unwrap();
        reassembly.take(header(0, 1, 0), 0, &[1]).unwrap();
        assert!(matches!(reassembly.next_message(expected), Next::Whole(_)));
        let dropped = reassembly.next_message(expected);
        assert!(matches!(dropped, Next::Unexpected(MessageType::FINISHED, 0)));
        assert_eq!(reassembly.held, 0);
        assert!(matches!(reassembly.next_message(expected), Next::Partial));
        reassembly.take(header(1, 1, 0), 0, &[2]).unwrap();
        let Next::Whole(message) = reassembly.next_message(expected) else { panic!("none") };
        assert_eq!((message.message_seq, message.body), (1, vec![2]));
    }

    #[test]
    fn what_is_proved_displaces_what_anybody_may_have_sent() {
        let mut reassembly = Reassembly::new(100);
        reassembly.take(header(0, 2, 0), 0, &[9]).unwrap();
        reassembly.take(header(0, 2, 0), 1, &[1, 2]).unwrap();
        reassembly.take(header(0, 2, 0), 0, &[9]).unwrap();
        let mut epoch = None;
        let message = reassembly.next_message(|_, of| {
            epoch = Some(of);
            true
        });
        assert!(matches!(message, Next::Whole(message) if message.body == [1, 2]));
        assert_eq!(epoch, Some(1));
    }

    #[test]
    fn ranges_join_when_they_touch() {
        let mut received = Vec::new();
        for (start, end) in [(10, 20), (30, 40), (50, 60), (20, 30), (0, 5)] {
            assert!(mark(&mut received, start, end).unwrap());
        }
        assert_eq!(received, [(0, 5), (10, 40), (50, 60)]);
        mark(&mut received, 4, 55).unwrap();
        assert_eq!(received, [(0, 60)]);
    }
}
