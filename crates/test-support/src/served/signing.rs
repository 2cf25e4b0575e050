//! Private keys of OpenSSL's, which sign for the engine's server.

use std::sync::Arc;

use iot_coap_dtls::server::{self, Config, SignatureScheme, Signer};
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::RsaPssSaltlen;

use crate::certificates::Identity;

/// A key, and what it signs by.
struct Key(PKey<Private>, Vec<SignatureScheme>);

impl Signer for Key {
    fn schemes(&self) -> &[SignatureScheme] {
        &self.1
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Option<Vec<u8>> {
        let mut signer = openssl::sign::Signer::new(MessageDigest::sha256(), &self.0).ok()?;
        if scheme == SignatureScheme::RsaPssSha256 {
            signer.set_rsa_padding(Padding::PKCS1_PSS).ok()?;
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).ok()?;
        }
        signer.sign_oneshot_to_vec(message).ok()
    }
}

/// A server with this certificate and those between it and the root.
pub fn with_identity(config: Config, identity: &Identity, between: &[&Identity]) -> Config {
    let schemes = match identity.key.id() {
        Id::EC => vec![SignatureScheme::EcdsaSha256],
        _ => vec![SignatureScheme::RsaSha256, SignatureScheme::RsaPssSha256],
    };
    with_schemes(config, identity, between, schemes)
}

/// The same, for a key that signs by these.
pub fn with_schemes(
    config: Config,
    identity: &Identity,
    between: &[&Identity],
    schemes: Vec<SignatureScheme>,
) -> Config {
    let chain: Vec<_> = std::iter::once(&identity)
        .chain(between)
        .map(|identity| identity.certificate.to_der().unwrap())
        .collect();
    let chain: Vec<_> = chain.iter().map(Vec::as_slice).collect();
    let signer = Arc::new(Key(identity.key.clone(), schemes));
    config.identity(server::Identity::new(&chain, signer).unwrap()).unwrap()
}
