//! The premaster secret, from which the keys of a session are derived (RFC 5246, section
//! 8.1).

use alloc::vec::Vec;

use zeroize::Zeroizing;

#[cfg(feature = "certificates")]
use crate::error::Error;

pub(crate) type Premaster = Zeroizing<Vec<u8>>;

/// A copy that is wiped when it is dropped; an error if there is no memory for it.
#[cfg(feature = "certificates")]
pub(super) fn secret_copy(secret: &[u8]) -> Result<Premaster, Error> {
    crate::memory::copy(secret).map(Zeroizing::new)
}
