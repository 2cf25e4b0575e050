//! What faults do to answers.

use std::net::SocketAddr;
use std::time::Duration;

use super::Service;
use crate::answer::{Answer, Delivery};
use crate::events::Event;
use crate::faults::Faults;
use crate::random::Sequence;
use crate::request::Request;

impl Service {
    pub(crate) fn set_faults(&mut self, faults: &Faults) {
        self.faults = faults.clone();
        self.decisions = Sequence::new(faults.seed);
        self.events.record(Event::FaultsChanged { faults: faults.to_string() });
    }

    pub(crate) fn faults(&self) -> &Faults {
        &self.faults
    }

    /// How long a separate response comes after the acknowledgement.
    pub(crate) fn separate_delay(&mut self) -> Duration {
        let Some((low, high)) = self.faults.separate_delay else {
            return Duration::ZERO;
        };
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let drawn = self.decisions.between(milliseconds(low), milliseconds(high));
        Duration::from_millis(drawn)
    }

    pub(super) fn choose_delivery(
        &mut self,
        is_confirmable: bool,
        peer: SocketAddr,
        answer: &mut Answer,
    ) {
        let confirmable = self.decisions.chance(self.faults.separate);
        let non_confirmable = self.decisions.chance(self.faults.separate_non);
        if is_confirmable && (confirmable || non_confirmable) {
            let name = if confirmable { "separate" } else { "separate-non" };
            self.report(name, peer);
            answer.delivery = Delivery::Separate { confirmable };
        }
    }

    pub(super) fn fault(&mut self, name: &str, share: f64, request: &Request<'_>) -> bool {
        let applied = self.decisions.chance(share);
        if applied {
            self.report(name, request.peer.route.address);
        }
        applied
    }

    fn report(&self, fault: &str, peer: SocketAddr) {
        self.events.record(Event::Fault { fault: fault.to_owned(), direction: None, peer });
    }
}
