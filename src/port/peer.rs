//! Whom a DTLS session is made with, and which certificates are trusted to prove it.

use core::ffi::{CStr, c_char};

unsafe extern "C" {
    /// The program's roots; NULL where the built-in ones are to be trusted.
    safe fn iotx_port_roots() -> *const c_char;
}

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

    /// As text, for the program's DTLS. It ends with NUL.
    #[cfg(own_dtls)]
    pub(super) fn pem(self) -> *const c_char {
        match self {
            Self::Pem(text) => text.as_ptr(),
            Self::BuiltIn => crate::certificates::iotx_default_ca.as_ptr(),
        }
    }
}
