//! Verifies the server's certificate: a path leads to a trust anchor, or the certificate is
//! an anchor itself; it names the host; a server may use it now; and its key signed the key
//! exchange.

mod anchors;
#[cfg(any(feature = "both-validators", all(test, feature = "full", feature = "webpki")))]
#[cfg_attr(
    not(feature = "both-validators"),
    allow(unreachable_pub, reason = "public for the fuzz target alone")
)]
pub mod both;
#[cfg(feature = "webpki")]
mod by_webpki;
#[cfg(any(test, feature = "both-validators", not(feature = "webpki")))]
mod constraints;
mod fields;
mod names;
#[cfg(any(test, feature = "both-validators", not(feature = "webpki")))]
mod path;
mod pem;
#[cfg(any(test, feature = "both-validators", not(feature = "webpki")))]
mod reason;
mod signature;
#[cfg(all(test, feature = "full", feature = "webpki"))]
mod tests;
mod time;

use alloc::vec::Vec;

use fields::Certificate;
use signature::Budget;

pub use anchors::TrustAnchors;
pub(crate) use names::Host;
pub(crate) use signature::SignatureScheme;

use crate::error::{CertificateError, Error, Violation};
use crate::memory::copy;
#[cfg(feature = "rsa")]
use crate::rsa::PublicKey;
use crate::suite::KeyExchange;
use crate::wire::Reader;

#[cfg(feature = "webpki")]
use by_webpki::Webpki as Chosen;
#[cfg(not(feature = "webpki"))]
use path::Own as Chosen;

/// The most intermediates that are considered. A hostile server may send certificates that
/// all have the same name, so that each may have issued any other. Five make 325 possible
/// paths; eight would make 28,960.
const MAX_INTERMEDIATES: usize = 5;

/// The public key of a server whose certificate has been verified.
pub(crate) struct ServerKey {
    /// The content of the SubjectPublicKeyInfo in DER.
    key: Vec<u8>,
    /// When the first certificate of the path expires, in seconds since 1970.
    not_after: u64,
}

impl ServerKey {
    /// Verifies the body of a Certificate message. `time` is the date in seconds since
    /// 1970, if it is known.
    pub(crate) fn verify(
        message: &[u8],
        anchors: &TrustAnchors,
        host: &str,
        time: Option<u64>,
        key_exchange: KeyExchange,
    ) -> Result<Self, Error> {
        Self::verify_by::<Chosen>(message, anchors, host, time, key_exchange)
    }

    fn verify_by<V: Validator>(
        message: &[u8],
        anchors: &TrustAnchors,
        host: &str,
        time: Option<u64>,
        key_exchange: KeyExchange,
    ) -> Result<Self, Error> {
        let malformed = Error::from(Violation::Malformed("Certificate"));
        let mut reader = Reader::new(message);
        let list = reader.vector24().filter(|_| reader.is_empty()).ok_or(malformed)?;
        let mut list = Reader::new(list);
        if list.is_empty() {
            return Err(CertificateError::Missing.into());
        }
        let server_der = list.vector24().ok_or(malformed)?;
        let others = list;
        while !list.is_empty() {
            list.vector24().ok_or(malformed)?;
        }
        let server = Certificate::read(server_der)?;
        let chain = Chain { server_der, server, others, anchors };
        let budget = Budget::default();
        let not_after = match time {
            _ if anchors.contains(server_der) => verify_trusted(&server, time)?,
            Some(time) => {
                V::verify_path(&chain, time, &budget).map_err(|error| chain.explained(error))?
            }
            None => {
                chain.verify_at_any_time::<V>(&budget).map_err(|error| chain.explained(error))?
            }
        };
        if server.names.is_none() {
            return Err(CertificateError::NoName.into());
        }
        V::verify_host(&chain, host)?;
        verify_key_usage(&server, key_exchange)?;
        Ok(Self { key: copy(server.key)?, not_after })
    }

    /// When the first certificate of the path expires, in seconds since 1970.
    pub(crate) fn not_after(&self) -> u64 {
        self.not_after
    }

    /// Verifies a signature over `message` made with this key.
    pub(crate) fn verify_signature(
        &self,
        scheme: SignatureScheme,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), Error> {
        if signature::is_signed(scheme, &self.key, message, signature) {
            return Ok(());
        }
        // Distinguish a wrong signature from a key that is never accepted.
        #[cfg(feature = "rsa")]
        if !scheme.is_ecdsa() {
            self.rsa_key()?;
        }
        Err(Violation::KeyExchangeSignature.into())
    }

