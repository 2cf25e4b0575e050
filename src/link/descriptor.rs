//! A descriptor for `poll`, which stays the same for the life of a link, whatever sockets
//! the link has. Only this library's own port has one.

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
        // A link's sockets always come from the same port, so the answer stays true while
        // there is no socket.
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

    /// Lets the descriptor forget the candidate, which is about to be closed.
    pub(super) fn forget_candidate(&self) {
        self.forget(self.candidate.as_ref().and_then(Candidate::descriptor));
    }

    fn forget(&self, descriptor: Option<i32>) {
        if let (Some(poller), Some(descriptor)) = (&self.poller, descriptor) {
            poller.forget(descriptor);
        }
    }

    /// Replaces the descriptor by one of this process alone, with the same number. The old
    /// one watched the parent's sockets.
    #[cfg(feature = "std")]
    pub(super) fn renew_descriptor(&self) {
        if let Some(poller) = &self.poller {
            poller.renew();
        }
    }
}

#[cfg(not(all(feature = "port-linux", feature = "extension")))]
impl Link {
    /// Returns `None`: the sockets of a firmware's port have no known descriptor.
    #[cfg(feature = "extension")]
    #[allow(clippy::unused_self, reason = "as with our port")]
    pub(crate) const fn descriptor(&mut self) -> Option<i32> {
        None
    }

    /// Does nothing: there is no descriptor.
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
