//! A local stand-in of Alibaba Cloud's CoAP endpoint, for development and tests.
//!
//! It signs devices in (`POST /auth`), takes their messages (`POST /topic/…`)
//! over UDP, DTLS and the symmetric mode, and does on request what networks and
//! servers do to clients: lose, delay and duplicate datagrams, answer late,
//! expire access tokens, close sessions.
//!
//! Tests start it in their own process:
//!
//! ```
//! use std::time::Duration;
//! use iot_coap_cloud::{Cloud, Config, Device, Event, Faults, Transport};
//!
//! let cloud = Cloud::start(Config {
//!     devices: vec![Device::new("pk", "dn", "secret")],
//!     ..Config::default()
//! })?;
//! let url = cloud.url(Transport::Udp);
//! // … a client at `url` signs in and publishes …
//! cloud.expire_tokens();
//! cloud.set_faults("drop=0.2,seed=7".parse::<Faults>().unwrap());
//! let signed_in = cloud.wait_for(Duration::from_millis(10), |event| {
//!     matches!(event, Event::SignedIn { .. })
//! });
//! # assert!(signed_in.is_none());
//! cloud.stop()?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! With [`Config::forward`] a message goes on to an MQTT 5 broker before it is
//! answered, and with [`Config::keys`] servers accept each other's access
//! tokens; `docs/scale.md` of the repository says how.
//!
//! The features `console`, `forward` and `metrics` are parts that can be left out, with the libraries
//! that they need; `program` is what the program needs besides.
//!
//! It shares no code with the client, so that each proves the other, but for DTLS: its
//! server is the other half of the client's engine. [`DtlsEngine::OpenSsl`] is foreign code.

#![forbid(unsafe_code)]
// A part that is left out leaves without use what it alone uses.
#![cfg_attr(
    not(all(feature = "console", feature = "forward", feature = "metrics")),
    allow(dead_code)
)]

mod access_token;
mod answer;
mod auth;
mod bounded;
mod certificates;
mod claim;
mod cloud;
mod commands;
mod config;
#[cfg(feature = "console")]
mod console;
mod datagram;
mod devices;
mod dtls;
mod endpoint;
mod events;
mod exchange;
mod expiry;
mod fair;
mod faults;
mod forward;
mod limits;
mod message;
#[cfg(feature = "metrics")]
mod metrics;
mod network_faults;
mod outstanding;
mod payload;
mod peers;
mod ports;
mod private;
mod random;
mod rates;
mod repeated;
mod replies;
mod request;
mod seen;
mod server;
mod server_keys;
mod service;
mod sign;
mod source;
mod state;
mod symmetric;
mod text;
mod topic;
mod transport;
#[cfg(any(feature = "console", feature = "metrics"))]
mod web;

pub use access_token::TokenOption;
pub use answer::Reply;
pub use certificates::Certificates;
pub use cloud::Cloud;
pub use config::{Config, DtlsConfig, DtlsEngine, Limits};
#[cfg(feature = "console")]
pub use console::{ConsoleConfig, Password};
pub use devices::{Device, load_devices};
pub use events::{Event, Log, Message, RequestOption};
pub use faults::Faults;
pub use forward::{BrokerAddress, Forward};
#[cfg(feature = "metrics")]
pub use metrics::MetricsConfig;
pub use private::read_secret;
pub use server_keys::ServerKeys;
pub use transport::Transport;
