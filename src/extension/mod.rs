//! What is ours beyond the original's interface: `include/iot_coap_ext.h`.
//! Optional: firmware written for the original needs none of it, and a build
//! without the feature `extension` has the notices' types alone, and none told.

#![allow(non_camel_case_types, reason = "the names of a C interface")]

#[cfg(feature = "extension")]
mod options;
#[cfg(feature = "extension")]
mod sleep;
#[cfg(feature = "extension")]
mod statistics;
#[cfg(feature = "extension")]
mod text;
#[cfg(feature = "extension")]
mod waiting;

#[cfg(feature = "extension")]
pub use self::{options::*, sleep::*, statistics::*, text::*, waiting::*};
