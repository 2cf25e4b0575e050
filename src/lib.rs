//! The C library. Above are the functions of the original SDK's CoAP client, below the
//! board port's `HAL_*`, and between them a context that owns one
//! [`iot_coap_client::Client`] and drives it.
//!
//! Only this crate and the Linux port have `unsafe` code: pointers come in and integers go
//! out. This crate knows nothing of the protocol.

#![cfg_attr(not(any(feature = "std", test)), no_std)]
// Without some of the features, some items are unused.
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

// No Rust code calls the port's HAL_*. This keeps them in the library.
#[cfg(feature = "port-linux")]
use iot_coap_port_linux as _;
