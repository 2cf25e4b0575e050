//! Waiting: what a thread does in `IOT_CoAP_Yield` and every other call that waits. A
//! wait is a sequence of steps. A step locks the context, decides, unlocks, and says what
//! to do next: read, sleep, or call the program.
//!
//! Meanwhile the stack holds nothing that would have to be given back, see
//! [`crate::call`]: a step releases what it takes, and hands on plain data.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use iot_coap_client::{Duration, Instant, MAX_MESSAGE_LEN};

use super::notify::Outcall;
use super::{Until, next_timeout, transmit};
use crate::buffers::RECEIVE_BUFFER_LEN;
use crate::call::{Call, interruptible};
use crate::context::{Context, State};
use crate::link::{Reader, Reading, Side, TURN_MS, Work};
use crate::lock::Guard;
use crate::panic::catch;
use crate::port::{self, IoError};
use crate::thread;

/// How long a thread waits before it looks again whether it can read.
const LOOK_IN: Duration = Duration::from_millis(5);

/// How long a read lasts while messages of another thread wait for its end.
const SLICE: Duration = Duration::from_millis(20);

/// How long to wait after a read that failed at once.
const FAILED_READ: Duration = Duration::from_millis(10);

/// No read is longer: Deinit waits for it.
const MAX_READ: Duration = Duration::from_secs(10);

/// One more byte than a message may have, for the NUL after a payload.
const BUFFER_LEN: usize = MAX_MESSAGE_LEN + 1;

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Done,
    Read,
    Sleep,
    Call,
}

/// A datagram, and the part of it that is not handled yet.
#[derive(Clone, Copy)]
pub(super) struct Incoming {
    pub(super) side: Side,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A read from the port.
pub(super) struct Read {
    reader: Option<Reader>,
    pub(super) buffer: *mut u8,
    len: usize,
    ms: u32,
    result: Result<usize, IoError>,
}

/// One wait, from step to step. Plain data.
pub(super) struct Wait {
    until: Until,
    most: Duration,
    /// When it ends; set by the first step.
    end: Option<Instant>,
    /// A buffer on the stack; null if one on the heap is used.
    own_buffer: *mut u8,
    pub(super) read: Read,
    /// Which socket the last read was from.
    side: Option<Side>,
    pub(super) incoming: Option<Incoming>,
    pub(super) outcall: Outcall,
    sleep_ms: u32,
    /// The last read found nothing.
    is_drained: bool,
    /// A datagram was handled.
    pub(super) has_handled: bool,
    /// When timers were last handled.
    timed_at: Option<Instant>,
}

impl Wait {
    /// Whether a datagram was waited for and one was handled, with nothing left to
    /// tell.
    fn is_content(&self, state: &State) -> bool {
        self.has_handled
            && matches!(self.until, Until::Datagram)
            && !state.client.has_event()
            && !state.link.has_news()
    }
}

/// Waits for at most `most`, and meanwhile does all that the client and the link need.
/// `None` if it panicked.
///
/// # Safety
///
/// The frames above hold nothing that is to be dropped, and no lock.
pub(crate) unsafe fn wait(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
) -> Option<()> {
    // SAFETY: by the contract, the frames above hold nothing.
    unsafe {
        if context.uses_heap_buffers {
            run(name, context, call, until, most, null_mut())
        } else {
            wait_on_stack(name, context, call, until, most)
        }
    }
}

/// [`wait`] with a buffer on the stack, in a frame of its own: with DTLS a board needs
/// that room for other things.
#[inline(never)]
unsafe fn wait_on_stack(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
) -> Option<()> {
    let mut buffer = MaybeUninit::<[u8; BUFFER_LEN]>::uninit();
    // SAFETY: by the contract, the frames above hold nothing; an array is not dropped.
    unsafe { run(name, context, call, until, most, buffer.as_mut_ptr().cast()) }
}

unsafe fn run(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
    own_buffer: *mut u8,
) -> Option<()> {
    let mut wait = Wait {
        until,
        most,
        end: None,
        own_buffer,
        read: Read { reader: None, buffer: null_mut(), len: 0, ms: 0, result: Ok(0) },
        side: None,
        incoming: None,
        outcall: Outcall::none(),
        sleep_ms: 0,
        is_drained: false,
        has_handled: false,
        timed_at: None,
    };
    loop {
        let Some(action) = catch(name, || step(context, call, &mut wait)) else {
            let _ = catch(name, || context.abandon(call));
            return None;
        };
        let (work, argument): (crate::call::Blocking, *mut c_void) = match action {
            Action::Done => return Some(()),
            Action::Read => (read, (&raw mut wait.read).cast()),
            Action::Sleep => (sleep, (&raw mut wait.sleep_ms).cast()),
            Action::Call => (call_out, (&raw mut wait.outcall).cast()),
        };
        // SAFETY: each work takes the argument that goes with it; this frame and those
        // above hold nothing that is to be dropped.
        unsafe { interruptible(call, work, argument) };
    }
}

unsafe extern "C-unwind" fn read(argument: *mut c_void) {
    // SAFETY: `run` passes a read, whose buffer has the length that it says and is
    // this call's alone.
    unsafe {
        let read = argument.cast::<Read>();
        let Read { reader, buffer, len, ms, .. } = &*read;
        let result = match reader {
            Some(reader) => reader.read(*buffer, *len, *ms),
            None => Ok(0),
        };
        (*read).result = result;
    }
}

unsafe extern "C-unwind" fn sleep(argument: *mut c_void) {
    // SAFETY: `run` passes milliseconds.
    port::sleep_ms(unsafe { argument.cast::<u32>().read() });
}

unsafe extern "C-unwind" fn call_out(argument: *mut c_void) {
    // SAFETY: `run` passes an outcall, and no lock is held.
    unsafe { (*argument.cast::<Outcall>()).call() }
}

fn step(context: &Context, call: &Call, wait: &mut Wait) -> Action {
    let mut state = context.state.lock();
    #[cfg(test)]
    super::trip::point();
    Context::take_in(&mut state, call, wait);
    #[cfg(test)]
    super::trip::point();
    let (state, action) = context.decide(state, call, wait);
    #[cfg(test)]
    super::trip::point();
    Context::unlock(state);
    action
}

impl Context {
    /// Takes in the result of what was done since the last step.
    fn take_in(state: &mut State, call: &Call, wait: &mut Wait) {
        if call.calls_back.get() {
            call.end_callback();
            state.callbacks -= 1;
            wait.outcall.response.invalidate();
        }
        let Some(side) = wait.side.take() else { return };
        call.reads.set(false);
        state.reading = false;
        match wait.read.result {
            Ok(0) => {
                wait.is_drained = true;
                Self::release_buffer(state, call);
            }
            Ok(len) => wait.incoming = Some(Incoming { side, start: 0, end: len }),
            Err(error) => {
                let now = state.now();
                let State { link, log, .. } = state;
                link.handle_read_error(now, side, error, log);
                wait.is_drained = true;
                wait.sleep_ms = FAILED_READ.as_millis_u32();
                Self::release_buffer(state, call);
            }
        }
    }

