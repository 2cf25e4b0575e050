//! One descriptor that becomes readable when any of several sockets does.

use core::ffi::c_int;
use core::ptr::null_mut;

use crate::fd::Fd;

/// An epoll descriptor.
pub struct Poller(Fd);

impl Poller {
    /// A poller that watches nothing yet; `None` if the process has too many descriptors.
    pub fn new() -> Option<Self> {
        // SAFETY: epoll_create1 takes only flags, and refuses unknown ones.
        Fd::new(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }).map(Self)
    }

    /// The descriptor, for `poll`.
    pub fn descriptor(&self) -> c_int {
        self.0.raw()
    }

    /// Forgets every socket, in a forked process. Otherwise each of the two processes would
    /// watch the sockets of both. The descriptor's number stays. If there is no memory,
    /// both processes continue to share the descriptor.
    pub fn renew(&self) {
        let Some(fresh) = Self::new() else { return };
        // SAFETY: two live descriptors and a flag.
        unsafe { libc::dup3(fresh.descriptor(), self.descriptor(), libc::O_CLOEXEC) };
    }

    /// Stops watching a descriptor. Closing the descriptor is not enough if a forked
    /// process has a copy of it.
    pub fn forget(&self, descriptor: c_int) {
        // SAFETY: EPOLL_CTL_DEL needs no event, so NULL is allowed. An error means that the
        // descriptor was not watched.
        unsafe { libc::epoll_ctl(self.0.raw(), libc::EPOLL_CTL_DEL, descriptor, null_mut()) };
    }

    /// Watches another descriptor, until [`forget`](Self::forget). Once is enough.
    pub fn watch(&self, descriptor: c_int) {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
        // SAFETY: a live descriptor, and an event that is only read. An error means that
        // the socket is watched already, or that there is no memory. In the latter case,
        // the program checks the socket when its `poll` times out.
        unsafe { libc::epoll_ctl(self.0.raw(), libc::EPOLL_CTL_ADD, descriptor, &raw mut event) };
    }
}
