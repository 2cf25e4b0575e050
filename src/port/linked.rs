//! Finds out whose DTLS protects `coaps://`: the program's, if it defines
//! `HAL_DTLSSession_*`, or the library's.

#[cfg(feature = "dtls-psk")]
use core::ffi::c_uint;

#[cfg(feature = "dtls-psk")]
unsafe extern "C" {
    /// One bit for each of create, write, read and free that is linked, the lowest for
    /// create.
    safe fn iotx_port_dtls_linked() -> c_uint;
}

/// Which of the program's four functions the library calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// All four.
    #[cfg(own_dtls)]
    All,
    #[cfg(feature = "dtls-psk")]
    None,
    /// The program defines only some of them, which is an error.
    #[cfg(all(own_dtls, feature = "dtls-psk"))]
    Some(Partly),
}

impl Linked {
    /// The functions that the linker found, unless the features decide whose DTLS is used.
    pub(crate) fn find() -> Self {
        #[cfg(all(own_dtls, feature = "dtls-psk"))]
        return match iotx_port_dtls_linked() {
            0xF => Self::All,
            0 => Self::None,
            linked => Self::Some(Partly(linked)),
        };
        #[cfg(not(own_dtls))]
        return Self::None;
        #[cfg(not(feature = "dtls-psk"))]
        Self::All
    }

    /// Whether the program defines functions that this build does not call.
    pub(crate) fn has_unused() -> bool {
        #[cfg(not(own_dtls))]
        return iotx_port_dtls_linked() != 0;
        #[cfg(own_dtls)]
        false
    }
}

/// Some of the four functions are linked: one bit for each.
#[cfg(all(own_dtls, feature = "dtls-psk"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partly(c_uint);

#[cfg(all(own_dtls, feature = "dtls-psk"))]
impl Partly {
    /// The names of the functions that are missing.
    pub(crate) fn missing(self) -> impl Iterator<Item = &'static str> {
        const NAMES: [&str; 4] = [
            "HAL_DTLSSession_create",
            "HAL_DTLSSession_write",
            "HAL_DTLSSession_read",
            "HAL_DTLSSession_free",
        ];
        let is_missing = move |at: &usize| self.0 & 1 << at == 0;
        NAMES.into_iter().enumerate().filter(move |(at, _)| is_missing(at)).map(|(_, name)| name)
    }
}
