//! What is ours beyond the original's interface: `include/iot_coap_ext.h`.
//! Optional: firmware written for the original needs none of it.

#![allow(non_camel_case_types, reason = "the names of a C interface")]

mod notices;
mod options;
mod sleep;
mod statistics;
mod text;
mod waiting;

pub(crate) use notices::Subscriber;
pub use notices::*;
pub(crate) use options::Options;
pub use options::*;
pub use sleep::*;
pub use statistics::*;
pub use text::*;
pub use waiting::*;
