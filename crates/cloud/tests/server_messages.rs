//! Hazard: the server's own messages are wrong, and a client's answers to them
//! are misread.

use std::collections::LinkedList;

use coap_lite::{CoapOption, MessageClass, MessageType, Packet};
use iot_coap_cloud::{Cloud, Event, Transport};
use iot_coap_test_cloud::*;

fn answer(cloud: &Cloud, mark: usize) -> (String, String) {
    let event =
        cloud.wait_for_since(mark, PATIENCE, |event| matches!(event, Event::Answered { .. }));
    match event {
        Some(Event::Answered { what, by, .. }) => (what, by),
        _ => panic!("no answer was noticed"),
    }
}

#[test]
fn a_ping_reaches_devices_on_every_transport() {
    let cloud = cloud();
    let mut devices = [Transport::Udp, Transport::Dtls, Transport::Symmetric]
        .map(|transport| TestDevice::signed_in(&cloud, transport));
    assert_eq!(cloud.ping_devices(), 3);
    for device in &mut devices {
        let ping = device.receive();
        assert_eq!(ping.header.get_type(), MessageType::Confirmable);
        assert_eq!(ping.header.code, MessageClass::Empty);
        let mark = cloud.event_count();
        device.answer_empty(MessageType::Reset, &ping);
        assert_eq!(answer(&cloud, mark), ("ping".into(), "reset".into()));
    }
    // A session that is gone is nobody to ping.
    assert_eq!(cloud.close_dtls_sessions(), 1);
    assert_eq!(cloud.ping_devices(), 2);
}

#[test]
fn a_request_is_answered_by_reset_response_or_separate_response() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = |device: &mut TestDevice| {
        assert_eq!(cloud.send_to_devices("/a/b", b"hello"), 1);
        let request = device.receive();
        assert_eq!(request.header.get_type(), MessageType::Confirmable);
        assert_eq!(u8::from(request.header.code), POST);
        assert_eq!(request.get_option(CoapOption::UriPath).map(LinkedList::len), Some(2));
        assert_eq!(request.payload, b"hello");
        request
    };
    let response = |to: &Packet, kind| {
        let mut response = Packet::new();
        response.header.set_type(kind);
        response.header.code = MessageClass::from(0x84);
        response.header.message_id = to.header.message_id;
        response.set_token(to.get_token().to_vec());
        response
    };

    let mark = cloud.event_count();
    let asked = request(&mut device);
    device.answer_empty(MessageType::Reset, &asked);
    assert_eq!(answer(&cloud, mark), ("request".into(), "reset".into()));

    let mark = cloud.event_count();
    let asked = request(&mut device);
    device.send(&response(&asked, MessageType::Acknowledgement));
    assert_eq!(answer(&cloud, mark), ("request".into(), "4.04".into()));

    let mark = cloud.event_count();
    let asked = request(&mut device);
    device.acknowledge(&asked);
    assert_eq!(answer(&cloud, mark), ("request".into(), "acknowledgement".into()));
    let mark = cloud.event_count();
    let mut separate = response(&asked, MessageType::Confirmable);
    separate.header.message_id = 9_999;
    device.send(&separate);
    assert_eq!(answer(&cloud, mark), ("request".into(), "4.04".into()));
    let acknowledgement = device.receive();
    assert_eq!(acknowledgement.header.get_type(), MessageType::Acknowledgement);
    assert_eq!(acknowledgement.header.message_id, 9_999);
}
