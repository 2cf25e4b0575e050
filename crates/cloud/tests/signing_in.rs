//! Hazard: a client signs in wrongly and is let in, or rightly and is not, or is
//! told something that the cloud would not tell.

use std::fmt::Write as _;
use std::time::Duration;

use coap_lite::{CoapOption, MessageClass, MessageType};
use iot_coap_cloud::{Config, Device, Event, Transport};
use iot_coap_test_cloud::*;

#[test]
fn the_reply_comes_in_the_encoding_that_accept_asks_for() {
    let cloud = cloud();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    for (format, accept, expected) in [
        (JSON, Some(JSON), JSON),
        (JSON, Some(CBOR), CBOR),
        (CBOR, Some(JSON), JSON),
        (CBOR, Some(CBOR), CBOR),
        (CBOR, None, CBOR),
    ] {
        let mut request = device.post("/auth");
        let fields = device.fields("hmacmd5", &[("timestamp", "1524448722000")]);
        add_integer(&mut request, CoapOption::ContentFormat, format);
        if let Some(accept) = accept {
            add_integer(&mut request, CoapOption::Accept, accept);
        }
        if format == JSON {
            request.payload = serde_json::to_vec(&fields).expect("plain");
        } else {
            ciborium::into_writer(&fields, &mut request.payload).expect("plain");
        }
        let reply = device.exchange(&request);
        assert_eq!(code(&reply), "2.05", "{}", text(&reply));
        assert_eq!(content_format(&reply), Some(expected));
        let body: serde_json::Value = if expected == JSON {
            serde_json::from_slice(&reply.payload).expect("JSON")
        } else {
            ciborium::from_reader(reply.payload.as_slice()).expect("CBOR")
        };
        let token = body["token"].as_str().expect("a token");
        assert!((139..=160).contains(&token.len()), "{}", token.len());
        assert_eq!(body.as_object().map(serde_json::Map::len), Some(1));
    }
}

#[test]
fn both_signatures_and_every_signed_field_count() {
    let cloud = cloud();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    for method in ["hmacmd5", "hmacsha1"] {
        let request = device.auth(method, &[("seq", "7"), ("zone", "x")]);
        assert_eq!(code(&device.exchange(&request)), "2.05", "{method}");

        let mut tampered = device.auth(method, &[("seq", "7")]);
        tampered.payload = text(&tampered).replace("\"7\"", "\"8\"").into_bytes();
        assert_eq!(code(&device.exchange(&tampered)), "4.01", "{method}");
    }
    let event = cloud.wait_for(
        PATIENCE,
        |event| matches!(event, Event::SignedIn { sign_method, .. } if sign_method == "hmacsha1"),
    );
    assert!(event.is_some());
}

