//! The options of DTLS.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use iot_coap_cloud::{Certificates, DtlsConfig, DtlsEngine, read_secret};

use super::duration;

// The comments below are the help text, where backticks would be noise.
#[allow(clippy::doc_markdown)]
#[derive(Args)]
#[command(next_help_heading = "DTLS")]
pub(crate) struct Dtls {
    /// Names and addresses of the certificate [default: localhost,127.0.0.1,::1; with
    /// --bind for other machines, this machine's name and addresses too]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = cert_name)]
    cert_names: Vec<String>,

    /// Serve with a certificate that has expired
    #[arg(long)]
    cert_expired: bool,

    /// Serve with this certificate chain (PEM, the server's first)
    #[arg(long, value_name = "FILE", requires = "key",
          conflicts_with_all = ["cert_names", "cert_expired"])]
    chain: Option<PathBuf>,

    /// The private key of --chain (PEM); others may not read it
    #[arg(long, value_name = "FILE", requires = "chain")]
    key: Option<PathBuf>,

    /// The root of --chain, for {root} [default: the chain's last certificate]
    #[arg(long, value_name = "FILE", requires = "chain")]
    root: Option<PathBuf>,

    /// Which implementation of DTLS serves [default: IOT_COAP_CLOUD_DTLS, or else own]
    #[arg(long, value_name = "ENGINE")]
    dtls_engine: Option<DtlsEngineArgument>,

    /// Cipher suites as an OpenSSL list, e.g. AES128-SHA to act as an old server; OpenSSL
    /// serves them
    #[arg(long, value_name = "LIST")]
    ciphers: Option<String>,

    /// Know this pre-shared key as well; devices without certificates use it
    ///
    /// KEY is text, whose bytes are the key: for a key of the bytes 73 65 63 72 65 74 give
    /// secret. A key whose bytes are no text (UTF-8) cannot be given, and hexadecimal is not
    /// decoded. Every user of this machine can read it here; see --psk-file.
    #[arg(long, value_name = "IDENTITY,KEY", value_parser = identity_and_key)]
    psk: Option<(String, String)>,

    /// The same from a file, which has a line IDENTITY,KEY; others may not read it
    #[arg(long, value_name = "FILE", conflicts_with = "psk")]
    psk_file: Option<PathBuf>,

    /// Resume no sessions
    #[arg(long)]
    no_resumption: bool,

    /// Close sessions after this much silence
    #[arg(long, value_name = "TIME", default_value = "48h", value_parser = duration)]
    idle_timeout: Duration,

    /// The most sessions at once
    ///
    /// A silent one takes 0.7 kB, one in use 2.5 kB, and one of OpenSSL's 43 kB. Where there
    /// is no more room, devices that have not signed in go first, and then those of the
    /// network with the most sessions.
    #[arg(long, value_name = "N", default_value_t = 100_000,
          value_parser = clap::value_parser!(u32).range(1..))]
    max_sessions: u32,

    /// After this much silence, keep a session as sealed bytes
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    seal_after: Duration,

    /// The first byte of connection ids, by which a balancer finds this server
    #[arg(long, value_name = "N", default_value_t = 0)]
    server_number: u8,
}

#[derive(Clone, Copy, ValueEnum)]
enum DtlsEngineArgument {
    /// This project's (iot-coap-dtls), with connection ids and small sessions
    Own,
    /// OpenSSL's; also for clients that know only static RSA
    Openssl,
}

impl Dtls {
    /// Its certificate is somebody else's, in files.
    pub(super) fn is_certificate_given(&self) -> bool {
        self.chain.is_some()
    }

