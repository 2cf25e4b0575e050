//! Receive buffers on the heap, for transports whose datagrams are too long for a small
//! stack. One buffer, long enough for messages, is kept. While it is in use, another call
//! gets a second one.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::fallible::boxed;

/// The longest datagram that is received over a session, plus one byte. A message in its
/// record is shorter. A server that uses a pre-shared key sends no certificates, and so no
/// datagram longer than an Ethernet frame.
pub(crate) const MESSAGE_BUFFER_LEN: usize =
    if cfg!(any(feature = "std", feature = "dtls-p256", feature = "dtls-rsa")) {
        2048
    } else {
        1473
    };

/// The longest datagram that is received during a handshake, plus one byte. Some servers do
/// not split a flight, or split it for their own network (GnuTLS with `--mtu`, Mbed TLS
/// without an MTU). This is room for the longest message that the engine accepts, and for
/// the messages beside it in a flight.
#[cfg(all(feature = "std", feature = "dtls-psk"))]
pub(crate) const HANDSHAKE_BUFFER_LEN: usize = iot_coap_dtls::DEFAULT_MAX_MESSAGE_LEN + 512;

/// As above, for a board: it has little memory, and talks to servers whose handshake
/// datagrams fit an Ethernet frame.
#[cfg(not(all(feature = "std", feature = "dtls-psk")))]
pub(crate) const HANDSHAKE_BUFFER_LEN: usize = MESSAGE_BUFFER_LEN;

#[derive(Default)]
pub(crate) struct Buffers {
    /// Boxed, since a context over UDP has no buffers.
    all: Option<Box<All>>,
}

#[derive(Default)]
struct All {
    buffers: Vec<Buffer>,
    /// A datagram filled one of the buffers.
    was_full: bool,
}

#[derive(Default)]
struct Buffer {
    is_taken: bool,
    bytes: Vec<u8>,
}

impl Buffer {
    /// Makes the buffer `len` bytes long; its content is lost. Returns `None`, and leaves
    /// it empty, if the heap is exhausted.
    fn fit(&mut self, len: usize) -> Option<()> {
        if self.bytes.len() != len {
            // Free the old memory first: both at once would raise the peak.
            self.bytes = Vec::new();
            self.bytes.try_reserve_exact(len).ok()?;
            self.bytes.resize(len, 0);
        }
        Some(())
    }
}

impl Buffers {
    /// Returns the number of a buffer that no other call has, or `None` if the heap is
    /// exhausted.
    pub(crate) fn take(&mut self) -> Option<usize> {
        if self.all.is_none() {
            self.all = boxed(All::default());
        }
        let all = &mut self.all.as_mut()?.buffers;
        let number = match all.iter().position(|buffer| !buffer.is_taken) {
            Some(number) => number,
            None => add(all)?,
        };
        all.get_mut(number)?.is_taken = true;
        Some(number)
    }

    /// The memory of a buffer that the caller has taken, `len` bytes long. It moves only if
    /// its length changes.
    pub(crate) fn memory(&mut self, number: usize, len: usize) -> Option<*mut u8> {
        let buffer = self.all.as_mut()?.buffers.get_mut(number)?;
        buffer.fit(len)?;
        Some(buffer.bytes.as_mut_ptr())
    }

    /// Notes that a datagram filled a buffer. Returns whether this is the first time.
    pub(crate) fn note_full(&mut self) -> bool {
        self.all.as_mut().is_some_and(|all| !core::mem::replace(&mut all.was_full, true))
    }

    /// Takes all buffers back from the calls that have them.
    #[cfg(feature = "std")]
    pub(crate) fn give_back_all(&mut self) {
        for buffer in self.all.iter_mut().flat_map(|all| all.buffers.iter_mut()) {
            buffer.is_taken = false;
        }
    }

    /// Leaves a buffer to the call that has it.
    #[cfg(feature = "std")]
    pub(crate) fn keep(&mut self, number: usize) {
        if let Some(buffer) = self.all.as_mut().and_then(|all| all.buffers.get_mut(number)) {
            buffer.is_taken = true;
        }
    }

