//! Hostile key exchanges: signatures, groups and points.

use iot_coap_dtls::{CertificateError, Config, Error, State, TrustAnchors, Violation};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};

use iot_coap_test_support::certificates::{GOOD, Identity, ec_key, leaf, root, rsa_key};
use iot_coap_test_support::scripted::messages::{
    CERTIFICATE, EC_POINT_FORMATS, SERVER_KEY_EXCHANGE,
};
use iot_coap_test_support::scripted::server::Secret;
use iot_coap_test_support::scripted::{Hello, Pair, Suite, ends_in_time, feed, psk_config, sent};

const ECDSA_SHA256: u16 = 0x0403;
const RSA_SHA256: u16 = 0x0401;
pub(crate) const X25519: u16 = 29;
const P256: u16 = 23;
const MALFORMED: Error = Error::Protocol(Violation::Malformed("ServerKeyExchange"));

pub(crate) struct Authority {
    pub(crate) root: Identity,
    pub(crate) server: Identity,
}

impl Authority {
    pub(crate) fn new(key: fn() -> PKey<Private>) -> Self {
        let root = root(key(), MessageDigest::sha256());
        let server = leaf(&root, key(), &GOOD);
        Self { root, server }
    }

    pub(crate) fn config(&self) -> Config {
        let anchors = TrustAnchors::from_pem(self.root.pem().as_bytes()).unwrap();
        Config::with_certificates("localhost", anchors, None).unwrap()
    }

    /// A pair in which the ServerKeyExchange is due.
    pub(crate) fn pair(&self, config: Config, suite: Suite) -> Pair {
        let mut pair = Pair::start(config, suite);
        let der = self.server.certificate.to_der().unwrap();
        let hello = pair.server.say_hello(&Hello::new(suite).with(EC_POINT_FORMATS, &[1, 0]));
        let flight = [hello, pair.server.say_certificate(&[&der])].concat();
        feed(&mut pair.client, &flight).unwrap();
        pair
    }

    fn ecdsa_pair(&self) -> Pair {
        self.pair(self.config(), Suite::EcdheEcdsaGcm)
    }
}

pub(crate) fn parameters(group: u16, point: &[u8]) -> Vec<u8> {
    let [high, low] = group.to_be_bytes();
    [&[3, high, low, point.len() as u8], point].concat()
}

pub(crate) fn exchange(pair: &mut Pair, body: &[u8]) -> Result<(), Error> {
    let record = pair.server.say(SERVER_KEY_EXCHANGE, body);
    feed(&mut pair.client, &record).map(drop)
}

#[test]
fn the_good_ones_connect() {
    for (suite, scheme) in
        [(Suite::EcdheEcdsaGcm, ECDSA_SHA256), (Suite::EcdheRsaCbcSha256, RSA_SHA256)]
    {
        let authority = Authority::new(if scheme == ECDSA_SHA256 { ec_key } else { rsa_key });
        let mut pair = authority.pair(authority.config().cbc(true), suite);
        let ours = PKey::generate_x25519().unwrap();
        let parameters = parameters(X25519, &ours.raw_public_key().unwrap());
        let body = pair.server.signed(&parameters, scheme, &authority.server.key);
        exchange(&mut pair, &body).unwrap();
        pair.server.secret = Secret::X25519(ours);
        let done = pair.server.say_done();
        feed(&mut pair.client, &done).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
        pair.assert_alive();
    }
}

#[test]
fn static_rsa_connects_where_it_is_asked_for() {
    let authority = Authority::new(rsa_key);
    let suite = Suite::RsaAes256CbcSha256;
    let config = authority.config().cbc(true).static_rsa(true);
    let mut pair = authority.pair(config, suite);
    pair.server.secret = Secret::Rsa(authority.server.key.clone());
    let done = pair.server.say_done();
    feed(&mut pair.client, &done).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    pair.assert_alive();

    let mut pair = Pair::start(authority.config().cbc(true), suite);
    let record = pair.server.say_hello(&Hello::new(suite));
    let error = Error::Protocol(Violation::NotOffered("a cipher suite"));
    assert_eq!(feed(&mut pair.client, &record), Err(error));
}

