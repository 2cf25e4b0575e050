//! Transports and candidates that were replaced. Another thread may still read them, so
//! they wait for the owner to close them.

use super::{Candidate, Link, Transport};

/// A replaced transport and a replaced candidate. They are closed with no lock held, and
/// while no thread reads.
#[derive(Default)]
pub(crate) struct Retired {
    transport: Option<Transport>,
    candidate: Option<Transport>,
}

impl Retired {
    pub(crate) const fn is_empty(&self) -> bool {
        self.transport.is_none() && self.candidate.is_none()
    }

    /// The transports that are retired.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Transport> {
        [&self.transport, &self.candidate].into_iter().flatten()
    }

    pub(crate) fn close(self) {
        for retired in [self.transport, self.candidate].into_iter().flatten() {
            retired.close();
        }
    }

    /// Leaves them to the parent process.
    #[cfg(feature = "std")]
    pub(super) fn leave_to_parent(self) {
        for retired in [self.transport, self.candidate].into_iter().flatten() {
            retired.leave_to_parent();
        }
    }
}

impl Link {
    /// Takes the retired transport and candidate, which must be closed with no lock held,
    /// and while no thread reads.
    pub(crate) fn take_retired(&mut self) -> Option<Retired> {
        (!self.retired.is_empty()).then(|| core::mem::take(&mut self.retired))
    }

    pub(super) fn retire_transport(&mut self) {
        self.forget_transport();
        if let Some(transport) = self.transport.take() {
            // A transport that was retired earlier is not being read: since it was
            // replaced, threads have read from its successor.
            if let Some(older) = self.retired.transport.replace(transport) {
                older.close();
            }
        }
    }

    pub(super) fn retire_candidate(&mut self) {
        self.forget_candidate();
        if let Some(candidate) = self.candidate.take().and_then(Candidate::into_transport) {
            // A candidate that was retired earlier is not being read, for the same reason.
            if let Some(older) = self.retired.candidate.replace(candidate) {
                older.close();
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        #[cfg(all(feature = "dtls-psk", feature = "extension"))]
        self.forget_closed_session();
        self.retire_transport();
        self.retire_candidate();
        core::mem::take(&mut self.retired).close();
    }
}
