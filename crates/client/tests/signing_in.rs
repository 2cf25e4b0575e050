//! Hazard: the cloud does not understand who signs in, or the client makes
//! something else of the cloud's answer than what it says. Requests are read
//! by serde_json and ciborium and signed anew by OpenSSL. The replies' own
//! hazards are in `sign_in_replies.rs`.

mod support;

use iot_coap_client::{
    Code, Config, Device, Encoding, Endpoint, Event, Received, SendError, SignInError, SignMethod,
};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use proptest::prelude::*;
use serde_json::Value;
use support::{
    ACCEPT, ACCESS_TOKEN, ACCESS_TOKEN_LINK, ACK, BAD_REQUEST, Bench, CONTENT, CONTENT_FORMAT,
    FORBIDDEN, INTERNAL_SERVER_ERROR, METHOD_NOT_ALLOWED, NOT_FOUND, RST, SECOND,
    TOO_MANY_REQUESTS, UNAUTHORIZED, URI_PATH, at, config, config_for, empty, id_of, is_sign_in,
    option, piggybacked, read, separate,
};

const VECTORS: &str = include_str!("vectors.json");

/// Each encoding there is, and its number.
const ENCODINGS: &[(Encoding, u8)] = &[
    (Encoding::Json, 50),
    #[cfg(feature = "cbor")]
    (Encoding::Cbor, 60),
];

/// Each signature there is: its name, unless it is the default, and its hash.
fn sign_methods() -> Vec<(SignMethod, Option<&'static str>, MessageDigest)> {
    vec![
        (SignMethod::HmacMd5, None, MessageDigest::md5()),
        #[cfg(feature = "hmac-sha1")]
        (SignMethod::HmacSha1, Some("hmacsha1"), MessageDigest::sha1()),
    ]
}

/// The request that a client of `config` signs in with.
fn request(config: Config) -> Vec<u8> {
    let mut bench = Bench::new(config);
    bench.start_sign_in(10 * SECOND);
    bench.one()
}

fn json(datagram: &[u8]) -> serde_json::Map<String, Value> {
    match serde_json::from_slice(&read(datagram).payload).expect("JSON") {
        Value::Object(fields) => fields,
        other => panic!("not an object: {other}"),
    }
}

/// The signature by the cloud's rule: everything but these, sorted by name.
fn sign(fields: &serde_json::Map<String, Value>, secret: &str, digest: MessageDigest) -> String {
    let mut signed: Vec<(&str, &str)> = fields
        .iter()
        .filter(|(name, _)| {
            !["version", "sign", "resources", "signmethod"].contains(&name.as_str())
        })
        .map(|(name, value)| (name.as_str(), value.as_str().expect("text")))
        .collect();
    signed.sort_unstable();
    let text: String = signed.iter().flat_map(|(name, value)| [*name, *value]).collect();
    let key = PKey::hmac(secret.as_bytes()).unwrap();
    let mut signer = Signer::new(digest, &key).unwrap();
    let code = signer.sign_oneshot_to_vec(text.as_bytes()).unwrap();
    support::hex(&code)
}

#[test]
fn signs_as_the_published_vector() {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let vector = &vectors["sign_plain"];
    let text = |name: &str| vector[name].as_str().unwrap();
    let device = Device::new(
        text("product_key"),
        text("device_name"),
        text("client_id"),
        text("device_secret"),
    )
    .unwrap();
    let endpoint = Endpoint::parse("coap://127.0.0.1").unwrap();
    let fields = json(&request(Config::new(device, &endpoint, 1)));
    assert_eq!(fields["sign"], vector["sign_hmacmd5"]);
    assert_eq!(fields["clientId"], vector["client_id"]);
    assert_eq!(fields["deviceName"], vector["device_name"]);
    assert_eq!(fields["productKey"], vector["product_key"]);
    assert_eq!(fields.len(), 4, "nothing else: {fields:?}");
}

