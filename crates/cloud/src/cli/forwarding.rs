//! The part of the command line that is about the broker.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use iot_coap_cloud::{BrokerAddress, Forward};
use zeroize::Zeroizing;

use super::secret;

/// The variable that holds the password where no file is named. The command of
/// exec mode does not inherit it.
pub(crate) const PASSWORD: &str = "IOT_COAP_CLOUD_FORWARD_PASSWORD";

// The comments below are the help text, where backticks would be noise.
#[allow(clippy::doc_markdown)]
#[derive(Args)]
pub(super) struct Forwarding {
    /// Publish each message to this MQTT 5 broker (QoS 1) before it is answered:
    /// mqtt://[USER@]HOST[:PORT] or mqtts://…
    ///
    /// The server is ready, and a command starts, once it has the broker, or after 5 seconds
    /// without; then that is said on standard error.
    #[arg(long, value_name = "URL", help_heading = "Forwarding")]
    forward: Option<BrokerAddress>,

    /// The broker's password in a line; others may not read the file
    /// [default: IOT_COAP_CLOUD_FORWARD_PASSWORD]
    #[arg(long, value_name = "FILE", requires = "forward", help_heading = "Forwarding")]
    forward_password_file: Option<PathBuf>,

    /// A root certificate (PEM) to trust for an mqtts:// broker, besides the system's
    #[arg(long, value_name = "FILE", requires = "forward", help_heading = "Forwarding")]
    forward_root: Option<PathBuf>,

    /// The most messages that await the broker; further ones are answered 5.03
    #[arg(long, value_name = "N", default_value = "1024", help_heading = "Forwarding",
          value_parser = clap::value_parser!(u16).range(1..))]
    forward_window: u16,

    /// Answer 5.03 if the broker has not acknowledged by then
    #[arg(long, value_name = "TIME", default_value = "1500ms", value_parser = super::duration,
          help_heading = "Forwarding")]
    forward_deadline: Duration,
}

impl Forwarding {
    /// The forwarding that is asked for, with its password.
    pub(super) fn into_forward(self) -> io::Result<Option<Forward>> {
        let Some(broker) = self.forward else { return Ok(None) };
        let secret = secret::read(self.forward_password_file.as_deref(), PASSWORD)?;
        // A file ends with a line break, which is not of the password.
        let password = |text: &str| Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
        Ok(Some(Forward {
            password: secret.map(|secret| password(&secret.text)),
            root: self.forward_root,
            window: usize::from(self.forward_window),
            deadline: self.forward_deadline,
            ..Forward::to(broker)
        }))
    }
}
