//! The port's DTLS sessions, where it has any: `HAL_DTLSSession_*`.

use core::ffi::{CStr, c_char, c_int, c_uchar, c_uint, c_ushort, c_void};
use core::ptr::NonNull;

use super::IoError;
use crate::certificates::iotx_default_ca;

#[repr(C)]
struct DtlsOptions {
    ca_cert_pem: *mut c_uchar,
    host: *mut c_char,
    port: c_ushort,
}

/// `coap_dtls_keep_t`.
#[repr(C)]
struct DtlsKeep {
    secret: *const c_uchar,
    secret_len: c_uint,
    reserve: c_uint,
    generation: u64,
    context: *const c_char,
}

unsafe extern "C" {
    fn iotx_port_dtls_create(options: *mut DtlsOptions) -> *mut c_void;
    fn iotx_port_dtls_write(session: *mut c_void, data: *const c_uchar, len: *mut c_uint)
    -> c_uint;
    fn iotx_port_dtls_read(
        session: *mut c_void,
        data: *mut c_uchar,
        len: *mut c_uint,
        ms: c_uint,
    ) -> c_uint;
    fn iotx_port_dtls_free(session: *mut c_void) -> c_uint;
    fn iotx_port_dtls_save(
        session: *mut c_void,
        keep: *const DtlsKeep,
        blob: *mut c_uchar,
        len: *mut c_uint,
    ) -> c_uint;
    fn iotx_port_dtls_saved(session: *mut c_void) -> c_uint;
    fn iotx_port_dtls_restore(
        options: *mut DtlsOptions,
        keep: *const DtlsKeep,
        blob: *const c_uchar,
        len: c_uint,
    ) -> *mut c_void;
    fn iotx_port_has_dtls() -> c_int;
    fn iotx_coap_get_ca() -> *const c_char;
}

/// How a DTLS session is kept without power, and for whom.
pub(crate) struct Keeping<'a> {
    pub(crate) secret: &'a [u8],
    pub(crate) context: &'a CStr,
    pub(crate) generation: u64,
    pub(crate) reserve: u32,
}

impl Keeping<'_> {
    fn as_c(&self) -> DtlsKeep {
        DtlsKeep {
            secret: self.secret.as_ptr(),
            secret_len: self.secret.len() as c_uint,
            reserve: self.reserve,
            generation: self.generation,
            context: self.context.as_ptr(),
        }
    }
}

/// A DTLS session of the port's.
#[derive(Clone, Copy)]
pub(crate) struct Dtls(NonNull<c_void>);

impl Dtls {
    /// Whether the port has DTLS at all.
    pub(crate) fn is_available() -> bool {
        // SAFETY: takes nothing.
        unsafe { iotx_port_has_dtls() != 0 }
    }

    #[cfg(feature = "extension")]
    /// The session's socket, with our own port.
    pub(crate) fn descriptor(self) -> Option<c_int> {
        #[cfg(all(feature = "port-linux", feature = "_builtin-dtls"))]
        // SAFETY: the session lives as long as its owner; the port tells
        // whether it is one of its own.
        return unsafe { iot_coap_port_linux::dtls_descriptor(self.0.as_ptr()) };
        #[cfg(not(all(feature = "port-linux", feature = "_builtin-dtls")))]
        {
            let _ = self;
            None
        }
    }

    /// Whether a write may run beside a read of another thread; the original
    /// asks it of no port.
    pub(crate) fn is_thread_safe() -> bool {
        #[cfg(feature = "_builtin-dtls")]
        return iot_coap_port::dtls::is_builtin();
        #[cfg(not(feature = "_builtin-dtls"))]
        false
    }

    /// Connects, which blocks through the handshake. Without a trust root,
    /// `iotx_coap_get_ca`'s holds.
    pub(crate) fn connect(host: &CStr, port: u16, root: Option<&CStr>) -> Option<Self> {
        let mut options = Self::options(host, port, root);
        // SAFETY: called only where `is_available`; the options outlive the
        // call, and ports keep no pointer to them.
        NonNull::new(unsafe { iotx_port_dtls_create(&raw mut options) }).map(Self)
    }

    /// As [`connect`](Self::connect), going on with the session in `blob`; it is
    /// to be saved again before it is written to.
    pub(crate) fn restore(
        host: &CStr,
        port: u16,
        root: Option<&CStr>,
        keeping: &Keeping<'_>,
        blob: &[u8],
    ) -> Option<Self> {
        let mut options = Self::options(host, port, root);
        let keep = keeping.as_c();
        let len = blob.len() as c_uint;
        // SAFETY: as in `connect`; the blob's pointer and length are of one
        // slice.
        let session = unsafe {
            iotx_port_dtls_restore(&raw mut options, &raw const keep, blob.as_ptr(), len)
        };
        NonNull::new(session).map(Self)
    }

    fn options(host: &CStr, port: u16, root: Option<&CStr>) -> DtlsOptions {
        // SAFETY: ours returns a static; a program that replaces it owes the
        // same: text that ends with NUL, or NULL.
        let root = root.map_or_else(|| unsafe { iotx_coap_get_ca() }, CStr::as_ptr);
        let root = if root.is_null() { iotx_default_ca.as_ptr() } else { root };
        let host = host.as_ptr().cast_mut();
        DtlsOptions { ca_cert_pem: root.cast_mut().cast(), host, port }
    }

    /// Writes into `blob` what the session can be restored from; its length.
    pub(crate) fn save(self, keeping: &Keeping<'_>, blob: &mut [u8]) -> Option<usize> {
        let keep = keeping.as_c();
        let mut len = blob.len() as c_uint;
        // SAFETY: the pointer and the length are of one slice; the session
        // lives as long as its owner.
        let status = unsafe {
            iotx_port_dtls_save(self.0.as_ptr(), &raw const keep, blob.as_mut_ptr(), &raw mut len)
        };
        Some(len as usize).filter(|&len| status == 0 && len <= blob.len())
    }

    /// What was saved last is stored.
    pub(crate) fn is_saved(self) {
        // SAFETY: the session lives as long as its owner.
        unsafe { iotx_port_dtls_saved(self.0.as_ptr()) };
    }

    pub(crate) fn close(self) {
        // SAFETY: made by HAL_DTLSSession_create; the owner closes it once.
        unsafe { iotx_port_dtls_free(self.0.as_ptr()) };
    }

    pub(crate) fn write(self, datagram: &[u8]) -> Result<(), IoError> {
        let mut len = datagram.len() as c_uint;
        // SAFETY: the pointer and the length are of one slice; the session
        // lives as long as its owner.
        let status =
            unsafe { iotx_port_dtls_write(self.0.as_ptr(), datagram.as_ptr(), &raw mut len) };
        if status == 0 { Ok(()) } else { Err(IoError(status.into())) }
    }

    /// Waits up to `ms` for a datagram; returns its length, 0 for none.
    pub(crate) fn read(self, buffer: &mut [u8], ms: u32) -> Result<usize, IoError> {
        let mut len = buffer.len() as c_uint;
        // SAFETY: as in `write`.
        let status = unsafe {
            iotx_port_dtls_read(self.0.as_ptr(), buffer.as_mut_ptr(), &raw mut len, ms.max(1))
        };
        match (status, len as usize) {
            (0, len) if len <= buffer.len() => Ok(len),
            _ => Err(IoError(status.into())),
        }
    }
}

// SAFETY: handles are passed between threads by every caller of the original;
// what may run at the same time is decided in `transport`.
unsafe impl Send for Dtls {}
