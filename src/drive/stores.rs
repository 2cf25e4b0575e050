//! Writes to the port's store what must outlive the program. Flash is slow: the context is
//! not locked meanwhile, and one thread at a time writes.

use super::transmit;
use crate::context::{Context, State};
use crate::lock::Guard;
use crate::token_store::TokenCopy;

/// While this value lives, the context is marked as writing to the store.
struct Storing<'c>(&'c Context);

impl<'c> Storing<'c> {
    /// Unlocks the context.
    fn begin(context: &'c Context, mut state: Guard<'c, State>) -> Self {
        state.is_storing = true;
        drop(state);
        Self(context)
    }

    /// Locks the context again. No other thread writes before the caller has handled the
    /// result of this write.
    fn end(self) -> Guard<'c, State> {
        let mut state = self.0.state.lock();
        state.is_storing = false;
        core::mem::forget(self);
        state
    }
}

/// Runs after a panic only.
impl Drop for Storing<'_> {
    fn drop(&mut self) {
        self.0.state.lock().is_storing = false;
    }
}

impl Context {
    /// Writes the entries that are due.
    #[inline]
    pub(super) fn write_stores<'s>(&'s self, state: Guard<'s, State>) -> Guard<'s, State> {
        let has_any =
            cfg!(feature = "extension") && (state.has_token_changed || state.link.needs_saving());
        if has_any && !state.is_storing { self.write_due(state) } else { state }
    }

    #[inline(never)]
    fn write_due<'s>(&'s self, state: Guard<'s, State>) -> Guard<'s, State> {
        self.write_session(self.write_token(state))
    }

    fn write_token<'s>(&'s self, mut state: Guard<'s, State>) -> Guard<'s, State> {
        while core::mem::take(&mut state.has_token_changed) {
            let Some(store) = self.token_store() else { break };
            let token = TokenCopy::of(&state.client);
            let storing = Storing::begin(self, state);
            store.write(&token);
            state = storing.end();
        }
        state
    }

    #[cfg(all(feature = "dtls-psk", feature = "extension"))]
    fn write_session<'s>(&'s self, mut state: Guard<'s, State>) -> Guard<'s, State> {
        loop {
            let now = state.now();
            let State { client, link, log, .. } = &mut *state;
            let Some(save) = link.save(client.learned_timeout(now), log) else { return state };
            let storing = Storing::begin(self, state);
            let written = save.write();
            state = storing.end();
            let now = state.now();
            state.link.note_saved(now, &save, written);
            // Messages may have been waiting for record numbers.
            transmit(&mut state, now, None);
        }
    }

    #[cfg(not(all(feature = "dtls-psk", feature = "extension")))]
    #[allow(clippy::unused_self, reason = "as with sessions")]
    fn write_session<'s>(&'s self, state: Guard<'s, State>) -> Guard<'s, State> {
        let _ = transmit;
        state
    }
}
