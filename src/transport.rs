//! Datagrams to and from the endpoint, over UDP or DTLS of the port's. Opens
//! and reopens; who may read or write when is decided in [`crate::drive`].

use alloc::ffi::CString;

use iot_coap_client::{Endpoint, Security};

use crate::log::log;
use crate::port::{Dtls, IoError, Udp};

/// An open way to the endpoint.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    Udp(Udp),
    Dtls(Dtls),
}

impl Link {
    pub(crate) fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        match self {
            Self::Udp(udp) => udp.write(datagram),
            Self::Dtls(dtls) => dtls.write(datagram),
        }
    }

    pub(crate) fn read(self, buffer: &mut [u8], ms: u32) -> Result<usize, IoError> {
        match self {
            Self::Udp(udp) => udp.read(buffer, ms),
            Self::Dtls(dtls) => dtls.read(buffer, ms),
        }
    }

    /// What `poll` waits on, where the port says.
    pub(crate) fn descriptor(self) -> Option<i32> {
        match self {
            Self::Udp(udp) => udp.descriptor(),
            Self::Dtls(dtls) => dtls.descriptor(),
        }
    }

    pub(crate) fn close(self) {
        match self {
            Self::Udp(udp) => udp.close(),
            Self::Dtls(dtls) => dtls.close(),
        }
    }
}

/// Where and how to connect.
pub(crate) struct Address {
    security: Security,
    host: CString,
    port: u16,
    /// The trust roots of the program's options; none for the library's.
    trust_root: Option<CString>,
}

impl Address {
    /// `None` if the host holds a NUL, which no parsed URL's does.
    pub(crate) fn new(endpoint: Endpoint, trust_root: Option<CString>) -> Option<Self> {
        let host = CString::new(endpoint.host).ok()?;
        Some(Self { security: endpoint.security, host, port: endpoint.port, trust_root })
    }

    /// Opens a link; over DTLS, blocks through the handshake. Says in the log
    /// why where it cannot.
    pub(crate) fn connect(&self) -> Option<Link> {
        let host = self.host.to_string_lossy();
        let link = if self.security == Security::Dtls {
            if !Dtls::is_available() {
                log!(
                    Error,
                    "coaps:// needs a DTLS port: link with HAL_DTLSSession_create, _write, _read \
                     and _free, or build with the feature port-linux"
                );
                return None;
            }
            Dtls::connect(&self.host, self.port, self.trust_root.as_deref()).map(Link::Dtls)
        } else {
            Udp::connect(&self.host, self.port).map(Link::Udp)
        };
        if link.is_none() {
            let over = if self.security == Security::Dtls { "DTLS" } else { "UDP" };
            log!(Error, "no {over} connection to {host} port {}", self.port);
        }
        link
    }

    /// Whether one thread may write while another reads.
    pub(crate) fn is_full_duplex(&self) -> bool {
        self.security != Security::Dtls || Dtls::is_thread_safe()
    }
}