#[test]
fn asks_as_the_cloud_expects() {
    for &(encoding, format) in ENCODINGS {
        let config = config().encoding(encoding);
        let request = request(config);
        let packet = read(&request);
        assert_eq!(packet.header.get_type(), support::CON);
        assert_eq!(u8::from(packet.header.code), 2, "POST");
        assert_eq!(packet.get_token().len(), 4);
        assert_eq!(option(&request, URI_PATH), [b"auth"]);
        assert_eq!(option(&request, CONTENT_FORMAT), [[format]]);
        assert_eq!(option(&request, ACCEPT), [[format]]);
        assert_eq!(packet.options().count(), 3, "no others");
    }
}

#[test]
fn other_methods_and_a_timestamp_are_signed_and_named() {
    for (method, name, digest) in sign_methods() {
        for timestamp in [None, Some(0), Some(1_700_000_000_123), Some(u64::MAX)] {
            let config = config().sign_method(method).timestamp_ms(timestamp);
            let fields = json(&request(config));
            assert_eq!(fields.get("signmethod").and_then(Value::as_str), name);
            let sent = fields.get("timestamp").and_then(Value::as_str).map(str::to_owned);
            let written = timestamp.filter(|_| cfg!(feature = "timestamp"));
            assert_eq!(sent, written.map(|timestamp| timestamp.to_string()));
            assert_eq!(fields["sign"], sign(&fields, support::DEVICE_SECRET, digest));
        }
    }
}

#[test]
fn the_client_id_defaults_to_product_key_and_device_name() {
    assert_eq!(json(&request(config()))["clientId"], "a1RP1qZfrEi.example1");
    let device = Device::new("pk", "dn", "a client of its own", "secret").unwrap();
    let endpoint = Endpoint::parse("coap://127.0.0.1").unwrap();
    let fields = json(&request(Config::new(device, &endpoint, 1)));
    assert_eq!(fields["clientId"], "a client of its own");
}

