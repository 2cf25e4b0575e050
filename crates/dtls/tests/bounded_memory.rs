//! Hazard: whoever sends a device fragments of handshake messages that never
//! become whole fills its memory. An allocator that counts watches.
#![cfg(feature = "full")]

use iot_coap_dtls::{DEFAULT_LONGEST_MESSAGE, Datagram};
use iot_coap_test_heap::{allocations, peak_of};
use iot_coap_test_support::scripted::messages::{APPLICATION_DATA, HANDSHAKE, fragment, record};
use iot_coap_test_support::scripted::{Numbers, Pair, Suite, TestClient, psk_config};

/// Beside the messages themselves: what is known of eight of them and of the
/// gaps in each.
const BESIDE: usize = 4096;

fn read(client: &mut TestClient, datagram: &mut [u8]) {
    let mut datagram = Datagram::new(datagram);
    assert_eq!(client.read(&mut datagram, 0), Ok(None));
}

#[test]
fn fragments_without_end() {
    for limit in [DEFAULT_LONGEST_MESSAGE, 2000] {
        let config = psk_config().longest_message(limit);
        let mut pair = Pair::start(config, Suite::PskGcm);
        let mut numbers = Numbers::new(8);
        let mut datagrams: Vec<_> = (0..20_000)
            .map(|_| {
                let number = (numbers.next() % 12) as u16;
                // The next message may be no longer than may be held, or it
                // ends the handshake.
                let longest = if number == 0 { limit } else { 0xff_ffff };
                let len = match numbers.next() % 4 {
                    0 => (numbers.next() as usize % longest).max(300),
                    1 => 0,
                    _ => limit / 3,
                };
                let offset = numbers.next() as usize % len.max(1);
                let bytes = vec![0xee; (len - offset).min(numbers.next() as usize % 90)];
                // No kind there is, so that a whole one would show.
                record(HANDSHAKE, 0, 7, &fragment(99, number, len.max(1), offset, &bytes))
            })
            .collect();
        // They stay where they are: what is freed would make room.
        let (peak, ()) = peak_of(|| {
            for datagram in &mut datagrams {
                read(&mut pair.client, datagram);
            }
        });
        eprintln!("{peak} bytes with messages of up to {limit}");
        assert!(peak > limit / 3, "nothing was held");
        assert!(peak <= limit + BESIDE, "{peak} bytes with messages of up to {limit}");
    }
}

/// As the crate promises: a session that is made allocates nothing any more,
/// whatever it is sent.
#[test]
fn a_connected_client_allocates_nothing() {
    for suite in [Suite::PskGcm, Suite::PskCcm8, Suite::PskCbcSha] {
        let mut pair = Pair::connected(suite);
        let mut datagrams: Vec<Vec<u8>> =
            (0..50).map(|_| pair.server.protected(APPLICATION_DATA, &[7; 300])).collect();
        let request = pair.server.protected(HANDSHAKE, &[0; 12]);
        datagrams.push(request);
        for len in 0..200 {
            datagrams.push(record(APPLICATION_DATA, 1, 9, &vec![1; len]));
            datagrams.push(record(HANDSHAKE, 0, 9, &vec![1; len]));
        }
        let mut buffer = [0; 1500];
        let before = allocations();
        let mut read = 0;
        for bytes in &mut datagrams {
            let mut datagram = Datagram::new(bytes);
            while pair.client.read(&mut datagram, 0).unwrap().is_some() {
                read += 1;
            }
            while pair.client.transmit(&mut buffer).is_some() {}
            pair.client.send(&[7; 300], &mut buffer).unwrap();
        }
        assert_eq!(read, 50);
        assert_eq!(allocations() - before, 0, "{suite:?}");
    }
}
