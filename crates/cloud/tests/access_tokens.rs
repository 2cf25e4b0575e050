//! Hazard: a message is taken on a token that should not do, or refused with a
//! code that does not make the client sign in again.

use coap_lite::{CoapOption, MessageClass};
use iot_coap_cloud::{Cloud, Config, Device, Reply, ServerKeys, TokenOption, Transport};
use iot_coap_test_cloud::*;

#[test]
fn a_message_is_taken_by_either_option_and_recorded_whole() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    for option in [61, 2088] {
        device.token_option = option;
        let reply = device.publish("user/update", br#"{"t":1}"#);
        assert_eq!(code(&reply), "2.05");
        assert_eq!(content_format(&reply), Some(JSON));
        assert!(serde_json::from_slice::<serde_json::Value>(&reply.payload).is_ok());
    }
    let messages = cloud.messages();
    assert_eq!(messages.len(), 2);
    let message = &messages[1];
    assert_eq!(message.number, 2);
    assert_eq!(message.topic, format!("/{PRODUCT_KEY}/{DEVICE_NAME}/user/update"));
    assert_eq!(message.product_key, PRODUCT_KEY);
    assert_eq!(message.device_name, DEVICE_NAME);
    assert_eq!(message.payload, br#"{"t":1}"#);
    assert_eq!(message.token_option, Some(2088));
    assert_eq!((message.content_format, message.accept), (Some(JSON), Some(42)));
    assert_eq!((message.code.as_str(), message.confirmable), ("2.05", true));
    assert!(!message.duplicate);
}

#[test]
fn an_endpoint_that_knows_one_option_refuses_the_other() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    for (knows, option, expected) in [
        (TokenOption::Original, 61, "2.05"),
        (TokenOption::Original, 2088, "4.02"),
        (TokenOption::Later, 61, "4.02"),
        (TokenOption::Later, 2088, "2.05"),
    ] {
        cloud.set_token_option(knows);
        device.token_option = option;
        assert_eq!(code(&device.publish("x", b"1")), expected, "{knows:?} {option}");
    }
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn a_token_that_will_not_do_is_4_01_and_no_token_4_02() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let good = device.access_token.clone();
    let mut forged = good.clone();
    forged[70] = if forged[70] == b'A' { b'B' } else { b'A' };
    for (token, expected) in [
        (Vec::new(), "4.02"),
        (good[..20].to_vec(), "4.02"),
        ([good.clone(), good.clone()].concat(), "4.02"),
        (good[..good.len() - 1].to_vec(), "4.01"),
        (forged, "4.01"),
        (vec![b'.'; 100], "4.01"),
        (vec![0xFF; 100], "4.01"),
    ] {
        device.access_token = token;
        assert_eq!(code(&device.publish("x", b"1")), expected);
    }
    let mut without = device.message("x", b"1");
    without.clear_option(CoapOption::from(61));
    assert_eq!(code(&device.exchange(&without)), "4.02");
    // Option 61 is critical and may not be repeated.
    device.access_token = good.clone();
    let mut twice = device.message("x", b"1");
    twice.add_option(CoapOption::from(61), good);
    assert_eq!(code(&device.exchange(&twice)), "4.02");
    assert!(cloud.messages().is_empty());
}

#[test]
fn expired_tokens_are_refused_and_a_new_one_does() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    cloud.expire_tokens();
    assert_eq!(code(&device.publish("x", b"1")), "4.01");
    device.sign_in();
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
}

