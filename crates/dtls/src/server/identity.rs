//! The certificates and the private key with which a server authenticates.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::error::Error;
use crate::handshake::Ephemeral;
use crate::handshake::key_exchange::NAMED_CURVE;
use crate::key_schedule::Randoms;
use crate::suite::KeyExchange;
use crate::wire::Writer;

/// How a signature is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureScheme {
    /// ECDSA on P-256 with SHA-256, as the DER of RFC 3279, section 2.2.3.
    EcdsaSha256,
    /// RSA by PKCS #1 v1.5 with SHA-256 (RFC 8017, section 8.2).
    RsaSha256,
    /// RSA-PSS with SHA-256 for the message and MGF1, and a salt of 32 bytes
    /// (rsa_pss_rsae_sha256 in RFC 8446, section 4.2.3).
    RsaPssSha256,
}

impl SignatureScheme {
    /// The two bytes on the wire.
    pub(super) fn number(self) -> u16 {
        match self {
            Self::EcdsaSha256 => 0x0403,
            Self::RsaSha256 => 0x0401,
            Self::RsaPssSha256 => 0x0804,
        }
    }

    /// Whether suites with this key exchange use this scheme.
    pub(super) fn fits(self, key_exchange: KeyExchange) -> bool {
        match key_exchange {
            KeyExchange::EcdheEcdsa => self == Self::EcdsaSha256,
            KeyExchange::EcdheRsa => self != Self::EcdsaSha256,
            #[cfg(feature = "static-rsa")]
            KeyExchange::Rsa => false,
            KeyExchange::Psk => false,
        }
    }
}

/// A private key, which never enters this crate.
pub trait Signer: Send + Sync {
    /// The schemes of the key, best first. They must match the certificate's key.
    fn schemes(&self) -> &[SignatureScheme];

    /// Whether it may sign now. This is called before a handshake makes its ephemeral key,
    /// so that a limit on signatures limits the other work of handshakes, too.
    fn may_sign(&self) -> bool {
        true
    }

    /// The signature over `message`, which is not hashed yet; `None` if it cannot be made.
    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>>;
}

/// A chain of certificates, and the key of the first one.
pub struct Identity {
    /// The body of the message Certificate.
    pub(super) certificates: Vec<u8>,
    pub(super) signer: Arc<dyn Signer>,
}

impl Identity {
    /// Makes an identity from certificates in DER: the server's own and the intermediates,
    /// each followed by the certificate that signed it. The root may be left out.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if there is no certificate; [`Error::BadLength`] if the
    /// certificates have 2^24 bytes or more in total; [`Error::OutOfMemory`].
    pub fn new(chain: &[&[u8]], signer: Arc<dyn Signer>) -> Result<Self, Error> {
        if chain.is_empty() {
            return Err(Error::Configuration("an identity needs a certificate"));
        }
        let len: usize = chain.iter().map(|certificate| 3 + certificate.len()).sum();
        let mut body = Vec::new();
        body.try_reserve_exact(3 + len).map_err(|_| Error::OutOfMemory)?;
        body.extend_from_slice(&u24(len)?);
        for certificate in chain {
            body.extend_from_slice(&u24(certificate.len())?);
            body.extend_from_slice(certificate);
        }
        Ok(Self { certificates: body, signer })
    }

    /// Writes a ServerKeyExchange (RFC 8422, section 5.4): the public key, and a signature over
    /// it and the random bytes of both hellos.
    pub(super) fn write_key_exchange(
        &self,
        scheme: SignatureScheme,
        group: u16,
        ephemeral: &Ephemeral,
        randoms: &Randoms,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut message = Vec::new();
        let mut writer = Writer::new(&mut message);
        writer.bytes(&randoms.client);
        writer.bytes(&randoms.server);
        writer.u8(NAMED_CURVE);
        writer.u16(group);
        ephemeral.write_public(&mut writer);
        writer.finish()?;
        let signature = self.signer.sign(scheme, &message).ok_or(Error::Signature)?;
        let parameters = message.get(randoms.client.len() + randoms.server.len()..);
        let mut writer = Writer::new(out);
        writer.bytes(parameters.unwrap_or_default());
        writer.u16(scheme.number());
        writer.vector16(|writer| writer.bytes(&signature));
        writer.finish()
    }
}

/// A length in three bytes.
fn u24(len: usize) -> Result<[u8; 3], Error> {
    match u32::try_from(len).map(u32::to_be_bytes) {
        Ok([0, a, b, c]) => Ok([a, b, c]),
        _ => Err(Error::BadLength),
    }
}
