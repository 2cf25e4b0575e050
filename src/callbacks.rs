//! The callbacks of a context that are running. Deinit waits for callbacks of other
//! threads. Within a callback of its own thread it is refused: it would wait for ever.
//!
//! With `std`, each thread knows the callbacks that it is in. Without, a context knows its
//! callbacks, and the port identifies threads (`HAL_ThreadSelf`). If the port does not, any
//! callback may be the caller's.

#[cfg(not(feature = "std"))]
pub(crate) use listed::{Callbacks, leave};
#[cfg(all(test, feature = "std"))]
pub(crate) use of_thread::is_calling_back;
#[cfg(feature = "std")]
pub(crate) use of_thread::{Callbacks, each_callback, leave};

#[cfg(feature = "std")]
mod of_thread {
    use core::cell::Cell;
    use core::ffi::c_void;

    use crate::call::Call;

    std::thread_local! {
        static INNERMOST: Cell<*const Call> = const { Cell::new(core::ptr::null()) };
    }

    /// How many callbacks are running, on any thread.
    #[derive(Default)]
    pub(crate) struct Callbacks(u32);

    impl Callbacks {
        /// Notes that a call of this thread is calling the program.
        pub(crate) fn begin(&mut self, call: &Call) {
            self.0 += 1;
            call.calls_back.set(true);
            call.outer.set(INNERMOST.get());
            INNERMOST.set(call);
        }

        pub(crate) fn end(&mut self, call: &Call) {
            self.0 -= 1;
            leave(call);
        }

        /// Sets the number of callbacks, in a process that has no other thread yet.
        pub(crate) fn set(&mut self, calls: u32) {
            self.0 = calls;
        }

        /// Whether a callback of `context` runs on the calling thread.
        pub(crate) fn is_in_one(&self, context: *const c_void) -> bool {
            self.0 != 0 && is_calling_back(context)
        }

        #[cfg(test)]
        pub(crate) fn is_empty(&self) -> bool {
            self.0 == 0
        }
    }

    /// Notes that the callback of a call has ended, in a context that can no longer be
    /// used.
    pub(crate) fn leave(call: &Call) {
        call.calls_back.set(false);
        INNERMOST.set(call.outer.get());
    }

    /// Whether a callback of this context runs on the calling thread.
    pub(crate) fn is_calling_back(context: *const c_void) -> bool {
        let mut is_any = false;
        each_callback(context, |_| is_any = true);
        is_any
    }

    /// Runs `work` on every call of this thread that is calling the program for `context`.
    pub(crate) fn each_callback(context: *const c_void, mut work: impl FnMut(&Call)) {
        let mut call = INNERMOST.get();
        // SAFETY: every entry is in the frame of a call that has not returned, on this thread.
        while let Some(entry) = unsafe { call.as_ref() } {
            if entry.context == context {
                work(entry);
            }
            call = entry.outer.get();
        }
    }
}

#[cfg(any(test, not(feature = "std")))]
mod listed {
    use core::ffi::c_void;
    use core::ptr::null;

    use crate::call::Call;

    /// A list of the calls that are calling the program, the newest first.
    pub(crate) struct Callbacks {
        newest: *const Call,
    }

    // SAFETY: any thread may use the list, since it holds the context's lock.
    unsafe impl Send for Callbacks {}

    impl Default for Callbacks {
        fn default() -> Self {
            Self { newest: null() }
        }
    }

    #[cfg(not(feature = "std"))]
    impl Callbacks {
        /// Notes that a call of this thread is calling the program.
        pub(crate) fn begin(&mut self, call: &Call) {
            self.begin_on(call, crate::port::this_thread());
        }

        /// Whether a callback runs on the calling thread, or may.
        pub(crate) fn is_in_one(&self, _context: *const c_void) -> bool {
            self.is_in_one_on(crate::port::this_thread())
        }
    }

    impl Callbacks {
        /// The call must stay in its frame until [`end`](Self::end).
        pub(super) fn begin_on(&mut self, call: &Call, thread: *const c_void) {
            call.calls_back.set(true);
            call.thread.set(thread);
            call.outer.set(self.newest);
            self.newest = call;
        }

