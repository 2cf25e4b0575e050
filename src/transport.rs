//! Datagrams to and from the endpoint, over UDP or DTLS of the port's. Opens
//! and reopens; who may read or write when is decided in [`crate::drive`].

use alloc::boxed::Box;
use alloc::ffi::CString;

#[cfg(not(feature = "coaps"))]
use iot_coap_client::Device;
use iot_coap_client::{Endpoint, Security};

use crate::log::log;
#[cfg(feature = "coaps")]
use crate::port::Dtls;
use crate::port::{IoError, Udp};
#[cfg(feature = "coaps")]
pub(crate) use crate::session_store::SessionStore;

/// An open way to the endpoint.
#[derive(Clone, Copy)]
pub(crate) enum Link {
    Udp(Udp),
    #[cfg(feature = "coaps")]
    Dtls(Dtls),
}

impl Link {
    fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        match self {
            Self::Udp(udp) => udp.write(datagram),
            #[cfg(feature = "coaps")]
            Self::Dtls(dtls) => dtls.write(datagram),
        }
    }

    pub(crate) fn read(self, buffer: &mut [u8], ms: u32) -> Result<usize, IoError> {
        match self {
            Self::Udp(udp) => udp.read(buffer, ms),
            #[cfg(feature = "coaps")]
            Self::Dtls(dtls) => dtls.read(buffer, ms),
        }
    }

    /// What `poll` waits on, where the port says.
    #[cfg(feature = "extension")]
    pub(crate) fn descriptor(self) -> Option<i32> {
        match self {
            Self::Udp(udp) => udp.descriptor(),
            #[cfg(feature = "coaps")]
            Self::Dtls(dtls) => dtls.descriptor(),
        }
    }

    /// Whether it may end, and another be opened in its place.
    pub(crate) const fn is_session(self) -> bool {
        match self {
            Self::Udp(_) => false,
            #[cfg(feature = "coaps")]
            Self::Dtls(_) => true,
        }
    }

    pub(crate) fn close(self) {
        match self {
            Self::Udp(udp) => udp.close(),
            #[cfg(feature = "coaps")]
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
    /// Where DTLS sessions are kept, if they are.
    sessions: Option<Box<SessionStore>>,
}

impl Address {
    /// `None` where the heap is exhausted (or the host holds a NUL, which no
    /// parsed URL's does).
    pub(crate) fn new(
        endpoint: Endpoint,
        trust_root: Option<CString>,
        sessions: Option<Box<SessionStore>>,
    ) -> Option<Self> {
        let mut host = endpoint.host.into_bytes();
        host.try_reserve_exact(1).ok()?;
        host.push(0);
        let host = CString::from_vec_with_nul(host).ok()?;
        Some(Self { security: endpoint.security, host, port: endpoint.port, trust_root, sessions })
    }

    /// Opens a link; over DTLS, blocks through the handshake. Says in the log
    /// why where it cannot.
    pub(crate) fn connect(&self) -> Option<Link> {
        let link = if self.uses_dtls() {
            self.open_session()
        } else {
            Udp::connect(&self.host, self.port).map(Link::Udp)
        };
        if link.is_none() {
            let over = if self.uses_dtls() { "DTLS" } else { "UDP" };
            let host = self.host.to_str().unwrap_or_default();
            log!(Error, "no {over} connection to {host} port {}", self.port);
        }
        link
    }

    /// Whether sessions are kept.
    #[cfg(feature = "extension")]
    pub(crate) fn keeps_sessions(&self) -> bool {
        self.sessions.is_some()
    }

    fn uses_dtls(&self) -> bool {
        self.security == Security::Dtls
    }
}

#[cfg(feature = "coaps")]
impl Address {
    /// The first link: goes on with the session that was kept, where one is.
    pub(crate) fn resume(&self) -> Option<Link> {
        let restored = self.sessions.as_ref().filter(|_| self.uses_dtls()).and_then(|sessions| {
            sessions.restore(|keeping, blob| {
                Dtls::restore(&self.host, self.port, self.trust_root.as_deref(), keeping, blob)
            })
        });
        restored.map(Link::Dtls).or_else(|| self.connect())
    }

    fn open_session(&self) -> Option<Link> {
        if !Dtls::is_available() {
            log!(
                Error,
                "coaps:// needs a DTLS port: link with HAL_DTLSSession_create, _write, _read \
                 and _free, or build with the feature dtls"
            );
            return None;
        }
        let dtls = Dtls::connect(&self.host, self.port, self.trust_root.as_deref())?;
        if let Some(sessions) = &self.sessions {
            sessions.keep_on(dtls);
        }
        Some(Link::Dtls(dtls))
    }

    /// Writes a datagram; where the session is kept and has written all that was
    /// reserved for it, it is kept anew before.
    pub(crate) fn write(&self, link: Link, datagram: &[u8]) -> Result<(), IoError> {
        match (link.write(datagram), link, &self.sessions) {
            (Err(IoError::RESERVATION_SPENT), Link::Dtls(dtls), Some(sessions))
                if sessions.keep_on(dtls) =>
            {
                link.write(datagram)
            }
            (written, ..) => written,
        }
    }

    /// Keeps the session of the link for a restart; it may write no more.
    pub(crate) fn keep_for_sleep(&self, link: Link) {
        if let (Link::Dtls(dtls), Some(sessions)) = (link, &self.sessions) {
            sessions.keep_for_sleep(dtls);
        }
    }

    /// Whether one thread may write while another reads.
    pub(crate) fn is_full_duplex(&self) -> bool {
        !self.uses_dtls() || Dtls::is_thread_safe()
    }
}

/// Without the feature `coaps`: the same, and no more than UDP.
#[cfg(not(feature = "coaps"))]
#[allow(clippy::unused_self, reason = "as with the feature")]
impl Address {
    pub(crate) fn resume(&self) -> Option<Link> {
        self.connect()
    }

    fn open_session(&self) -> Option<Link> {
        let _ = (&self.trust_root, &self.sessions);
        log!(Error, "coaps:// needs a build with the feature coaps");
        None
    }

    pub(crate) fn write(&self, link: Link, datagram: &[u8]) -> Result<(), IoError> {
        link.write(datagram)
    }

    pub(crate) const fn keep_for_sleep(&self, _link: Link) {}

    pub(crate) const fn is_full_duplex(&self) -> bool {
        true
    }
}

/// Without DTLS there is no session to keep.
#[cfg(not(feature = "coaps"))]
pub(crate) enum SessionStore {}

#[cfg(not(feature = "coaps"))]
impl SessionStore {
    pub(crate) const fn new(_device: &Device, _endpoint: &Endpoint) -> Option<Self> {
        None
    }
}
