//! Functions beyond the original's interface, for `include/iot_coap_ext.h`. They are
//! optional: firmware written for the original needs none of them. A build without the
//! feature `extension` sends no notices and has only their types.

#![allow(non_camel_case_types, reason = "the names of a C interface")]

#[cfg(feature = "extension")]
mod init;
#[cfg(feature = "extension")]
mod messages;
#[cfg(feature = "extension")]
mod option_values;
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
pub use self::{init::*, messages::*, options::*, sleep::*, statistics::*, text::*, waiting::*};
