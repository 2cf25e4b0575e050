//! The pace of `IOT_CoAP_Yield`. The original returned `wait_time_ms` after the last
//! datagram, so firmware that loops over "post, Yield" sends about once in that time. If
//! `Yield` always returned with the answer, such firmware would send hundreds of times as
//! often.
//!
//! The rule: if a message was sent between two early returns, they are at least
//! `wait_time_ms` apart. A `Yield` that is held continues to receive and to call back, and
//! never exceeds its own `wait_time_ms`. A message that is sent while a thread waits in the
//! context, by a callback or another thread, does not count: it does not make the loop any
//! faster.

use iot_coap_client::{Duration, Instant};

/// When `IOT_CoAP_Yield` may return before its time is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// The program has a pace of its own.
    is_off: bool,
    /// How many threads are in a call that waits.
    waiting: u32,
    /// A message was sent since the last early return, while no thread waited.
    has_sent: bool,
    not_before: Instant,
}

impl Pace {
    /// If `is_off`, there is no pace.
    pub(crate) const fn new(is_off: bool) -> Self {
        Self { is_off, waiting: 0, has_sent: false, not_before: Instant::from_millis(0) }
    }

    /// The program has a pace of its own from now on.
    #[cfg(feature = "extension")]
    pub(crate) const fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// A thread begins to wait.
    pub(crate) const fn handle_wait(&mut self) {
        self.waiting += 1;
    }

    /// A thread stops waiting.
    pub(crate) const fn handle_wait_end(&mut self) {
        self.waiting -= 1;
    }

    /// Sets the number of waiting calls after a fork.
    #[cfg(feature = "std")]
    pub(crate) const fn handle_fork(&mut self, waiting: u32) {
        self.waiting = waiting;
    }

    /// The program sent a message.
    pub(crate) const fn handle_sent(&mut self) {
        self.has_sent |= self.waiting == 0;
    }

    /// A `Yield` whose limit is `wait_time` returns early.
    pub(crate) fn handle_early_return(&mut self, now: Instant, wait_time: Duration) {
        self.has_sent = false;
        self.not_before = now + wait_time;
    }

    /// Until when a `Yield` that has called the program is held; `None` if it may return.
    pub(crate) fn held_until(&self, now: Instant) -> Option<Instant> {
        (self.has_sent && now < self.not_before && !self.is_off).then_some(self.not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_millis(300);

    fn at(ms: u64) -> Instant {
        Instant::from_millis(ms)
    }

    #[test]
    fn a_loop_of_post_and_yield_sends_once_in_the_wait_time() {
        let mut pace = Pace::new(false);
        let mut now = 0;
        for round in 0..10 {
            pace.handle_sent();
            pace.handle_wait();
            // The answer comes 20 ms later.
            let answered = at(now + 20);
            let returns = pace.held_until(answered).unwrap_or(answered);
            assert_eq!(returns.as_millis(), if round == 0 { 20 } else { now + 300 });
            pace.handle_early_return(returns, WAIT);
            pace.handle_wait_end();
            now = returns.as_millis();
        }
        assert_eq!(now, 20 + 9 * 300);
    }

    #[test]
    fn what_is_sent_while_a_thread_waits_holds_nothing() {
        let mut pace = Pace::new(false);
        pace.handle_early_return(at(0), WAIT);
        pace.handle_wait();
        pace.handle_sent();
        pace.handle_wait();
        pace.handle_wait_end();
        pace.handle_sent();
        assert_eq!(pace.held_until(at(1)), None);
        pace.handle_wait_end();
        pace.handle_sent();
        assert_eq!(pace.held_until(at(1)), Some(at(300)));
        assert_eq!(pace.held_until(at(300)), None);
    }

    #[test]
    fn a_program_with_a_pace_of_its_own_is_never_held() {
        let mut pace = Pace::new(true);
        pace.handle_early_return(at(0), WAIT);
        pace.handle_sent();
        assert_eq!(pace.held_until(at(1)), None);
    }
}