    /// The key, for encrypting to the server.
    #[cfg(feature = "rsa")]
    pub(crate) fn rsa_key(&self) -> Result<PublicKey<'_>, Error> {
        let (algorithm, key) =
            signature::key_parts(&self.key).ok_or(CertificateError::Malformed)?;
        let key = Some(key).filter(|_| algorithm.starts_with(signature::id::RSA));
        Ok(key.and_then(PublicKey::from_der).ok_or(CertificateError::Key)?)
    }
}

/// The certificates that a server sent, and the anchors that the client trusts.
struct Chain<'c> {
    #[cfg_attr(not(feature = "webpki"), allow(dead_code, reason = "for rustls-webpki"))]
    server_der: &'c [u8],
    /// The server's certificate.
    server: Certificate<'c>,
    /// The encoded list of the other certificates.
    others: Reader<'c>,
    anchors: &'c TrustAnchors,
}

/// Verifies paths. There are two validators, which accept the same paths.
trait Validator {
    /// Verifies that a path leads from the server to an anchor at this time. Returns when
    /// the first certificate of the path expires.
    fn verify_path(chain: &Chain<'_>, time: u64, budget: &Budget) -> Result<u64, Error>;

    /// Verifies that the server's certificate names the host.
    fn verify_host(chain: &Chain<'_>, host: &str) -> Result<(), CertificateError> {
        let host = Host::parse(host).ok_or(CertificateError::WrongName)?;
        host.verify(chain.server.names.unwrap_or_default())
    }
}

impl<'c> Chain<'c> {
    /// The intermediates that are considered, in DER.
    fn others(&self) -> impl Iterator<Item = &'c [u8]> {
        let mut others = self.others;
        core::iter::from_fn(move || others.vector24()).take(MAX_INTERMEDIATES)
    }

    /// Explains an error: the missing issuer may be among the certificates that are not
    /// considered.
    fn explained(&self, error: Error) -> Error {
        let mut others = self.others;
        let count = core::iter::from_fn(|| others.vector24()).count();
        match error {
            Error::Certificate(CertificateError::UnknownIssuer) if count > MAX_INTERMEDIATES => {
                CertificateError::TooManyIntermediates.into()
            }
            error => error,
        }
    }

    /// Verifies without a clock: there must be a time at which the whole path was valid. If
    /// there is one, the latest `not_before` on the path is such a time. It is unknown
    /// which certificates are on the path, so the dates of all are tried.
    fn verify_at_any_time<V: Validator>(&self, budget: &Budget) -> Result<u64, Error> {
        let Certificate { not_before, not_after, .. } = self.server;
        let candidates = self.others().filter_map(|der| {
            let other = Certificate::read(der).ok()?;
            Some(other.not_before).filter(|time| (not_before + 1..=not_after).contains(time))
        });
        let mut result = Error::Certificate(CertificateError::NeverValid);
        for time in core::iter::once(not_before).chain(candidates) {
            match V::verify_path(self, time, budget) {
                Ok(not_after) => return Ok(not_after),
                Err(Error::Certificate(
                    CertificateError::Expired { .. } | CertificateError::NotYetValid { .. },
                )) => {}
                Err(error) => result = error,
            }
        }
        Err(result)
    }
}

/// Verifies the dates and the usage of a certificate that is an anchor itself, which needs
/// no other certificate. It may be an authority's, as self-signed certificates often are.
/// Returns when it expires.
fn verify_trusted(server: &Certificate<'_>, time: Option<u64>) -> Result<u64, CertificateError> {
    match time {
        Some(time) => server.verify_date(time)?,
        None if server.not_before > server.not_after => return Err(CertificateError::NeverValid),
        None => {}
    }
    if server.serves == Some(false) {
        return Err(CertificateError::WrongUsage);
    }
    Ok(server.not_after)
}

fn verify_key_usage(
    server: &Certificate<'_>,
    key_exchange: KeyExchange,
) -> Result<(), CertificateError> {
    let needed = match key_exchange {
        #[cfg(feature = "static-rsa")]
        KeyExchange::Rsa => Certificate::KEY_ENCIPHERMENT,
        _ => Certificate::DIGITAL_SIGNATURE,
    };
    match server.key_usage {
        Some(usage) if usage & needed == 0 => Err(CertificateError::WrongUsage),
        _ => Ok(()),
    }
}