    fn decide<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        call: &Call,
        wait: &mut Wait,
    ) -> (Guard<'s, State>, Action) {
        if wait.incoming.is_none() && wait.is_content(&state) {
            return (self.write_stores(state), Action::Done);
        }
        let mut now = state.now();
        let end = *wait.end.get_or_insert(now + wait.most);
        loop {
            while wait.incoming.is_some() {
                if Self::handle_incoming(&mut state, now, call, wait) {
                    return Self::call_out(state, call);
                }
            }
            if (state.client.has_event() || !state.link.is_at_rest())
                && self.has_outcall(&mut state, now, wait)
            {
                return Self::call_out(state, call);
            }
            state = self.write_stores(state);
            if wait.is_content(&state) {
                return (state, Action::Done);
            }
            if !state.reading && !state.link.is_at_rest() {
                let is_changed;
                (state, is_changed) = self.tend_link(state, now, call);
                if is_changed {
                    now = state.now();
                    continue;
                }
            }
            transmit(&mut state, now, None);
            let due = next_timeout(&state);
            if due.is_some_and(|due| now >= due) && wait.timed_at != Some(now) {
                if !wait.is_drained && Self::begin_read(&mut state, call, wait, Duration::ZERO) {
                    return (state, Action::Read);
                }
                wait.timed_at = Some(now);
                wait.is_drained = false;
                Self::handle_timeout(&mut state, now);
                continue;
            }
            let is_connected = state.link.is_connected();
            if now >= end || state.closing || wait.until.is_met(&state.client, is_connected) {
                return (state, Action::Done);
            }
            let until = due.map_or(end, |due| due.min(end));
            // At least a millisecond, also if a timer ends at once.
            let left = (until - now).max(Duration::from_millis(1));
            let action = Self::pass_time(&mut state, call, wait, left);
            return (state, action);
        }
    }

