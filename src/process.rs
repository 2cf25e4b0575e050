//! Notices forks. A context belongs to one process, and so does a lock that is held.
//!
//! The module uses a handler of `pthread_atfork`, which every libc has and which costs
//! nothing until a fork. (A page that the kernel wipes, `MADV_WIPEONFORK`, would also
//! notice a bare `clone`, but needs Linux 4.14, and many gateways have older kernels.)
//!
//! Without `std` nothing forks, and this module costs nothing.

pub(crate) use of_system::{Holder, Process};

#[cfg(feature = "std")]
mod of_system {
    use core::ffi::c_int;
    use core::sync::atomic::{AtomicBool, AtomicU16, Ordering};

    /// How many forks lie between the process that loaded the library and this one. It has
    /// 16 bits, since a context has room for two bytes.
    static FORKS: AtomicU16 = AtomicU16::new(0);

    static IS_WATCHED: AtomicBool = AtomicBool::new(false);

    unsafe extern "C" {
        fn pthread_atfork(
            prepare: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> c_int;
    }

    /// Runs in a new process, before `fork` returns.
    extern "C" fn note_fork() {
        FORKS.store(current().wrapping_add(1), Ordering::Relaxed);
        #[cfg(all(feature = "dtls-psk", feature = "port-linux"))]
        crate::dtls::leave_to_parent();
    }

    fn current() -> u16 {
        FORKS.load(Ordering::Relaxed)
    }

    /// Starts to count forks. Returns false if there is no memory for the handler.
    fn watch() -> bool {
        // Miri has no forks.
        if cfg!(miri) || IS_WATCHED.swap(true, Ordering::Relaxed) {
            return true;
        }
        // SAFETY: the function takes no argument, and lives as long as the library: libc
        // removes it when the library is unloaded.
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

        /// Whether it is the calling process.
        #[inline]
        pub(crate) fn is_this(&self) -> bool {
            self.0.load(Ordering::Acquire) == current()
        }

        pub(crate) fn become_this(&self) {
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
mod of_system {
    /// There is only one process.
    pub(crate) struct Process;

    impl Process {
        pub(crate) const fn this() -> Option<Self> {
            Some(Self)
        }

        #[cfg(all(feature = "dtls-psk", feature = "extension"))]
        pub(crate) const fn is_this(&self) -> bool {
            true
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
