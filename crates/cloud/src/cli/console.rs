//! The part of the command line that is about the console.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use iot_coap_cloud::{ConsoleConfig, Password};

use super::secret;

/// The variable that holds the password where no file is named. The command of exec
/// mode does not inherit it.
pub(crate) const PASSWORD: &str = "IOT_COAP_CLOUD_CONSOLE_PASSWORD";

// The comments below are the help text, where backticks would be noise.
#[allow(clippy::doc_markdown)]
#[derive(Args)]
pub(super) struct Console {
    /// Serve a page that shows devices and messages, and switches faults
    ///
    /// Without ADDRESS at 127.0.0.1:8080. An address that other machines reach
    /// takes a password.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, help_heading = "Console",
          default_missing_value = "127.0.0.1:8080", value_parser = super::addresses::with_port)]
    console: Option<SocketAddr>,

    /// The console's password, of 12 bytes or more [default: IOT_COAP_CLOUD_CONSOLE_PASSWORD]
    ///
    /// The file has it in a line, and others may not read it (chmod 600). A browser sends it
    /// in the clear: across a network, reach the console through ssh -L or behind a proxy with
    /// TLS.
    #[arg(long, value_name = "FILE", requires = "console", help_heading = "Console")]
    console_password_file: Option<PathBuf>,
}

impl Console {
    /// The console that is asked for, with its password.
    pub(super) fn into_console(self) -> io::Result<Option<ConsoleConfig>> {
        let Some(address) = self.console else { return Ok(None) };
        let password = password(self.console_password_file.as_deref())?;
        ConsoleConfig::new(address, password).map(Some)
    }
}

fn password(file: Option<&Path>) -> io::Result<Option<Password>> {
    let Some(secret) = secret::read(file, PASSWORD)? else { return Ok(None) };
    let password = secret.text.parse();
    password.map(Some).map_err(|error| io::Error::other(format!("{}: {error}", secret.source)))
}