        pub(crate) fn end(&mut self, call: &Call) {
            call.calls_back.set(false);
            if core::ptr::eq(self.newest, call) {
                self.newest = call.outer.get();
                return;
            }
            let newer = self.iter().find(|newer| core::ptr::eq(newer.outer.get(), call));
            if let Some(newer) = newer {
                newer.outer.set(call.outer.get());
            }
        }

        /// `thread` is null if the port does not identify threads.
        pub(super) fn is_in_one_on(&self, thread: *const c_void) -> bool {
            self.iter().any(|call| thread.is_null() || call.thread.get() == thread)
        }

        fn iter(&self) -> impl Iterator<Item = &Call> {
            // SAFETY: every entry is in the frame of a call that has not returned, since it
            // leaves the list before; and the context is locked.
            let get = |call: *const Call| unsafe { call.as_ref() };
            core::iter::successors(get(self.newest), move |call| get(call.outer.get()))
        }
    }

    /// Notes that the callback of a call has ended, in a context that can no longer be
    /// used. Without `std` there is no such context.
    #[cfg(not(feature = "std"))]
    pub(crate) fn leave(_call: &Call) {}
}

#[cfg(test)]
mod tests {
    use core::ffi::c_void;
    use core::ptr::{from_ref, null};

    use super::listed;
    use crate::call::Call;

    #[cfg(feature = "std")]
    #[test]
    fn every_callback_that_a_thread_is_in_is_known() {
        use super::of_thread::Callbacks;

        let contexts = [0_u8; 3];
        let [first, second, third] = [0, 1, 2].map(|at| from_ref(&contexts[at]).cast::<c_void>());
        // The callbacks of the first context, and of the second.
        let (mut ones, mut others) = (Callbacks::default(), Callbacks::default());
        let outer = Call::new(first, 0, false);
        let middle = Call::new(second, 0, false);
        let inner = Call::new(first, 0, false);
        let known = |ones: &Callbacks, others: &Callbacks| {
            [ones.is_in_one(first), others.is_in_one(second), others.is_in_one(third)]
        };
        assert_eq!(known(&ones, &others), [false; 3]);
        ones.begin(&outer);
        assert_eq!(known(&ones, &others), [true, false, false]);
        others.begin(&middle);
        ones.begin(&inner);
        assert_eq!(known(&ones, &others), [true, true, false]);
        std::thread::scope(|scope| {
            let (ones, contexts) = (&ones, &contexts);
            scope.spawn(move || {
                assert!(
                    !ones.is_in_one(from_ref(&contexts[0]).cast()),
                    "another thread is in no callback"
                );
            });
        });
        ones.end(&inner);
        assert_eq!(known(&ones, &others), [true, true, false]);
        others.end(&middle);
        assert_eq!(known(&ones, &others), [true, false, false]);
        // One callback after the other, as a wait runs them.
        ones.end(&outer);
        ones.begin(&outer);
        ones.end(&outer);
        assert_eq!(known(&ones, &others), [false; 3]);
        assert!(ones.is_empty() && !outer.calls_back.get());
    }

    #[test]
    fn without_std_the_port_tells_whose_a_callback_is() {
        let threads = [0_u8; 3];
        let [one, other, third] = [0, 1, 2].map(|at| from_ref(&threads[at]).cast::<c_void>());
        let calls = [(); 4].map(|()| Call::new(null(), 0, false));
        let mut callbacks = listed::Callbacks::default();
        let known = |callbacks: &listed::Callbacks| {
            [one, other, third, null()].map(|thread| callbacks.is_in_one_on(thread))
        };
        assert_eq!(known(&callbacks), [false; 4]);
        // The first thread calls the library in its callback, and is called back there.
        for (call, thread) in calls.iter().zip([one, other, one, third]) {
            callbacks.begin_on(call, thread);
        }
        assert_eq!(known(&callbacks), [true; 4]);
        // They may end in any order: in the middle, oldest first, newest first.
        callbacks.end(&calls[1]);
        assert_eq!(known(&callbacks), [true, false, true, true]);
        callbacks.end(&calls[0]);
        assert_eq!(known(&callbacks), [true, false, true, true]);
        callbacks.end(&calls[3]);
        assert_eq!(known(&callbacks), [true, false, false, true]);
        callbacks.end(&calls[2]);
        assert_eq!(known(&callbacks), [false; 4]);
        assert!(calls.iter().all(|call| !call.calls_back.get()));
    }
}
