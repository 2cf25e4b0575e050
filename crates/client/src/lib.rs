#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod access_token;
mod auth;
mod client;
mod code;
mod deduplication;
mod device;
mod encode;
mod endpoint;
mod exchange;
mod identifiers;
mod message;
mod option;
mod random;
mod sign;
mod statistics;
#[cfg_attr(not(feature = "symmetric"), path = "symmetric_absent.rs")]
mod symmetric;
mod timing;

pub use access_token::{ACCESS_TOKEN_LIFETIME_MS, ACCESS_TOKEN_MAX_LEN};
pub use auth::{Encoding, SignInOptions};
pub use client::{
    Attempt, Client, Config, Dropped, Event, ExchangeId, GiveUp, MAX_OUTSTANDING, Received,
    Refusal, Request, Response, SIGN_IN_LIMIT_MS, SendError, SignInError, Transmit,
};
pub use code::Code;
pub use device::{
    CLIENT_ID_MAX_LEN, DEVICE_NAME_MAX_LEN, DEVICE_SECRET_MAX_LEN, Device, DeviceError,
    PRODUCT_KEY_MAX_LEN,
};
pub use encode::{EncodeError, Encoder, MAX_MESSAGE_LEN};
pub use endpoint::{Endpoint, HOST_MAX_LEN, Security, UrlError};
pub use message::{FormatError, Kind, Malformed, Message};
pub use option::{
    ContentFormat, MessageOption, OptionNumber, Options, access_token_option_for_host,
};
pub use sign::SignMethod;
pub use statistics::Statistics;
#[cfg(feature = "symmetric")]
pub use symmetric::{SymmetricKey, UndecryptableError};
pub use timing::TransmissionParameters;

/// The longest path that a request may carry, in bytes (`IOTX_URI_MAX_LEN`).
pub const PATH_MAX_LEN: usize = 135;
