//! The cipher suites, in order of preference: suites with forward secrecy and an AEAD
//! first, then suites for old servers.

use crate::cipher::Algorithm;

/// How the premaster secret is agreed on and the server is authenticated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// Ephemeral Diffie-Hellman, signed with an ECDSA key.
    #[cfg(feature = "certificates")]
    EcdheEcdsa,
    /// Ephemeral Diffie-Hellman, signed with an RSA key.
    #[cfg(feature = "certificates")]
    EcdheRsa,
    /// Encrypted to the server's RSA key, without forward secrecy.
    #[cfg(feature = "static-rsa")]
    Rsa,
    /// A pre-shared key alone, without forward secrecy.
    Psk,
}

/// A cipher suite. All of them use SHA-256 in the key schedule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite {
    pub(crate) id: u16,
    /// The name in IANA's registry.
    pub(crate) name: &'static str,
    pub(crate) key_exchange: KeyExchange,
    pub(crate) algorithm: Algorithm,
}

const fn suite(
    id: u16,
    name: &'static str,
    key_exchange: KeyExchange,
    algorithm: Algorithm,
) -> Suite {
    Suite { id, name, key_exchange, algorithm }
}

#[cfg(feature = "certificates")]
static CERTIFICATE_SUITES: &[Suite] = &[
    #[cfg(feature = "p256")]
    suite(
        0xc02b,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        KeyExchange::EcdheEcdsa,
        Algorithm::Aes128Gcm,
    ),
    #[cfg(feature = "rsa")]
    suite(
        0xc02f,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        KeyExchange::EcdheRsa,
        Algorithm::Aes128Gcm,
    ),
    // Mandatory for CoAP with certificates (RFC 7252, section 9.1.3.3; RFC 7251).
    #[cfg(all(feature = "ccm", feature = "p256"))]
    suite(
        0xc0ae,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
        KeyExchange::EcdheEcdsa,
        Algorithm::Aes128Ccm8,
    ),
    #[cfg(all(feature = "cbc", feature = "p256"))]
    suite(
        0xc023,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        KeyExchange::EcdheEcdsa,
        Algorithm::Aes128CbcSha256,
    ),
    #[cfg(all(feature = "cbc", feature = "rsa"))]
    suite(
        0xc027,
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        KeyExchange::EcdheRsa,
        Algorithm::Aes128CbcSha256,
    ),
    #[cfg(all(feature = "cbc", feature = "p256"))]
    suite(
        0xc009,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        KeyExchange::EcdheEcdsa,
        Algorithm::Aes128CbcSha1,
    ),
    #[cfg(all(feature = "cbc", feature = "rsa"))]
    suite(
        0xc013,
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        KeyExchange::EcdheRsa,
        Algorithm::Aes128CbcSha1,
    ),
    #[cfg(feature = "static-rsa")]
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", KeyExchange::Rsa, Algorithm::Aes128CbcSha256),
    #[cfg(feature = "static-rsa")]
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", KeyExchange::Rsa, Algorithm::Aes256CbcSha256),
    #[cfg(feature = "static-rsa")]
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", KeyExchange::Rsa, Algorithm::Aes128CbcSha1),
    #[cfg(feature = "static-rsa")]
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", KeyExchange::Rsa, Algorithm::Aes256CbcSha1),
];

static PSK_SUITES: &[Suite] = &[
    suite(0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256", KeyExchange::Psk, Algorithm::Aes128Gcm),
    #[cfg(feature = "ccm")]
    suite(0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8", KeyExchange::Psk, Algorithm::Aes128Ccm8),
    #[cfg(feature = "cbc")]
    suite(0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA", KeyExchange::Psk, Algorithm::Aes128CbcSha1),
];

impl Suite {
    pub(crate) fn has_forward_secrecy(&self) -> bool {
        match self.key_exchange {
            #[cfg(feature = "certificates")]
            KeyExchange::EcdheEcdsa | KeyExchange::EcdheRsa => true,
            #[cfg(feature = "static-rsa")]
            KeyExchange::Rsa => false,
            KeyExchange::Psk => false,
        }
    }
}

/// Which suites the configuration allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) psk: bool,
    pub(crate) static_rsa: bool,
    pub(crate) cbc: bool,
}

impl Policy {
    pub(crate) fn suites(self) -> impl Iterator<Item = &'static Suite> {
        #[cfg(feature = "certificates")]
        let suites = if self.psk { PSK_SUITES } else { CERTIFICATE_SUITES };
        #[cfg(not(feature = "certificates"))]
        let suites = PSK_SUITES;
        suites.iter().filter(move |suite| self.allows(suite))
    }

    fn allows(self, suite: &Suite) -> bool {
        #[cfg(feature = "static-rsa")]
        if suite.key_exchange == KeyExchange::Rsa && !self.static_rsa {
            return false;
        }
        self.cbc || !suite.algorithm.is_cbc()
    }

    pub(crate) fn suite(self, id: u16) -> Option<&'static Suite> {
        self.suites().find(|suite| suite.id == id)
    }
}

/// Finds a suite among all that this build supports.
pub(crate) fn by_id(id: u16) -> Option<&'static Suite> {
    #[cfg(feature = "certificates")]
    if let Some(suite) = CERTIFICATE_SUITES.iter().find(|suite| suite.id == id) {
        return Some(suite);
    }
    PSK_SUITES.iter().find(|suite| suite.id == id)
}
