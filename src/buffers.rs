//! Receive buffers on the heap, for transports whose datagrams are too long for a
//! small stack. One is kept. While it is in use, another call gets a second one.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::fallible::boxed;

/// The longest datagram that is received, and one byte. Servers send their handshakes in
/// datagrams that fit an Ethernet frame, and a message with its record is shorter.
pub(crate) const RECEIVE_BUFFER_LEN: usize = 2048;

#[derive(Default)]
pub(crate) struct Buffers {
    /// Boxed, since a context over UDP has none.
    #[allow(clippy::box_collection, reason = "a context over UDP has none")]
    all: Option<Box<Vec<Buffer>>>,
}

struct Buffer {
    is_taken: bool,
    bytes: Vec<u8>,
}

impl Buffers {
    /// The number of a buffer that no other call has; `None` if the heap is exhausted.
    pub(crate) fn take(&mut self) -> Option<usize> {
        if self.all.is_none() {
            self.all = boxed(Vec::new());
        }
        let all = self.all.as_mut()?;
        let number = match all.iter().position(|buffer| !buffer.is_taken) {
            Some(number) => number,
            None => add(all)?,
        };
        all.get_mut(number)?.is_taken = true;
        Some(number)
    }

    /// Its memory, which does not move while it is taken.
    pub(crate) fn memory(&mut self, number: usize) -> Option<*mut u8> {
        self.all.as_mut()?.get_mut(number).map(|buffer| buffer.bytes.as_mut_ptr())
    }

    /// Takes them all from the calls that have them.
    #[cfg(feature = "std")]
    pub(crate) fn give_back_all(&mut self) {
        for buffer in self.all.iter_mut().flat_map(|all| all.iter_mut()) {
            buffer.is_taken = false;
        }
    }

    /// Leaves a buffer to the call that has it.
    #[cfg(feature = "std")]
    pub(crate) fn keep(&mut self, number: usize) {
        if let Some(buffer) = self.all.as_mut().and_then(|all| all.get_mut(number)) {
            buffer.is_taken = true;
        }
    }

    /// Gives a buffer back; all but one are freed once no call has them.
    pub(crate) fn give_back(&mut self, number: usize) {
        let Some(all) = &mut self.all else { return };
        if let Some(buffer) = all.get_mut(number) {
            buffer.is_taken = false;
        }
        while all.len() > 1 && all.last().is_some_and(|buffer| !buffer.is_taken) {
            all.pop();
        }
    }
}

fn add(all: &mut Vec<Buffer>) -> Option<usize> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(RECEIVE_BUFFER_LEN).ok()?;
    bytes.resize(RECEIVE_BUFFER_LEN, 0);
    all.try_reserve_exact(1).ok()?;
    all.push(Buffer { is_taken: false, bytes });
    Some(all.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Buffers {
        /// How many calls have one.
        pub(crate) fn taken(&self) -> usize {
            self.all.iter().flat_map(|all| all.iter()).filter(|buffer| buffer.is_taken).count()
        }
    }

    #[test]
    fn memory_stays_where_it_is_while_others_come_and_go() {
        let mut buffers = Buffers::default();
        let first = buffers.take().expect("memory");
        let memory = buffers.memory(first).expect("it is taken");
        // SAFETY: the buffer is as long.
        unsafe { memory.add(RECEIVE_BUFFER_LEN - 1).write(7) };
        let others: Vec<_> = (0..20).map(|_| buffers.take().expect("memory")).collect();
        assert_eq!(buffers.taken(), 21);
        // SAFETY: as above, and nobody else writes to it.
        assert_eq!(unsafe { memory.add(RECEIVE_BUFFER_LEN - 1).read() }, 7);
        for other in others {
            assert_ne!(other, first);
            buffers.give_back(other);
        }
        assert_eq!(buffers.all.as_ref().map(|all| all.len()), Some(1), "all but one are freed");
        // SAFETY: as above.
        assert_eq!(unsafe { memory.add(RECEIVE_BUFFER_LEN - 1).read() }, 7);
        buffers.give_back(first);
        assert_eq!(buffers.taken(), 0);
        assert_eq!(buffers.take(), Some(first), "the one that stays");
    }

    #[test]
    fn a_buffer_is_freed_no_sooner_than_those_behind_it() {
        let mut buffers = Buffers::default();
        let [first, second, third] = [(); 3].map(|()| buffers.take().expect("memory"));
        buffers.give_back(second);
        assert!(buffers.memory(third).is_some());
        assert_eq!(buffers.take(), Some(second));
        buffers.give_back(second);
        buffers.give_back(third);
        assert_eq!(buffers.all.as_ref().map(|all| all.len()), Some(1));
        buffers.give_back(first);
        // The number of a buffer that was freed is ignored.
        buffers.give_back(third);
        assert!(buffers.memory(third).is_none());
    }
}