fn odd_text(most: usize) -> impl Strategy<Value = String> {
    let odd = prop_oneof![Just('"'), Just('\\'), Just('\u{7F}'), Just('\u{1F}'), Just('/')];
    let character = prop_oneof![odd, proptest::char::range('\0', '\u{20}'), any::<char>()];
    proptest::collection::vec(character, 1..most).prop_map(move |characters| {
        let mut text = String::new();
        for character in characters {
            if text.len() + character.len_utf8() <= most {
                text.push(character);
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn odd_identities_arrive_as_they_are(
        product_key in odd_text(20),
        device_name in odd_text(32),
        client_id in odd_text(64),
        secret in odd_text(64),
    ) {
        for &(encoding, _) in ENCODINGS {
            let device = Device::new(&product_key, &device_name, &client_id, &secret).unwrap();
            let endpoint = Endpoint::parse("coap://127.0.0.1").unwrap();
            let config = Config::new(device, &endpoint, 1).encoding(encoding);
            let request = request(config);
            let fields = match encoding {
                Encoding::Json => json(&request),
                #[cfg(feature = "cbor")]
                Encoding::Cbor => {
                    let payload = read(&request).payload;
                    let mut rest = &payload[..];
                    let Value::Object(fields) = ciborium::from_reader(&mut rest).unwrap() else {
                        panic!("not a map");
                    };
                    prop_assert!(rest.is_empty(), "one map and nothing after it");
                    fields
                }
            };
            prop_assert_eq!(fields["productKey"].as_str(), Some(&product_key[..]));
            prop_assert_eq!(fields["deviceName"].as_str(), Some(&device_name[..]));
            prop_assert_eq!(fields["clientId"].as_str(), Some(&client_id[..]));
            let signature = sign(&fields, &secret, MessageDigest::md5());
            prop_assert_eq!(fields["sign"].as_str(), Some(&signature[..]));
        }
    }
}

#[test]
fn nothing_is_sent_before_the_first_sign_in() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.try_post(1), Err(SendError::NotSignedIn));
    bench.start_sign_in(10 * SECOND);
    assert_eq!(bench.try_post(1), Err(SendError::NotSignedIn), "not yet either");
    let request = bench.one();
    bench.answer(&request, BAD_REQUEST, b"no");
    assert_eq!(bench.try_post(1), Err(SendError::NotSignedIn), "nor after a refusal");
    assert!(bench.is_silent() && !bench.client.is_signed_in());
}

#[test]
fn the_token_comes_with_every_message_under_the_number_of_the_host() {
    for (url, number) in [
        ("coap://127.0.0.1", ACCESS_TOKEN),
        ("coaps://a1RP1qZfrEi.iot-as-coap.cn-shanghai.aliyuncs.com", ACCESS_TOKEN),
        ("coaps://a1RP1qZfrEi.coap.cn-shanghai.link.aliyuncs.com", ACCESS_TOKEN_LINK),
        ("coaps://instance.coap.iothub.aliyuncs.com", ACCESS_TOKEN_LINK),
        ("coaps://INSTANCE.coap.IoTHub.AliYunCS.com", ACCESS_TOKEN_LINK),
        ("coaps://link.aliyuncs.com.example.org", ACCESS_TOKEN),
        ("coaps://mylink.aliyuncs.com", ACCESS_TOKEN),
    ] {
        let mut bench = Bench::signed_in_with(config_for(url));
        let message = bench.post(1);
        assert_eq!(option(&message, number), [support::FIRST_TOKEN.as_bytes()], "{url}");
        let other = ACCESS_TOKEN + ACCESS_TOKEN_LINK - number;
        assert!(option(&message, other).is_empty(), "{url}");
    }
}

#[test]
fn a_message_is_what_the_cloud_expects() {
    let mut bench = Bench::signed_in();
    let message = bench.post(1);
    let segments = ["topic", "a1RP1qZfrEi", "example1", "update"].map(|s| s.as_bytes().to_vec());
    assert_eq!(option(&message, URI_PATH), segments);
    assert_eq!(option(&message, CONTENT_FORMAT), [[50]]);
    assert_eq!(option(&message, ACCEPT), [[42]], "as every release of the original");
    assert_eq!(read(&message).options().count(), 4);
    assert_eq!(read(&message).payload, b"{}");
}

#[test]
fn refused_it_fails_at_once() {
    for code in [BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, METHOD_NOT_ALLOWED, 0x86, 0x8F] {
        let mut bench = Bench::new(config());
        let attempt = bench.start_sign_in(10 * SECOND);
        assert_eq!(bench.sign_in_outcome(attempt), None);
        let request = bench.one();
        bench.answer(&request, code, b"error text");
        let refused = SignInError::Refused(Code(code));
        assert_eq!(bench.events(), [Event::SignInFailed(refused)]);
        assert_eq!(bench.sign_in_outcome(attempt), Some(Err(refused)));
        let now = bench.now;
        assert!(bench.run_until(now + 600 * SECOND).is_empty(), "asks again on its own");
        assert!(bench.events().is_empty());
    }
}

#[test]
fn where_the_server_fails_it_asks_again_after_growing_pauses_within_the_limit() {
    for code in [INTERNAL_SERVER_ERROR, 0xA3, TOO_MANY_REQUESTS] {
        let mut bench = Bench::new(config());
        let start = bench.now;
        let limit = 100 * SECOND;
        let attempt = bench.start_sign_in(limit);
        let mut asked = Vec::new();
        while bench.sign_in_outcome(attempt).is_none() {
            for request in bench.sent() {
                asked.push(bench.now - start);
                bench.answer(&request, code, b"busy");
            }
            if bench.sign_in_outcome(attempt).is_none() {
                bench.pass_timeout();
            }
        }
        assert!(bench.now <= start + limit, "within the limit");
        assert_eq!(bench.events(), [Event::SignInFailed(SignInError::Refused(Code(code)))]);
        let pauses: Vec<u64> = asked.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!((3..=6).contains(&pauses.len()), "{pauses:?}");
        for (doublings, pause) in pauses.iter().enumerate() {
            // What it may be doubles each time; what it is, is drawn.
            assert!((2000..=4000 << doublings).contains(pause), "{pauses:?}");
        }
    }
}

#[test]
fn where_the_server_recovers_it_succeeds() {
    let mut bench = Bench::new(config());
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.answer(&request, INTERNAL_SERVER_ERROR, b"");
    bench.pass_timeout();
    let again = bench.one();
    assert_ne!(id_of(&again), id_of(&request), "a request of its own");
    bench.grant(&again, "token");
    assert_eq!(bench.events(), [Event::SignedIn]);
    assert_eq!(support::access_token_of(&bench.post(1)), "token");
}

#[test]
fn unanswered_it_fails_at_the_limit() {
    for limit in [100, 10 * SECOND, 60 * SECOND] {
        let mut bench = Bench::new(config());
        let start = bench.now;
        let attempt = bench.start_sign_in(limit);
        let sent = bench.run_until(start + limit - 1);
        assert!(sent.iter().all(|(_, datagram)| *datagram == sent[0].1), "sent again as it was");
        assert_eq!(bench.sign_in_outcome(attempt), None, "too soon");
        bench.pass_until(start + limit);
        assert_eq!(bench.sign_in_outcome(attempt), Some(Err(SignInError::NotAnswered)));
        assert_eq!(bench.events(), [Event::SignInFailed(SignInError::NotAnswered)]);
        assert!(bench.run_until(start + limit + 600 * SECOND).is_empty());
        // A reply that comes after an exchange lifetime is nobody's.
        let late = bench.receive(&piggybacked(&sent[0].1, CONTENT, br#"{"token":"late"}"#));
        assert!(matches!(late, Received::Dropped(_)));
        assert!(!bench.client.is_signed_in());
    }
}

#[test]
fn a_reset_is_no_answer() {
    let mut bench = Bench::new(config());
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.receive(&empty(RST, id_of(&request)));
    assert!(bench.is_silent(), "a pause first");
    bench.pass_timeout();
    assert!(is_sign_in(&bench.one()));
}

#[test]
fn a_separate_reply_will_do() {
    let mut bench = Bench::new(config());
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.receive(&empty(ACK, id_of(&request)));
    bench.advance(5 * SECOND);
    bench.receive(&separate(support::CON, 9, &request, CONTENT, br#"{"token":"t"}"#));
    assert_eq!(bench.one(), empty(ACK, 9));
    assert_eq!(bench.events(), [Event::SignedIn]);
}

#[test]
fn asked_twice_it_signs_in_once() {
    let mut bench = Bench::new(config());
    let first = bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    // A fresh request serves both: in symmetric mode each answer is a new key.
    bench.advance(SECOND);
    bench.start_sign_in(10 * SECOND);
    assert!(bench.is_silent());
    // One whose timer has doubled does not.
    bench.advance(2 * SECOND);
    assert_eq!(bench.one(), request);
    let second = bench.start_sign_in(10 * SECOND);
    let again = bench.one();
    assert!(is_sign_in(&again));
    // What the one that was replaced brings is no access token, and is ignored.
    bench.answer(&request, CONTENT, b"");
    bench.grant(&again, "token");
    assert_eq!(bench.events(), [Event::SignedIn]);
    for attempt in [first, second] {
        assert_eq!(bench.sign_in_outcome(attempt), Some(Ok(())));
    }
    assert!(bench.is_silent());
}

#[test]
fn called_off_it_is_over() {
    let mut bench = Bench::new(config());
    let attempt = bench.start_sign_in(10 * SECOND);
    bench.sent();
    bench.client.cancel_sign_in(at(bench.now));
    assert_eq!(bench.sign_in_outcome(attempt), Some(Err(SignInError::Cancelled)));
    assert_eq!(bench.events(), [Event::SignInFailed(SignInError::Cancelled)]);
    let now = bench.now;
    assert!(bench.run_until(now + 600 * SECOND).is_empty());
    bench.client.cancel_sign_in(at(bench.now));
    assert!(bench.events().is_empty(), "once");
}
