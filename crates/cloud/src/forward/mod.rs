//! Accepted messages go on to an MQTT 5 broker, and are answered when it has
//! them: the way off this one machine.
//!
//! A message is published with QoS 1. The device is answered 2.05 when the
//! broker has acknowledged it, and 5.03 otherwise, at the latest after
//! [`Forward::deadline`]; what is under way has a bound, beyond which the answer
//! is 5.03 at once, and so it is where the broker would be too late. There is no empty acknowledgement while the broker thinks: it
//! would end the device's retransmissions (RFC 7252 section 4.2), which are what
//! carries the message to another server should this one die.
//!
//! The loop's side is `forwarder.rs`, which `admission.rs` tells what to publish;
//! the connection's is `link.rs`. None knows of CoAP messages on the wire.

mod address;
mod admission;
mod copies;
mod forwarder;
#[cfg(feature = "forward")]
mod link;
mod pending;
mod progress;
mod publication;
mod turns;

use std::fmt;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use zeroize::Zeroizing;

pub use address::BrokerAddress;
pub(crate) use forwarder::{Forwarder, Report, Reports, Unforwarded};
#[cfg(feature = "forward")]
pub(crate) use link::open;
pub(crate) use pending::{Accepted, Pending, Waiting};
pub(crate) use publication::{Publication, is_publishable};

/// Where accepted messages go on to, and how long a device waits for that.
///
/// ```
/// use iot_coap_cloud::{Config, Forward};
/// let config = Config {
///     forward: Some(Forward::to("mqtt://broker.example:1883".parse().unwrap())),
///     ..Config::default()
/// };
/// ```
#[derive(Clone)]
pub struct Forward {
    /// The broker.
    pub broker: BrokerAddress,
    /// The password of the address's user name.
    pub password: Option<Zeroizing<String>>,
    /// PEM file of a root that the broker's certificate may come from, besides
    /// those of the system. Of use with `mqtts://` only.
    pub root: Option<PathBuf>,
    /// The most messages that await the broker's acknowledgement; further ones
    /// are answered 5.03. At most three quarters of them are published at a time.
    pub window: usize,
    /// A device is answered 5.03 if the broker has not acknowledged by then. The
    /// default is below RFC 7252's `ACK_TIMEOUT` of 2 s, so that a device on a
    /// quick network sends nothing twice.
    pub deadline: Duration,
    /// For so long a server that starts waits for the broker before it is ready; then it is
    /// ready without. Zero does not wait.
    pub patience: Duration,
}

impl Forward {
    /// Forwarding to this broker, with a window of 1,024 messages, a deadline of 1.5 s and a
    /// patience of 5 s.
    pub fn to(broker: BrokerAddress) -> Self {
        Self {
            broker,
            password: None,
            root: None,
            window: 1_024,
            deadline: Duration::from_millis(1_500),
            patience: Duration::from_secs(5),
        }
    }
}

/// A connection to a broker as the loop has it: a task to be run, and what that says.
pub(crate) struct Broker {
    pub(crate) link: Pin<Box<dyn Future<Output = ()> + Send>>,
    pub(crate) reports: Reports,
}

// The password stays out of whatever prints this.
impl fmt::Debug for Forward {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Forward")
            .field("broker", &self.broker)
            .field("root", &self.root)
            .field("window", &self.window)
            .field("deadline", &self.deadline)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_printed() {
        let mut forward = Forward::to("mqtts://user@host".parse().expect("an address"));
        forward.password = Some(Zeroizing::new("hush".into()));
        assert!(!format!("{forward:?}").contains("hush"));
    }
}
