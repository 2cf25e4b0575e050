//! What a server is started with. Plain data: nothing is opened or made here.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use crate::access_token::TokenOption;
use crate::answer::Reply;
use crate::certificates::Certificates;
#[cfg(feature = "console")]
use crate::console::ConsoleConfig;
use crate::devices::Device;
use crate::events::Log;
use crate::faults::Faults;
#[cfg(feature = "forward")]
use crate::forward::Forward;
#[cfg(feature = "metrics")]
use crate::metrics::MetricsConfig;
use crate::server_keys::ServerKeys;

/// Whose DTLS the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DtlsEngine {
    /// That of `iot-coap-dtls`: with connection ids, and small sessions.
    Own,
    /// OpenSSL's: foreign code for clients to prove themselves by, and for those of old,
    /// which know static RSA alone. It does not bound what one host takes.
    OpenSsl,
}

/// The variable that chooses [`DtlsConfig::engine`] where nothing else does: tests run with
/// both.
pub(crate) const ENGINE_VARIABLE: &str = "IOT_COAP_CLOUD_DTLS";

impl Default for DtlsEngine {
    /// OpenSSL if the environment has `IOT_COAP_CLOUD_DTLS=openssl`.
    fn default() -> Self {
        match std::env::var(ENGINE_VARIABLE) {
            Ok(engine) if engine == "openssl" => Self::OpenSsl,
            _ => Self::Own,
        }
    }
}

/// How the DTLS server behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DtlsConfig {
    /// Whose it is.
    pub engine: DtlsEngine,
    /// Its certificate.
    pub certificates: Certificates,
    /// An OpenSSL cipher list, which is served by OpenSSL whatever `engine` says.
    pub ciphers: Option<String>,
    /// An identity and its key, for devices that have no certificate to trust.
    pub pre_shared_key: Option<(String, String)>,
    /// Sessions may be resumed, by ticket or (with OpenSSL) by id.
    pub resumption: bool,
    /// The largest handshake datagram.
    pub mtu: u32,
    /// A session silent for so long is closed.
    pub idle_timeout: Duration,
    /// A session silent for so long is kept as a few hundred bytes until it is used again;
    /// not with OpenSSL.
    pub seal_after: Duration,
    /// The most sessions at once. Where there is no more room, a device that has shown who
    /// it is stays for longest, and a host with many sessions loses its own first.
    pub max_sessions: usize,
    /// The first byte of the connection ids that this server hands out, by which a balancer
    /// finds it.
    pub server_number: u8,
    /// Sessions are saved in [`Config::state_dir`] when the server stops, and go on when it
    /// starts with the same keys; not with OpenSSL. Otherwise clients are told goodbye.
    pub save_sessions: bool,
}

impl DtlsConfig {
    /// The engine that serves.
    pub(crate) fn engine(&self) -> DtlsEngine {
        if self.ciphers.is_some() { DtlsEngine::OpenSsl } else { self.engine }
    }
}

impl Default for DtlsConfig {
    fn default() -> Self {
        Self {
            engine: DtlsEngine::default(),
            certificates: Certificates::default(),
            ciphers: None,
            pre_shared_key: None,
            resumption: true,
            // An IPv6 packet of 1280 bytes without its headers.
            mtu: 1232,
            // As long as an access token is valid.
            idle_timeout: Duration::from_hours(48),
            seal_after: Duration::from_secs(10),
            max_sessions: 100_000,
            server_number: 0,
            save_sessions: false,
        }
    }
}

/// What one address or one device may take. This machine's own addresses are exempt, unless
/// [`Limits::here`] says otherwise: no datagram from the network has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests a second without a valid access token, sign-ins above all, of an IPv4 address
    /// or an IPv6 network of 64 bits, in bursts of ten times as many; above that they are
    /// answered 4.29. 0 is no limit.
    pub strangers: u32,
    /// DTLS handshakes a second that take a signature, likewise; above that hellos are not
    /// answered. 0 is no limit. Not with OpenSSL.
    pub handshakes: u32,
    /// DTLS sessions of one device that has shown who it is, and sessions of its symmetric mode;
    /// the oldest makes room. 0 is no limit. Not with OpenSSL.
    pub sessions: u32,
    /// This machine's own addresses are limited too.
    pub here: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { strangers: 50, handshakes: 20, sessions: 8, here: false }
    }
}

