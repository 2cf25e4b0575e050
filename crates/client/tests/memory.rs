//! Hazard: a device that runs for years runs out of heap, a little with each
//! message. An allocator that counts watches 100,000 of them.

mod support;

use iot_coap_client::{Client, Received};
use iot_coap_test_heap as heap;
use support::{Bench, at, con, non};

fn allocations_of(run: impl FnOnce()) -> u64 {
    let before = heap::allocations();
    run();
    heap::allocations() - before
}

/// What is on its way at a time.
const WINDOW: usize = 8;

/// Sends a window of messages of all kinds and ends each in another way, the
/// cloud's side without a heap.
fn round(client: &mut Client<u32>, now: &mut u64, number: u32, payload: &[u8]) {
    for index in 0..WINDOW {
        // Every place gets the longest now and then.
        let payload =
            if (index as u32 + number).is_multiple_of(3) { payload } else { &payload[..20] };
        let request = if index % 4 == 3 { non(payload) } else { con(payload) };
        client.send(at(*now), &request, number).expect("accepted");
    }
    let mut headers = [[0; 8]; WINDOW];
    for header in &mut headers {
        let transmit = client.poll_transmit(at(*now)).expect("due");
        header.copy_from_slice(&transmit.datagram[..8]);
    }
    *now += 40;
    client.handle_timeout(at(*now));
    for (index, header) in headers.iter().enumerate() {
        let token = &header[4..];
        let [id_high, id_low] =
            (number as u16).wrapping_mul(8).wrapping_add(index as u16).to_be_bytes();
        let mut datagram =
            [0x64, 0x45, header[2], header[3], token[0], token[1], token[2], token[3]];
        match index % 4 {
            // Piggybacked; with an error.
            0 => {}
            1 => datagram[1] = 0x84,
            // Confirmable, on its own; the last one Non-confirmable.
            2 => [datagram[0], datagram[2], datagram[3]] = [0x44, id_high, id_low],
            _ => [datagram[0], datagram[2], datagram[3]] = [0x54, id_high, id_low],
        }
        let received = client.handle_datagram(at(*now), &mut datagram);
        assert!(matches!(received, Received::Response(_)), "{received:?}");
        while client.poll_transmit(at(*now)).is_some() {}
        // A ping, a request, rubbish.
        client.handle_datagram(at(*now), &mut [0x40, 0, 1, 2]);
        client.handle_datagram(at(*now), &mut [0x41, 1, 1, 2, 9]);
        client.handle_datagram(at(*now), &mut [0x4F, 1, 1, 2, 9]);
        while client.poll_transmit(at(*now)).is_some() {}
    }
    // And one that is given up.
    client.send(at(*now), &con(payload), number).expect("accepted");
    let transmit = client.poll_transmit(at(*now)).expect("due");
    let mut reset = [0x70, 0, transmit.datagram[2], transmit.datagram[3]];
    client.handle_datagram(at(*now), &mut reset);
    assert!(client.poll_event().is_some());
    assert!(client.poll_event().is_none());
}

#[test]
fn a_hundred_thousand_messages_take_no_memory() {
    let bench = Bench::signed_in();
    let (mut client, mut now) = (bench.client, bench.now);
    let payload = vec![0xA5; 1000];
    for number in 0..30 {
        round(&mut client, &mut now, number, &payload);
    }
    let live = heap::live();
    let allocations = allocations_of(|| {
        for number in 30..12_530 {
            round(&mut client, &mut now, number, &payload);
        }
    });
    assert_eq!(allocations, 0, "of 112,500 messages");
    assert_eq!(heap::live(), live);
}

#[cfg(feature = "symmetric")]
#[test]
fn nor_do_they_in_symmetric_mode() {
    let mut bench = Bench::new(support::config_for("coap-psk://127.0.0.1"));
    bench.start_sign_in(10 * support::SECOND);
    let request = bench.one();
    let reply = br#"{"random":"915ede6cbc8a059f","seqOffset":1,"token":"t"}"#;
    bench.answer(&request, support::CONTENT, reply);
    bench.events();
    let (mut client, mut now) = (bench.client, bench.now);
    let payload = vec![0xA5; 1000];
    for number in 0..30 {
        round(&mut client, &mut now, number, &payload);
    }
    let allocations = allocations_of(|| {
        for number in 30..1030 {
            round(&mut client, &mut now, number, &payload);
        }
    });
    assert_eq!(allocations, 0);
}

/// Signing in may allocate; what it took it must give back.
#[test]
fn signing_in_again_and_again_keeps_nothing() {
    let mut bench = Bench::signed_in();
    let mut live = 0;
    for round in 0..300 {
        let message = bench.post(1);
        bench.answer(&message, support::UNAUTHORIZED, b"");
        let request = bench.one();
        bench.grant(&request, "an access token of always one length");
        let again = bench.one();
        bench.answered(&again, support::CONTENT);
        bench.events();
        drop((message, request, again));
        if round == 20 {
            live = heap::live();
        }
    }
    assert_eq!(heap::live(), live);
}
