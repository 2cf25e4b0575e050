//! Hazard: a fault that was asked for does not happen, or one happens that
//! nobody asked for, and a client's test proves nothing.

use std::time::{Duration, Instant};

use coap_lite::{MessageClass, MessageType};
use iot_coap_cloud::{Event, Faults, Transport};
use iot_coap_test_cloud::*;

fn faults(text: &str) -> Faults {
    text.parse().expect("valid")
}

#[test]
fn what_is_dropped_is_gone_until_the_faults_are() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.set_faults(faults("drop=1"));
    let request = device.message("x", b"1");
    device.send(&request);
    let dropped = cloud
        .wait_for(PATIENCE, |event| matches!(event, Event::Fault { fault, .. } if fault == "drop"));
    assert!(dropped.is_some());
    assert!(device.try_receive(SILENCE).is_none());
    cloud.set_faults(Faults::none());
    assert_eq!(code(&device.exchange(&request)), "2.05");
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn doubled_datagrams_double_replies_and_no_message() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.set_faults(faults("duplicate=1"));
    let request = device.message("x", b"1");
    device.send(&request);
    for _ in 0..4 {
        assert_eq!(device.receive().header.message_id, request.header.message_id);
    }
    assert!(device.try_receive(SILENCE).is_none());
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn delayed_datagrams_come_in_their_time() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.set_faults(faults("delay=100..110"));
    let start = Instant::now();
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    // There and back.
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn an_overtaken_reply_comes_after_the_next() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    // A seed whose outward decisions are "overtaken", then "not".
    let found = (0..1_000).find(|seed| {
        cloud.set_faults(faults(&format!("reorder=0.5,seed={seed}")));
        let first = device.message("x", b"1");
        let second = device.message("x", b"2");
        device.send(&first);
        device.send(&second);
        let ids = [device.receive(), device.receive()].map(|reply| reply.header.message_id);
        ids == [second.header.message_id, first.header.message_id]
    });
    assert!(found.is_some());
}

#[test]
fn answers_come_separately_when_asked() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    for (fault, kind) in
        [("separate=1", MessageType::Confirmable), ("separate-non=1", MessageType::NonConfirmable)]
    {
        cloud.set_faults(faults(fault));
        let request = device.message("x", b"1");
        device.send(&request);
        let acknowledgement = device.receive();
        assert_eq!(acknowledgement.header.get_type(), MessageType::Acknowledgement);
        assert_eq!(acknowledgement.header.code, MessageClass::Empty);
        let response = device.receive();
        assert_eq!(response.header.get_type(), kind);
        assert_eq!((code(&response).as_str(), response.get_token()), ("2.05", request.get_token()));
        if kind == MessageType::Confirmable {
            device.acknowledge(&response);
        }
    }
    cloud.set_faults(faults("separate=1,separate-delay=100"));
    let request = device.message("x", b"1");
    let start = Instant::now();
    device.send(&request);
    device.receive();
    assert_eq!(code(&device.receive()), "2.05");
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_failing_server_takes_nothing() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.set_faults(faults("server-error=1"));
    assert_eq!(code(&device.publish("x", b"1")), "5.00");
    assert!(cloud.messages().is_empty());
}

#[test]
fn a_persistent_device_gets_everything_through_once() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.set_faults(faults("drop=0.3,duplicate=0.2,reorder=0.2,seed=42"));
    for number in 0..30 {
        let request = device.message("x", format!("{number}").as_bytes());
        let mut answered = false;
        for _ in 0..100 {
            device.send(&request);
            answered = std::iter::from_fn(|| device.try_receive(Duration::from_millis(20)))
                .any(|reply| reply.header.message_id == request.header.message_id);
            if answered {
                break;
            }
        }
        assert!(answered, "message {number}");
    }
    let payloads: Vec<String> = cloud
        .messages()
        .into_iter()
        .map(|message| String::from_utf8(message.payload).expect("digits"))
        .collect();
    let expected: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    assert_eq!(payloads, expected);
}

#[test]
fn a_session_is_closed_or_lost_after_a_message() {
    let cloud = cloud();
    for (fault, reason) in [("close=1", "closed by server"), ("forget=1", "forgotten")] {
        let mut device = TestDevice::signed_in(&cloud, Transport::Dtls);
        cloud.set_faults(faults(fault));
        assert_eq!(code(&device.publish("x", b"1")), "2.05", "the answer still comes");
        let closed = cloud.wait_for(
            PATIENCE,
            |event| matches!(event, Event::DtlsClosed { reason: given, .. } if given == reason),
        );
        assert!(closed.is_some());
        let last = device.link.receive(SILENCE);
        let expected = (reason == "closed by server").then(Vec::new);
        assert_eq!(last, expected, "close_notify, or silence");
        cloud.set_faults(Faults::none());
    }
}
