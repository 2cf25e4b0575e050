//! Handles forks. A forked process has a copy of every context of its parent: the same
//! socket, the same keys, the same sequence numbers. Only one of the two may use them, and
//! that is the parent. The child opens a connection of its own as soon as it uses its copy.
//!
//! Of the parent's threads, only the one that forked exists in the new process. Nobody will
//! release what the others held.
//!
//! [`crate::process`] notices forks.

use crate::context::Context;
#[cfg(feature = "std")]
use crate::context::State;
#[cfg(feature = "std")]
use crate::log::log_later;

impl Context {
    /// If this context is a copy of the parent's, leaves everything that is open to the
    /// parent. Called whenever the program may have forked: when a call enters, and after a
    /// callback. Returns false if the copy cannot be used.
    #[inline]
    pub(crate) fn notice_fork(&self) -> bool {
        #[cfg(feature = "std")]
        return self.process.is_this() || self.handle_fork();
        #[cfg(not(feature = "std"))]
        true
    }

    #[cfg(feature = "std")]
    #[cold]
    fn handle_fork(&self) -> bool {
        if self.state.is_lost() {
            return false;
        }
        let mut state = self.state.lock();
        self.leave_to_parent(&mut state);
        Self::unlock(state);
        true
    }

    /// [`Self::notice_fork`] with the lock held.
    #[cfg(feature = "std")]
    fn leave_to_parent(&self, state: &mut State) {
        // If several threads notice the fork, the first one handles it.
        if self.process.is_this() {
            return;
        }
        let now = state.now();
        let State { client, link, buffers, log, .. } = state;
        log_later!(
            log,
            Warning,
            "this process was forked off: it leaves the connection to its parent, and opens \
             one of its own{}",
            if link.keeps_session() {
                "; entries in the store still belong to the parent"
            } else {
                ""
            }
        );
        link.leave_to_parent();
        client.handle_fork(now);
        // This thread is in calls that have called the program, one in the callback of
        // another.
        let (mut calls, mut waiting) = (0, 0);
        buffers.give_back_all();
        crate::callbacks::each_callback(self.handle(), |call| {
            calls += 1;
            waiting += u32::from(call.waits.get());
            if let Some(number) = call.buffer.get() {
                buffers.keep(number);
            }
        });
        self.entered.set(calls);
        state.callbacks.set(calls);
        state.pace.handle_fork(waiting);
        state.is_io_claimed = false;
        state.shared = false;
        state.is_storing = false;
        // Another thread of the parent may have been in Deinit.
        state.closing = false;
        self.process.become_this();
    }
}
