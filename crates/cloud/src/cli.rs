//! The command line: what it takes, and the configuration that it asks for.

mod addresses;
pub(crate) mod console;
mod dtls;
pub(crate) mod forwarding;
pub(crate) mod help;
mod limits;
mod metrics;
mod secret;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, ValueEnum};
use clap_complete::Shell;
use iot_coap_cloud::{
    Config, Device, Faults, Log, Reply, ServerKeys, TokenOption, Transport, load_devices,
};

use console::Console;
use dtls::Dtls;
use forwarding::Forwarding;
use limits::LimitOptions;
use metrics::Metrics;

use crate::reread::Reread;

/// A local stand-in of Alibaba Cloud's CoAP endpoint, for development and tests.
///
/// Devices sign in (POST /auth) and publish (POST /topic/PRODUCT_KEY/DEVICE_NAME/…)
/// over UDP, DTLS 1.2 and the cloud's symmetric mode (coap-psk://: payloads are encrypted
/// with a key from the sign-in). What happens is printed in JSON
/// lines on standard output. It listens on this machine only unless told otherwise.
// The comments below are the help text, where backticks would be noise; and
// switches are booleans.
#[allow(clippy::doc_markdown, clippy::struct_excessive_bools)]
#[derive(Parser)]
#[command(version, after_help = help::EXAMPLES, after_long_help = help::after())]
pub(crate) struct Arguments {
    /// A device that may sign in; can be given several times
    ///
    /// Every user of this machine can read its secret here; see --devices. Without any, the
    /// vendor's published sample may:
    /// a1RP1qZfrEi,example1,fPloaszb6saUFJte4EhyuBHQpR9SuKHb
    #[arg(long = "device", value_name = "KEY,NAME,SECRET", help_heading = "Devices")]
    devices: Vec<Device>,

    /// A TOML file of [[device]] tables (see below)
    ///
    /// It holds secrets: nobody but its owner may read it (chmod 600), or its group (chmod 640),
    /// or the server does not start. The same goes for other files of secrets.
    #[arg(long = "devices", value_name = "FILE", help_heading = "Devices")]
    devices_file: Option<PathBuf>,

    /// An address to listen on; can be given several times [default: 127.0.0.1]
    ///
    /// On an address that other machines reach, only coaps:// is served; --udp-port and
    /// --symmetric-port add the others, which are not protected.
    #[arg(long, value_name = "ADDRESS", value_parser = addresses::ip, help_heading = "Listening")]
    bind: Vec<IpAddr>,

    /// Port of coap://; 0 takes a free one [default: 5683, with a command 0]
    #[arg(long, value_name = "PORT", help_heading = "Listening")]
    udp_port: Option<u16>,

    /// Port of coaps://; 0 takes a free one [default: 5684, with a command 0]
    #[arg(long, value_name = "PORT", help_heading = "Listening")]
    dtls_port: Option<u16>,

    /// Port of coap-psk://; 0 takes a free one [default: 5682, with a command 0]
    #[arg(long, value_name = "PORT", help_heading = "Listening")]
    symmetric_port: Option<u16>,

    /// Leave out coap://
    #[arg(long, conflicts_with = "udp_port", help_heading = "Listening")]
    no_udp: bool,

    /// Leave out coaps://
    #[arg(long, conflicts_with = "dtls_port", help_heading = "Listening")]
    no_dtls: bool,

    /// Leave out coap-psk://
    #[arg(long, conflicts_with = "symmetric_port", help_heading = "Listening")]
    no_symmetric: bool,