    /// Decides how to let time pass: by a read, or by sleeping.
    fn pass_time(state: &mut State, call: &Call, wait: &mut Wait, left: Duration) -> Action {
        let after_failure = core::mem::take(&mut wait.sleep_ms);
        let pause = if after_failure != 0 {
            left.min(FAILED_READ)
        } else if state.reading {
            state.shared = true;
            left.min(LOOK_IN)
        } else {
            wait.is_drained = false;
            let longest = Self::longest_read(state);
            if Self::begin_read(state, call, wait, left.min(longest)) {
                return Action::Read;
            }
            // No socket, or no memory to read into.
            if state.link.is_looking() { left.min(SLICE) } else { left.min(MAX_READ) }
        };
        wait.sleep_ms = pause.as_millis_u32();
        Action::Sleep
    }

    /// Makes this call the one that reads, for at most `most`; returns whether it can.
    fn begin_read(state: &mut State, call: &Call, wait: &mut Wait, most: Duration) -> bool {
        if state.reading {
            return false;
        }
        let Some(Reading { side, reader, is_shared }) = state.link.reading() else { return false };
        let Some((buffer, len)) = Self::take_buffer(state, call, wait) else { return false };
        state.reading = true;
        call.reads.set(true);
        let most = if is_shared { most.min(Duration::from_millis(TURN_MS.into())) } else { most };
        let ms = most.as_millis_u32();
        wait.side = Some(side);
        wait.read = Read { reader: Some(reader), buffer, len, ms, result: Ok(0) };
        true
    }

    /// Memory to read into, and how much. A message's last byte is kept for a NUL.
    fn take_buffer(state: &mut State, call: &Call, wait: &Wait) -> Option<(*mut u8, usize)> {
        if !wait.own_buffer.is_null() {
            return Some((wait.own_buffer, BUFFER_LEN - 1));
        }
        let number = match call.buffer.get() {
            Some(number) => number,
            None => state.buffers.take()?,
        };
        call.buffer.set(Some(number));
        Some((state.buffers.memory(number)?, RECEIVE_BUFFER_LEN - 1))
    }

    pub(super) fn release_buffer(state: &mut State, call: &Call) {
        if let Some(number) = call.buffer.take() {
            state.buffers.give_back(number);
        }
    }

    /// How long this thread may read at a time. Messages of other threads wait for it to
    /// send them, or to see their timers.
    fn longest_read(state: &State) -> Duration {
        if state.shared && !state.link.is_full_duplex() {
            SLICE
        } else if state.shared || state.sender.is_some_and(|sender| sender != thread::current()) {
            // A message that is sent during the read is due again after this time at
            // the earliest.
            state.client.ack_timeout()
        } else {
            MAX_READ
        }
    }

    /// Handles the timers that have ended. Everything that had arrived is handled.
    fn handle_timeout(state: &mut State, now: Instant) {
        if state.client.next_timeout().is_some_and(|at| now >= at) {
            state.client.handle_timeout(now);
        }
        let State { client, link, log, .. } = state;
        if link.next_timeout().is_some_and(|at| now >= at) {
            link.handle_timeout(now, client.awaits_acknowledgement(), log);
        }
    }

    /// Closes and opens transports for the link, with no lock held. The caller is the only
    /// thread that reads. Returns whether there was anything to do.
    fn tend_link<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        now: Instant,
        call: &Call,
    ) -> (Guard<'s, State>, bool) {
        let retired = state.link.take_retired();
        let work = state.link.work(now);
        if retired.is_none() && work.is_none() {
            return (state, false);
        }
        state.reading = true;
        call.reads.set(true);
        Self::unlock(state);
        if let Some(retired) = retired {
            retired.close();
        }
        let opened = work.map(|work| match work {
            Work::Open => self.connector.reopen(now),
            Work::OpenOver(socket) => self.connector.open_over(socket, now, None),
        });
        let mut state = self.state.lock();
        call.reads.set(false);
        state.reading = false;
        if let Some(opened) = opened {
            let now = state.now();
            let State { link, log, .. } = &mut *state;
            link.open(now, opened, log);
        }
        (state, true)
    }

    /// Whether there is something to tell the program, other than an answer.
    fn has_outcall(&self, state: &mut State, now: Instant, wait: &mut Wait) -> bool {
        if state.link.take_renewed() && !matches!(wait.until, Until::Connected) {
            state.client.handle_session_renewed(now);
            if wait.outcall.session_renewed(self) {
                return true;
            }
        }
        while let Some(event) = state.client.poll_event() {
            if wait.outcall.event(self, state, &event) {
                return true;
            }
        }
        false
    }

    /// Lets the next thing to do be a call of the program.
    fn call_out<'s>(mut state: Guard<'s, State>, call: &Call) -> (Guard<'s, State>, Action) {
        state.callbacks += 1;
        call.begin_callback();
        (state, Action::Call)
    }
}
