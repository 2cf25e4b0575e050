//! Decides which socket to read, into which memory, and for how long. Only one call of a
//! context reads at a time.

use core::ffi::c_void;
use core::ptr::null_mut;

use iot_coap_client::{Duration, MAX_MESSAGE_LEN};

use crate::buffers::{HANDSHAKE_BUFFER_LEN, MESSAGE_BUFFER_LEN};
use crate::call::Call;
use crate::context::State;
use crate::link::{Beside, Reader, Reading, Side};
use crate::log::log_later;
use crate::port::IoError;

/// How long a read lasts while messages of another thread wait for its end.
pub(super) const SLICE: Duration = Duration::from_millis(20);

/// A read that cannot be ended is never longer than this, since Deinit waits for it.
const MAX_WITHOUT_STOP: Duration = Duration::from_secs(2);

/// The length of a wait's own buffer: the longest message, and one byte for the NUL after
/// its payload.
pub(super) const BUFFER_LEN: usize = MAX_MESSAGE_LEN + 1;

/// A read from the port. Plain data.
pub(super) struct Read {
    /// The socket that is read; `None` once the result was handled.
    pub(super) side: Option<Side>,
    /// Another socket must be read next.
    pub(super) is_shared: bool,
    reader: Option<Reader>,
    /// The socket of the other side, if this read also takes its datagrams.
    beside: Option<Beside>,
    pub(super) buffer: *mut u8,
    len: usize,
    pub(super) ms: u32,
    pub(super) result: Result<usize, IoError>,
}

impl Read {
    /// No read yet.
    pub(super) const fn none() -> Self {
        Self {
            side: None,
            is_shared: false,
            reader: None,
            beside: None,
            buffer: null_mut(),
            len: 0,
            ms: 0,
            result: Ok(0),
        }
    }

    /// Makes this call the one that reads, for at most `most`, into `own_buffer` or, if
    /// that is null, into a buffer on the heap. Returns false if another call reads, or
    /// there is no socket or no memory.
    pub(super) fn begin(
        &mut self,
        state: &mut State,
        call: &Call,
        own_buffer: *mut u8,
        most: Duration,
    ) -> bool {
        if state.is_io_claimed {
            return false;
        }
        let Some(Reading { side, reader, beside, is_shared }) = state.link.reading() else {
            return false;
        };
        // A candidate may be in its handshake. It is read into the transport's buffer.
        let may_be_handshake = is_shared || beside.is_some() || side == Side::Candidate;
        let Some((buffer, len)) = buffer(state, call, own_buffer, may_be_handshake) else {
            #[cfg(feature = "dtls-psk")]
            if side == Side::Candidate {
                let now = state.now();
                let State { link, log, .. } = state;
                link.handle_no_memory(now, log);
            }
            return false;
        };
        state.is_io_claimed = true;
        call.reads.set(true);
        let mut most = most;
        if is_shared {
            most = most.min(state.link.turn());
        }
        if most > MAX_WITHOUT_STOP && !reader.can_be_stopped() {
            most = MAX_WITHOUT_STOP;
        }
        self.side = Some(side);
        self.is_shared = is_shared;
        self.reader = Some(reader);
        self.beside = beside;
        (self.buffer, self.len) = (buffer, len);
        self.ms = most.as_millis_u32();
        true
    }

    /// Logs once that a datagram of `len` bytes may have been cut, if it was read for a
    /// session of our engine and fills the buffer: a firmware's port does not report that.
    /// A message that fills a wait's own buffer may be complete.
    #[inline]
    pub(super) fn note_length(&self, state: &mut State, len: usize) {
        let is_log_kept = cfg!(all(feature = "dtls-psk", feature = "log"));
        if is_log_kept && len >= MESSAGE_BUFFER_LEN - 1 && len == self.len {
            note_full(state, len);
        }
    }
}

#[cold]
#[inline(never)]
fn note_full(state: &mut State, len: usize) {
    if state.buffers.note_full() {
        log_later!(
            state.log,
            Warning,
            "a datagram fills the buffer of {len} bytes and may have been cut; let the server \
             send shorter ones, e.g. by its MTU"
        );
    }
}

/// Returns memory to read into, and its length. The last byte of a message buffer is kept
/// for a NUL.
#[inline]
fn buffer(
    state: &mut State,
    call: &Call,
    own_buffer: *mut u8,
    may_be_handshake: bool,
) -> Option<(*mut u8, usize)> {
    if !cfg!(feature = "dtls-psk") || !own_buffer.is_null() {
        return Some((own_buffer, BUFFER_LEN - 1));
    }
    heap_buffer(state, call, may_be_handshake)
}

// In a function of its own, which a context over UDP never calls.
#[inline(never)]
fn heap_buffer(state: &mut State, call: &Call, may_be_handshake: bool) -> Option<(*mut u8, usize)> {
    let number = match call.buffer.get() {
        Some(number) => number,
        None => state.buffers.take()?,
    };
    call.buffer.set(Some(number));
    let len = if may_be_handshake { HANDSHAKE_BUFFER_LEN } else { MESSAGE_BUFFER_LEN };
    Some((state.buffers.memory(number, len)?, len - 1))
}

/// How long this thread may read at a time. Other threads' messages wait until it sends
/// them, or notices their timers. A message that is sent during the read is due again after
/// `ACK_TIMEOUT` at the earliest.
pub(super) fn longest(state: &State) -> Duration {
    if state.shared && !state.link.is_full_duplex() { SLICE } else { state.client.ack_timeout() }
}

/// Reads.
///
/// # Safety
///
/// `argument` points to a [`Read`], whose buffer is this call's alone.
pub(super) unsafe extern "C-unwind" fn perform(argument: *mut c_void) {
    // SAFETY: by the contract, `argument` points to a read, whose buffer has the length
    // `len` and is this call's alone.
    unsafe {
        let read = argument.cast::<Read>();
        let Read { side, reader, beside, buffer, len, ms, .. } = *read;
        (*read).result = match (reader, beside) {
            (Some(reader), None) => reader.read(buffer, len, ms),
            (Some(reader), Some(beside)) => {
                let (is_other, result) = reader.read_either(beside, buffer, len, ms);
                if is_other {
                    (*read).side = side.map(Side::other);
                }
                result
            }
            (None, _) => Ok(0),
        };
    }
}
