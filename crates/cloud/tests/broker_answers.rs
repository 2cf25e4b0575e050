//! Hazard: a device is told that its message arrived when the broker does not have it, or not what
//! the device has sent.

use coap_lite::{CoapOption, MessageType};
use iot_coap_cloud::{Event, Transport};
use iot_coap_test_cloud::broker::{Broker, Limits};
use iot_coap_test_cloud::forwarding::*;
use iot_coap_test_cloud::*;

#[test]
fn a_device_is_answered_when_the_broker_has_its_message() {
    let (broker, cloud, mut device) = scene(Limits::default(), |_| {});
    let (request, published) = sent(&mut device, &broker, br#"{"a":1}"#);
    assert!(device.try_receive(SILENCE).is_none(), "the broker has not acknowledged");
    assert!(cloud.messages().is_empty());
    broker.acknowledge(&published);
    let reply = device.receive();
    assert_eq!((code(&reply).as_str(), max_age(&reply)), ("2.05", None));
    assert_eq!(reply.header.get_type(), MessageType::Acknowledgement);
    assert_eq!(reply.header.message_id, request.header.message_id);
    assert_eq!(reply.get_token(), request.get_token());
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn a_publication_says_what_the_request_did() {
    let (broker, _cloud, mut device) = scene(Limits::default(), |_| {});
    let request = device.message("user/温度", br#"{"a":1}"#);
    device.send(&request);
    let published = broker.next();
    assert_eq!(published.flags, 0b0010, "QoS 1, neither DUP nor RETAIN");
    assert_eq!(published.topic, format!("/{PRODUCT_KEY}/{DEVICE_NAME}/user/温度"));
    assert_eq!(published.payload, br#"{"a":1}"#);
    assert_eq!(published.content_type.as_deref(), Some("application/json"));
    let user = |name: &str| published.user.get(name).map(String::as_str);
    assert_eq!(user("product-key"), Some(PRODUCT_KEY));
    assert_eq!(user("device-name"), Some(DEVICE_NAME));
    assert_eq!(user("transport"), Some("coap"));
    assert_eq!(user("content-format"), Some("50"));
    assert_eq!(user("id").map(str::len), Some(32));
    assert!(user("received-ms").is_some_and(|time| time.parse::<u64>().is_ok()));
}

#[test]
fn what_the_broker_refuses_is_not_taken() {
    let (broker, cloud, mut device) = scene(Limits::default(), |_| {});
    for (reason, expected) in [
        // No matching subscribers: a success to MQTT that keeps nothing.
        (0x10, "5.03"),
        (0x80, "5.03"),
        (0x97, "5.03"),
        (0x87, "4.04"),
        (0x90, "4.04"),
        (0x00, "2.05"),
    ] {
        let (_, published) = sent(&mut device, &broker, b"1");
        broker.answer(&published, reason);
        let reply = device.receive();
        assert_eq!(code(&reply), expected, "{reason:#04x}");
        if expected == "5.03" {
            assert_unavailable(&reply);
        }
    }
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn a_retransmission_is_not_published_again() {
    let (broker, cloud, mut device) = scene(Limits::default(), |_| {});
    let (request, published) = sent(&mut device, &broker, b"1");
    for _ in 0..3 {
        device.send(&request);
    }
    let is_duplicate = |event: &Event| matches!(event, Event::Duplicate { .. });
    assert!(cloud.wait_for(PATIENCE, |_| count(&cloud, is_duplicate) == 3).is_some());
    assert!(broker.is_silent());
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
    assert!(device.try_receive(SILENCE).is_none(), "one answer to all of them");
    // One that was on its way meanwhile.
    assert_eq!(code(&device.exchange(&request)), "2.05");
    assert!(broker.is_silent());
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn a_broker_may_have_an_ipv6_address() {
    let broker = Broker::at("[::1]:0");
    let cloud = forwarding(forward(&broker));
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let (_, published) = sent(&mut device, &broker, b"1");
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
}

#[test]
fn a_message_that_a_broker_would_choke_on_is_kept_from_it() {
    let limits = Limits { maximum_packet_size: Some(500), ..Limits::default() };
    let (broker, cloud, mut device) = scene(limits, |_| {});
    for topic in ["a+", "#", "\0", "\u{1}", "\u{FDD0}"] {
        assert_eq!(code(&device.publish(topic, b"1")), "4.04", "{topic:?}");
    }
    // A segment that is not UTF-8.
    let mut request = device.message("x", b"1");
    request.add_option(CoapOption::UriPath, vec![0xFF]);
    assert_eq!(code(&device.exchange(&request)), "4.04");
    assert_eq!(code(&device.publish("x", &[b'1'; 500])), "4.13");
    let (_, published) = sent(&mut device, &broker, b"1");
    assert_eq!((published.connection, published.text().as_str()), (1, "1"));
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn every_kind_of_request_waits_for_the_broker() {
    let (broker, cloud, mut device) = scene(Limits::default(), |_| {});
    let mut request = device.message("x", b"1");
    request.header.set_type(MessageType::NonConfirmable);
    device.send(&request);
    let published = broker.next();
    assert!(device.try_receive(SILENCE).is_none());
    broker.acknowledge(&published);
    let reply = device.receive();
    assert_eq!(reply.header.get_type(), MessageType::NonConfirmable);
    assert_eq!((code(&reply).as_str(), reply.get_token()), ("2.05", request.get_token()));

    let mut device = TestDevice::signed_in(&cloud, Transport::Dtls);
    let (_, published) = sent(&mut device, &broker, b"2");
    assert_eq!(published.user["transport"], "coaps");
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");

    // A separate response waits as well.
    cloud.set_faults("separate=1".parse().expect("valid"));
    let (_, published) = sent(&mut device, &broker, b"3");
    assert!(device.try_receive(SILENCE).is_none(), "not even an empty acknowledgement");
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "0.00");
    assert_eq!(code(&device.receive()), "2.05");
}