    /// Gives a buffer back. Once no call has a buffer, all but one are freed. The one that
    /// stays is sized for messages, since handshakes are rare.
    pub(crate) fn give_back(&mut self, number: usize) {
        let Some(All { buffers: all, .. }) = self.all.as_deref_mut() else { return };
        if let Some(buffer) = all.get_mut(number) {
            buffer.is_taken = false;
            if HANDSHAKE_BUFFER_LEN > MESSAGE_BUFFER_LEN && buffer.bytes.len() > MESSAGE_BUFFER_LEN
            {
                // If there is no memory, the next call tries again.
                let _ = buffer.fit(MESSAGE_BUFFER_LEN);
            }
        }
        while all.len() > 1 && all.last().is_some_and(|buffer| !buffer.is_taken) {
            all.pop();
        }
    }
}

fn add(all: &mut Vec<Buffer>) -> Option<usize> {
    all.try_reserve_exact(1).ok()?;
    all.push(Buffer::default());
    Some(all.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Buffers {
        /// How many calls have a buffer.
        pub(crate) fn taken(&self) -> usize {
            self.all
                .iter()
                .flat_map(|all| all.buffers.iter())
                .filter(|buffer| buffer.is_taken)
                .count()
        }
    }

    #[test]
    fn memory_stays_where_it_is_while_others_come_and_go() {
        let mut buffers = Buffers::default();
        let first = buffers.take().expect("memory");
        let memory = buffers.memory(first, MESSAGE_BUFFER_LEN).expect("it is taken");
        // SAFETY: the buffer has the length that was asked for.
        unsafe { memory.add(MESSAGE_BUFFER_LEN - 1).write(7) };
        let others: Vec<_> = (0..20).map(|_| buffers.take().expect("memory")).collect();
        assert_eq!(buffers.taken(), 21);
        // SAFETY: as above, and nobody else writes to it.
        assert_eq!(unsafe { memory.add(MESSAGE_BUFFER_LEN - 1).read() }, 7);
        for other in others {
            assert_ne!(other, first);
            buffers.give_back(other);
        }
        assert_eq!(
            buffers.all.as_ref().map(|all| all.buffers.len()),
            Some(1),
            "all but one are freed"
        );
        // SAFETY: as above.
        assert_eq!(unsafe { memory.add(MESSAGE_BUFFER_LEN - 1).read() }, 7);
        buffers.give_back(first);
        assert_eq!(buffers.taken(), 0);
        assert_eq!(buffers.take(), Some(first), "the one that stays");
    }

    #[test]
    fn a_buffer_is_freed_no_sooner_than_those_behind_it() {
        let mut buffers = Buffers::default();
        let [first, second, third] = [(); 3].map(|()| buffers.take().expect("memory"));
        buffers.give_back(second);
        assert!(buffers.memory(third, MESSAGE_BUFFER_LEN).is_some());
        assert_eq!(buffers.take(), Some(second));
        buffers.give_back(second);
        buffers.give_back(third);
        assert_eq!(buffers.all.as_ref().map(|all| all.buffers.len()), Some(1));
        buffers.give_back(first);
        // The number of a buffer that was freed is ignored.
        buffers.give_back(third);
        assert!(buffers.memory(third, MESSAGE_BUFFER_LEN).is_none());
    }

    /// A context with a session takes no more memory than before its handshake.
    #[cfg(all(feature = "std", feature = "dtls-psk"))]
    #[test]
    fn a_long_buffer_is_kept_no_longer_than_a_handshake_takes() {
        let mut buffers = Buffers::default();
        let len_of = |buffers: &Buffers, number: usize| {
            buffers.all.as_ref().map(|all| all.buffers[number].bytes.capacity())
        };
        let number = buffers.take().expect("memory");
        let memory = buffers.memory(number, HANDSHAKE_BUFFER_LEN).expect("memory");
        // SAFETY: the buffer has the length that was asked for.
        unsafe { memory.add(HANDSHAKE_BUFFER_LEN - 1).write(7) };
        assert_eq!(buffers.memory(number, HANDSHAKE_BUFFER_LEN), Some(memory), "it stays");
        buffers.give_back(number);
        assert_eq!(len_of(&buffers, number), Some(MESSAGE_BUFFER_LEN));
        // A handshake begins or ends while a call has a buffer.
        let number = buffers.take().expect("memory");
        for len in [MESSAGE_BUFFER_LEN, HANDSHAKE_BUFFER_LEN, MESSAGE_BUFFER_LEN] {
            buffers.memory(number, len).expect("memory");
            assert_eq!(len_of(&buffers, number), Some(len));
        }
    }
}