#[test]
fn a_signature_that_is_wrong() {
    let authority = Authority::new(ec_key);
    let wrong_signature = Error::Protocol(Violation::KeyExchangeSignature);
    let wrong = Err(wrong_signature);
    let point = PKey::generate_x25519().unwrap().raw_public_key().unwrap();
    let parameters = parameters(X25519, &point);

    // Signed with another key.
    let mut pair = authority.ecdsa_pair();
    let body = pair.server.signed(&parameters, ECDSA_SHA256, &ec_key());
    assert_eq!(exchange(&mut pair, &body), wrong);

    // Recorded in an earlier handshake, with other random values.
    let mut pair = authority.ecdsa_pair();
    let mut before = pair.server.clone();
    before.client_random = [9; 32];
    let body = before.signed(&parameters, ECDSA_SHA256, &authority.server.key);
    assert_eq!(exchange(&mut pair, &body), wrong);

    // With another point; and with one wrong bit in each byte of the signature.
    let mut pair = authority.ecdsa_pair();
    let mut body = pair.server.signed(&parameters, ECDSA_SHA256, &authority.server.key);
    body[10] ^= 1;
    assert_eq!(exchange(&mut pair, &body), wrong);
    body[10] ^= 1;
    for index in parameters.len() + 4..body.len() {
        let mut pair = authority.ecdsa_pair();
        let mut body = body.clone();
        body[index] ^= 1;
        assert_eq!(exchange(&mut pair, &body), wrong, "{index}");
        assert_eq!(pair.client.state(), State::Ended(wrong_signature));
    }

    // No signature.
    let mut pair = authority.ecdsa_pair();
    let body = [&parameters[..], &[4, 3, 0, 0]].concat();
    assert_eq!(exchange(&mut pair, &body), wrong);
}

#[test]
fn a_signature_scheme_that_does_not_fit() {
    let authority = Authority::new(ec_key);
    let point = PKey::generate_x25519().unwrap().raw_public_key().unwrap();
    // Schemes with RSA, with SHA-1, without a hash, and unknown ones.
    for scheme in [RSA_SHA256, 0x0203, 0x0003, 0x0804, 0xffff] {
        let mut pair = authority.ecdsa_pair();
        let key = &authority.server.key;
        let body = pair.server.signed(&parameters(X25519, &point), scheme, key);
        let error = Error::Protocol(Violation::NotOffered("a signature scheme"));
        assert_eq!(exchange(&mut pair, &body), Err(error));
    }
}

#[test]
fn a_group_that_was_not_offered() {
    let authority = Authority::new(ec_key);
    let signed = |pair: &Pair, parameters: &[u8]| {
        pair.server.signed(parameters, ECDSA_SHA256, &authority.server.key)
    };
    // P-384, X448, no group.
    for group in [24, 30, 0] {
        let mut pair = authority.ecdsa_pair();
        let body = signed(&pair, &parameters(group, &[4; 97]));
        let error = Error::Protocol(Violation::NotOffered("a group"));
        assert_eq!(exchange(&mut pair, &body), Err(error));
    }
    // An explicit curve, which an attacker could choose.
    let mut pair = authority.ecdsa_pair();
    let body = signed(&pair, &[1, 0, 23, 1, 4]);
    let error = Error::Protocol(Violation::NotOffered("a curve without a name"));
    assert_eq!(exchange(&mut pair, &body), Err(error));
}

/// The server signs a point that makes the secret known to everybody, or that reveals the
/// client's private key.
#[test]
fn a_point_that_gives_the_secret_away() {
    let authority = Authority::new(ec_key);
    // The points of small order (RFC 7748), and one that is not reduced.
    let mut one = [0; 32];
    one[0] = 1;
    let order_8 = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    let mut p = [0xff; 32];
    (p[0], p[31]) = (0xed, 0x7f);
    let x25519 = [[0; 32], one, order_8, p].map(|point| (X25519, point.to_vec()));
    // A point that is not on the curve; the point at infinity with trailing bytes; a point
    // format that was not offered.
    let mut off = vec![4];
    off.extend([7; 64]);
    let mut hybrid = off.clone();
    hybrid[0] = 6;
    let p256 = [off, vec![0; 65], hybrid].map(|point| (P256, point));
    for (group, point) in x25519.into_iter().chain(p256) {
        let mut pair = authority.ecdsa_pair();
        let parameters = parameters(group, &point);
        let body = pair.server.signed(&parameters, ECDSA_SHA256, &authority.server.key);
        let done = [pair.server.say(SERVER_KEY_EXCHANGE, &body), pair.server.say_done()].concat();
        assert_eq!(feed(&mut pair.client, &done), Err(MALFORMED), "{group} {point:?}");
    }
}

