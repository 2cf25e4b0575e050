//! Hazard: a request is processed twice because a datagram came twice, or a
//! stray datagram takes the server down.

use std::time::Duration;

use coap_lite::{MessageClass, MessageType, Packet};
use iot_coap_cloud::{Event, Transport};
use iot_coap_test_cloud::*;

#[test]
fn a_duplicate_gets_the_same_reply_and_is_not_taken_again() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = device.message("x", b"1");
    let first = device.exchange(&request);
    let again = device.exchange(&request);
    assert_eq!(first, again);
    let event = cloud.wait_for(PATIENCE, |event| {
        matches!(event, Event::Duplicate { message_id, .. } if *message_id == request.header.message_id)
    });
    assert!(event.is_some());
    assert_eq!(cloud.messages().len(), 1);

    // A sign-in is given one token, however often its datagram arrives.
    let request = device.auth("hmacmd5", &[]);
    assert_eq!(device.exchange(&request), device.exchange(&request));
}

#[test]
fn a_non_confirmable_duplicate_is_ignored() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let mut request = device.message("x", b"1");
    request.header.set_type(MessageType::NonConfirmable);
    device.send(&request);
    assert_eq!(code(&device.receive()), "2.05");
    device.send(&request);
    assert!(device.try_receive(SILENCE).is_none());
    assert_eq!(cloud.messages().len(), 1);
}

#[test]
fn message_ids_of_another_address_are_other_messages() {
    let cloud = cloud();
    let mut first = TestDevice::signed_in(&cloud, Transport::Udp);
    let mut second = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = first.message("x", b"1");
    assert_eq!(request.header.message_id, second.message("x", b"1").header.message_id);
    assert_eq!(code(&first.exchange(&request)), "2.05");
    assert_eq!(code(&second.exchange(&request)), "2.05");
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn the_application_s_own_duplicates_are_told() {
    let cloud = cloud();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = device.message("x", b"1");
    let mut resent = request.clone();
    resent.header.message_id += 100;
    let mut changed = resent.clone();
    changed.header.message_id += 100;
    changed.payload = b"2".to_vec();
    for packet in [&request, &resent, &changed] {
        device.exchange(packet);
    }
    let duplicates: Vec<bool> = cloud.messages().iter().map(|message| message.duplicate).collect();
    assert_eq!(duplicates, [false, true, false]);
}

#[test]
fn a_ping_is_answered_and_so_is_a_malformed_message() {
    let cloud = cloud();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let reset_of = |device: &mut TestDevice, datagram: &[u8]| {
        device.link.send(datagram);
        let reset = device.receive();
        assert_eq!(reset.header.get_type(), MessageType::Reset);
        assert_eq!(reset.header.code, MessageClass::Empty);
        assert_eq!(reset.header.message_id, 0x0102);
    };
    reset_of(&mut device, &[0x40, 0, 1, 2]);
    // A token that is too long, an option that runs past the end, a payload
    // marker alone, a code of a reserved class, a response nobody asked for.
    for datagram in [
        &[0x4F, 2, 1, 2][..],
        &[0x40, 2, 1, 2, 0xBE, 1],
        &[0x40, 2, 1, 2, 0xFF],
        &[0x40, 0x21, 1, 2],
        &[0x40, 0x45, 1, 2],
    ] {
        reset_of(&mut device, datagram);
    }
    // Neither of these may be answered.
    for datagram in [
        &[0x50, 2, 1, 2, 0xFF][..],
        &[0x60, 0x45, 1, 2],
        &[0x70, 0, 1, 2],
        &[0xC0, 2, 1, 2],
        &[0x40],
        &[],
    ] {
        device.link.send(datagram);
    }
    assert!(device.try_receive(SILENCE).is_none());
    // Nor is an unknown method a reason to be silent.
    let mut fetch: Packet = device.post("/auth");
    fetch.header.code = MessageClass::from(0x1F);
    assert_eq!(code(&device.exchange(&fetch)), "4.05");
}

#[test]
fn noise_does_not_take_the_server_down() {
    let cloud = cloud();
    let mut seed = 1_u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        seed.to_be_bytes()[0]
    };
    for transport in [Transport::Udp, Transport::Dtls, Transport::Symmetric] {
        let socket = socket_to(cloud.address(transport));
        for round in 0..2_000_usize {
            let mut datagram: Vec<u8> = (0..round % 60).map(|_| noise()).collect();
            if let Some(first) = datagram.first_mut() {
                // Half of them get past the first check.
                *first = match (round % 2, transport) {
                    (0, Transport::Dtls) => 22,
                    (0, _) => 0x40 | (*first & 0x38),
                    _ => *first,
                };
            }
            socket.send(&datagram).expect("loopback sends");
        }
    }
    for transport in [Transport::Udp, Transport::Dtls, Transport::Symmetric] {
        let mut device = TestDevice::over(&cloud, transport);
        // The socket's buffer may still be full of noise.
        let mut pong = None;
        for _ in 0..100 {
            device.link.send(&[0x40, 0, 1, 2]);
            pong = pong.or_else(|| device.try_receive(Duration::from_millis(100)));
            if pong.is_some() {
                break;
            }
        }
        assert!(pong.is_some(), "{transport:?}");
        // Late answers to its pings reach the first device, and not another one.
        TestDevice::over(&cloud, transport).sign_in();
    }
}