#[test]
fn a_token_s_uses_run_out() {
    let cloud = start(Config { token_uses: Some(2), ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    // A refusal takes none.
    assert_eq!(code(&device.publish("", b"1")), "4.04");
    for expected in ["2.05", "2.05", "4.01"] {
        assert_eq!(code(&device.publish("x", b"1")), expected);
    }
    device.sign_in();
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    assert_eq!(cloud.messages().len(), 3);
}

#[test]
fn a_path_with_a_question_mark_names_no_topic() {
    let cloud = start(Config { token_uses: Some(1), ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    for name in ["x?a=b", "user/update?", "?", "x?/y"] {
        let reply = device.publish(name, b"1");
        assert_eq!(code(&reply), "4.04", "{name}");
        assert!(text(&reply).contains("? begins no query"), "{name}: {}", text(&reply));
    }
    // A query of CoAP's own is refused as one.
    let mut request = device.message("x", b"1");
    request.add_option(CoapOption::UriQuery, b"a=b".to_vec());
    assert_eq!(code(&device.exchange(&request)), "4.00");
    // None of them was taken.
    assert!(cloud.messages().is_empty());
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
}

#[test]
fn a_device_publishes_below_its_own_prefix_only() {
    let cloud = start(Config {
        devices: vec![Device::sample(), Device::new(PRODUCT_KEY, "other", "s")],
        ..Config::default()
    });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let own = format!("/topic/{PRODUCT_KEY}/{DEVICE_NAME}");
    // "/", product key, "/", device name and "/" are 22 characters.
    let fits = "x".repeat(128 - 22);
    for (path, expected) in [
        (format!("{own}/a/b"), "2.05"),
        (format!("{own}/{fits}"), "2.05"),
        (format!("{own}/{fits}x"), "4.14"),
        (own.clone(), "4.04"),
        (format!("{own}/"), "4.04"),
        (format!("{own}//a"), "4.04"),
        (format!("/topic/{PRODUCT_KEY}/other/a"), "4.04"),
        (format!("/topic/{PRODUCT_KEY}"), "4.04"),
        ("/topic".into(), "4.04"),
        ("/nowhere".into(), "4.04"),
    ] {
        let request = device.message_to(&path, b"1");
        let reply = device.exchange(&request);
        assert_eq!(code(&reply), expected, "{path}: {}", text(&reply));
    }
    let mut get = device.message("a", b"");
    get.header.code = MessageClass::from(1);
    assert_eq!(code(&device.exchange(&get)), "4.05");
    let mut query = device.message("a", b"1");
    query.add_option(CoapOption::UriQuery, b"a=b".to_vec());
    assert_eq!(code(&device.exchange(&query)), "4.00");
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn a_disabled_device_s_token_is_refused() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let mut disabled = Device::sample();
    disabled.disabled = true;
    cloud.set_device(disabled);
    assert_eq!(code(&device.publish("x", b"1")), "4.01");
    cloud.set_device(Device::sample());
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
}

#[test]
fn too_many_messages_are_4_29() {
    let cloud = start(Config { rate_limit: Some(1), ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let codes: Vec<String> = (0..20).map(|_| code(&device.publish("x", b"1"))).collect();
    assert_eq!(codes[0], "2.05");
    assert!(codes.iter().filter(|code| *code == "4.29").count() >= 15, "{codes:?}");
}

#[test]
fn the_answer_is_as_configured() {
    let cloud = start(Config { message_id_option: true, ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.set_reply(Reply::Empty);
    let reply = device.publish("x", b"1");
    assert_eq!((reply.payload.as_slice(), content_format(&reply)), (&b""[..], None));
    assert_eq!(reply.get_first_option(CoapOption::from(2090)), Some(&b"1".to_vec()));
    cloud.set_reply(Reply::Echo);
    assert_eq!(device.publish("x", b"\x00\xFF").payload, b"\x00\xFF");
    cloud.set_reply(Reply::Json);
    let mut request = device.message("x", b"1");
    request.clear_option(CoapOption::Accept);
    add_integer(&mut request, CoapOption::Accept, CBOR);
    let reply = device.exchange(&request);
    assert_eq!(content_format(&reply), Some(CBOR));
    assert!(ciborium::from_reader::<ciborium::Value, _>(reply.payload.as_slice()).is_ok());
}

#[test]
fn a_token_that_was_expired_by_hand_stays_so_after_a_restart() {
    let folder = Folder::new();
    let state = folder.file("state");
    let serve = || {
        let keys = ServerKeys::of_state_dir(&state).expect("keys");
        start(Config { keys: Some(keys), state_dir: Some(state.clone()), ..Config::default() })
    };
    let says = |cloud: &Cloud, token: &[u8]| {
        let mut device = TestDevice::over(cloud, Transport::Udp);
        device.access_token = token.to_vec();
        code(&device.publish("x", b"1"))
    };
    let cloud = serve();
    let before = TestDevice::signed_in(&cloud, Transport::Udp).access_token;
    cloud.expire_tokens();
    let after = TestDevice::signed_in(&cloud, Transport::Udp).access_token;
    cloud.stop().expect("stops");
    let cloud = serve();
    assert_eq!((says(&cloud, &before).as_str(), says(&cloud, &after).as_str()), ("4.01", "2.05"));
    cloud.stop().expect("stops");

    // What cannot be read is no reason to take them.
    std::fs::write(state.join("tokens-expired"), "x").expect("written");
    let config = Config { state_dir: Some(state.clone()), ..Config::default() };
    let error = Cloud::start(config).err().expect("it is damaged").to_string();
    assert!(error.contains("delete it"), "{error}");
}
