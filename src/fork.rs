//! Forks. A process that was forked off has a copy of every context of its parent, which
//! goes on with its own: the same socket, the same keys, the same sequence numbers. Only
//! one of the two may use them, and that is the parent. The other opens a connection of
//! its own as soon as it uses its copy.
//!
//! Of the parent's threads only the one that forked goes on in the new process. What the
//! others held there is held by nobody.
//!
//! A fork is noticed by a handler of `pthread_atfork`, which every libc has and which costs
//! nothing until then. (A page that the kernel wipes, `MADV_WIPEONFORK`, takes Linux 4.14,
//! newer than that of many gateways; it would also see a bare `clone`.)
//!
//! Without `std` nothing forks, and nothing here costs anything.

use crate::context::Context;
#[cfg(feature = "std")]
use crate::context::State;
#[cfg(feature = "std")]
use crate::log::log_later;
pub(crate) use process::{Holder, Process};

#[cfg(feature = "std")]
mod process {
    use core::ffi::c_int;
    use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};

    /// How many forks lie between the process that loaded the library and this one. Of 16
    /// bits, for which a context has room.
    static GENERATION: AtomicU16 = AtomicU16::new(0);

    static IS_WATCHED: AtomicBool = AtomicBool::new(false);

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }

    /// Called in a new process, before `fork` returns.
    extern "C" fn note_fork() {
        GENERATION.store(current().wrapping_add(1), Ordering::Relaxed);
    }

    fn current() -> u16 {
        GENERATION.load(Ordering::Relaxed)
    }

    /// Has forks counted from now on. Returns false if there is no memory for that.
    fn watch() -> bool {
        // Miri knows no forks.
        if cfg!(miri) || IS_WATCHED.swap(true, Ordering::Relaxed) {
            return true;
        }
        // SAFETY: the function takes no argument, and lives as long as the library: libc
        // forgets it if the library is unloaded.
        let is_watched = unsafe { pthread_atfork(None, None, Some(note_fork)) } == 0;
        IS_WATCHED.store(is_watched, Ordering::Relaxed);
        is_watched
    }

    /// The process that a context belongs to.
    pub(crate) struct Process(AtomicU16);

    impl Process {
        /// This process; `None` if there is no memory for noticing forks of it.
        pub(crate) fn this() -> Option<Self> {
            watch().then(|| Self(current().into()))
        }

        /// Whether it is this one.
        #[inline]
        pub(crate) fn is_this(&self) -> bool {
            self.0.load(Ordering::Acquire) == current()
        }

        pub(super) fn become_this(&self) {
            self.0.store(current(), Ordering::Release);
        }
    }

    /// The process whose thread holds a lock, if any.
    pub(crate) struct Holder(AtomicU16);

    impl Holder {
        pub(crate) const fn none() -> Self {
            Self(AtomicU16::new(0))
        }

        fn this() -> u16 {
            current().wrapping_add(1)
        }

        #[inline]
        pub(crate) fn begin(&self) {
            self.0.store(Self::this(), Ordering::Relaxed);
        }

        #[inline]
        pub(crate) fn end(&self) {
            self.0.store(0, Ordering::Relaxed);
        }

        pub(crate) fn is_of_another_process(&self) -> bool {
            let holder = self.0.load(Ordering::Relaxed);
            holder != 0 && holder != Self::this()
        }
    }
}

#[cfg(not(feature = "std"))]
#[allow(clippy::unused_self, reason = "as with std")]
mod process {
    /// There is one process.
    pub(crate) struct Process;

    impl Process {
        pub(crate) const fn this() -> Option<Self> {
            Some(Self)
        }
    }

    /// As above.
    pub(crate) struct Holder;

    impl Holder {
        pub(crate) const fn none() -> Self {
            Self
        }

        pub(crate) const fn begin(&self) {}

        pub(crate) const fn end(&self) {}

        pub(crate) const fn is_of_another_process(&self) -> bool {
            false
        }
    }
}

impl Context {
    /// If this process has a copy of its parent's context, leaves to the parent what is the
    /// parent's. Called whenever the program may have forked: when a call enters, and after
    /// a callback. Returns false if the copy cannot be used.
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

    /// The same with the lock held.
    #[cfg(feature = "std")]
    fn leave_to_parent(&self, state: &mut State) {
        // Of several threads the first one does it.
        if self.process.is_this() {
            return;
        }
        let State { client, link, buffers, log, .. } = state;
        log_later!(
            log,
            Warning,
            "this process was forked off: it leaves the connection to its parent, and opens \
             one of its own{}",
            if link.keeps_session() {
                "; what is kept in the store stays its parent's"
            } else {
                ""
            }
        );
        link.leave_to_parent();
        client.handle_fork();
        // The calls that this thread is in have called the program, one in the callback of
        // another.
        let (mut calls, mut waiting) = (0, 0);
        buffers.give_back_all();
        crate::call::each_callback(self.handle(), |call| {
            calls += 1;
            waiting += u32::from(call.waits.get());
            if let Some(number) = call.buffer.get() {
                buffers.keep(number);
            }
        });
        self.entered.set(calls);
        state.callbacks = calls;
        state.pace.handle_fork(waiting);
        state.reading = false;
        state.shared = false;
        state.is_storing = false;
        // Another thread may have been in Deinit.
        state.closing = false;
        self.process.become_this();
    }
}