#[test]
fn points_of_the_wrong_length_and_messages_that_are_cut() {
    let authority = Authority::new(ec_key);
    for (group, len) in [(X25519, 31), (X25519, 33), (P256, 33), (P256, 64), (P256, 1)] {
        let mut pair = authority.ecdsa_pair();
        let parameters = parameters(group, &vec![2; len]);
        let body = pair.server.signed(&parameters, ECDSA_SHA256, &authority.server.key);
        assert_eq!(exchange(&mut pair, &body), Err(MALFORMED), "{group} {len}");
    }
    let point = PKey::generate_x25519().unwrap().raw_public_key().unwrap();
    let pair = authority.ecdsa_pair();
    let body = pair.server.signed(&parameters(X25519, &point), ECDSA_SHA256, &authority.server.key);
    for len in 0..body.len() {
        let mut pair = authority.ecdsa_pair();
        assert_eq!(exchange(&mut pair, &body[..len]), Err(MALFORMED), "{len}");
    }
    let mut pair = authority.ecdsa_pair();
    let longer = [&body[..], &[0]].concat();
    assert_eq!(exchange(&mut pair, &longer), Err(MALFORMED));
}

#[test]
fn certificates_that_are_none() {
    let authority = Authority::new(ec_key);
    let der = authority.server.certificate.to_der().unwrap();
    let malformed = Error::Protocol(Violation::Malformed("Certificate"));
    let missing = Error::Certificate(CertificateError::Missing);
    let cut = [&[0, 0, 8][..], &[0, 0, 6], &der[..5]].concat();
    for (body, error) in [
        (&[][..], malformed),
        (&[0, 0, 0][..], missing),
        (&[0, 0, 0, 0][..], malformed),
        (&[0, 0, 9, 1][..], malformed),
        (&cut[..], malformed),
        (&[0, 0, 3, 0, 0, 0][..], Error::Certificate(CertificateError::Malformed)),
    ] {
        for time in [None, Some(0)] {
            let anchors = TrustAnchors::from_pem(authority.root.pem().as_bytes()).unwrap();
            let config = Config::with_certificates("localhost", anchors, time).unwrap();
            let mut pair = Pair::start(config, Suite::EcdheEcdsaGcm);
            let hello = pair.server.say_hello(&Hello::new(Suite::EcdheEcdsaGcm));
            feed(&mut pair.client, &hello).unwrap();
            let record = pair.server.say(CERTIFICATE, body);
            assert_eq!(feed(&mut pair.client, &record), Err(error), "{body:?}");
        }
    }
}

#[test]
fn a_key_exchange_without_a_certificate() {
    let authority = Authority::new(ec_key);
    let suite = Suite::EcdheEcdsaGcm;
    let mut pair = Pair::start(authority.config(), suite);
    let hello = pair.server.say_hello(&Hello::new(suite));
    feed(&mut pair.client, &hello).unwrap();
    let error = Error::Protocol(Violation::Unexpected("ServerKeyExchange"));
    assert_eq!(exchange(&mut pair, &[]), Ok(()));
    assert_eq!(ends_in_time(&mut pair.client), Err(error));

    // The messages between ServerHello and ServerHelloDone cannot be left out.
    for steps in 0..2 {
        let mut pair = Pair::start(authority.config(), suite);
        let mut flight = pair.server.say_hello(&Hello::new(suite));
        if steps > 0 {
            let der = authority.server.certificate.to_der().unwrap();
            flight.extend(pair.server.say_certificate(&[&der]));
        }
        flight.extend(pair.server.say_done());
        let error = Error::Protocol(Violation::Unexpected("ServerHelloDone"));
        assert_eq!(feed(&mut pair.client, &flight), Ok(vec![]));
        assert!(sent(&mut pair.client).is_empty());
        assert_eq!(ends_in_time(&mut pair.client), Err(error));
    }
}

#[test]
fn a_hint_that_is_malformed() {
    for body in [&[][..], &[0], &[0, 1], &[0, 0, 0]] {
        let mut pair = Pair::start(psk_config(), Suite::PskGcm);
        let hello = pair.server.say_hello(&Hello::new(Suite::PskGcm));
        feed(&mut pair.client, &hello).unwrap();
        assert_eq!(exchange(&mut pair, body), Err(MALFORMED));
    }
}