    pub(super) fn into_config(self, with_command: bool, bind: &[IpAddr]) -> io::Result<DtlsConfig> {
        let pre_shared_key = match &self.psk_file {
            Some(file) => Some(identity_and_key(read_secret(file)?.trim()).map_err(|reason| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {reason}", file.display()))
            })?),
            None => self.psk,
        };
        let certificates = match (self.chain, self.key) {
            (Some(chain), Some(key)) => Certificates::Files { chain, key, root: self.root },
            _ if self.cert_names.is_empty() => {
                Certificates::generated(own_names(bind), self.cert_expired)
            }
            _ => Certificates::generated(self.cert_names, self.cert_expired),
        };
        Ok(DtlsConfig {
            engine: match self.dtls_engine {
                Some(DtlsEngineArgument::Own) => DtlsEngine::Own,
                Some(DtlsEngineArgument::Openssl) => DtlsEngine::OpenSsl,
                None => DtlsEngine::default(),
            },
            certificates,
            ciphers: self.ciphers,
            pre_shared_key,
            resumption: !self.no_resumption,
            idle_timeout: self.idle_timeout,
            max_sessions: usize::try_from(self.max_sessions).unwrap_or(usize::MAX),
            seal_after: self.seal_after,
            server_number: self.server_number,
            // A server that runs with a command is gone for good when it stops.
            save_sessions: !with_command,
            ..DtlsConfig::default()
        })
    }
}

/// What other machines may call this one, if they can reach it: its name, and the addresses
/// that it listens on. Empty if they cannot.
fn own_names(bind: &[IpAddr]) -> Vec<String> {
    if bind.iter().all(IpAddr::is_loopback) {
        return Vec::new();
    }
    let mut names = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
    names.push(rustix::system::uname().nodename().to_string_lossy().into_owned());
    let everywhere = bind.iter().any(IpAddr::is_unspecified);
    // Without a list of them only those are known that were given.
    let interfaces = if everywhere { if_addrs::get_if_addrs().unwrap_or_default() } else { vec![] };
    let addresses = interfaces.iter().map(if_addrs::Interface::ip).chain(bind.iter().copied());
    for address in addresses.filter(|address| !address.is_unspecified()) {
        let address = address.to_string();
        if !names.contains(&address) {
            names.push(address);
        }
    }
    names
}

/// A host's name or an address, as a certificate may have it.
fn cert_name(text: &str) -> Result<String, String> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let host = text.strip_prefix("*.").unwrap_or(text);
    // What ends in a number is an address, or a wrong one.
    let is_host = host.split('.').all(is_label)
        && !host.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if text.parse::<IpAddr>().is_ok() || is_host {
        return Ok(text.into());
    }
    Err("expected names and addresses, such as cloud.example,192.0.2.7".into())
}

fn identity_and_key(text: &str) -> Result<(String, String), String> {
    match text.split_once(',') {
        Some((identity, key)) if !key.is_empty() => Ok((identity.into(), key.into())),
        _ => Err("expected IDENTITY,KEY, such as sensor-7,a-long-secret".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::{cert_name, own_names};

    #[test]
    fn a_certificate_has_names_that_a_device_can_ask_for() {
        for name in ["localhost", "a.example", "*.example", "my_host-2", "192.0.2.7", "::1"] {
            assert_eq!(cert_name(name).as_deref(), Ok(name));
        }
        let long = "x".repeat(64);
        for name in ["", "bad name", "a..b", ".a", "999.1.1.1", "a,b", "192.0.2.7:5684", &long] {
            assert!(cert_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_server_for_other_machines_is_called_by_their_names_for_it() {
        let names = |bind: &[&str]| {
            let bind: Vec<_> = bind.iter().map(|each| each.parse().expect("an address")).collect();
            own_names(&bind)
        };
        assert!(names(&[]).is_empty() && names(&["127.0.0.1", "::1"]).is_empty());
        let given = names(&["192.0.2.7"]);
        assert!(given.contains(&"192.0.2.7".to_owned()) && given[0] == "localhost", "{given:?}");
        let everywhere = names(&["0.0.0.0"]);
        assert!(!everywhere.contains(&"0.0.0.0".to_owned()) && everywhere.len() >= 4);
    }
}