/// What a server is started with.
///
/// The default serves all three transports on free ports of 127.0.0.1, with one
/// device ([`Device::sample`]), and keeps its certificates in a temporary folder.
///
/// ```
/// use iot_coap_cloud::{Config, Device};
/// let config = Config {
///     devices: vec![Device::new("pk", "dn", "secret")],
///     token_uses: Some(3),
///     ..Config::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    /// The devices that may sign in.
    pub devices: Vec<Device>,
    /// Addresses to listen on.
    pub bind: Vec<IpAddr>,
    /// Port of `coap://`; 0 takes a free one, `None` leaves it out.
    pub udp_port: Option<u16>,
    /// Port of `coaps://`; 0 takes a free one, `None` leaves it out.
    pub dtls_port: Option<u16>,
    /// Port of `coap-psk://`; 0 takes a free one, `None` leaves it out.
    pub symmetric_port: Option<u16>,
    /// How long an access token is valid, in whole seconds.
    pub token_lifetime: Duration,
    /// A token is refused after so many topic messages.
    pub token_uses: Option<u32>,
    /// The option that carries the token.
    pub token_option: TokenOption,
    /// They sign access tokens and seal DTLS tickets; servers with the same keys accept each
    /// other's. `None` makes one up.
    pub keys: Option<ServerKeys>,
    /// What topic messages are answered with.
    pub reply: Reply,
    /// Responses carry the cloud message id (option 2090).
    pub message_id_option: bool,
    /// Topic messages a second and device before 4.29; 0 is no limit. `None` is 50, but none
    /// for devices on this machine.
    pub rate_limit: Option<u32>,
    /// What else one address or one device may take.
    pub limits: Limits,
    /// `ACK_TIMEOUT` of the server's own confirmable messages (RFC 7252 section 4.8).
    pub ack_timeout: Duration,
    /// Where messages go on to before they are answered; nowhere when `None`.
    #[cfg(feature = "forward")]
    pub forward: Option<Forward>,
    /// What goes wrong.
    pub faults: Faults,
    /// How the DTLS server behaves.
    pub dtls: DtlsConfig,
    /// Where keys and certificates are kept; a temporary folder when `None`.
    pub state_dir: Option<PathBuf>,
    /// Where event lines go.
    pub log: Log,
    /// Faults and other small events are written to the log too.
    pub verbose: bool,
    /// Each datagram is an event too.
    pub datagrams: bool,
    /// How many of the latest events are remembered, for [`Cloud::events`](crate::Cloud::events)
    /// and the console.
    pub remembered_events: usize,
    /// Where metrics are served; nowhere when `None`.
    #[cfg(feature = "metrics")]
    pub metrics: Option<MetricsConfig>,
    /// Where the console is served; nowhere when `None`.
    #[cfg(feature = "console")]
    pub console: Option<ConsoleConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            devices: vec![Device::sample()],
            bind: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            udp_port: Some(0),
            dtls_port: Some(0),
            symmetric_port: Some(0),
            token_lifetime: Duration::from_hours(48),
            token_uses: None,
            token_option: TokenOption::default(),
            keys: None,
            reply: Reply::default(),
            message_id_option: false,
            rate_limit: None,
            limits: Limits::default(),
            ack_timeout: Duration::from_secs(2),
            #[cfg(feature = "forward")]
            forward: None,
            faults: Faults::none(),
            dtls: DtlsConfig::default(),
            state_dir: None,
            log: Log::default(),
            verbose: false,
            datagrams: false,
            remembered_events: 131_072,
            #[cfg(feature = "metrics")]
            metrics: None,
            #[cfg(feature = "console")]
            console: None,
        }
    }
}
