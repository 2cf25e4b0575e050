//! Opening a socket without waiting for a name server: a thread of its own looks
//! the name up and connects, and ends.

use core::ffi::{CStr, c_int, c_void};
use core::mem::zeroed;
use core::ptr::{NonNull, null_mut, without_provenance_mut};
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use core::task::Poll;

use super::iotx_linux_udp_is_builtin;
use super::socket::{self, Host, bare_host, is_address};
use crate::fd::Fd;

/// No result yet.
const PENDING: c_int = -2;
/// There will be no socket.
const FAILED: c_int = -1;

/// Whether connecting to `host` by `HAL_UDP_create` may wait for a name server
/// while [`Opening`] would not.
pub fn needs_lookup(host: &CStr) -> bool {
    iotx_linux_udp_is_builtin() != 0 && bare_host(host).is_some_and(|host| !is_address(&host))
}

/// What both threads see; on the heap of libc, freed by whoever lets go last.
struct Job {
    owners: AtomicU8,
    socket: AtomicI32,
    /// Becomes readable when there is a result.
    done: c_int,
    host: Host,
    port: u16,
}

/// A socket that is being opened. If it is dropped before, the socket is closed.
pub struct Opening(NonNull<Job>);

// SAFETY: the job is shared between threads by atomics alone; the rest of it does
// not change after the start.
unsafe impl Send for Opening {}

impl Opening {
    /// Starts to connect to `host`, a name or an address, at a UDP port. `None` if
    /// the system has no thread, descriptor or memory to give.
    pub fn start(host: &CStr, port: u16) -> Option<Self> {
        // SAFETY: takes two numbers.
        let done = Fd::new(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let host = bare_host(host)?;
        // SAFETY: malloc takes any size; what it returns is aligned for any type.
        let memory = unsafe { libc::malloc(size_of::<Job>()) }.cast::<Job>();
        let job = NonNull::new(memory)?;
        let content = Job {
            owners: AtomicU8::new(2),
            socket: AtomicI32::new(PENDING),
            done: done.into_raw(),
            host,
            port,
        };
        // SAFETY: fresh memory of the right size and alignment.
        unsafe { job.write(content) };
        // On failure both owners are here.
        let opening = Self(job);
        if !start_thread(job) {
            release(job);
            return None;
        }
        Some(opening)
    }

    /// What `poll` can wait on for the result.
    pub fn descriptor(&self) -> c_int {
        self.job().done
    }

    /// The handle, as `HAL_UDP_create` gives it, once it is there; `None` if there
    /// is none, with the reason in the log. Ready once.
    pub fn poll(&mut self) -> Poll<Option<*mut c_void>> {
        let socket = self.job().socket.load(Ordering::Acquire);
        if socket == PENDING {
            return Poll::Pending;
        }
        // The other thread stores once, and has: from now on the job is this owner's.
        self.job().socket.store(FAILED, Ordering::Relaxed);
        Poll::Ready(handle(socket))
    }

    fn job(&self) -> &Job {
        // SAFETY: this owner's share keeps the job alive.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        release(self.0);
    }
}

fn handle(socket: c_int) -> Option<*mut c_void> {
    let socket = usize::try_from(socket).ok()?;
    Some(without_provenance_mut(socket))
}

/// Gives up one share of a job.
fn release(job: NonNull<Job>) {
    // SAFETY: the caller had a share, so that the job is alive.
    let shared = unsafe { job.as_ref() };
    if shared.owners.fetch_sub(1, Ordering::AcqRel) != 1 {
        return;
    }
    // Nobody asked for the socket.
    drop(Fd::new(shared.socket.load(Ordering::Acquire)));
    drop(Fd::new(shared.done));
    // SAFETY: it came from malloc, and this was the last share.
    unsafe { libc::free(job.as_ptr().cast()) };
}

/// Starts a thread of its own for the job; whether it did.
fn start_thread(job: NonNull<Job>) -> bool {
    // SAFETY: all zeros is a place for attributes, which are initialised, used and
    // destroyed here; signals are blocked while the thread starts, so that the
    // program's handlers never run on it.
    unsafe {
        let mut attributes: libc::pthread_attr_t = zeroed();
        if libc::pthread_attr_init(&raw mut attributes) != 0 {
            return false;
        }
        libc::pthread_attr_setdetachstate(&raw mut attributes, libc::PTHREAD_CREATE_DETACHED);
        let mut all: libc::sigset_t = zeroed();
        let mut before: libc::sigset_t = zeroed();
        libc::sigfillset(&raw mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, &raw mut before);
        let mut thread = zeroed();
        let argument = job.as_ptr().cast();
        let started =
            libc::pthread_create(&raw mut thread, &raw const attributes, run, argument) == 0;
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const before, null_mut());
        libc::pthread_attr_destroy(&raw mut attributes);
        started
    }
}

/// The thread: connects, leaves the result and wakes whoever waits for it.
extern "C" fn run(job: *mut c_void) -> *mut c_void {
    let Some(job) = NonNull::new(job.cast::<Job>()) else { return null_mut() };
    // SAFETY: this thread's share keeps the job alive.
    let shared = unsafe { job.as_ref() };
    let socket = socket::connect(shared.host.as_c_str(), shared.port);
    let socket = socket.map_or(FAILED, Fd::into_raw);
    shared.socket.store(socket, Ordering::Release);
    let one: u64 = 1;
    // SAFETY: eight bytes into an event descriptor of ours.
    unsafe { libc::write(shared.done, (&raw const one).cast(), size_of::<u64>()) };
    release(job);
    null_mut()
}
