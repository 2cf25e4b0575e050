//! Opens a socket without waiting for a name server: another thread looks the name up,
//! connects, and ends.

use core::ffi::{CStr, c_int, c_void};
use core::mem::zeroed;
use core::ptr::{NonNull, null_mut, without_provenance_mut};
use core::sync::atomic::{AtomicI32, AtomicU8, Ordering};
use core::task::Poll;

use super::iotx_linux_udp_is_builtin;
use super::socket::{self, Connected, Host, bare_host, is_address};
use crate::fd::Fd;

/// No result yet.
const PENDING: c_int = -2;
/// There will be no socket.
const FAILED: c_int = -1;

/// Whether `HAL_UDP_create` is this port's function, so that [`open`] and [`Opening`] may
/// replace it.
pub fn opens_sockets() -> bool {
    iotx_linux_udp_is_builtin() != 0
}

/// Whether connecting to `host` may wait for a name server, so that [`Opening`] is better.
pub fn needs_lookup(host: &CStr) -> bool {
    bare_host(host).is_some_and(|host| !is_address(&host))
}

/// The state that both threads share. It is on libc's heap, and the last owner frees it.
struct Job {
    owners: AtomicU8,
    socket: AtomicI32,
    /// How many addresses the host has; set before the socket is.
    addresses: AtomicU8,
    /// Becomes readable when there is a result.
    done: c_int,
    host: Host,
    port: u16,
    first: u8,
}

/// A socket that is open.
#[derive(Clone, Copy, Debug)]
pub struct Opened {
    /// The handle, in the form that `HAL_UDP_create` returns. Its owner closes it.
    pub handle: *mut c_void,
    /// How many addresses its host has, 255 at most.
    pub addresses: u8,
}

/// Connects to `host`, beginning with its address number `first`. Returns `None`, with the
/// reason in the log, if that fails. May wait for a name server.
pub fn open(host: &CStr, port: u16, first: u8) -> Option<Opened> {
    let Connected { socket, addresses } = socket::connect(host, port, first)?;
    handle(socket.into_raw()).map(|handle| Opened { handle, addresses })
}

/// A socket that is being opened. If this is dropped before the socket was taken, the
/// socket is closed.
pub struct Opening(NonNull<Job>);

// SAFETY: the threads share the job through atomics only; the rest of it does not change
// after the start.
unsafe impl Send for Opening {}

impl Opening {
    /// Starts to connect to `host`, like [`open`]. Returns `None` if the system has no
    /// thread, descriptor or memory left.
    pub fn start(host: &CStr, port: u16, first: u8) -> Option<Self> {
        // SAFETY: eventfd takes only numbers, and refuses unknown flags.
        let done = Fd::new(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
        let host = bare_host(host)?;
        // SAFETY: malloc takes any size; its memory is aligned for any type.
        let memory = unsafe { libc::malloc(size_of::<Job>()) }.cast::<Job>();
        let job = NonNull::new(memory)?;
        let content = Job {
            owners: AtomicU8::new(2),
            socket: AtomicI32::new(PENDING),
            addresses: AtomicU8::new(0),
            done: done.into_raw(),
            host,
            port,
            first,
        };
        // SAFETY: fresh memory of the right size and alignment.
        unsafe { job.write(content) };
        // If the thread does not start, both owners are here.
        let opening = Self(job);
        if !start_thread(job) {
            release(job);
            return None;
        }
        Some(opening)
    }

    /// The descriptor that becomes readable with the result, for `poll`.
    pub fn descriptor(&self) -> c_int {
        self.job().done
    }

    /// The socket, once it is open; `None`, with the reason in the log, if it could not be
    /// opened. It is returned once.
    pub fn poll(&mut self) -> Poll<Option<Opened>> {
        let socket = self.job().socket.load(Ordering::Acquire);
        if socket == PENDING {
            return Poll::Pending;
        }
        // The other thread has stored the result, and does not store again.
        self.job().socket.store(FAILED, Ordering::Relaxed);
        let addresses = self.job().addresses.load(Ordering::Relaxed);
        Poll::Ready(handle(socket).map(|handle| Opened { handle, addresses }))
    }

    fn job(&self) -> &Job {
        // SAFETY: this owner keeps the job alive.
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

/// Ends the ownership of one thread.
fn release(job: NonNull<Job>) {
    // SAFETY: the caller was an owner, so the job is alive.
    let shared = unsafe { job.as_ref() };
    if shared.owners.fetch_sub(1, Ordering::AcqRel) != 1 {
        return;
    }
    // Closes the socket, if nobody took it.
    drop(Fd::new(shared.socket.load(Ordering::Acquire)));
    drop(Fd::new(shared.done));
    // SAFETY: the job came from malloc, and this was the last owner.
    unsafe { libc::free(job.as_ptr().cast()) };
}

/// Starts a thread for the job; returns whether it runs.
fn start_thread(job: NonNull<Job>) -> bool {
    // SAFETY: all zeros is valid for each of these types; the attributes are initialised
    // before they are used, and the job is alive as long as the thread. Signals are
    // blocked while the thread starts, so that the program's handlers never run on it.
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

/// The function of the thread: connects, stores the result and wakes the other owner.
extern "C" fn run(job: *mut c_void) -> *mut c_void {
    let Some(job) = NonNull::new(job.cast::<Job>()) else { return null_mut() };
    // SAFETY: this thread is an owner, which keeps the job alive.
    let shared = unsafe { job.as_ref() };
    let connected = socket::connect(shared.host.as_c_str(), shared.port, shared.first);
    let socket = connected.map_or(FAILED, |Connected { socket, addresses }| {
        shared.addresses.store(addresses, Ordering::Relaxed);
        socket.into_raw()
    });
    shared.socket.store(socket, Ordering::Release);
    let one: u64 = 1;
    // SAFETY: `one` has eight bytes, and the event descriptor lives as long as the job.
    unsafe { libc::write(shared.done, (&raw const one).cast(), size_of::<u64>()) };
    release(job);
    null_mut()
}