#[test]
fn every_refusal_has_its_code_and_says_why() {
    let mut disabled = Device::new("pk", "dn", "secret");
    disabled.disabled = true;
    let cloud =
        start(Config { devices: vec![Device::sample(), disabled.clone()], ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let mut expect = |change: &dyn Fn(&mut coap_lite::Packet), expected: &str, says: &str| {
        let mut request = device.auth("hmacmd5", &[]);
        change(&mut request);
        let reply = device.exchange(&request);
        assert_eq!(code(&reply), expected, "{says}");
        assert!(text(&reply).contains(says), "{says:?}: {:?}", text(&reply));
    };
    let swap = |from: &'static str, to: &'static str| {
        move |request: &mut coap_lite::Packet| {
            request.payload = text(request).replace(from, to).into_bytes();
        }
    };
    let set = |option: CoapOption, value: u16| {
        move |request: &mut coap_lite::Packet| {
            request.clear_option(option);
            add_integer(request, option, value);
        }
    };
    expect(&|request| request.header.code = MessageClass::from(1), "4.05", "POST");
    expect(&|request| request.header.code = MessageClass::from(3), "4.05", "POST");
    expect(&set(CoapOption::ContentFormat, 41), "4.15", "application/json");
    expect(&set(CoapOption::Accept, 42), "4.06", "application/cbor");
    expect(&|request| request.payload.clear(), "4.00", "JSON");
    expect(&|request| request.payload = b"[]".to_vec(), "4.00", "JSON");
    expect(&swap("\"sign\"", "\"sing\""), "4.00", "sign is missing");
    expect(
        &swap("\"clientId\":\"", "\"clientId\":\"0123456789012345678901234567890123456789012345"),
        "4.00",
        "64",
    );
    expect(&swap("hmacmd5", "hmacmd4"), "4.00", "signmethod");
    expect(&swap("\"sign\":\"", "\"sign\":\"0"), "4.01", "signature");
    expect(&swap("example1\",\"p", "example2\",\"p"), "4.01", "no such device");
    expect(&set(CoapOption::from(41), 1), "4.02", "41");
    expect(&set(CoapOption::from(35), 1), "5.05", "proxy");
    expect(
        &|request| {
            request.clear_option(CoapOption::UriPath);
            request.add_option(CoapOption::UriPath, b"auth2".to_vec());
        },
        "4.04",
        "404 Not found",
    );
    // An elective option that nobody knows changes nothing.
    expect(&set(CoapOption::from(2_000), 1), "2.05", "token");

    device.identity = disabled;
    let request = device.auth("hmacmd5", &[]);
    assert_eq!(code(&device.exchange(&request)), "4.03");

    cloud.set_faults("auth-error=1".parse().expect("valid"));
    let request = device.auth("hmacmd5", &[]);
    let reply = device.exchange(&request);
    assert_eq!((code(&reply).as_str(), text(&reply).is_empty()), ("5.00", false));
}

#[test]
fn a_separate_response_is_repeated_until_it_is_acknowledged() {
    let cloud = start(Config { ack_timeout: Duration::from_millis(40), ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let request = device.auth("hmacmd5", &[("ackMode", "1")]);
    device.send(&request);
    let acknowledgement = device.receive();
    assert_eq!(acknowledgement.header.code, MessageClass::Empty);
    assert_eq!(acknowledgement.header.message_id, request.header.message_id);

    let first = device.receive();
    assert_eq!(first.header.get_type(), MessageType::Confirmable);
    assert_eq!((code(&first).as_str(), first.get_token()), ("2.05", request.get_token()));
    let second = device.receive();
    assert_eq!(first, second);
    device.acknowledge(&second);
    let event = cloud.wait_for(PATIENCE, |event| matches!(event, Event::Answered { .. }));
    let Some(Event::Answered { what, by, .. }) = event else {
        panic!("the acknowledgement is noticed")
    };
    assert_eq!((what.as_str(), by.as_str()), ("separate response", "acknowledgement"));
    // What was on its way before the acknowledgement may still arrive; then it ends.
    while device.try_receive(SILENCE).is_some_and(|late| late == first) {}
    assert!(device.try_receive(SILENCE).is_none());
}

#[test]
fn a_separate_response_that_nobody_acknowledges_is_given_up() {
    let cloud = start(Config { ack_timeout: Duration::from_millis(4), ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let request = device.auth("hmacmd5", &[("ackMode", "1")]);
    device.send(&request);
    device.receive();
    let event = cloud.wait_for(PATIENCE, |event| matches!(event, Event::Unanswered { .. }));
    assert!(event.is_some());
    let mut copies = 0;
    while device.try_receive(SILENCE).is_some() {
        copies += 1;
    }
    assert_eq!(copies, 5);
}

#[test]
fn a_non_confirmable_request_is_answered_likewise() {
    let cloud = cloud();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let mut request = device.auth("hmacmd5", &[]);
    request.header.set_type(MessageType::NonConfirmable);
    device.send(&request);
    let reply = device.receive();
    assert_eq!(reply.header.get_type(), MessageType::NonConfirmable);
    assert_eq!((code(&reply).as_str(), reply.get_token()), ("2.05", request.get_token()));

    // RFC 7252 section 5.4.1: rejected, where a confirmable one is answered 4.02.
    let mut request = device.auth("hmacmd5", &[]);
    request.header.set_type(MessageType::NonConfirmable);
    add_integer(&mut request, CoapOption::from(41), 1);
    device.send(&request);
    assert_eq!(device.receive().header.get_type(), MessageType::Reset);
}

#[test]
fn neither_secrets_nor_whole_tokens_are_logged() {
    let folder = Folder::new();
    let log = folder.file("log");
    let cloud = start(Config {
        log: iot_coap_cloud::Log::File(log.clone()),
        verbose: true,
        ..Config::default()
    });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    device.publish("x", b"{\"t\":1}");
    let token = String::from_utf8(device.access_token.clone()).expect("text");
    cloud.stop().expect("stops");
    let text = std::fs::read_to_string(log).expect("written");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("one JSON object a line"))
        .collect();
    let events: Vec<_> =
        lines.iter().map(|line| line["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(events, ["ready", "signed_in", "message"]);
    assert_eq!(lines[2]["payload"]["text"], "{\"t\":1}");
    assert!(!text.contains(DEVICE_SECRET));
    assert!(!text.contains(&token));
    // Nor is either part of it.
    assert!(token.split('.').all(|part| !text.contains(part)));
}

#[test]
fn what_a_device_says_of_its_secrets_by_mistake_is_not_logged_and_no_terminal_obeys_it() {
    let folder = Folder::new();
    let log = folder.file("log");
    let cloud = start(Config { log: iot_coap_cloud::Log::File(log.clone()), ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let further = [("deviceSecret", "whatever it is"), ("zone", DEVICE_SECRET)];
    let request = device.auth("hmacmd5", &further);
    assert_eq!(code(&device.exchange(&request)), "2.05");
    device.sign_in();
    let token = String::from_utf8(device.access_token.clone()).expect("text");
    let both = format!("{{\"token\":\"{token}\",\"secret\":\"{DEVICE_SECRET}\"}}");
    assert_eq!(code(&device.publish("x", both.as_bytes())), "2.05");
    // As bytes that are no text, in a topic, and in a path.
    let binary = [&b"\xFF"[..], both.as_bytes()].concat();
    assert_eq!(code(&device.publish("x", &binary)), "2.05");
    assert_eq!(code(&device.publish(DEVICE_SECRET, b"1")), "2.05");
    let lost = device.post(&format!("/{token}"));
    assert_eq!(code(&device.exchange(&lost)), "4.04");
    let clears_screen = "\u{1b}[2J\u{9b}2J\u{202e}";
    assert_eq!(code(&device.publish("x", clears_screen.as_bytes())), "2.05");
    // The program that a server is part of sees what was sent.
    assert_eq!(cloud.messages()[0].payload, both.as_bytes());
    cloud.stop().expect("stops");
    let text = std::fs::read_to_string(log).expect("written");
    let in_hex = |text: &str| {
        text.bytes().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a string takes everything");
            hex
        })
    };
    for hidden in ["whatever", DEVICE_SECRET, &token[10..40], &in_hex(DEVICE_SECRET)] {
        assert!(!text.contains(hidden), "{hidden}: {text}");
    }
    assert!(!text.contains(&in_hex(&token[10..40])));
    assert!(!text.chars().any(|each| (each.is_control() && each != '\n') || each == '\u{202e}'));
    let last = text.lines().last().expect("a line");
    let last: serde_json::Value = serde_json::from_str(last).expect("JSON");
    assert_eq!(last["payload"]["text"], clears_screen);
}