    /// How long an access token is valid, e.g. 48h, 10m, 5s
    #[arg(long, value_name = "TIME", default_value = "48h", value_parser = duration,
          help_heading = "Access tokens")]
    token_lifetime: Duration,

    /// Refuse an access token after this many topic messages
    #[arg(long, value_name = "N", help_heading = "Access tokens")]
    token_uses: Option<u32>,

    /// The option that carries the access token
    #[arg(long, value_name = "OPTION", default_value = "both", help_heading = "Access tokens")]
    token_option: TokenOptionArgument,

    /// The keys of access tokens and DTLS tickets, made if the file is not there:
    /// servers with the same keys accept each other's
    ///
    /// A key a line, as openssl rand -hex 32 writes it: the first signs, all verify.
    /// Only the file's owner may read it.
    ///
    /// [default: server.keys in the folder of --state]
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    key_file: Option<PathBuf>,

    /// What a topic message is answered with
    #[arg(long, default_value = "json", help_heading = "Answers")]
    reply: ReplyArgument,

    /// Add the cloud message id (option 2090) to answers
    #[arg(long, help_heading = "Answers")]
    message_id: bool,

    #[command(flatten)]
    limits: LimitOptions,

    #[command(flatten)]
    forwarding: Forwarding,

    /// What goes wrong, e.g. drop=0.2,delay=50..3000,seed=7 (see below)
    #[arg(long, value_name = "LIST", default_value = "", help_heading = "Answers")]
    faults: Faults,

    #[command(flatten)]
    dtls: Dtls,

    #[command(flatten)]
    console: Console,

    #[command(flatten)]
    metrics: Metrics,

    /// Where the root certificate and its key are kept, and DTLS sessions while the
    /// server does not run
    ///
    /// [default: iot-coap-cloud in $XDG_STATE_HOME or ~/.local/state]
    #[arg(long, value_name = "FOLDER", help_heading = "Files")]
    state: Option<PathBuf>,

    /// Append events to this file instead of standard output
    #[arg(long, value_name = "FILE", help_heading = "Files")]
    log: Option<PathBuf>,

    /// Log small events too (faults, pings); with a command, print all events on standard
    /// error, instead of those that say that something is wrong
    #[arg(short, long)]
    verbose: bool,

    /// Log each datagram too: where from or where to, how long, and what it is
    #[arg(long, help_heading = "Files")]
    datagrams: bool,

    /// Print the manual page, in roff, and end; for packages
    #[arg(long, hide = true, exclusive = true)]
    pub(crate) manual_page: bool,

    /// Print the completion script for a shell, and end:
    /// source <(iot-coap-cloud --completions bash)
    #[arg(long, value_name = "SHELL", exclusive = true)]
    pub(crate) completions: Option<Shell>,

    /// A command to run against the server; when the command ends, the server stops
    ///
    /// The exit status is the command's, 128 and the signal that killed it, 127 if it is not
    /// found, 126 if it cannot be run, or 125 if the server itself fails.
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum TokenOptionArgument {
    /// Option 61 alone; 2088 is ignored
    #[value(name = "61")]
    Original,
    /// Option 2088 alone, as in Alibaba's later documents; 61 is refused as unknown
    #[value(name = "2088")]
    Later,
    /// Either
    Both,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReplyArgument {
    /// A small JSON object
    Json,
    /// Nothing
    Empty,
    /// The message's own payload
    Echo,
}

impl Arguments {
    fn state_dir(&self) -> Option<PathBuf> {
        self.state.clone().or_else(default_state_dir)
    }

    /// What SIGHUP has read again.
    pub(crate) fn reread(&self) -> Reread {
        let devices = self.devices_file.clone().map(|file| (file, self.devices.clone()));
        let certificate = self.dtls.is_certificate_given();
        let log = self.log.is_some();
        let is_given = self.key_file.is_some() || devices.is_some() || certificate || log;
        let own = || self.state_dir().map(|folder| ServerKeys::file_in(&folder));
        let keys = self.key_file.clone().or_else(own);
        Reread { is_given, keys, devices, certificate }
    }

    /// The command line of this process; what is wrong with it ends the process.
    pub(crate) fn parse_all() -> Self {
        let arguments = Self::try_parse().unwrap_or_else(|mut error| {
            help::tip(&mut error);
            error.exit()
        });
        // For clap it is no mistake to end the options before nothing.
        if arguments.command.is_empty() && std::env::args_os().any(|word| word == "--") {
            let text = "no command after --";
            Self::command().error(ErrorKind::TooFewValues, text).exit();
        }
        arguments
    }

    /// The configuration that the command line asks for.
    pub(crate) fn into_config(self) -> Result<Config, Box<dyn std::error::Error>> {
        addresses::check_are_here(&self.bind)?;
        let with_command = !self.command.is_empty();
        let state_dir = self.state_dir();
        let keys = match (&self.key_file, &state_dir) {
            (Some(file), _) => Some(ServerKeys::load_or_create(file)?),
            (None, Some(folder)) => Some(ServerKeys::of_state_dir(folder)?),
            (None, None) => None,
        };
        let mut devices = self.devices;
        if let Some(file) = &self.devices_file {
            devices.extend(load_devices(file).map_err(|error| format!("--devices: {error}"))?);
        }
        let is_here = self.bind.iter().all(IpAddr::is_loopback);
        if devices.is_empty() {
            if self.devices_file.is_some() || !is_here {
                return Err("no device may sign in: give --device, or --devices with a file of \
                            them (the published sample is known on this machine alone, where \
                            neither is given)"
                    .into());
            }
            devices.push(Device::sample());
        }
        // What is not protected is for this machine, unless it is asked for.
        let is_left_out = |transport| !is_here && transport != Transport::Dtls;
        let port = |given: Option<u16>, left_out: bool, transport: Transport| {
            let default = if with_command { 0 } else { transport.default_port() };
            given.or_else(|| (!left_out && !is_left_out(transport)).then_some(default))
        };
        let log = match self.log {
            Some(file) => Log::File(file),
            None if !with_command => Log::Stdout,
            None if self.verbose => Log::Stderr,
            None => Log::Trouble,
        };
        let dtls = self.dtls.into_config(with_command, &self.bind)?;
        let defaults = Config::default();
        let console = self.console.into_console()?;
        // Without a console nobody asks for them.
        let remembered_events = if console.is_some() { defaults.remembered_events } else { 0 };
        Ok(Config {
            devices,
            bind: if self.bind.is_empty() { defaults.bind } else { self.bind },
            udp_port: port(self.udp_port, self.no_udp, Transport::Udp),
            dtls_port: port(self.dtls_port, self.no_dtls, Transport::Dtls),
            symmetric_port: port(self.symmetric_port, self.no_symmetric, Transport::Symmetric),
            token_lifetime: self.token_lifetime,
            token_uses: self.token_uses,
            token_option: match self.token_option {
                TokenOptionArgument::Original => TokenOption::Original,
                TokenOptionArgument::Later => TokenOption::Later,
                TokenOptionArgument::Both => TokenOption::Both,
            },
            keys,
            reply: match self.reply {
                ReplyArgument::Json => Reply::Json,
                ReplyArgument::Empty => Reply::Empty,
                ReplyArgument::Echo => Reply::Echo,
            },
            message_id_option: self.message_id,
            rate_limit: self.limits.rate_limit,
            limits: self.limits.into_limits(),
            forward: self.forwarding.into_forward()?,
            faults: self.faults,
            dtls,
            state_dir,
            log,
            verbose: self.verbose,
            datagrams: self.datagrams,
            metrics: self.metrics.into_metrics()?,
            console,
            remembered_events,
            ..defaults
        })
    }
}

fn default_state_dir() -> Option<PathBuf> {
    let given = |variable| std::env::var_os(variable).filter(|value| !value.is_empty());
    given("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| given("HOME").map(|home| PathBuf::from(home).join(".local/state")))
        .map(|folder| folder.join("iot-coap-cloud"))
}

/// `48h`, `10m`, `5s`, `250ms`.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|each: char| !each.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let milliseconds: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err("expected a number with its unit: 250ms, 5s, 10m, 48h, 7d".into()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(milliseconds))
        // A century is enough, and cannot overflow a time stamp.
        .filter(|time| *time > 0 && *time <= 100 * 366 * 86_400_000)
        .map(Duration::from_millis)
        .ok_or_else(|| format!("{text} is not a time of 1ms to 36600d, such as 10m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("48h"), Ok(Duration::from_hours(48)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "5", "h", "0s", "-1s", "1.5h", "99999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
