//! DTLS sessions of the firmware or program, by its `HAL_DTLSSession_*`, if it has them.
//! The library never provides these symbols.

use core::ffi::{CStr, c_char, c_uchar, c_uint, c_ushort, c_void};
use core::ptr::NonNull;

use super::IoError;
#[cfg(not(any(feature = "std", not(feature = "dtls-psk"))))]
use crate::log::log;

#[repr(C)]
struct SessionOptions {
    ca_cert_pem: *mut c_uchar,
    host: *mut c_char,
    port: c_ushort,
}

unsafe extern "C" {
    fn iotx_port_dtls_create(options: *mut SessionOptions) -> *mut c_void;
    fn iotx_port_dtls_write(session: *mut c_void, data: *const c_uchar, len: *mut c_uint)
    -> c_uint;
    fn iotx_port_dtls_free(session: *mut c_void) -> c_uint;
    /// One bit for each of create, write, read and free that is linked.
    #[cfg(feature = "dtls-psk")]
    safe fn iotx_port_dtls_linked() -> c_uint;
    /// The program's roots; NULL where the built-in ones are to be trusted.
    safe fn iotx_port_roots() -> *const c_char;
}

// A thread may be cancelled in this function, which unwinds.
unsafe extern "C-unwind" {
    fn iotx_port_dtls_read(
        session: *mut c_void,
        data: *mut c_uchar,
        len: *mut c_uint,
        ms: c_uint,
    ) -> c_uint;
}

/// The names of the four functions, by their bits.
#[cfg(feature = "dtls-psk")]
const NAMES: [&str; 4] = ["create", "write", "read", "free"];

/// Which of the four functions are linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// All four.
    All,
    #[cfg(feature = "dtls-psk")]
    None,
    /// Some, which cannot be meant.
    #[cfg(feature = "dtls-psk")]
    Some(Partly),
}

/// Some of the four functions are linked: a bit for each.
#[cfg(feature = "dtls-psk")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partly(c_uint);

#[cfg(feature = "dtls-psk")]
impl Partly {
    /// The names of those that are missing.
    pub(crate) fn missing(self) -> impl Iterator<Item = &'static str> {
        NAMES
            .into_iter()
            .enumerate()
            .filter(move |(at, _)| self.0 & 1 << at == 0)
            .map(|(_, name)| name)
    }
}

/// A session.
#[derive(Clone, Copy)]
pub(crate) struct Dtls(NonNull<c_void>);

// SAFETY: callers of the original pass handles between threads as well; which calls
// may run at the same time is decided in `link`.
unsafe impl Send for Dtls {}

/// Whom to connect to.
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    pub(crate) host: &'a CStr,
    pub(crate) port: u16,
    pub(crate) trusted: Trusted<'a>,
}

/// The certificates to trust.
#[derive(Clone, Copy)]
pub(crate) enum Trusted<'a> {
    /// The roots of the cloud.
    BuiltIn,
    /// Others, as PEM text.
    Pem(&'a CStr),
}

impl<'a> Trusted<'a> {
    /// Those of the options, or what `iotx_coap_get_ca` returns.
    pub(crate) fn of(own: Option<&'a CStr>) -> Self {
        if let Some(own) = own {
            return Self::Pem(own);
        }
        let roots = iotx_port_roots();
        if roots.is_null() {
            return Self::BuiltIn;
        }
        // SAFETY: a program that replaces the function must return a text that ends with
        // NUL and lives for ever; our own does.
        Self::Pem(unsafe { CStr::from_ptr(roots) })
    }

    /// As text, for the firmware's DTLS; NULL if there is none.
    fn pem(self) -> *const c_char {
        match self {
            Self::Pem(text) => text.as_ptr(),
            Self::BuiltIn => built_in_text(),
        }
    }
}

#[cfg(any(feature = "std", not(feature = "dtls-psk")))]
fn built_in_text() -> *const c_char {
    crate::certificates::iotx_default_ca.as_ptr()
}

/// On bare metal the text is linked only where the program asks for it, if the library has
/// DTLS of its own.
#[cfg(not(any(feature = "std", not(feature = "dtls-psk"))))]
fn built_in_text() -> *const c_char {
    log!(Error, "the built-in roots are not linked: link with -Wl,-u,iotx_coap_get_ca");
    core::ptr::null()
}

impl Dtls {
    /// What the linker found.
    pub(crate) fn linked() -> Linked {
        #[cfg(feature = "dtls-psk")]
        match iotx_port_dtls_linked() {
            0xF => Linked::All,
            0 => Linked::None,
            linked => Linked::Some(Partly(linked)),
        }
        #[cfg(not(feature = "dtls-psk"))]
        Linked::All
    }

    /// Connects, which blocks through the handshake.
    pub(crate) fn connect(peer: Peer<'_>) -> Option<Self> {
        let trusted = peer.trusted.pem();
        if trusted.is_null() {
            return None;
        }
        let mut options = SessionOptions {
            ca_cert_pem: trusted.cast_mut().cast(),
            host: peer.host.as_ptr().cast_mut(),
            port: peer.port,
        };
        // SAFETY: called only where all four are linked; the options outlive the
        // call, and ports keep no pointer to them.
        NonNull::new(unsafe { iotx_port_dtls_create(&raw mut options) }).map(Self)
    }

    pub(crate) fn close(self) {
        // SAFETY: made by HAL_DTLSSession_create; the owner closes it once.
        unsafe { iotx_port_dtls_free(self.0.as_ptr()) };
    }

    pub(crate) fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        let mut len = datagram.len() as c_uint;
        // SAFETY: the pointer and the length are of one slice; the session lives as
        // long as its owner.
        let status =
            unsafe { iotx_port_dtls_write(self.0.as_ptr(), datagram.as_ptr(), &raw mut len) };
        if status == 0 { Ok(()) } else { Err(IoError(status.into())) }
    }

    /// Waits up to `ms`, and at least a millisecond, for a datagram; returns its
    /// length, 0 for none.
    ///
    /// # Safety
    ///
    /// `buffer` is valid for writes of `room` bytes.
    pub(crate) unsafe fn read(
        self,
        buffer: *mut u8,
        room: usize,
        ms: u32,
    ) -> Result<usize, IoError> {
        let mut len = room as c_uint;
        // SAFETY: `buffer` is valid for writes of `room` bytes, by the contract; the
        // session lives as long as its owner.
        let status =
            unsafe { iotx_port_dtls_read(self.0.as_ptr(), buffer, &raw mut len, ms.max(1)) };
        match (status, len as usize) {
            (0, len) if len <= room => Ok(len),
            _ => Err(IoError(status.into())),
        }
    }
}
