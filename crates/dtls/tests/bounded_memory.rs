//! Hazard: an attacker fills the memory of a device with fragments of handshake messages
//! that are never completed. A counting allocator measures the heap.
#![cfg(feature = "full")]

use iot_coap_dtls::{DEFAULT_MAX_MESSAGE_LEN, Datagram};
use iot_coap_test_heap::{allocations, peak_of};
use iot_coap_test_support::scripted::messages::{APPLICATION_DATA, HANDSHAKE, fragment, record};
use iot_coap_test_support::scripted::{Numbers, Pair, Suite, TestClient, at, psk_config};

/// The bound for the bookkeeping of eight messages and their ranges, in bytes.
const BOOKKEEPING: usize = 4096;

fn read(client: &mut TestClient, datagram: &mut [u8]) {
    let mut datagram = Datagram::new(datagram);
    assert_eq!(client.handle_datagram(at(0), &mut datagram), Ok(None));
}

#[test]
fn fragments_without_end() {
    for limit in [DEFAULT_MAX_MESSAGE_LEN, 2000] {
        let config = psk_config().max_message_len(limit);
        let mut pair = Pair::start(config, Suite::PskGcm);
        let mut numbers = Numbers::new(8);
        let mut datagrams: Vec<_> = (0..20_000)
            .map(|_| {
                let number = (numbers.next() % 12) as u16;
                // If the next message exceeds the limit, the handshake ends.
                let max_len = if number == 0 { limit } else { 0xff_ffff };
                let len = match numbers.next() % 4 {
                    0 => (numbers.next() as usize % max_len).max(300),
                    1 => 0,
                    _ => limit / 3,
                };
                let offset = numbers.next() as usize % len.max(1);
                let bytes = vec![0xee; (len - offset).min(numbers.next() as usize % 90)];
                // An unknown type, so that a complete message would be noticed.
                record(HANDSHAKE, 0, 7, &fragment(99, number, len.max(1), offset, &bytes))
            })
            .collect();
        // The datagrams are not freed in between, which would lower the peak.
        let (peak, ()) = peak_of(|| {
            for datagram in &mut datagrams {
                read(&mut pair.client, datagram);
            }
        });
        eprintln!("{peak} bytes with messages of up to {limit}");
        assert!(peak > limit / 3, "nothing was kept");
        assert!(peak <= limit + BOOKKEEPING, "{peak} bytes with messages of up to {limit}");
    }
}

/// A connected session allocates nothing, whatever it receives.
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
            while pair.client.handle_datagram(at(0), &mut datagram).unwrap().is_some() {
                read += 1;
            }
            while pair.client.poll_transmit(&mut buffer).is_some() {}
            pair.client.send(&[7; 300], &mut buffer).unwrap();
        }
        assert_eq!(read, 50);
        assert_eq!(allocations() - before, 0, "{suite:?}");
    }
}
