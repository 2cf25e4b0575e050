#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod access_token;
mod auth;
mod backoff;
mod client;
mod code;
mod config;
mod credentials;
mod critical;
mod decimal;
mod deduplication;
mod device;
#[cfg_attr(not(feature = "displaced"), path = "displaced_absent.rs")]
mod displaced;
mod encode;
mod encoded_request;
mod endpoint;
mod event;
mod exchange;
mod exchanges;
mod format;
mod identifiers;
mod late_answers;
mod message;
mod option;
mod out_of_memory;
mod pending_reply;
mod random;
mod request;
#[cfg_attr(not(feature = "cocoa"), path = "round_trips_absent.rs")]
mod round_trips;
mod server_request;
mod sign_in;
mod statistics;
#[cfg_attr(not(feature = "symmetric"), path = "symmetric_absent.rs")]
mod symmetric;
mod timing;

pub use access_token::{ACCESS_TOKEN_LIFETIME, MAX_ACCESS_TOKEN_LEN};
pub use auth::{Encoding, SignMethod};
pub use backoff::{Backoff, jittered};
pub use client::{Client, Transmit};
pub use code::Code;
pub use config::{Config, DEFAULT_MAX_OUTSTANDING};
pub use device::{
    Device, DeviceError, MAX_CLIENT_ID_LEN, MAX_DEVICE_NAME_LEN, MAX_DEVICE_SECRET_LEN,
    MAX_PRODUCT_KEY_LEN,
};
pub use encode::{EncodeError, Encoder, MAX_MESSAGE_LEN};
pub use endpoint::{Endpoint, MAX_HOST_LEN, Security, UrlError};
pub use event::{Dropped, Event, GiveUp, Received, Response, SignInError};
pub use exchanges::ExchangeId;
pub use format::{FormatError, Kind};
pub use iot_coap_time::{Duration, Instant};
pub use message::{Malformed, Message};
pub use option::{ContentFormat, MessageOption, OptionNumber, Options, find_option};
pub use request::{MAX_PATH_LEN, Request, SendError, Unsent};
pub use sign_in::{Attempt, SIGN_IN_LIMIT};
pub use statistics::Statistics;
pub use timing::TransmissionParameters;
