//! A command ended, and nothing of it came here: most likely it was not told where the server is.

use super::Cloud;
use crate::commands::Command;
use crate::events::Event;

impl Cloud {
    /// Tells, by an [`Event::NoDatagram`], if not one datagram has come to any port by now.
    pub fn tell_silence(&self) {
        // A server that has ended says so when it is stopped.
        let count = self.try_ask(Command::CountDatagrams);
        if count == Some(0) {
            self.events.record(Event::NoDatagram {
                reason: "no datagram came to any port".into(),
                remedy: "does the command use {coap}, {coaps} or {coap-psk}?".into(),
            });
        }
    }
}
