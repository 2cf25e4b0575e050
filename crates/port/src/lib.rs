//! What the board ports under the CoAP library have in common: how they speak to
//! the log, and the whole of `HAL_DTLSSession_*`, over the datagrams, the clock
//! and the randomness that a [`Port`](dtls::Port) brings.
//!
//! `crates/port-linux` brings Linux's; the library itself brings those of a
//! firmware's own `HAL_UDP_*`, `HAL_UptimeMs` and `HAL_Random`. This crate knows
//! no system: what it needs of one stands in the traits of `port.rs`. Its only
//! `unsafe` code is the C edge, `edge.rs` and the macro that exports it.

#![cfg_attr(not(any(test, feature = "std")), no_std)]
#![deny(unsafe_code)]

#[cfg(feature = "session")]
extern crate alloc;

#[cfg(feature = "session")]
pub mod dtls;

/// How grave a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something that was asked for cannot be done.
    Error,
    /// It works, but not as the caller may think.
    Warning,
    /// Events of a normal life: a session opened, a session resumed.
    Info,
    /// What only a developer of the port wants to see.
    Debug,
}
