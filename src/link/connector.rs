//! Opens transports: knows where to connect to, and how. It may wait for a name server, or
//! in the firmware's own functions, so it is called with no lock held.

use alloc::boxed::Box;
use alloc::ffi::CString;
use core::fmt;

use iot_coap_client::{Duration, Endpoint, Instant, Security};

use super::candidate::Candidate;
use super::transport::Transport;
#[cfg(all(feature = "dtls-psk", feature = "extension"))]
pub(crate) use crate::dtls::SessionStore;
#[cfg(feature = "dtls-psk")]
use crate::dtls::{Limits, Session, Terms};
use crate::fallible::boxed;
use crate::log::{Level, is_enabled, log};
#[cfg(feature = "port-linux")]
use crate::log::{Queue, log_later};
#[cfg(own_dtls)]
use crate::port::Dtls;
#[cfg(all(own_dtls, feature = "dtls-psk"))]
use crate::port::Partly;
use crate::port::{Connected, Udp};
#[cfg(feature = "_coaps")]
use crate::port::{Linked, Peer, Trusted};

/// No value: sessions are kept only by our DTLS and with the extension.
#[cfg(not(all(feature = "dtls-psk", feature = "extension")))]
pub(crate) enum SessionStore {}

/// How long the first flight of a handshake waits for its answer, unless an option sets a
/// longer time or one was learned (RFC 6347, section 4.2.4.1).
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

/// The result of opening a transport.
pub(crate) struct Opened {
    pub(crate) way: Way,
    /// How many addresses the host has, as far as is known; 0 while its name is being
    /// looked up.
    pub(crate) addresses: u8,
}

/// A way to the endpoint.
pub(crate) enum Way {
    /// It can be used at once.
    Ready(Transport),
    /// It needs further steps.
    Candidate(Candidate),
}

/// The program's options for DTLS.
#[derive(Default)]
pub(crate) struct DtlsOptions {
    /// Trust roots as PEM text; `None` for what `iotx_coap_get_ca` returns.
    pub(crate) trust_root: Option<CString>,
    /// Static RSA key exchange is not offered.
    pub(crate) refuses_static_rsa: bool,
    /// The longest datagram of a handshake; 0 for the engine's default.
    #[cfg_attr(not(feature = "dtls-psk"), allow(dead_code, reason = "for our DTLS"))]
    pub(crate) mtu: u16,
    /// The longest content of a record to ask the server for; 0 for nothing.
    #[cfg_attr(not(feature = "dtls-psk"), allow(dead_code, reason = "for our DTLS"))]
    pub(crate) max_fragment: u16,
    /// How old a session may be to be resumed, in seconds; 0 for the default.
    #[cfg_attr(not(feature = "dtls-psk"), allow(dead_code, reason = "for our DTLS"))]
    pub(crate) resume_limit_s: u32,
    /// How old a kept session may be to be restored, in seconds; 0 for the default.
    #[cfg_attr(not(feature = "dtls-psk"), allow(dead_code, reason = "for our DTLS"))]
    pub(crate) session_limit_s: u32,
}

/// An endpoint, and how to reach it.
pub(crate) struct Connector {
    host: CString,
    port: u16,
    /// `None` if the endpoint is not reached over DTLS.
    dtls: Option<Box<DtlsOptions>>,
    /// How long the first flight of a handshake waits for its answer, if nothing was
    /// learned.
    first_timeout_ms: u32,
}

impl Connector {
    /// `ack_timeout`: the program's setting, if any. Returns `None` if the heap is
    /// exhausted (or the host contains a NUL, which no parsed URL does).
    pub(crate) fn new(
        endpoint: Endpoint,
        dtls: DtlsOptions,
        ack_timeout: Option<Duration>,
    ) -> Option<Self> {
        let mut host = endpoint.host.into_bytes();
        host.try_reserve_exact(1).ok()?;
        host.extend_from_slice(b"\0");
        if host.iter().position(|&byte| byte == 0) != Some(host.len() - 1) {
            return None;
        }
        // SAFETY: the only NUL is at the end. (The checked constructor would add code for
        // searching long texts fast.)
        let host = unsafe { CString::from_vec_with_nul_unchecked(host) };
        let dtls = match endpoint.security {
            Security::Dtls => Some(boxed(dtls)?),
            _ => None,
        };
        let first_timeout_ms = ack_timeout.unwrap_or(FIRST_TIMEOUT).as_millis_u32();
        Some(Self { host, port: endpoint.port, dtls, first_timeout_ms })
    }

