//! The board port for Linux: every `HAL_*` function that the CoAP library of the original
//! SDK needs from its platform, except `HAL_DTLSSession_*`.
//!
//! The symbols themselves are weak and live in `c/hal.c`, so that a program can
//! define any one of them and keep the rest; they call the `iotx_linux_*`
//! functions of these modules. This crate knows sockets, clocks, files and
//! threads, and nothing of CoAP. It reports through one log hook.
//!
//! The library also calls this crate from Rust, for functions that `HAL_*` lacks: random
//! bytes, the calendar, locks on the store, one descriptor for several sockets, and opening
//! a socket without waiting for a name server.
//!
//! Without `std` the crate is `no_std`. It allocates nothing through Rust: a `bare` build
//! has its global allocator on top of `HAL_Malloc`.

#![cfg_attr(not(any(test, feature = "std")), no_std)]

mod clock;
mod fd;
mod identity;
mod kv;
mod log;
mod mutex;
mod poller;
mod random;
mod sync;
mod text;
mod udp;

pub use clock::calendar_seconds;
pub use kv::{KvLock, KvLockError, kv_is_builtin};
pub use log::set_log;
pub use poller::Poller;
pub use random::fill as fill_random;
pub use udp::{
    Opened, Opening, REFUSED, UNREACHABLE, await_either, needs_lookup, open, opens_sockets,
    receive_now, stop_reading, udp_descriptor,
};
