//! Replaces `displaced.rs` without the feature `displaced`: the application is not told of
//! displaced messages.

use core::marker::PhantomData;

use iot_coap_time::Instant;

use crate::timing::NEVER;

/// Keeps nothing, since the application is not told.
pub(crate) struct Displaced<A>(PhantomData<A>);

#[allow(clippy::unused_self, reason = "as with the feature")]
impl<A> Displaced<A> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }

    pub(crate) const fn len(&self) -> usize {
        0
    }

    pub(crate) const fn any_ready(&self) -> bool {
        false
    }

    pub(crate) const fn next_timeout(&self) -> Instant {
        NEVER
    }

    pub(crate) const fn handle_timeout(&mut self, _now: Instant) {}

    /// Behaves as with the feature when the heap is exhausted.
    pub(crate) fn push(
        &mut self,
        _now: Instant,
        _application: A,
        _token: u32,
        _most: usize,
    ) -> bool {
        true
    }

    pub(crate) const fn pop(&mut self) -> Option<(A, u32)> {
        None
    }

    pub(crate) const fn take_forgotten(&mut self) -> u32 {
        0
    }

    pub(crate) const fn take(&mut self, _token: u32) -> Option<A> {
        None
    }
}
