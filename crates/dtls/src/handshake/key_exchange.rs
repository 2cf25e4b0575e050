//! The key exchange: reads the server's share, writes the client's, and computes the
//! premaster secret. RFC 5246, section 7.4.7; RFC 8422; RFC 4279.

use alloc::vec::Vec;

#[cfg(feature = "certificates")]
use rand_core::TryCryptoRng;
#[cfg(feature = "certificates")]
use zeroize::Zeroizing;

#[cfg(feature = "p256")]
use super::ephemeral::P256_POINT_LEN;
#[cfg(feature = "certificates")]
use super::ephemeral::{self, X25519_LEN};
#[cfg(feature = "certificates")]
use super::extension::group;
use super::premaster::Premaster;
#[cfg(feature = "static-rsa")]
use super::premaster::secret_copy;
use crate::config::PreSharedKey;
use crate::error::{Error, Violation};
use crate::wire::{Reader, Writer};
#[cfg(feature = "certificates")]
use crate::{
    certificate::{ServerKey, SignatureScheme},
    key_schedule::Randoms,
};

#[cfg(feature = "certificates")]
pub(crate) const NAMED_CURVE: u8 = 3;
/// The length of the premaster secret of an RSA key exchange.
#[cfg(feature = "static-rsa")]
const RSA_PREMASTER_LEN: usize = 48;

/// The server's ephemeral public key.
#[cfg(feature = "certificates")]
#[derive(Clone, Copy)]
pub(crate) enum ServerShare {
    X25519([u8; X25519_LEN]),
    #[cfg(feature = "p256")]
    P256([u8; P256_POINT_LEN]),
}

#[cfg(feature = "certificates")]
impl ServerShare {
    /// Reads a signed ServerKeyExchange and verifies the signature.
    pub(crate) fn read(
        body: &[u8],
        randoms: &Randoms,
        key: &ServerKey,
        ecdsa: bool,
    ) -> Result<Self, Error> {
        let malformed = Error::from(Violation::Malformed("ServerKeyExchange"));
        let mut reader = Reader::new(body);
        if reader.u8().ok_or(malformed)? != NAMED_CURVE {
            return Err(Violation::NotOffered("a curve without a name").into());
        }
        let group = reader.u16().ok_or(malformed)?;
        let point = reader.vector8().ok_or(malformed)?;
        let parameters = &body[..body.len() - reader.rest().len()];
        let scheme = reader.u16().ok_or(malformed)?;
        let signature = reader.vector16().filter(|_| reader.is_empty()).ok_or(malformed)?;

        let share = match group {
            group::X25519 => point.try_into().map(Self::X25519),
            #[cfg(feature = "p256")]
            group::SECP256R1 => point.try_into().map(Self::P256),
            _ => return Err(Violation::NotOffered("a group").into()),
        };
        let scheme = SignatureScheme::from_number(scheme)
            .filter(|scheme| scheme.is_ecdsa() == ecdsa)
            .ok_or(Violation::NotOffered("a signature scheme"))?;
        let mut signed = Vec::new();
        let mut writer = Writer::new(&mut signed);
        writer.bytes(&randoms.client);
        writer.bytes(&randoms.server);
        writer.bytes(parameters);
        writer.finish()?;
        key.verify_signature(scheme, &signed, signature)?;
        share.map_err(|_| malformed)
    }

    /// Appends the client's share to `out` and computes the secret.
    pub(crate) fn agree<R: TryCryptoRng>(
        &self,
        random: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Premaster, Error> {
        const MESSAGE: &str = "ServerKeyExchange";
        let mut writer = Writer::new(out);
        let secret = match self {
            Self::X25519(server_share) => {
                let mut private = Zeroizing::new([0; X25519_LEN]);
                random.try_fill_bytes(&mut *private).map_err(|_| Error::Random)?;
                ephemeral::write_x25519(&private, &mut writer);
                ephemeral::agree_x25519(&private, server_share, MESSAGE)?
            }
            #[cfg(feature = "p256")]
            Self::P256(server_share) => {
                let private = ephemeral::p256(random)?;
                ephemeral::write_p256(&private, &mut writer);
                ephemeral::agree_p256(&private, server_share, MESSAGE)?
            }
        };
        writer.finish()?;
        Ok(secret)
    }
}

/// Makes a random secret and appends it to `out`, encrypted to the server's key.
#[cfg(feature = "static-rsa")]
pub(crate) fn static_rsa<R: TryCryptoRng>(
    key: &ServerKey,
    random: &mut R,
    out: &mut Vec<u8>,
) -> Result<Premaster, Error> {
    let mut premaster = secret_copy(&[0; RSA_PREMASTER_LEN])?;
    random.try_fill_bytes(&mut premaster).map_err(|_| Error::Random)?;
    // The offered version, against version rollback (RFC 5246, section 7.4.7.1).
    premaster[..2].copy_from_slice(&crate::record::VERSION);
    let mut writer = Writer::new(out);
    key.rsa_key()?.encrypt_pkcs1(random, &premaster, |encrypted| {
        writer.vector16(|writer| writer.bytes(encrypted));
    })?;
    writer.finish()?;
    Ok(premaster)
}

/// Appends the identity of the key to `out` and computes the secret (RFC 4279,
/// section 2).
pub(crate) fn pre_shared(key: &PreSharedKey, out: &mut Vec<u8>) -> Result<Premaster, Error> {
    let mut writer = Writer::new(out);
    writer.vector16(|writer| writer.bytes(&key.identity));
    writer.finish()?;
    pre_shared_premaster(key)
}

/// The secret of a key (RFC 4279, section 2).
#[inline]
pub(crate) fn pre_shared_premaster(key: &PreSharedKey) -> Result<Premaster, Error> {
    let len = key.key.len();
    let mut premaster = Premaster::default();
    premaster.try_reserve_exact(2 * (2 + len)).map_err(|_| Error::OutOfMemory)?;
    let mut writer = Writer::new(&mut premaster);
    writer.u16(len as u16);
    for _ in 0..len {
        writer.u8(0);
    }
    writer.vector16(|writer| writer.bytes(&key.key));
    writer.finish()?;
    Ok(premaster)
}

/// Checks a ServerKeyExchange with a PSK identity hint. There is only one identity, so
/// the hint itself is ignored.
pub(crate) fn check_identity_hint(body: &[u8]) -> Result<(), Error> {
    let mut reader = Reader::new(body);
    match reader.vector16() {
        Some(_) if reader.is_empty() => Ok(()),
        _ => Err(Violation::Malformed("ServerKeyExchange").into()),
    }
}
