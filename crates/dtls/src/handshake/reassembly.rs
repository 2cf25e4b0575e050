//! Putting the peer's handshake messages together from fragments that come cut,
//! twice, overlapping and in any order (RFC 6347, section 4.2.3), in bounded
//! memory. It hands messages out in the order of their numbers.

use alloc::vec::Vec;

use super::header::{FragmentHeader, MessageType};
use crate::error::{Error, Violation};

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
    pub(crate) epoch: u16,
    pub(crate) body: Vec<u8>,
}

/// What a fragment turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Kept, or of no use.
    Kept,
    /// Part of a message that was handed out before: the peer repeats itself.
    Repeated,
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
    /// [`Violation::TooLong`] if the next message alone is longer than may be
    /// held; [`Error::OutOfMemory`].
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
            return Err(Violation::TooLong.into());
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
    /// they contradict those that came before.
    fn slot(&mut self, header: FragmentHeader, epoch: u16) -> Result<Option<&mut Partial>, Error> {
        let same = |partial: &Partial| partial.message_seq == header.message_seq;
        if let Some(index) = self.partial.iter().position(same) {
            let partial = &self.partial[index];
            if partial.epoch == epoch {
                let agrees =
                    partial.kind == header.kind && partial.body.len() == header.message_len;
                return Ok(self.partial.get_mut(index).filter(|_| agrees));
            }
            if partial.epoch > epoch {
                return Ok(None);
            }
            // What is proved displaces what anybody may have sent.
            self.held -= partial.body.len();
            self.partial.swap_remove(index);
        }
        if header.message_seq == self.next {
            self.make_room(header.message_len);
        }
        if self.held + header.message_len > self.most_held {
            return Ok(None);
        }
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

    /// The next message, once all of it is there.
    pub(crate) fn next_message(&mut self) -> Option<Message> {
        let index = self.partial.iter().position(|partial| {
            partial.message_seq == self.next
                && match partial.received[..] {
                    [(0, end)] => end == partial.body.len(),
                    _ => false,
                }
        })?;
        let Partial { kind, message_seq, epoch, body, .. } = self.partial.swap_remove(index);
        self.held -= body.len();
        self.next = self.next.checked_add(1)?;
        Some(Message { kind, message_seq, epoch, body })
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

    use super::{Error, FragmentHeader, MessageType, Reassembly, Taken, Violation, mark};

    fn header(message_seq: u16, message_len: usize, offset: usize) -> FragmentHeader {
        FragmentHeader { kind: MessageType::CERTIFICATE, message_len, message_seq, offset }
    }

    #[test]
    fn fragments_in_any_order_with_overlaps_make_the_message() {
        let whole: Vec<u8> = (0..100).collect();
        let mut reassembly = Reassembly::new(1000);
        for (start, end) in [(50, 70), (90, 100), (0, 20), (60, 95), (10, 55)] {
            assert!(reassembly.next_message().is_none());
            let taken = reassembly.take(header(0, 100, start), 0, &whole[start..end]).unwrap();
            assert_eq!(taken, Taken::Kept);
        }
        assert_eq!(reassembly.next_message().unwrap().body, whole);
        let repeated = reassembly.take(header(0, 100, 0), 0, &whole).unwrap();
        assert_eq!(repeated, Taken::Repeated);
    }

    #[test]
    fn an_empty_message_is_whole_at_once() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.take(header(0, 0, 0), 0, &[]).unwrap();
        assert!(reassembly.next_message().unwrap().body.is_empty());
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut reassembly = Reassembly::new(1000);
        reassembly.take(header(1, 1, 0), 0, &[1]).unwrap();
        assert!(reassembly.next_message().is_none());
        reassembly.take(header(0, 1, 0), 0, &[0]).unwrap();
        assert_eq!(reassembly.next_message().unwrap().body, [0]);
        assert_eq!(reassembly.next_message().unwrap().body, [1]);
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
        assert_eq!(reassembly.next_message().unwrap().body, [7; 80]);
        let too_long = reassembly.take(header(1, 101, 0), 0, &[0]);
        assert_eq!(too_long, Err(Error::Protocol(Violation::TooLong)));
    }

    #[test]
    fn a_fragment_that_contradicts_the_first_one_is_dropped() {
        let mut reassembly = Reassembly::new(100);
        reassembly.take(header(0, 4, 0), 0, &[1, 2]).unwrap();
        reassembly.take(header(0, 5, 2), 0, &[9, 9, 9]).unwrap();
        assert!(reassembly.next_message().is_none());
        reassembly.take(header(0, 4, 2), 0, &[3, 4]).unwrap();
        assert_eq!(reassembly.next_message().unwrap().body, [1, 2, 3, 4]);
    }

    #[test]
    fn what_is_proved_displaces_what_anybody_may_have_sent() {
        let mut reassembly = Reassembly::new(100);
        reassembly.take(header(0, 2, 0), 0, &[9]).unwrap();
        reassembly.take(header(0, 2, 0), 1, &[1, 2]).unwrap();
        let message = reassembly.next_message().unwrap();
        assert_eq!((message.epoch, message.body), (1, vec![1, 2]));
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
