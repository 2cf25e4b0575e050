//! The peer of a DTLS session, and the certificates that are trusted to prove its identity.

use core::ffi::{CStr, c_char};

unsafe extern "C" {
    /// The program's roots; NULL for the built-in ones.
    safe fn iotx_port_roots() -> *const c_char;
}

/// The peer to connect to.
#[derive(Clone, Copy)]
pub(crate) struct Peer<'a> {
    pub(crate) host: &'a CStr,
    pub(crate) port: u16,
    pub(crate) trusted: Trusted<'a>,
}

/// The certificates to trust.
#[derive(Clone, Copy)]
pub(crate) enum Trusted<'a> {
    /// The built-in roots of the cloud.
    BuiltIn,
    /// Other roots, as PEM text.
    Pem(&'a CStr),
}

impl<'a> Trusted<'a> {
    /// The roots of the options, or else the roots that `iotx_coap_get_ca` returns.
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

    /// The roots as PEM text with a NUL, for the program's DTLS.
    #[cfg(own_dtls)]
    pub(super) fn pem(self) -> *const c_char {
        match self {
            Self::Pem(text) => text.as_ptr(),
            Self::BuiltIn => crate::certificates::iotx_default_ca.as_ptr(),
        }
    }
}