    /// Logs whose DTLS is in use. Returns `None`, with an error in the log, if DTLS is
    /// needed and there is none, or if the port cannot close sockets.
    pub(crate) fn check(&self) -> Option<()> {
        if !Udp::can_be_closed() {
            log!(
                Error,
                "the board port has no HAL_UDP_close and no HAL_UDP_close_without_connect; if its \
                 archive has one, link with -Wl,-u and its name"
            );
            return None;
        }
        match self.protection() {
            Ok(protection) => {
                if self.uses_dtls() {
                    log!(Info, "coaps:// is spoken by {}", protection.owner());
                    #[cfg(feature = "_coaps")]
                    if is_enabled(Level::Warning) && Linked::has_unused() {
                        log!(
                            Warning,
                            "the program's own HAL_DTLSSession_* are not used; build with the \
                             feature port-dtls instead of dtls for them"
                        );
                    }
                }
                Some(())
            }
            Err(reason) => {
                log!(Error, "{reason}");
                None
            }
        }
    }

    /// Opens a transport. Waits for a name server and for the firmware's handshake, but not
    /// for ours. Restores the session in `kept`, if there is one. Logs a failure.
    pub(crate) fn open(&self, now: Instant, kept: Option<&mut SessionStore>) -> Option<Opened> {
        self.open_first(now, 0, None, kept)
    }

    fn open_first(
        &self,
        now: Instant,
        first: u8,
        learned: Option<Duration>,
        kept: Option<&mut SessionStore>,
    ) -> Option<Opened> {
        #[cfg(own_dtls)]
        if let Some(options) = &self.dtls
            && self.is_firmwares()
        {
            let dtls = self.explained(Dtls::connect(self.peer(options)))?;
            return Some(Opened { way: Way::Ready(Transport::Firmware(dtls)), addresses: 1 });
        }
        let socket = self.explained(Connected::to(&self.host, self.port, first))?;
        self.open_over(socket, now, learned, kept)
    }

    /// Opens another transport. The name is looked up again, and its addresses are tried,
    /// beginning with number `first`; our own port does that without blocking. `learned`:
    /// the time-out that was learned from the network.
    pub(crate) fn reopen(
        &self,
        now: Instant,
        first: u8,
        learned: Option<Duration>,
    ) -> Option<Opened> {
        #[cfg(feature = "port-linux")]
        if !self.is_firmwares()
            && iot_coap_port_linux::opens_sockets()
            && iot_coap_port_linux::needs_lookup(&self.host)
        {
            let opening = iot_coap_port_linux::Opening::start(&self.host, self.port, first);
            let candidate =
                self.explained(opening.map(|opening| Candidate::looking(opening, now)))?;
            return Some(Opened { way: Way::Candidate(candidate), addresses: 0 });
        }
        self.open_first(now, first, learned, None)
    }

    /// Opens a transport over a connected socket, and takes ownership of the socket.
    pub(crate) fn open_over(
        &self,
        Connected { socket, addresses }: Connected,
        now: Instant,
        learned: Option<Duration>,
        kept: Option<&mut SessionStore>,
    ) -> Option<Opened> {
        #[cfg(feature = "dtls-psk")]
        if let Some(options) = &self.dtls {
            let terms = Terms {
                peer: self.peer(options),
                static_rsa: !options.refuses_static_rsa,
                cbc: true,
                first_timeout: learned
                    .unwrap_or(Duration::from_millis(self.first_timeout_ms.into())),
                mtu: match options.mtu {
                    0 => iot_coap_dtls::DEFAULT_MTU,
                    mtu => mtu.into(),
                },
                max_fragment: options.max_fragment.into(),
                limits: Limits::new(options.resume_limit_s, options.session_limit_s),
            };
            let session = match kept {
                #[cfg(feature = "extension")]
                Some(kept) => kept.connect(socket, &terms, now),
                #[cfg(not(feature = "extension"))]
                Some(kept) => match *kept {},
                None => Session::connect(socket, &terms, now),
            };
            let way = Way::Candidate(Candidate::handshaking(session?, now));
            return Some(Opened { way, addresses });
        }
        let _ = (now, learned, kept);
        Some(Opened { way: Way::Ready(Transport::Udp(socket)), addresses })
    }

