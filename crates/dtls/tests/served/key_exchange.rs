//! Hazard: a client that lies about the curve, the point or its Finished.

use iot_coap_dtls::server::Config;
use iot_coap_dtls::{State, Violation};
use iot_coap_test_support::certificates::ecdsa;
use iot_coap_test_support::scripted::crypto::{prf, sha256};
use iot_coap_test_support::scripted::messages::{ALERT, CLIENT_KEY_EXCHANGE, record};
use iot_coap_test_support::served::Endpoint;
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::signing::with_identity;
use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::nid::Nid;
use openssl::pkey::PKey;

use super::pair::Pair;

const ECDHE_ECDSA_GCM: u16 = 0xc02b;
const SUPPORTED_GROUPS: u16 = 10;
const SIGNATURE_ALGORITHMS: u16 = 13;
const X25519: u8 = 29;
const P256: u8 = 23;
const DECODE_ERROR: u8 = 50;
const DECRYPT_ERROR: u8 = 51;

/// A handshake in which the server has shown a point of this group.
fn shown(config: &dyn Fn() -> Config, group: u8) -> Pair {
    let client = ScriptedClient {
        suites: vec![ECDHE_ECDSA_GCM],
        extensions: vec![
            (SIGNATURE_ALGORITHMS, vec![0, 2, 4, 3]),
            (SUPPORTED_GROUPS, vec![0, 2, 0, group]),
        ],
        ..ScriptedClient::default()
    };
    let server = Endpoint::new(config());
    let pair = Pair { server, ..Pair::new(client) }.get_cookie().begin();
    assert_eq!(pair.state(), Some(State::Handshaking));
    pair
}

/// A point of P-256 in this form.
fn point(form: PointConversionForm) -> Vec<u8> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = EcKey::generate(&group).unwrap();
    let mut context = openssl::bn::BigNumContext::new().unwrap();
    key.public_key().to_bytes(&group, form, &mut context).unwrap()
}

/// Keys that are no points, points that make a secret that everybody knows, or that tell of the
/// server's key, and those of another group than that of the server's.
#[test]
fn a_key_that_makes_no_secret_ends_the_handshake() {
    let (_, server) = ecdsa();
    let config = || with_identity(Config::new(), &server, &[]);
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
    let (mut below, mut above) = (p, p);
    (below[0], above[0]) = (0xec, 0xee);
    let x25519_key = PKey::generate_x25519().unwrap().raw_public_key().unwrap();
    let uncompressed = point(PointConversionForm::UNCOMPRESSED);
    let mut off_curve = uncompressed.clone();
    off_curve[64] ^= 1;
    let mut keys: Vec<(u8, Vec<u8>)> = [[0; 32], one, order_8, p, below, above]
        .map(|point| (X25519, point.to_vec()))
        .into_iter()
        .collect();
    keys.extend([
        (X25519, uncompressed.clone()),
        (X25519, x25519_key[..31].to_vec()),
        (X25519, [&x25519_key[..], &[0]].concat()),
        (X25519, vec![]),
        (P256, off_curve),
        // The point at infinity, alone and with zeros behind it; a number that is no coordinate.
        (P256, vec![0]),
        (P256, vec![0; 65]),
        (P256, [&[4][..], &[0xff; 64]].concat()),
        // Forms that were not offered.
        (P256, point(PointConversionForm::COMPRESSED)),
        (P256, point(PointConversionForm::HYBRID)),
        (P256, uncompressed[..64].to_vec()),
        (P256, [&uncompressed[..], &[0]].concat()),
        (P256, x25519_key.clone()),
        (P256, vec![]),
    ]);
    for (group, key) in keys {
        let mut pair = shown(&config, group);
        let body = [&[key.len() as u8][..], &key].concat();
        let exchange = pair.client.say(CLIENT_KEY_EXCHANGE, &body);
        let answer = pair.feed(&exchange);
        assert_eq!(answer.len(), 1, "{group} {key:?}");
        assert_eq!((answer[0][0], answer[0][14]), (ALERT, DECODE_ERROR), "{group} {key:?}");
    }
    // What is cut, goes on too long, or has another form altogether.
    for (group, key) in [(X25519, &x25519_key), (P256, &uncompressed)] {
        let good = [&[key.len() as u8][..], key].concat();
        let cuts = (0..good.len()).map(|len| good[..len].to_vec());
        for body in cuts.chain([[&good[..], &[0]].concat(), [&[0][..], &good].concat()]) {
            let mut pair = shown(&config, group);
            let exchange = pair.client.say(CLIENT_KEY_EXCHANGE, &body);
            let answer = pair.feed(&exchange);
            assert_eq!((answer[0][0], answer[0][14]), (ALERT, DECODE_ERROR), "{group} {body:?}");
        }
        // The good one is taken.
        let mut pair = shown(&config, group);
        let exchange = pair.client.say(CLIENT_KEY_EXCHANGE, &good);
        assert!(pair.feed(&exchange).is_empty());
        assert_eq!(pair.state(), Some(State::Handshaking));
    }
}

/// What makes a Finished wrong.
type Change = dyn Fn(&Pair, &mut Vec<u8>);

/// One bit in each byte, another length, the server's own, that of another handshake, and that
/// of a transcript that lacks a message.
#[test]
fn a_finished_that_is_wrong_ends_the_handshake() {
    let exchanged = || {
        let mut pair = Pair::begun(ScriptedClient::default());
        let exchange = pair.client.key_exchange();
        assert!(pair.feed(&exchange).is_empty());
        pair
    };
    let changes: Vec<Box<Change>> = vec![
        Box::new(|_, data| data.clear()),
        Box::new(|_, data| data.truncate(11)),
        Box::new(|_, data| data.push(0)),
        Box::new(|_, data| data.fill(0)),
        Box::new(|pair, data| {
            let hash = sha256(&pair.client.transcript);
            *data = prf(&pair.client.master_secret, b"server finished", &hash, 12);
        }),
        Box::new(move |_, data| *data = exchanged().client.verify_data()),
        Box::new(|pair, data| {
            let transcript = &pair.client.transcript;
            let without_hello = sha256(&transcript[12 + pair.client.hello_body().len()..]);
            *data = prf(&pair.client.master_secret, b"client finished", &without_hello, 12);
        }),
    ];
    let flips = (0..12).map(|index| {
        Box::new(move |_: &Pair, data: &mut Vec<u8>| data[index] ^= 0x10) as Box<Change>
    });
    for (number, change) in changes.into_iter().chain(flips).enumerate() {
        let mut pair = exchanged();
        let mut data = pair.client.verify_data();
        change(&pair, &mut data);
        let finished = pair.client.finished(&data);
        // This side has not changed to its keys yet.
        let answer = pair.feed(&finished);
        assert_eq!(answer, [record(ALERT, 0, 3, &[2, DECRYPT_ERROR])], "{number}");
        assert_eq!(pair.state(), Some(State::Ended(Violation::Finished.into())));
    }
    // In a session that is resumed, the server has changed.
    let mut pair = Pair::resuming();
    let mut data = pair.client.verify_data();
    data[0] ^= 1;
    let finished = pair.client.finished(&data);
    let answer = pair.feed(&finished);
    assert_eq!(pair.client.open(&answer[0]), Some((ALERT, vec![2, DECRYPT_ERROR])));
    assert_eq!(pair.state(), Some(State::Ended(Violation::Finished.into())));
}
