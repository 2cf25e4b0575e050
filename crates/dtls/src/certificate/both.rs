//! What the two validators say of one chain, for those who compare them: the tests and a fuzz
//! target.

use core::mem::discriminant;

use super::anchors::TrustAnchors;
use super::by_webpki::Webpki;
use super::fields::Certificate;
use super::path::Own;
use super::{ServerKey, Validator};
use crate::error::{CertificateError, Error};
use crate::suite::KeyExchange;

/// When the first certificate of the path ends, in seconds since 1970; or why there is none.
pub type Verdict = Result<u64, Error>;

/// What the validator of this crate and the one by rustls-webpki say of the body of a Certificate
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

/// Whether both believe a chain, by the same path, or neither does, and for the same reason; but
/// a certificate of which a part is malformed is so to this crate, whatever else is wrong with the
/// path, and rustls-webpki does not read every part, nor rank all that is malformed in one place.
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
