//! The steps of a wait. A step locks the context, takes the result of the previous action,
//! does what is due, unlocks, and returns the next action. It releases everything that it
//! acquires, and passes on plain data.

use iot_coap_client::{Client, Duration, Event, Instant};

use super::progress::{Incoming, Wait};
use super::reading::{self, SLICE};
use super::{Transmitted, Until, next_timeout, transmit};
use crate::call::Call;
use crate::callbacks;
use crate::context::{Context, Recipient, State};
use crate::link::{Expected, News, Patience, Work};
use crate::lock::Guard;
use crate::log::log_later;

/// How long a thread waits before it checks again whether it can read.
const LOOK_IN: Duration = Duration::from_millis(5);

/// How long to wait after a read that failed, or that did not wait.
const FAILED_READ: Duration = Duration::from_millis(10);

/// How long a silent session with the only socket is kept, in units of `ACK_TIMEOUT`.
/// Together with the 15 s of silence before, this is 63 s by default. A message is given up
/// after 62 to 93 s (RFC 7252, section 4.8.2), so there is time left for another handshake.
const PATIENCE_WITHOUT_ROOM: u64 = 24;

/// No sleep is longer than this: Deinit can end a read, but not a sleep.
const MAX_SLEEP: Duration = Duration::from_millis(250);

/// The next action of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Done,
    /// Leave the context, which can no longer be used, or is being closed.
    Leave,
    Read,
    Sleep,
    Call,
}

