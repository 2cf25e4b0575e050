//! A start waits for the broker that messages are forwarded to: whoever posts once the server is
//! ready would otherwise be answered 5.03.

use std::time::{Duration, Instant};

use super::Cloud;
use crate::commands::Command;

impl Cloud {
    /// What kept the broker away, if the server was ready without it: see
    /// [`Config::forward`](crate::Config::forward).
    pub fn missing_broker(&self) -> Option<&str> {
        self.missing_broker.as_deref()
    }

    /// Waits for the broker; says what keeps it away if it does not come.
    pub(super) fn wait_for_broker(&self, patience: Duration) -> Option<String> {
        if patience.is_zero() {
            return None;
        }
        let deadline = Instant::now() + patience;
        loop {
            let count = self.events.count();
            if self.status().broker.is_none_or(|broker| broker.connected) {
                return None;
            }
            if !self.events.wait_for_more(count, deadline) {
                return self.ask(|done| Command::GiveUpBroker(patience, done));
            }
        }
    }
}
