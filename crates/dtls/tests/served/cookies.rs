//! Hazard: whoever sends from forged addresses fills the server's memory, keeps it busy, or has
//! it send to others.

use iot_coap_dtls::server::{COOKIE_SECRET_LEN, Cookies, Greeting, HELLO_VERIFY_REQUEST_LEN};
use iot_coap_test_heap::allocations;
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::messages::{
    CLIENT_HELLO, HANDSHAKE, HELLO_VERIFY_REQUEST, fragment, message, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;

const PEER: &[u8] = b"192.0.2.7:5683";

fn secret(number: u8) -> [u8; COOKIE_SECRET_LEN] {
    [number; COOKIE_SECRET_LEN]
}

/// What the server says to the client's ClientHello, which must not be more than it may.
fn examine(cookies: &Cookies, peer: &[u8], mut datagram: Vec<u8>) -> Greeting {
    let before = allocations();
    let greeting = cookies.examine(peer, &mut datagram);
    assert_eq!(allocations(), before, "nothing is kept");
    if let Greeting::Unverified(answer) = &greeting {
        assert!(answer.len() <= 3 * datagram.len());
    }
    greeting
}

fn is_verified(cookies: &Cookies, peer: &[u8], client: &mut ScriptedClient) -> bool {
    match examine(cookies, peer, client.hello()) {
        Greeting::None => panic!("it is a ClientHello"),
        Greeting::Unverified(_) => false,
        Greeting::Verified(_) => true,
    }
}

/// A client that has asked for its cookie.
fn with_cookie(cookies: &Cookies) -> ScriptedClient {
    let mut client = ScriptedClient::default();
    let Greeting::Unverified(answer) = examine(cookies, PEER, client.hello()) else {
        panic!("there is no cookie yet");
    };
    client.read_cookie(&answer);
    assert!(is_verified(cookies, PEER, &mut client));
    client
}

/// RFC 6347, section 4.2.1: the answer has the numbers of the record and of the message that it is
/// for, and the version of DTLS 1.0.
#[test]
fn a_request_for_a_cookie_has_the_numbers_of_the_hello() {
    let cookies = Cookies::new(secret(1));
    let client = ScriptedClient::default();
    for (sequence, message_seq) in [(0, 0), (1, 1), (700, 5), (u64::from(u32::MAX), 255)] {
        let hello = message(CLIENT_HELLO, message_seq, &client.hello_body());
        let hello = record(HANDSHAKE, 0, sequence, &hello);
        let Greeting::Unverified(answer) = examine(&cookies, PEER, hello) else {
            panic!("there is no cookie yet");
        };
        let cookie = &answer[answer.len() - 16..];
        let body = [&[0xfe, 0xff, 16][..], cookie].concat();
        let request = message(HELLO_VERIFY_REQUEST, message_seq, &body);
        assert_eq!(answer[..], record(HANDSHAKE, 0, sequence, &request));
    }
}

#[test]
fn a_cookie_is_valid_for_one_client_alone() {
    let cookies = Cookies::new(secret(1));
    let client = with_cookie(&cookies);
    for other in [&b"192.0.2.7:5684"[..], b"192.0.2.8:5683", b"192.0.2.7:568", b""] {
        assert!(!is_verified(&cookies, other, &mut client.clone()));
    }
    let others = [
        ScriptedClient { random: [0x18; 32], ..client.clone() },
        ScriptedClient { cookie: client.cookie[..15].to_vec(), ..client.clone() },
        ScriptedClient { cookie: [&client.cookie[..], &[0]].concat(), ..client.clone() },
        ScriptedClient { cookie: vec![0; 16], ..client.clone() },
        ScriptedClient { cookie: vec![0; 255], ..client.clone() },
    ];
    for mut other in others {
        assert!(!is_verified(&cookies, PEER, &mut other));
    }
    for bit in 0..8 * client.cookie.len() {
        let mut other = client.clone();
        other.cookie[bit / 8] ^= 1 << (bit % 8);
        assert!(!is_verified(&cookies, PEER, &mut other));
    }
    // Mbed TLS has another session id each time.
    let mut other = ScriptedClient { session_id: vec![1; 32], ..client.clone() };
    assert!(is_verified(&cookies, PEER, &mut other));
    // Another server that has the secret takes it.
    assert!(is_verified(&Cookies::new(secret(1)), PEER, &mut client.clone()));
    assert!(!is_verified(&Cookies::new(secret(2)), PEER, &mut client.clone()));
}

#[test]
fn a_cookie_ends_with_the_second_rotation() {
    let mut cookies = Cookies::new(secret(1));
    let mut client = with_cookie(&cookies);
    cookies.rotate(secret(2));
    assert!(is_verified(&cookies, PEER, &mut client));
    // A new client gets one of the new secret.
    let mut later = with_cookie(&cookies);
    assert_ne!(later.cookie, client.cookie);
    cookies.rotate(secret(3));
    assert!(!is_verified(&cookies, PEER, &mut client));
    assert!(is_verified(&cookies, PEER, &mut later));
    cookies.rotate(secret(1));
    assert!(!is_verified(&cookies, PEER, &mut later));
}

/// Ten thousand clients that are not there.
#[test]
fn a_flood_of_hellos_keeps_nothing() {
    let cookies = Cookies::new(secret(1));
    let mut client = ScriptedClient::default();
    for number in 0..10_000_u32 {
        client.random[..4].copy_from_slice(&number.to_be_bytes());
        client.message_seq = 0;
        let hello = client.hello();
        let peer = number.to_be_bytes();
        assert!(matches!(examine(&cookies, &peer, hello), Greeting::Unverified(_)));
    }
}

/// A forged, cut, huge or damaged datagram: it is no ClientHello, or one without a cookie.
#[test]
fn what_is_damaged_is_answered_by_less_than_three_times_as_much() {
    let cookies = Cookies::new(secret(1));
    let mut client = with_cookie(&cookies);
    let hello = client.hello();
    let mut shortest = usize::MAX;
    for len in 0..hello.len() {
        // Cut, with the lengths that it had, and with those that it has.
        assert!(matches!(examine(&cookies, PEER, hello[..len].to_vec()), Greeting::None));
        let Some(cut) = hello.get(25..len) else { continue };
        let mut other = client.clone();
        other.cookie.clear();
        for cut in [cut, &other.hello_body()[..cut.len().min(other.hello_body().len())]] {
            let datagrams = [
                record(HANDSHAKE, 0, 0, &message(CLIENT_HELLO, 0, cut)),
                record(HANDSHAKE, 0, 0, &fragment(CLIENT_HELLO, 0, 4000, 0, cut)),
            ];
            for datagram in datagrams {
                let len = datagram.len();
                if let Greeting::Unverified(answer) = examine(&cookies, PEER, datagram) {
                    shortest = shortest.min(len);
                    assert_eq!(answer.len(), HELLO_VERIFY_REQUEST_LEN);
                }
            }
        }
    }
    assert_eq!(shortest, 61);
    let mut numbers = Numbers::new(3);
    for _ in 0..20_000 {
        let mut datagram = hello.clone();
        for _ in 0..=numbers.next() % 4 {
            let index = numbers.next() as usize % datagram.len();
            datagram[index] = numbers.next() as u8;
        }
        // Whatever it says, what lies before the cookie decides.
        let is_same = datagram[27..59 + 2 + 16] == hello[27..59 + 2 + 16];
        if let Greeting::Verified(_) = examine(&cookies, PEER, datagram) {
            assert!(is_same);
        }
        let garbage = (0..numbers.next() % 300).map(|_| numbers.next() as u8).collect();
        assert!(matches!(examine(&cookies, PEER, garbage), Greeting::None));
    }
}

/// The cookie must be in the first fragment; later ones are nobody's.
#[test]
fn a_hello_in_fragments_is_answered_once() {
    let cookies = Cookies::new(secret(1));
    let client = with_cookie(&cookies);
    let body = client.hello_body();
    let part = |start: usize, end: usize| {
        record(HANDSHAKE, 0, 0, &fragment(CLIENT_HELLO, 1, body.len(), start, &body[start..end]))
    };
    assert!(matches!(examine(&cookies, PEER, part(0, 60)), Greeting::Verified(_)));
    assert!(matches!(examine(&cookies, PEER, part(0, 40)), Greeting::None));
    assert!(matches!(examine(&cookies, PEER, part(40, body.len())), Greeting::None));
}

/// Records of this side have numbers from the ClientHello's on, and messages too.
#[test]
fn a_hello_whose_numbers_leave_none_is_not_answered() {
    let cookies = Cookies::new(secret(1));
    let client = with_cookie(&cookies);
    let body = client.hello_body();
    for (sequence, message_seq) in [((1 << 48) - 1, 0), (1 << 40, 0), (0, u16::MAX), (0, 1000)] {
        let hello = message(CLIENT_HELLO, message_seq, &body);
        let greeting = examine(&cookies, PEER, record(HANDSHAKE, 0, sequence, &hello));
        assert!(matches!(greeting, Greeting::None));
    }
    // Nor is one with an epoch, or of another type.
    let hello = message(CLIENT_HELLO, 0, &body);
    for (content_type, epoch) in [(HANDSHAKE, 1), (HANDSHAKE, 0xffff), (23, 0), (25, 0), (99, 0)] {
        let greeting = examine(&cookies, PEER, record(content_type, epoch, 0, &hello));
        assert!(matches!(greeting, Greeting::None));
    }
}
