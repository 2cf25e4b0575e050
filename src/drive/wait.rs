//! Waiting: what a thread does in `IOT_CoAP_Yield` and every other call that takes
//! its time. A wait is a row of steps. A step locks the context, decides, and says
//! what to do next with no lock held: read, sleep, or call the program.
//!
//! While that is done nothing is on the stack that would have to be given back, see
//! [`crate::call`]: steps are closed in themselves, and what they hand on is plain data.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use iot_coap_client::{Duration, Instant, MAX_MESSAGE_LEN, Received, Response};

use super::notify::Outcall;
use super::{Until, next_timeout, transmit};
use crate::buffers::RECEIVE_BUFFER_LEN;
use crate::call::{Call, interruptible};
use crate::context::{Context, State};
use crate::link::{Reader, Reading, Side, TURN_MS, Work};
use crate::lock::Guard;
use crate::log::log_later;
use crate::panic::catch;
use crate::port::{self, IoError};
use crate::thread;

/// How long a thread waits before it looks whether it can read.
const LOOK_IN: Duration = Duration::from_millis(5);

/// How long a read waits at a time where another thread's messages wait for it.
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

/// What is left of a datagram.
#[derive(Clone, Copy)]
struct Incoming {
    side: Side,
    start: usize,
    end: usize,
}

/// A read from the port.
struct Read {
    reader: Option<Reader>,
    buffer: *mut u8,
    len: usize,
    ms: u32,
    result: Result<usize, IoError>,
}

/// One wait, from step to step. Plain data.
struct Wait {
    until: Until,
    most: Duration,
    /// When it ends; set by the first step.
    end: Option<Instant>,
    /// A buffer on the stack, where none of the heap's is used.
    own_buffer: *mut u8,
    read: Read,
    /// Where the read that was done was from.
    side: Option<Side>,
    incoming: Option<Incoming>,
    outcall: Outcall,
    sleep_ms: u32,
    /// Nothing lies unread.
    is_drained: bool,
    /// A datagram meant something.
    has_handled: bool,
    /// Time was looked at, at this point of it.
    timed_at: Option<Instant>,
}

/// Waits, at most `most`; meanwhile does all that a client needs. `None` if it
/// panicked.
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
    // SAFETY: as promised.
    unsafe {
        if context.connector.needs_long_buffer() {
            run(name, context, call, until, most, null_mut())
        } else {
            wait_on_stack(name, context, call, until, most)
        }
    }
}

