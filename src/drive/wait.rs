//! Waiting: what a thread does in `IOT_CoAP_Yield` and every other call that waits. A
//! wait is a sequence of steps. A step locks the context, decides, unlocks, and says what
//! to do next: read, sleep, or call the program.
//!
//! Meanwhile the stack holds nothing that would have to be given back, see
//! [`crate::call`]: a step releases what it takes, and hands on plain data.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use iot_coap_client::{Duration, Instant};

use super::notify::Outcall;
use super::reading::{self, BUFFER_LEN, Read, SLICE};
use super::{Until, next_timeout, transmit};
use crate::call::{Call, interruptible};
use crate::context::{Context, State};
use crate::link::{Side, Work};
use crate::lock::Guard;
use crate::panic::catch;
use crate::port;

/// How long a thread waits before it looks again whether it can read.
const LOOK_IN: Duration = Duration::from_millis(5);

/// How long to wait after a read that failed at once.
const FAILED_READ: Duration = Duration::from_millis(10);

/// No sleep is longer: unlike a read, Deinit cannot end it.
const MAX_SLEEP: Duration = Duration::from_millis(250);

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

/// One wait, from step to step. Plain data.
pub(super) struct Wait {
    until: Until,
    most: Duration,
    /// When it ends; set by the first step.
    end: Option<Instant>,
    /// A buffer on the stack; null if one on the heap is used.
    own_buffer: *mut u8,
    pub(super) read: Read,
    pub(super) incoming: Option<Incoming>,
    pub(super) outcall: Outcall,
    sleep_ms: u32,
    /// The last read failed.
    has_failed: bool,
    /// How many reads in a row found nothing.
    empty_reads: u8,
    /// A datagram was handled.
    pub(super) has_handled: bool,
    /// When timers were last handled.
    timed_at: Option<Instant>,
}

impl Wait {
    /// Whether everything that had arrived is handled: the last read found nothing or, of
    /// two sockets that are read in turn, the last two.
    fn is_drained(&self) -> bool {
        self.empty_reads > u8::from(self.read.is_shared)
    }

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
        if cfg!(feature = "dtls-psk") && context.uses_heap_buffers {
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
        read: Read::none(),
        incoming: None,
        outcall: Outcall::none(),
        sleep_ms: 0,
        has_failed: false,
        empty_reads: 0,
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
            Action::Read => (reading::perform, (&raw mut wait.read).cast()),
            Action::Sleep => (sleep, (&raw mut wait.sleep_ms).cast()),
            Action::Call => (call_out, (&raw mut wait.outcall).cast()),
        };
        // SAFETY: each work takes the argument that goes with it; this frame and those
        // above hold nothing that is to be dropped.
        unsafe { interruptible(call, work, argument) };
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

#[inline(never)]
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
        let Some(side) = wait.read.side.take() else { return };
        call.reads.set(false);
        state.reading = false;
        match wait.read.result {
            Ok(0) => {
                wait.empty_reads = wait.empty_reads.saturating_add(1);
                state.release_buffer(call);
            }
            Ok(len) => {
                wait.empty_reads = 0;
                wait.incoming = Some(Incoming { side, start: 0, end: len });
            }
            Err(error) => {
                let now = state.now();
                let State { link, log, .. } = state;
                link.handle_read_error(now, side, error, log);
                wait.empty_reads = wait.empty_reads.saturating_add(1);
                wait.has_failed = true;
                state.release_buffer(call);
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
            if !state.reading && !state.closing && !state.link.is_at_rest() {
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
                if !wait.is_drained() && Self::begin_read(&mut state, call, wait, Duration::ZERO) {
                    return (state, Action::Read);
                }
                wait.timed_at = Some(now);
                wait.empty_reads = 0;
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
        let pause = if core::mem::take(&mut wait.has_failed) {
            left.min(FAILED_READ)
        } else if state.reading {
            state.shared = true;
            left.min(LOOK_IN)
        } else {
            wait.empty_reads = 0;
            let longest = reading::longest(state);
            if Self::begin_read(state, call, wait, left.min(longest)) {
                return Action::Read;
            }
            // No socket, or no memory to read into.
            left.min(if state.link.is_looking() { SLICE } else { MAX_SLEEP })
        };
        wait.sleep_ms = pause.as_millis_u32();
        Action::Sleep
    }

    /// Makes this call the one that reads, for at most `most`; returns whether it can.
    fn begin_read(state: &mut State, call: &Call, wait: &mut Wait, most: Duration) -> bool {
        let read = Read::begin(state, call, wait.own_buffer, most);
        read.map(|read| wait.read = read).is_some()
    }

    /// Handles the timers that have ended. Everything that had arrived is handled.
    #[inline(never)]
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
    #[inline(never)]
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
    #[inline(never)]
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
