//! The progress of a wait, which each step hands on to the next. Plain data, since the
//! thread may end between two steps (see [`crate::call`]).

use iot_coap_client::{Duration, Instant};

use super::Until;
use super::notify::Outcall;
use super::reading::Read;
use crate::context::State;
use crate::link::Side;

/// The most datagrams that a wait takes in a row without waiting for one: a flood must not
/// keep it from its timers or its end.
const MAX_IN_A_ROW: u16 = 256;

/// A datagram, and which part of it is not handled yet.
#[derive(Clone, Copy)]
pub(super) struct Incoming {
    pub(super) side: Side,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One wait, from step to step.
pub(super) struct Wait {
    pub(super) until: Until,
    pub(super) most: Duration,
    /// When the wait ends; set by the first step.
    pub(super) end: Option<Instant>,
    /// A buffer on the stack; null if the wait uses one on the heap.
    pub(super) own_buffer: *mut u8,
    pub(super) read: Read,
    pub(super) incoming: Option<Incoming>,
    pub(super) outcall: Outcall,
    /// How long to sleep; not 0 only while this thread sleeps.
    pub(super) sleep_ms: u32,
    /// When the last read or sleep began.
    pub(super) since: Instant,
    /// How long the reads and sleeps since then should have taken, while the clock stood
    /// still.
    pub(super) stood_still_ms: u32,
    /// The last read failed, or did not wait.
    pub(super) has_failed: bool,
    /// How many reads in a row found nothing.
    pub(super) empty_reads: u8,
    /// How many datagrams in a row had arrived before they were read.
    pub(super) in_a_row: u16,
    /// The program was called, or an answer without a callback arrived.
    pub(super) has_called: bool,
    /// When timers were last handled.
    pub(super) timed_at: Option<Instant>,
}

impl Wait {
    pub(super) const fn new(until: Until, most: Duration, own_buffer: *mut u8) -> Self {
        Self {
            until,
            most,
            end: None,
            own_buffer,
            read: Read::none(),
            incoming: None,
            outcall: Outcall::none(),
            sleep_ms: 0,
            since: Instant::from_millis(0),
            stood_still_ms: 0,
            has_failed: false,
            empty_reads: 0,
            in_a_row: 0,
            has_called: false,
            timed_at: None,
        }
    }

    /// Whether everything that had arrived is handled: the last read found nothing, or the
    /// last two if two sockets are read in turn.
    pub(super) fn is_drained(&self) -> bool {
        self.empty_reads > u8::from(self.read.is_shared) || self.in_a_row >= MAX_IN_A_ROW
    }

    /// Whether the program was called, and nothing else has arrived or is expected.
    #[inline]
    pub(super) fn is_content(&self, state: &State) -> bool {
        self.has_called
            && matches!(self.until, Until::Called)
            && (self.is_drained() || state.client.outstanding() == 0)
    }

    /// Whether the wait may end once everything that had arrived is handled.
    pub(super) fn is_to_drain(&self, state: &State) -> bool {
        match self.until {
            // If no message is outstanding, nothing is expected.
            Until::Called => self.has_called && state.client.outstanding() > 0,
            // Timers are handled after the datagrams that had arrived.
            #[cfg(feature = "extension")]
            Until::Drained => self.timed_at.is_none(),
            _ => false,
        }
    }

    /// When the wait ends at the latest: at `end`, or when its pace allows.
    pub(super) fn lasts_until(&self, state: &State, now: Instant, end: Instant) -> Instant {
        if self.has_called && matches!(self.until, Until::Called) {
            state.pace.held_until(now).map_or(now, |at| at.min(end))
        } else {
            end
        }
    }
}
