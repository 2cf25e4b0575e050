//! DTLS sessions of the firmware or program, through its `HAL_DTLSSession_*`, if it has
//! them. The library never provides these symbols.

use core::ffi::{c_char, c_uchar, c_uint, c_ushort, c_void};
use core::ptr::NonNull;

use super::{IoError, Peer};

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
}

// A thread may be cancelled in these functions, which unwinds it.
unsafe extern "C-unwind" {
    fn iotx_port_dtls_read(
        session: *mut c_void,
        data: *mut c_uchar,
        len: *mut c_uint,
        ms: c_uint,
    ) -> c_uint;
}

/// A session.
#[derive(Clone, Copy)]
pub(crate) struct Dtls(NonNull<c_void>);

// SAFETY: programs of the original pass handles between threads, too. `link` decides which
// calls may run at the same time.
unsafe impl Send for Dtls {}

impl Dtls {
    /// Connects. Blocks during the handshake.
    pub(crate) fn connect(peer: Peer<'_>) -> Option<Self> {
        let mut options = SessionOptions {
            ca_cert_pem: peer.trusted.pem().cast_mut().cast(),
            host: peer.host.as_ptr().cast_mut(),
            port: peer.port,
        };
        // SAFETY: this runs only if all four functions are linked. The options outlive the
        // call, and ports keep no pointer to them.
        NonNull::new(unsafe { iotx_port_dtls_create(&raw mut options) }).map(Self)
    }

    pub(crate) fn close(self) {
        // SAFETY: HAL_DTLSSession_create made the session, and its owner closes it once.
        unsafe { iotx_port_dtls_free(self.0.as_ptr()) };
    }

    pub(crate) fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        let mut len = datagram.len() as c_uint;
        // SAFETY: the pointer and the length belong to one slice; the session lives as long
        // as its owner.
        let status =
            unsafe { iotx_port_dtls_write(self.0.as_ptr(), datagram.as_ptr(), &raw mut len) };
        if status == 0 { Ok(()) } else { Err(IoError(status.into())) }
    }

    /// Waits for a datagram, up to `ms` but at least a millisecond. Returns its length, or
    /// 0 if none came.
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
