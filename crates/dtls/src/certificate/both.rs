//! The verdicts of both validators on one chain, for the tests and the fuzz target that
//! compare them.

use core::mem::discriminant;

use super::anchors::TrustAnchors;
use super::by_webpki::Webpki;
use super::fields::Certificate;
use super::path::Own;
use super::{ServerKey, Validator};
use crate::error::{CertificateError, Error};
use crate::suite::KeyExchange;

/// When the first certificate of the path expires, in seconds since 1970; or why there is
/// no path.
pub type Verdict = Result<u64, Error>;

/// The verdicts of this crate's validator and of rustls-webpki on the body of a Certificate
/// message. `time` is in seconds since 1970.
pub fn verdicts(
    message: &[u8],
    anchors: &TrustAnchors,
    host: &str,
    time: Option<u64>,
) -> (Verdict, Verdict) {
    fn judge<V: Validator>(
        message: &[u8],
        anchors: &TrustAnchors,
        host: &str,
        time: Option<u64>,
    ) -> Verdict {
        let key_exchange = KeyExchange::EcdheEcdsa;
        ServerKey::verify_by::<V>(message, anchors, host, time, key_exchange)
            .map(|key| key.not_after())
    }
    (judge::<Own>(message, anchors, host, time), judge::<Webpki>(message, anchors, host, time))
}

/// Whether both accept a chain, by the same path, or both reject it, for the same reason.
/// One difference is allowed: this crate always reports a malformed certificate as
/// malformed. rustls-webpki does not read every part, and may report another error of the
/// path first.
pub fn agree<'c>(
    (ours, theirs): (&Verdict, &Verdict),
    mut sent: impl Iterator<Item = &'c [u8]>,
) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(Error::Certificate(ours)), Err(Error::Certificate(theirs))) => {
            discriminant(ours) == discriminant(theirs)
                || *theirs == CertificateError::Malformed
                || sent
                    .any(|der| matches!(Certificate::read(der), Err(CertificateError::Malformed)))
        }
        _ => ours == theirs,
    }
}
