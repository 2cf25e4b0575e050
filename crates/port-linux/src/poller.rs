//! One descriptor that becomes readable when any of several sockets does.

use core::ffi::c_int;
use core::ptr::null_mut;

use crate::fd::Fd;

/// An epoll descriptor.
pub struct Poller(Fd);

impl Poller {
    /// A poller that watches nothing yet; `None` if the process has too many descriptors.
    pub fn new() -> Option<Self> {
        // SAFETY: takes a number.
        Fd::new(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    /// The descriptor, for `poll`.
    pub fn descriptor(&self) -> c_int {
        self.0.raw()
    }

    /// Watches nothing any more. After a fork, both processes would otherwise watch what
    /// either of them opens. The descriptor's number stays; if there is no memory, the
    /// descriptor stays the common one.
    pub fn renew(&self) {
        let Some(fresh) = Self::new() else { return };
        // SAFETY: two live descriptors and a flag.
        unsafe { libc::dup3(fresh.descriptor(), self.descriptor(), libc::O_CLOEXEC) };
    }

    /// Watches a descriptor no more. It would do so beyond its closing if a process that was
    /// forked off has a copy of it.
    pub fn forget(&self, descriptor: c_int) {
        // SAFETY: two numbers; no event is needed. An error means that it was not watched.
        unsafe { libc::epoll_ctl(self.0.raw(), libc::EPOLL_CTL_DEL, descriptor, null_mut()) };
    }

    /// Watches another descriptor, until [`forget`](Self::forget). Once is enough.
    pub fn watch(&self, descriptor: c_int) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        // SAFETY: a live descriptor, and an event that is only read. An error means that
        // the socket is watched already, or that there is no memory: then the program
        // looks at the socket when its `poll` times out.
        unsafe { libc::epoll_ctl(self.0.raw(), libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
    }
}
