//! The C library: the functions of the original SDK's CoAP client above, the
//! board port's `HAL_*` below, and between them a context that owns one
//! [`iot_coap_client::Client`] and drives it.
//!
//! This crate and the Linux port are the only ones with `unsafe` code: pointers come
//! in and integers go out. It knows nothing of the protocol.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
// Without some of the features, some items have no user.
#![cfg_attr(
    not(all(feature = "std", feature = "port-linux", feature = "dtls")),
    allow(
        dead_code,
        irrefutable_let_patterns,
        unreachable_patterns,
        unused_mut,
        clippy::needless_pass_by_ref_mut,
        clippy::unnecessary_wraps,
        clippy::unused_self
    )
)]

extern crate alloc;

#[cfg(all(feature = "bare", not(any(feature = "std", test))))]
mod bare;
mod buffers;
mod call;
mod callbacks;
mod certificates;
mod clock;
mod configuration;
mod context;
mod drive;
#[cfg(feature = "dtls-psk")]
mod dtls;
mod enter;
mod entered;
mod entry;
mod exports;
#[cfg(feature = "extension")]
mod extension;
mod fallible;
mod fork;
mod handle;
mod helpers;
mod layout;
mod level;
mod link;
mod lock;
mod log;
mod message;
mod notices;
mod open_contexts;
mod pace;
mod panic;
mod port;
mod process;
mod sending;
mod strings;
mod token_store;
mod types;

pub use certificates::iotx_default_ca;
pub use exports::*;
#[cfg(feature = "extension")]
pub use extension::*;
pub use helpers::*;
pub use level::*;
pub use notices::*;
pub use types::*;

// The port's HAL_* have no caller in Rust: this keeps them in the library.
#[cfg(feature = "port-linux")]
use iot_coap_port_linux as _;
