//! The event log as the server writes it while it works on a message: each event is kept with
//! the exchange that it is about.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Event, EventLog};

/// One for all who work on the same message.
#[derive(Clone)]
pub(crate) struct Journal {
    log: Arc<EventLog>,
    /// The number of the [`Cause`](crate::seen::Cause); 0 for none.
    cause: Arc<AtomicU64>,
}

impl Journal {
    pub(crate) fn new(log: Arc<EventLog>) -> Self {
        Self { log, cause: Arc::default() }
    }

    /// What is recorded from here on is about this exchange, or about none.
    pub(crate) fn concern(&self, cause: Option<u64>) {
        self.cause.store(cause.unwrap_or(0), Ordering::Relaxed);
    }

    pub(crate) fn record(&self, event: Event) {
        self.record_about(event, None);
    }

    /// The same for an event in which this secret may stand, which is not written.
    pub(crate) fn record_about(&self, event: Event, secret: Option<&str>) {
        self.log.record_in(self.cause.load(Ordering::Relaxed), event, secret);
    }
}
