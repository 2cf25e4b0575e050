//! The board port for Linux: every `HAL_*` function that the CoAP library of
//! the original SDK takes from its platform.
//!
//! The symbols themselves are weak and live in `c/hal.c`, so that a program can
//! define any one of them and keep the rest; they call the `iotx_linux_*`
//! functions of these modules. This crate knows sockets, clocks, files and
//! threads, and nothing of CoAP; it reports through one log hook and never
//! prints by itself.
//!
//! Without `std` the crate is `no_std`, and itself allocates nothing through Rust:
//! the `bare` build puts the global allocator on top of `HAL_Malloc`.

#![cfg_attr(not(any(test, feature = "std")), no_std)]

#[cfg(feature = "openssl")]
extern crate alloc;

mod clock;
#[cfg(feature = "_session")]
mod dtls;
mod fd;
mod identity;
mod kv;
mod log;
mod mutex;
mod random;
mod sync;
mod text;
mod udp;

#[cfg(feature = "_session")]
pub use dtls::{dtls_allow_static_rsa, dtls_descriptor};
pub use iot_coap_port::Level;
pub use log::set_log;
pub use udp::udp_descriptor;
