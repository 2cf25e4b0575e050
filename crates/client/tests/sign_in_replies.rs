//! Hazard: a reply to a sign-in, which comes from the network, is misread,
//! overruns something, or leaves the access token lying about. What serde_json
//! and ciborium make of the same bytes is what the client must make of them.

mod support;

use ciborium::Value as Cbor;
use iot_coap_client::{Encoding, Event, SignInError};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use support::{Bench, CONTENT, SECOND, access_token_of, config, piggybacked};

/// The access token that a client finds in `payload`, if it finds one.
fn token_in(encoding: Encoding, payload: &[u8]) -> Option<String> {
    let config = config().encoding(encoding);
    let mut bench = Bench::new(config);
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    bench.receive(&piggybacked(&request, CONTENT, payload));
    match bench.events()[..] {
        [Event::SignedIn] => Some(access_token_of(&bench.post(1))),
        [Event::SignInFailed(SignInError::BadReply)] => {
            assert!(!bench.client.is_signed_in());
            None
        }
        ref other => panic!("{other:?}"),
    }
}

fn json(payload: &str) -> Option<String> {
    token_in(Encoding::Json, payload.as_bytes())
}

fn cbor(value: &Cbor) -> Option<String> {
    let mut payload = Vec::new();
    ciborium::into_writer(value, &mut payload).unwrap();
    token_in(Encoding::Cbor, &payload)
}

/// What serde_json finds in `payload`, by the cloud's promise: an object with a
/// token of 1 to 255 bytes.
fn by_serde_json(payload: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let token = value.as_object()?.get("token")?.as_str()?;
    (1..=255).contains(&token.len()).then(|| token.to_owned())
}