#[inline(never)]
pub(super) fn step(context: &Context, call: &Call, wait: &mut Wait) -> Action {
    if call.calls_back.get() && !context.notice_fork() {
        callbacks::leave(call);
        return Action::Leave;
    }
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
    /// Takes the result of the action since the last step.
    fn take_in(&self, state: &mut State, call: &Call, wait: &mut Wait) {
        if call.calls_back.get() {
            state.callbacks.end(call);
            wait.outcall.response.invalidate();
            wait.has_called = true;
        }
        let Some(side) = wait.read.side.take() else {
            let slept_ms = core::mem::take(&mut wait.sleep_ms);
            if slept_ms != 0 && state.now() == wait.since {
                let stood_still_ms = u64::from(wait.stood_still_ms) + u64::from(slept_ms);
                state.clock.pass(Duration::from_millis(stood_still_ms));
            }
            wait.stood_still_ms = 0;
            return;
        };
        call.reads.set(false);
        state.is_io_claimed = false;
        match wait.read.result {
            Ok(0) => {
                wait.empty_reads = wait.empty_reads.saturating_add(1);
                // Either the read did not wait, or the clock stands still. A sleep will
                // show which.
                if wait.read.ms != 0 && state.now() == wait.since {
                    wait.has_failed = true;
                    wait.stood_still_ms = wait.read.ms;
                }
                state.release_buffer(call);
            }
            Ok(len) => {
                wait.empty_reads = 0;
                wait.in_a_row = wait.in_a_row.saturating_add(1);
                wait.read.note_length(state, len);
                wait.incoming = Some(Incoming { side, start: 0, end: len });
            }
            Err(error) => {
                let now = state.now();
                let State { link, log, .. } = state;
                #[cfg(feature = "port-linux")]
                if error.is_refused() && link.note_refusal() {
                    self.connector.explain_refusal(log, "; still trying");
                }
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
        let mut now = state.now();
        let end = *wait.end.get_or_insert_with(|| {
            call.waits.set(true);
            state.pace.handle_wait();
            now + wait.most
        });
        loop {
            while wait.incoming.is_some() {
                if Self::handle_incoming(&mut state, now, call, wait) {
                    return Self::call_out(state, call);
                }
            }
            let is_at_rest = state.link.is_at_rest();
            if (state.client.has_event() || !is_at_rest) && self.has_outcall(&mut state, now, wait)
            {
                return Self::call_out(state, call);
            }
            state = self.write_stores(state);
            // (Everything due was done before this wait read for the first time.)
            if wait.is_content(&state) && state.pace.held_until(now).is_none() {
                return self.end_wait(state, now, call, wait);
            }
            if !is_at_rest && !state.is_io_claimed && !state.closing {
                let is_changed;
                (state, is_changed) = self.tend_link(state, now, call);
                if is_changed {
                    now = state.now();
                    continue;
                }
            }
            let is_refused = transmit(&mut state, now, None) == Transmitted::Refused;
            if is_refused && !state.is_io_claimed && !state.closing && state.link.is_due() {
                // Sending has shown that the network path is gone.
                continue;
            }
            let due = next_timeout(&state);
            if due.is_some_and(|due| now >= due) && wait.timed_at != Some(now) {
                if Self::begin_draining(&mut state, now, call, wait) {
                    return (state, Action::Read);
                }
                wait.timed_at = Some(now);
                wait.empty_reads = 0;
                Self::handle_timeout(&mut state, now);
                continue;
            }
            if wait.is_to_drain(&state) && Self::begin_draining(&mut state, now, call, wait) {
                return (state, Action::Read);
            }
            let end = wait.lasts_until(&state, now, end);
            if now >= end || state.closing || wait.until.is_met(now, &state.client, &state.link) {
                return self.end_wait(state, now, call, wait);
            }
            let until = due.map_or(end, |due| due.min(end));
            // At least a millisecond, even if a timer ends at once.
            let left = (until - now).max(Duration::from_millis(1));
            let action = Self::pass_time(&mut state, now, call, wait, left);
            return (state, action);
        }
    }

    /// Decides how to let time pass: by reading or by sleeping.
    fn pass_time(
        state: &mut State,
        now: Instant,
        call: &Call,
        wait: &mut Wait,
        left: Duration,
    ) -> Action {
        let pause = if core::mem::take(&mut wait.has_failed) {
            left.min(FAILED_READ)
        } else if state.is_io_claimed {
            state.shared = true;
            left.min(LOOK_IN)
        } else {
            wait.empty_reads = 0;
            wait.in_a_row = 0;
            let longest = reading::longest(state);
            if Self::begin_read(state, now, call, wait, left.min(longest)) {
                return Action::Read;
            }
            // There is no socket, or no memory to read into.
            left.min(if state.link.is_looking() { SLICE } else { MAX_SLEEP })
        };
        wait.since = now;
        wait.sleep_ms = pause.as_millis_u32();
        Action::Sleep
    }

    /// Begins to read, without waiting, the datagrams that have arrived. Returns false if
    /// there can be none, or this call cannot read.
    fn begin_draining(state: &mut State, now: Instant, call: &Call, wait: &mut Wait) -> bool {
        !wait.is_drained()
            && !state.closing
            && Self::begin_read(state, now, call, wait, Duration::ZERO)
    }

    /// Makes this call the one that reads, for at most `most`; returns whether it can.
    fn begin_read(
        state: &mut State,
        now: Instant,
        call: &Call,
        wait: &mut Wait,
        most: Duration,
    ) -> bool {
        wait.since = now;
        wait.stood_still_ms = 0;
        wait.read.begin(state, call, wait.own_buffer, most)
    }

    /// The wait is over. Whatever it waited for, a program whose context is being ended must
    /// not call again.
    fn end_wait<'s>(
        &self,
        mut state: Guard<'s, State>,
        now: Instant,
        call: &Call,
        wait: &Wait,
    ) -> (Guard<'s, State>, Action) {
        call.waits.set(false);
        state.pace.handle_wait_end();
        if wait.has_called && matches!(wait.until, Until::Called) {
            state.pace.handle_early_return(now, self.wait_time());
        }
        let action = if state.closing { Action::Leave } else { Action::Done };
        (state, action)
    }

    /// Handles the timers that have ended. Everything that had arrived was handled before.
    #[inline(never)]
    fn handle_timeout(state: &mut State, now: Instant) {
        if state.client.next_timeout().is_some_and(|at| now >= at) {
            state.client.handle_timeout(now);
        }
        let State { client, link, log, .. } = state;
        if link.next_timeout().is_some_and(|at| now >= at) {
            let expected = if client.awaits_acknowledgement() {
                Expected::Acknowledgements
            } else if client.awaited() != 0 {
                Expected::Answers
            } else {
                Expected::Nothing
            };
            link.handle_timeout(now, expected, patience(client, now), log);
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
        let is_needed = !state.client.is_idle();
        let work = state.link.work(now, is_needed);
        let retired = state.link.take_retired();
        if retired.is_none() && work.is_none() {
            return (state, false);
        }
        let learned = state.client.learned_timeout(now).max(state.link.first_timeout());
        state.is_io_claimed = true;
        call.reads.set(true);
        Self::unlock(state);
        if let Some(retired) = retired {
            retired.close();
        }
        let opened = work.map(|work| match work {
            Work::Open(address) => self.connector.reopen(now, address, learned),
            Work::OpenOver(socket) => self.connector.open_over(socket, now, learned, None),
        });
        let mut state = self.state.lock();
        call.reads.set(false);
        state.is_io_claimed = false;
        if let Some(opened) = opened {
            let now = state.now();
            let State { client, link, log, .. } = &mut *state;
            let patience = Patience {
                with_answer: patience(client, now),
                without_room: client.ack_timeout().saturating_mul(PATIENCE_WITHOUT_ROOM),
            };
            link.open(now, opened, patience, log);
        }
        (state, true)
    }

    /// Whether there is something to tell the program, other than an answer.
    #[inline(never)]
    fn has_outcall(&self, state: &mut State, now: Instant, wait: &mut Wait) -> bool {
        let news = state.link.take_news();
        if news == Some(News::Renewed) {
            Self::learn_from_session(state, now);
        }
        match news {
            // While Init waits, nobody can be told.
            Some(News::Renewed) if !matches!(wait.until, Until::Connected) => {
                state.client.handle_session_renewed(now);
                if wait.outcall.session_renewed(self) {
                    return true;
                }
            }
            Some(News::Moved) => state.client.handle_path_changed(),
            _ => {}
        }
        let forgotten = state.client.take_forgotten();
        if forgotten != 0 {
            log_later!(
                state.log,
                Warning,
                "{forgotten} NON messages gave way to newer ones without a notice: \
                 send more slowly, or call IOT_CoAP_Yield more often"
            );
        }
        while let Some(event) = state.client.poll_event() {
            if wait.outcall.event(self, state, &event) {
                return true;
            }
            // The answer has no callback.
            wait.has_called |= matches!(event, Event::Refused { .. });
        }
        false
    }

    /// Tells the client what a new session knows of the network.
    fn learn_from_session(state: &mut State, now: Instant) {
        let State { client, link, .. } = state;
        if client.retransmission_timeout(now).is_none()
            && let Some(kept) = link.kept_timeout()
        {
            client.restore_retransmission_timeout(now, kept);
        }
        if let Some(round_trip) = link.round_trip() {
            client.learn_round_trip(now, round_trip);
        }
    }

    /// Makes the next action a call of the program.
    fn call_out<'s>(mut state: Guard<'s, State>, call: &Call) -> (Guard<'s, State>, Action) {
        state.callbacks.begin(call);
        (state, Action::Call)
    }
}

/// How long an answer may take, as far as is known. After this time, one retransmission has
/// gone unanswered too.
fn patience(client: &Client<Recipient>, now: Instant) -> Duration {
    client.retransmission_timeout(now).unwrap_or(client.ack_timeout()).saturating_mul(3)
}