    /// Whether the endpoint is reached over DTLS.
    pub(crate) fn uses_dtls(&self) -> bool {
        self.dtls.is_some()
    }

    /// Whether datagrams may be longer than messages, as records and handshakes of our DTLS
    /// are.
    pub(crate) fn needs_long_buffer(&self) -> bool {
        #[cfg(feature = "dtls-psk")]
        return self.protection() == Ok(Protection::Ours);
        #[cfg(not(feature = "dtls-psk"))]
        false
    }

    fn explained<T>(&self, opened: Option<T>) -> Option<T> {
        if opened.is_none() {
            self.explain();
        }
        opened
    }

    /// Logs that there is no connection.
    pub(crate) fn explain(&self) {
        if is_enabled(Level::Error) {
            let over = if self.uses_dtls() { "DTLS" } else { "UDP" };
            let host = self.host.to_str().unwrap_or_default();
            log!(Error, "no {over} connection to {host} port {}", self.port);
        }
    }

    /// Logs that nobody listens at the peer's port, and what is done about it.
    #[cfg(feature = "port-linux")]
    pub(crate) fn explain_refusal(&self, log: &mut Queue, then: &str) {
        let host = self.host.to_str().unwrap_or_default();
        log_later!(log, Error, "nobody listens at {host} port {}{then}", self.port);
    }

    #[cfg(feature = "_coaps")]
    fn peer<'a>(&'a self, options: &'a DtlsOptions) -> Peer<'a> {
        let trusted = Trusted::of(options.trust_root.as_deref());
        Peer { host: &self.host, port: self.port, trusted }
    }

    #[cfg(feature = "_coaps")]
    fn protection(&self) -> Result<Protection, Unavailable> {
        if !self.uses_dtls() {
            return Ok(Protection::None);
        }
        match Linked::find() {
            #[cfg(own_dtls)]
            Linked::All => Ok(Protection::Firmware),
            #[cfg(feature = "dtls-psk")]
            Linked::None => Ok(Protection::Ours),
            #[cfg(all(own_dtls, feature = "dtls-psk"))]
            Linked::Some(linked) => Err(Unavailable::Partly(linked)),
        }
    }

    #[cfg(not(feature = "_coaps"))]
    fn protection(&self) -> Result<Protection, Unavailable> {
        if self.uses_dtls() { Err(Unavailable::NoDtls) } else { Ok(Protection::None) }
    }

    /// Whether the program's DTLS is used, which opens its own sockets.
    #[cfg(any(own_dtls, feature = "port-linux"))]
    fn is_firmwares(&self) -> bool {
        #[cfg(own_dtls)]
        return self.protection() == Ok(Protection::Firmware);
        #[cfg(not(own_dtls))]
        false
    }
}

/// Whose DTLS protects the datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protection {
    None,
    #[cfg(feature = "dtls-psk")]
    Ours,
    #[cfg(own_dtls)]
    Firmware,
}

impl Protection {
    const fn owner(self) -> &'static str {
        match self {
            Self::None => "nobody",
            #[cfg(feature = "dtls-psk")]
            Self::Ours => "this library",
            #[cfg(own_dtls)]
            Self::Firmware => "the program's own HAL_DTLSSession_*",
        }
    }
}

/// Why `coaps://` cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unavailable {
    #[cfg(not(feature = "_coaps"))]
    NoDtls,
    /// The program defines some of the functions, but not all.
    #[cfg(all(own_dtls, feature = "dtls-psk"))]
    Partly(Partly),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("coaps:// cannot be used: ")?;
        match *self {
            #[cfg(not(feature = "_coaps"))]
            Self::NoDtls => f.write_str(
                "this build has no DTLS; build with the feature dtls, or with port-dtls for \
                 HAL_DTLSSession_* of your own",
            ),
            #[cfg(all(own_dtls, feature = "dtls-psk"))]
            Self::Partly(linked) => {
                f.write_str("the program defines some of HAL_DTLSSession_*, but not")?;
                for (number, name) in linked.missing().enumerate() {
                    write!(f, "{} {name}", if number == 0 { "" } else { "," })?;
                }
                f.write_str("; define all four, or none")
            }
        }
    }
}