#[test]
fn the_replies_that_the_cloud_gives() {
    let published = "d".repeat(138);
    assert_eq!(json(&format!(r#"{{"token":"{published}"}}"#)), Some(published));
    assert_eq!(
        json(r#"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"t"}"#),
        Some("t".into())
    );
    let reply = Cbor::Map(vec![("token".into(), "t".into())]);
    assert_eq!(cbor(&reply), Some("t".into()));
}

#[test]
fn json_in_any_dress() {
    for payload in [
        r#"{"token":"t"}"#,
        " \t\r\n{ \"token\" :\n\"t\"\t} \r\n",
        r#"{"a":1,"token":"t","b":[1,2,{"c":null}]}"#,
        r#"{"token":"t","nested":{"token":"wrong"},"list":["token","wrong"]}"#,
        r#"{"nested":{"token":"wrong"},"token":"t"}"#,
        r#"{"list":[{"token":"wrong"}],"token":"t"}"#,
        r#"{"\u0074oken":"\u0074"}"#,
        r#"{"a name much longer than any of ours":"x","token":"t"}"#,
        r#"{"toke":"x","token ":"y","Token":"z","token":"t"}"#,
        r#"{"":"empty","token":"t"}"#,
        r#"{"int":9223372036854775808,"neg":-1,"float":1.5e-300,"token":"t"}"#,
        r#"{"huge":123456789012345678901234567890,"token":"t"}"#,
        r#"{"exp":1E+2,"zero":0,"nought":-0,"yes":true,"no":false,"token":"t"}"#,
        r#"{"text":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00","token":"t"}"#,
    ] {
        assert_eq!(
            by_serde_json(payload.as_bytes()),
            Some("t".into()),
            "the test itself: {payload}"
        );
        assert_eq!(json(payload), Some("t".into()), "{payload}");
    }
}

#[test]
fn json_nested_as_deep_as_can_be_meant() {
    let nested = |open: &str, close: &str, levels| {
        format!(r#"{{"a":{}1{},"token":"t"}}"#, open.repeat(levels), close.repeat(levels))
    };
    for (open, close) in [("[", "]"), (r#"{"token":"#, "}"), (r#"[{"b":"#, "}]")] {
        let levels = open.matches(['[', '{']).count();
        assert_eq!(json(&nested(open, close, 31 / levels)), Some("t".into()));
        for deeper in 32 / levels..=120 {
            let payload = nested(open, close, deeper);
            let token = json(&payload);
            assert!(token.is_none() || token == by_serde_json(payload.as_bytes()), "{payload}");
        }
    }
}

#[test]
fn json_tokens_with_escapes() {
    for payload in [
        r#"{"token":"\"\\\/\b\f\n\r\t"}"#,
        r#"{"token":"\u00e9\u4e2d\ud83d\ude00"}"#,
        r#"{"token":"é中😀"}"#,
        r#"{"token":"\u0000"}"#,
    ] {
        assert!(by_serde_json(payload.as_bytes()).is_some());
        assert_eq!(json(payload), by_serde_json(payload.as_bytes()), "{payload}");
    }
}

#[test]
fn json_that_is_none() {
    let long = "[".repeat(1200);
    let deep = format!("{{\"a\":{}", "{\"a\":".repeat(230));
    let closed = format!(r#"{{"a":{}{},"token":"t"}}"#, "[".repeat(500), "]".repeat(500));
    for payload in [
        "",
        " ",
        "{}",
        "[]",
        "null",
        "\"token\"",
        r#"["token","t"]"#,
        r#"{"token":5}"#,
        r#"{"token":null}"#,
        r#"{"token":true}"#,
        r#"{"token":["t"]}"#,
        r#"{"token":{"token":"t"}}"#,
        r#"{"token":""}"#,
        r#"{"tokens":"t"}"#,
        r#"{"token":"t""#,
        r#"{"token":"t"#,
        r#"{"token":"t",}"#,
        r#"{"token" "t"}"#,
        r#"{token:"t"}"#,
        r#"{"token":"t"}}"#,
        r#"{"token":"t"}{"token":"t"}"#,
        r#"{"token":"t"} x"#,
        r#"{"token":"t"},"#,
        r#"{"token":"t","closed by the wrong bracket":1]"#,
        r#"{"a":[1},"token":"t"}"#,
        r#"{"a":[{"b":1]],"token":"t"}"#,
        r#"{"token":"\x"}"#,
        r#"{"token":"\ud800"}"#,
        r#"{"token":"\u12"}"#,
        "{\"token\":\"a\nb\"}",
        &long,
        &deep,
        &closed,
    ] {
        assert_eq!(json(payload), None, "{payload}");
    }
    assert_eq!(token_in(Encoding::Json, b"{\"token\":\"\xFF\"}"), None, "not UTF-8");
    assert_eq!(token_in(Encoding::Json, b"\xEF\xBB\xBF{\"token\":\"t\"}"), None, "byte order mark");
}

#[test]
fn tokens_of_1_to_255_bytes() {
    for (len, fits) in
        [(0, false), (1, true), (138, true), (254, true), (255, true), (256, false), (1000, false)]
    {
        let token = "t".repeat(len);
        let expected = fits.then(|| token.clone());
        assert_eq!(json(&format!(r#"{{"token":"{token}"}}"#)), expected, "JSON, {len}");
        assert_eq!(cbor(&Cbor::Map(vec![("token".into(), token.into())])), expected, "CBOR, {len}");
    }
    for (pieces, expected) in [(255, Some("t".repeat(255))), (256, None)] {
        let payload = [&b"\xA1\x65token\x7F"[..], &b"\x61t".repeat(pieces), b"\xFF"].concat();
        assert_eq!(token_in(Encoding::Cbor, &payload), expected, "{pieces} pieces");
    }
    // Bytes are counted, not characters or what escapes take.
    let escaped = r"\u00e9".repeat(127);
    assert_eq!(json(&format!(r#"{{"token":"{escaped}"}}"#)), Some("é".repeat(127)));
    let too_long = "é".repeat(128);
    assert_eq!(json(&format!(r#"{{"token":"{too_long}"}}"#)), None);
}

#[test]
fn cbor_in_any_dress() {
    let nested = Cbor::Map(vec![("token".into(), "wrong".into())]);
    let reply = Cbor::Map(vec![
        ("nested".into(), nested.clone()),
        (Cbor::Integer(7.into()), "number for a name".into()),
        (nested.clone(), "map for a name".into()),
        ("list".into(), Cbor::Array(vec![nested.clone(), Cbor::Null, Cbor::Float(1.5)])),
        ("tagged".into(), Cbor::Tag(32, Box::new("x".into()))),
        ("bytes".into(), Cbor::Bytes(vec![0xFF; 40])),
        ("bool".into(), true.into()),
        ("negative".into(), Cbor::Integer((-5).into())),
        ("token".into(), "t".into()),
        ("more".into(), nested),
    ]);
    assert_eq!(cbor(&reply), Some("t".into()));
    for payload in [
        // Indefinite map; lengths in more bytes than needed; indefinite values.
        &b"\xBF\x65token\x61t\xFF"[..],
        b"\xB8\x01\x78\x05token\x79\x00\x01t",
        b"\xBB\x00\x00\x00\x00\x00\x00\x00\x01\x65token\x7A\x00\x00\x00\x01t",
        b"\xBF\x61a\x9F\x01\x02\xFF\x61b\xBF\x61c\x9F\xFF\xFF\x65token\x61t\xFF",
        b"\xA2\x61a\x7F\x61x\x61y\xFF\x65token\x61t",
        b"\xA2\x61a\x5F\x41x\x41y\xFF\x65token\x61t",
        // A name, a token and both in pieces.
        b"\xA1\x7F\x63tok\x60\x62en\xFF\x61t",
        b"\xA1\x65token\x7F\x60\x61t\x60\xFF",
        b"\xBF\x7F\x65token\xFF\x7F\x61t\xFF\xFF",
        b"\xA2\x7F\x61a\xFF\x7F\xFF\x7F\x61t\x64oken\xFF\x61t",
        // Twice, the second in pieces: that one counts.
        b"\xA2\x65token\x61x\x65token\x7F\x61t\xFF",
    ] {
        let value: Cbor = ciborium::from_reader(payload).expect("the test itself");
        assert!(value.is_map());
        assert_eq!(token_in(Encoding::Cbor, payload), Some("t".into()), "{payload:02x?}");
    }
}

#[test]
fn cbor_that_is_none() {
    let deep = [b"\xA1\x65token", &[0x81; 1200][..]].concat();
    let deep_indefinite = [b"\xBF\x61a", &[0x9F; 1200][..]].concat();
    let deep_maps = [b"\xA1\x61a".as_slice(), &b"\xA1\x61a".repeat(400)].concat();
    let deep_tags = [b"\xA1\x61a", &[0xC1; 1200][..]].concat();
    for payload in [
        &b""[..],
        b"\xA0",
        b"\x80",
        b"\xF6",
        b"\x65token",
        b"\xA1\x65token\x05",
        b"\xA1\x65token\xF6",
        b"\xA1\x65token\x41t",
        b"\xA1\x65token\x60",
        b"\xA1\x65token\x81\x61t",
        b"\xA1\x65token",
        b"\xA1\x65token\x62t",
        b"\xA2\x65token\x61t",
        b"\xBF\x65token\x61t",
        b"\xA1\x65token\x61t\x00",
        b"\xA1\x65token\x61t\xA1",
        b"\xA1\x65token\x61\xFF",
        b"\xA1\x65token\x61t\xFF",
        b"\xBB\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x65token\x61t",
        b"\xA1\x65token\x7B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFt",
        b"\xA2\x65token\x61t\x61a\x9B\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        b"\xA2\x65token\x61t\x61a\x1C",
        // In pieces: none at all, no end, bytes, pieces of pieces, cut characters.
        b"\xA1\x65token\x7F\xFF",
        b"\xA1\x65token\x7F\x61t",
        b"\xA1\x65token\x7F\x41t\xFF",
        b"\xA1\x65token\x7F\x7F\x61t\xFF\xFF",
        b"\xA1\x65token\x7F\x61\xC3\x61\xA9\xFF",
        &deep,
        &deep_indefinite,
        &deep_maps,
        &deep_tags,
    ] {
        assert_eq!(token_in(Encoding::Cbor, payload), None, "{payload:02x?}");
    }
}

/// The access token must not stay behind in the caller's buffer.
#[test]
fn the_reply_is_wiped_from_the_datagram() {
    for reply in [&br#"{"token":"secret"}"#[..], br#"{"token":"secret"#] {
        let mut bench = Bench::new(config());
        bench.start_sign_in(10 * SECOND);
        let request = bench.one();
        let mut datagram = piggybacked(&request, CONTENT, reply);
        bench.receive_in_place(&mut datagram);
        let payload = &datagram[datagram.len() - reply.len()..];
        assert!(payload.iter().all(|byte| *byte == 0), "{payload:02x?}");
    }
}

#[test]
fn no_secret_shows() {
    let shown = format!("{:?} {:?}", support::device(), support::config());
    assert!(shown.contains(support::DEVICE_NAME), "the test itself");
    assert!(!shown.contains(support::DEVICE_SECRET), "{shown}");
}

#[test]
fn a_changed_byte_gives_what_it_gives_serde_json() {
    let reply = br#" {"a":[1,-2.5e3,true,{"b":"\n\u00e9"}],"token":"t\\k","seqOffset":70} "#;
    assert_eq!(by_serde_json(reply), Some(r"t\k".into()), "the test itself");
    for at in 0..reply.len() {
        for byte in 0..=255 {
            let mut payload = reply.to_vec();
            payload[at] = byte;
            let expected = by_serde_json(&payload);
            assert_eq!(token_in(Encoding::Json, &payload), expected, "{byte:#x} at {at}");
        }
    }
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e300_f64..1e300).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((".{0,6}", inner), 0..3)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn any_json_object_with_a_token_gives_it(
        fields in vec((".{0,20}", json_value()), 0..4),
        token in "\\PC{1,60}",
        pretty: bool,
    ) {
        let mut object: serde_json::Map<_, _> = fields.into_iter().collect();
        object.insert("token".into(), token.clone().into());
        let value = Value::Object(object);
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let text = text.unwrap();
        prop_assume!(text.len() < 1200);
        let expected = by_serde_json(text.as_bytes());
        prop_assert_eq!(token_in(Encoding::Json, text.as_bytes()), expected);

        let mut payload = Vec::new();
        ciborium::into_writer(&value, &mut payload).unwrap();
        prop_assume!(payload.len() < 1200);
        prop_assert_eq!(token_in(Encoding::Cbor, &payload), (token.len() <= 255).then_some(token));
    }

    #[test]
    fn random_replies_are_survived(payload in vec(any::<u8>(), 0..80), head in 0xA0_u8..=0xBF) {
        let mut payload = payload;
        token_in(Encoding::Json, &payload);
        token_in(Encoding::Cbor, &payload);
        payload.insert(0, head);
        token_in(Encoding::Cbor, &payload);
        payload[0] = b'{';
        token_in(Encoding::Json, &payload);
    }
}