/// The same with a buffer on the stack, in a frame of its own: on a board, DTLS needs
/// the room for other things.
#[inline(never)]
unsafe fn wait_on_stack(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
) -> Option<()> {
    let mut buffer = MaybeUninit::<[u8; BUFFER_LEN]>::uninit();
    // SAFETY: as promised; an array holds nothing that is to be dropped.
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
        let (work, argument): (crate::call::Work, *mut c_void) = match action {
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
    // SAFETY: `run` passes a call of the program's, and no lock is held.
    unsafe { (*argument.cast::<Outcall>()).call() }
}

fn step(context: &Context, call: &Call, wait: &mut Wait) -> Action {
    let mut state = context.state.lock();
    #[cfg(test)]
    super::trip::point();
    context.take_in(&mut state, call, wait);
    #[cfg(test)]
    super::trip::point();
    let (state, action) = context.decide(state, call, wait);
    #[cfg(test)]
    super::trip::point();
    Context::unlock(state);
    action
}

impl Context {
    /// Takes in what was done since the step before.
    fn take_in(&self, state: &mut State, call: &Call, wait: &mut Wait) {
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
        let mut now = state.now();
        let end = *wait.end.get_or_insert(now + wait.most);
        loop {
            while wait.incoming.is_some() {
                if self.handle_incoming(&mut state, now, call, wait) {
                    return Self::call_out(state, call);
                }
            }
            if (state.client.has_event() || !state.link.is_at_rest())
                && self.has_outcall(&mut state, now, wait)
            {
                return Self::call_out(state, call);
            }
            state = self.write_stores(state);
            if wait.has_handled && matches!(wait.until, Until::Datagram) {
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
            // A timer that has just been served is found anew in a millisecond.
            let left = (until - now).max(Duration::from_millis(1));
            let action = Self::pass_time(&mut state, call, wait, left);
            return (state, action);
        }
    }

    /// Says how time passes until something happens.
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

    /// Makes this call the one that reads, at most so long; says whether it can.
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

    fn release_buffer(state: &mut State, call: &Call) {
        if let Some(number) = call.buffer.take() {
            state.buffers.give_back(number);
        }
    }

    /// How long this thread may read at a time, for the sake of others: their
    /// messages wait for it to transmit them, or for it to see their timers.
    fn longest_read(state: &State) -> Duration {
        if state.shared && !state.link.is_full_duplex() {
            SLICE
        } else if state.shared || state.sender.is_some_and(|sender| sender != thread::current()) {
            // What is sent while the read lasts is due again no sooner than
            // this after.
            state.client.ack_timeout()
        } else {
            MAX_READ
        }
    }

    /// Does what time asks for. Everything that had arrived is handled.
    fn handle_timeout(state: &mut State, now: Instant) {
        if state.client.next_timeout().is_some_and(|at| now >= at) {
            state.client.handle_timeout(now);
        }
        let State { client, link, log, .. } = state;
        if link.next_timeout().is_some_and(|at| now >= at) {
            link.handle_timeout(now, client.awaits_acknowledgement(), log);
        }
    }

    /// Does for the link what is done with no lock held. The caller is the only one
    /// that reads. Says whether anything was done.
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

    /// Whether there is something to tell the program, besides answers.
    fn has_outcall(&self, state: &mut State, now: Instant, wait: &mut Wait) -> bool {
        if state.link.take_renewed() && !matches!(wait.until, Until::Connected) {
            state.client.handle_session_renewed(now);
            if wait.outcall.session_renewed(self) {
                return true;
            }
        }
        while let Some(event) = state.client.poll_event() {
            if wait.outcall.event(self, state, event) {
                return true;
            }
        }
        false
    }

    /// Has the caller call the program.
    fn call_out<'s>(mut state: Guard<'s, State>, call: &Call) -> (Guard<'s, State>, Action) {
        state.callbacks += 1;
        call.begin_callback();
        (state, Action::Call)
    }

    /// Handles the next message of what was received; says whether its answer is to
    /// be told.
    fn handle_incoming(
        &self,
        state: &mut State,
        now: Instant,
        call: &Call,
        wait: &mut Wait,
    ) -> bool {
        let Some(Incoming { side, start, end }) = wait.incoming else { return false };
        if start >= end {
            wait.incoming = None;
            Self::release_buffer(state, call);
            return false;
        }
        // SAFETY: the read's buffer is this call's alone, `end` bytes of it were read,
        // and there is one more behind them, which is written here.
        let buffer = unsafe {
            wait.read.buffer.add(end).write(0);
            core::slice::from_raw_parts_mut(wait.read.buffer, end + 1)
        };
        let found = buffer.get_mut(start..end).and_then(|datagram| {
            let State { link, log, .. } = &mut *state;
            link.handle_datagram(now, side, datagram, log)
        });
        let Some((message, rest)) = found else {
            wait.incoming = None;
            Self::release_buffer(state, call);
            return false;
        };
        wait.incoming = Some(Incoming { side, start: start + rest, end });
        let message = start + message.start..start + message.end;
        self.handle_message(state, now, wait, &mut buffer[message.start..=message.end])
    }

    /// Hands a message to the client. The last byte of `buffer` is not the message's.
    fn handle_message(
        &self,
        state: &mut State,
        now: Instant,
        wait: &mut Wait,
        buffer: &mut [u8],
    ) -> bool {
        let len = buffer.len() - 1;
        let had_token = state.client.is_signed_in();
        let received = state.client.handle_datagram(now, &mut buffer[..len]);
        state.has_token_changed |= had_token && !state.client.is_signed_in();
        // An acknowledgement goes out before the callback runs.
        transmit(state, now, None);
        match received {
            Received::Handled => {
                wait.has_handled = true;
                false
            }
            Received::Dropped(reason) => {
                log_later!(state.log, Debug, "dropped a datagram of {len} bytes: {reason}");
                false
            }
            Received::Response(Response { application, code, payload, token }) => {
                log_later!(
                    state.log,
                    Debug,
                    "message {token:08x}: {code}, {} bytes",
                    payload.len()
                );
                wait.has_handled = true;
                // What stands behind the payload is its padding, the record's seal or
                // the spare byte.
                buffer[payload.end] = 0;
                wait.outcall.answer(application, code, token, &mut buffer[payload])
            }
        }
    }
}
