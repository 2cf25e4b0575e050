//! Hazard: somebody sends datagrams in the name of another's address, so that the other is
//! answered what was said to him, or is sent more than the sender paid for.

use std::time::Duration;

use coap_lite::{MessageClass, MessageType, Packet};
use iot_coap_cloud::{Cloud, Config, Event, Limits, Transport};
use iot_coap_test_cloud::hosts::device_at;
use iot_coap_test_cloud::*;

#[test]
fn an_answer_to_a_forged_request_is_not_that_to_the_device_s_own() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let own = device.message("x", b"1");
    // Whoever forges knows the message id, and nothing else.
    let mut forged = device.post("/auth");
    forged.header.message_id = own.header.message_id;
    assert_eq!(code(&device.exchange(&forged)), "4.15");
    assert_eq!(code(&device.exchange(&own)), "2.05");
    assert_eq!(cloud.messages().len(), 1);
    // Both are duplicates when they come again.
    assert_eq!(code(&device.exchange(&forged)), "4.15");
    assert_eq!(code(&device.exchange(&own)), "2.05");
    assert_eq!(cloud.messages().len(), 1);
}

/// A server that believes no address of this machine, and repeats itself quickly.
fn distrustful() -> Cloud {
    start(Config {
        limits: Limits { here: true, ..Limits::default() },
        ack_timeout: Duration::from_millis(4),
        ..Config::default()
    })
}

/// How many bytes come in answer to this, of somebody who answers nothing.
fn heard_after(device: &mut TestDevice, datagram: &[u8]) -> usize {
    device.link.send(datagram);
    std::iter::from_fn(|| device.link.receive(SILENCE)).map(|answer| answer.len()).sum()
}

#[test]
fn an_address_gets_three_times_what_was_sent_in_its_name_at_most() {
    let cloud = distrustful();
    for transport in [Transport::Udp, Transport::Symmetric] {
        let mut device = device_at(2, &cloud, transport);
        let bytes = |packet: Packet| packet.to_bytes().expect("it fits");
        let mut with_type = |kind, code: u8, path: Option<&str>| {
            let mut packet = device.post(path.unwrap_or("/"));
            if path.is_none() {
                packet.clear_all_options();
                packet.set_token(Vec::new());
            }
            packet.header.set_type(kind);
            packet.header.code = MessageClass::from(code);
            bytes(packet)
        };
        let (con, non) = (MessageType::Confirmable, MessageType::NonConfirmable);
        let mut datagrams = vec![
            with_type(con, 0, None),
            with_type(con, 1, None),
            with_type(non, 1, None),
            with_type(con, 2, Some("/auth")),
            with_type(non, 2, Some("/auth")),
            with_type(con, 2, Some("/topic")),
            with_type(con, 0x45, None),
            vec![0x40, 2, 1, 2, 0xFF],
        ];
        datagrams.push(bytes(device.auth("hmacmd5", &[])));
        datagrams.push(bytes(device.auth("hmacmd5", &[("ackMode", "1")])));
        device.access_token = vec![b'x'; 64];
        datagrams.push(bytes(device.message("x", b"1")));
        let mut answered = 0;
        for datagram in datagrams {
            let heard = heard_after(&mut device, &datagram);
            answered += u32::from(heard > 0);
            assert!(heard <= 3 * datagram.len(), "{heard} bytes for {datagram:02x?}");
        }
        assert!(answered > 8, "{answered} of them");
    }
}

#[test]
fn whoever_has_shown_that_he_listens_gets_all_of_a_separate_answer() {
    let cloud = distrustful();
    let mut device = device_at(2, &cloud, Transport::Udp);
    let mut copies = |first_publishes: bool| {
        if first_publishes {
            device.sign_in();
            assert_eq!(code(&device.publish("x", b"1")), "2.05");
        }
        let mark = cloud.event_count();
        let request = device.auth("hmacmd5", &[("ackMode", "1")]);
        device.send(&request);
        let given_up =
            cloud.wait_for_since(mark, PATIENCE, |event| matches!(event, Event::Unanswered { .. }));
        assert!(given_up.is_some());
        std::iter::from_fn(|| device.try_receive(SILENCE)).count()
    };
    // The acknowledgement, and the answer.
    assert!((2..=4).contains(&copies(false)));
    assert_eq!(copies(true), 1 + 5);
}
