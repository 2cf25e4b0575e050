//! Why a candidate fails, as far as it decides what is tried next.

/// What to check when nothing comes from the peer.
pub(crate) const PORT_QUESTION: &str = "is the port that of the scheme? coap:// is mostly \
    served at 5683, coaps:// at 5684, coap-psk:// at 5682";

/// Why a candidate failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The network refused it, which may be temporary.
    Refused,
    /// The server declined the first offer. The next handshake offers everything.
    #[cfg(feature = "dtls-psk")]
    Declined,
    /// The server did not answer the first offer. It may not be there, so another address
    /// is tried first.
    #[cfg(feature = "dtls-psk")]
    Silent,
    /// The handshake failed. The second failure is final. The first may have been forged,
    /// and forging another in time is harder.
    #[cfg(feature = "dtls-psk")]
    Handshake,
    /// It took too long.
    Late,
}

impl Cause {
    /// Whether the peer did not answer.
    pub(super) const fn is_silence(self) -> bool {
        match self {
            Self::Late => true,
            #[cfg(feature = "dtls-psk")]
            Self::Silent => true,
            _ => false,
        }
    }
}
