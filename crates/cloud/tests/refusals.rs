//! Hazard: a device is refused, and the log does not say whose request it was, which check
//! failed or what to do; or it says a secret.

use coap_lite::{CoapOption, MessageClass, Packet};
use iot_coap_cloud::{Cloud, Config, Device, Event, Log, Transport};
use iot_coap_test_cloud::*;

/// Product key, device name, check and remedy of the latest sign-in that was refused.
fn refused(cloud: &Cloud) -> [String; 4] {
    let refused = |event| match event {
        Event::SignInRefused { product_key, device_name, check, remedy, .. } => {
            Some([product_key, device_name, check, remedy])
        }
        _ => None,
    };
    cloud.events().into_iter().rev().find_map(refused).expect("one was refused")
}

fn swap(request: &mut Packet, from: &str, to: &str) {
    let before = text(request);
    assert!(before.contains(from), "{before}");
    request.payload = before.replace(from, to).into_bytes();
}

type Change = fn(&mut Packet);

#[test]
fn a_refused_sign_in_is_told_with_its_device_the_check_that_failed_and_what_to_do() {
    let cloud = cloud();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let both = [PRODUCT_KEY, DEVICE_NAME];
    let cases: [(Change, [&str; 2], &str, &str); 11] = [
        (|request| request.header.code = MessageClass::from(1), both, "method", "POST"),
        (
            |request| {
                request.clear_option(CoapOption::ContentFormat);
                add_integer(request, CoapOption::ContentFormat, 41);
            },
            both,
            "content_format",
            "50",
        ),
        (
            |request| {
                request.clear_option(CoapOption::Accept);
                add_integer(request, CoapOption::Accept, 42);
            },
            both,
            "accept",
            "leave it out",
        ),
        // What cannot be read names nobody; what lacks a field names who it can.
        (|request| request.payload = b"[]".to_vec(), ["", ""], "payload", "clientId"),
        (|request| swap(request, "\"sign\"", "\"sing\""), both, "payload", "clientId"),
        (
            |request| swap(request, "\"deviceName\"", "\"devName\""),
            [PRODUCT_KEY, ""],
            "payload",
            "deviceName",
        ),
        (
            |request| swap(request, "\"deviceName\":\"example1\"", "\"deviceName\":\"example2\""),
            [PRODUCT_KEY, "example2"],
            "device",
            "--device KEY,NAME,SECRET",
        ),
        (
            |request| swap(request, "\"clientId\":\"", "\"clientId\":\"x"),
            both,
            "signature",
            "compare its secret",
        ),
        (
            |request| swap(request, "\"sign\":\"", "\"sign\":\"0"),
            both,
            "signature",
            "33 characters, and hmacmd5 makes 32",
        ),
        (
            |request| {
                let fields: serde_json::Value =
                    serde_json::from_slice(&request.payload).expect("JSON");
                let sign = fields["sign"].as_str().expect("text").to_owned();
                swap(request, &sign, &sign.to_ascii_uppercase());
            },
            both,
            "signature",
            "small letters",
        ),
        (
            |request| {
                let fields: serde_json::Value =
                    serde_json::from_slice(&request.payload).expect("JSON");
                request.payload.clear();
                ciborium::into_writer(&fields, &mut request.payload).expect("CBOR");
                request.clear_option(CoapOption::ContentFormat);
            },
            both,
            "content_format",
            "CBOR",
        ),
    ];
    for (change, names, check, remedy) in cases {
        let mut request = device.auth("hmacmd5", &[("zone", "ABCDEF")]);
        change(&mut request);
        assert!(code(&device.exchange(&request)).starts_with("4."), "{check}");
        let told = refused(&cloud);
        assert_eq!((&told[..2], told[2].as_str()), (&names.map(String::from)[..], check));
        assert!(told[3].contains(remedy), "{check}: {}", told[3]);
    }
    cloud.set_faults("auth-error=1".parse().expect("valid"));
    let request = device.auth("hmacmd5", &[]);
    device.exchange(&request);
    assert_eq!(refused(&cloud)[..3], [PRODUCT_KEY, DEVICE_NAME, "auth-error"].map(String::from));
}

#[test]
fn a_device_that_is_disabled_is_told_from_one_that_signs_wrongly() {
    let mut disabled = Device::new("pk", "dn", "secret of dn");
    disabled.disabled = true;
    let cloud = start(Config { devices: vec![disabled.clone()], ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    device.identity = disabled;
    let request = device.auth("hmacmd5", &[]);
    assert_eq!(code(&device.exchange(&request)), "4.03");
    let [product_key, device_name, check, remedy] = refused(&cloud);
    assert_eq!([product_key, device_name, check], ["pk", "dn", "disabled"].map(String::from));
    assert!(remedy.contains("disabled = true"), "{remedy}");
}

#[test]
fn other_refused_requests_are_told_with_their_device_and_what_to_do() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let told = |cloud: &Cloud| {
        let told = |event| match event {
            Event::RequestRefused { product_key, device_name, remedy, .. } => {
                Some([product_key, device_name, remedy])
            }
            _ => None,
        };
        cloud.events().into_iter().rev().find_map(told).expect("one was refused")
    };
    let mut topic = device.message("x", b"1");
    add_integer(&mut topic, CoapOption::from(65_001), 1);
    let mut auth = device.auth("hmacmd5", &[]);
    add_integer(&mut auth, CoapOption::from(35), 1);
    let nowhere = device.post("/nowhere");
    let both = [PRODUCT_KEY, DEVICE_NAME];
    for (request, names, says) in [
        (topic, both, "leave out option 65001"),
        (auth, both, "Proxy-Uri"),
        (nowhere, ["", ""], "/auth"),
    ] {
        assert!(!code(&device.exchange(&request)).starts_with("2."), "{says}");
        let told = told(&cloud);
        assert_eq!(&told[..2], &names.map(String::from)[..], "{says}");
        assert!(told[2].contains(says), "{told:?}");
    }
}

#[test]
fn a_name_that_is_a_secret_or_a_signature_by_mistake_is_not_told() {
    let folder = Folder::new();
    let log = folder.file("log");
    let other = Device::new("pk", "dn", "a secret of another device");
    let cloud = start(Config {
        log: Log::File(log.clone()),
        devices: vec![Device::sample(), other.clone()],
        ..Config::default()
    });
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let fields = device.fields("hmacmd5", &[]);
    let sign = fields["sign"].as_str().expect("text").to_owned();
    for name in [DEVICE_SECRET, other.device_secret.as_str(), sign.as_str()] {
        let mut request = device.auth("hmacmd5", &[]);
        swap(&mut request, "\"deviceName\":\"example1\"", &format!("\"deviceName\":\"{name}\""));
        assert_eq!(code(&device.exchange(&request)), "4.01");
        let [_, shown, ..] = refused(&cloud);
        assert!(!shown.is_empty() && shown.chars().all(|each| each == '*'), "{shown}");
    }
    cloud.stop().expect("stops");
    let written = std::fs::read_to_string(log).expect("written");
    assert_eq!(written.matches("sign_in_refused").count(), 3, "{written}");
    for hidden in [DEVICE_SECRET, &other.device_secret, &sign] {
        assert!(!written.contains(hidden), "{hidden}: {written}");
    }
}
