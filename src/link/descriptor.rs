//! One descriptor for `poll` for the life of a link, whatever sockets it has. There is one
//! with this library's own port only.

use super::Link;
#[cfg(all(feature = "port-linux", feature = "extension"))]
use super::{Candidate, Transport};

#[cfg(all(feature = "port-linux", feature = "extension"))]
impl Link {
    /// The descriptor; `None` with a firmware's own sockets.
    pub(crate) fn descriptor(&mut self) -> Option<i32> {
        if !self.is_watchable {
            return None;
        }
        if self.poller.is_none() {
            self.poller = iot_coap_port_linux::Poller::new();
            self.watch();
        }
        self.poller.as_ref().map(iot_coap_port_linux::Poller::descriptor)
    }

    /// Lets the descriptor follow new sockets.
    pub(super) fn watch(&mut self) {
        let transport = self.transport.as_ref().and_then(Transport::descriptor);
        // Whose sockets they are does not change, also while there is none.
        self.is_watchable |= transport.is_some();
        let Some(poller) = &self.poller else { return };
        let candidate = self.candidate.as_ref().and_then(Candidate::descriptor);
        for descriptor in [transport, candidate].into_iter().flatten() {
            poller.watch(descriptor);
        }
    }

    /// Lets the descriptor forget the transport, which is about to be closed.
    pub(super) fn forget_transport(&self) {
        self.forget(self.transport.as_ref().and_then(Transport::descriptor));
    }

    /// The same for the candidate.
    pub(super) fn forget_candidate(&self) {
        self.forget(self.candidate.as_ref().and_then(Candidate::descriptor));
    }

    fn forget(&self, descriptor: Option<i32>) {
        if let (Some(poller), Some(descriptor)) = (&self.poller, descriptor) {
            poller.forget(descriptor);
        }
    }

    /// Lets the descriptor, whose number stays, belong to this process alone. What it
    /// watched was its parent's.
    #[cfg(feature = "std")]
    pub(super) fn renew_descriptor(&self) {
        if let Some(poller) = &self.poller {
            poller.renew();
        }
    }
}

#[cfg(not(all(feature = "port-linux", feature = "extension")))]
impl Link {
    /// None: sockets of a firmware's own have no descriptor that is known here.
    #[cfg(feature = "extension")]
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(crate) const fn descriptor(&mut self) -> Option<i32> {
        None
    }

    /// There is no descriptor to follow them.
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(super) const fn watch(&mut self) {}

    /// As above.
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(super) const fn forget_transport(&self) {}

    /// As above.
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(super) const fn forget_candidate(&self) {}

    /// As above.
    #[cfg(feature = "std")]
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(super) const fn renew_descriptor(&self) {}
}
