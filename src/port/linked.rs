//! Whose DTLS protects `coaps://`: the program's, if it defines `HAL_DTLSSession_*`, or the
//! library's.

#[cfg(feature = "dtls-psk")]
use core::ffi::c_uint;

#[cfg(feature = "dtls-psk")]
unsafe extern "C" {
    /// One bit for each of create, write, read and free that is linked.
    safe fn iotx_port_dtls_linked() -> c_uint;
}

/// Which of the program's four functions are to be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linked {
    /// All four.
    #[cfg(own_dtls)]
    All,
    #[cfg(feature = "dtls-psk")]
    None,
    /// It defines some, which cannot be meant.
    #[cfg(all(own_dtls, feature = "dtls-psk"))]
    Some(Partly),
}

impl Linked {
    /// What the linker found, unless the features say whose DTLS it is.
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

/// Some of the four functions are linked: a bit for each.
#[cfg(all(own_dtls, feature = "dtls-psk"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partly(c_uint);

#[cfg(all(own_dtls, feature = "dtls-psk"))]
impl Partly {
    /// The names of those that are missing.
    pub(crate) fn missing(self) -> impl Iterator<Item = &'static str> {
        ["create", "write", "read", "free"]
            .into_iter()
            .enumerate()
            .filter(move |(at, _)| self.0 & 1 << at == 0)
            .map(|(_, name)| name)
    }
}
