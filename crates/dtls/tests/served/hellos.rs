//! Hazard: a ClientHello that makes no sense, or is put together from parts that are forged, too
//! long or overlap; and a cookie in the wrong hands.

use iot_coap_dtls::{Error, State, Violation};
use iot_coap_test_heap::peak_of;
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::messages::{
    ALERT, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, CONNECTION_ID, ENCRYPT_THEN_MAC,
    EXTENDED_MASTER_SECRET, HANDSHAKE, MAX_FRAGMENT_LENGTH, RENEGOTIATION_INFO, SERVER_HELLO,
    fragment, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;

use super::pair::{Pair, at};

/// Each of these is an error of the client's, which it is told.
#[test]
fn a_hello_that_makes_no_sense_is_refused() {
    let extensions: [(u16, &[u8], u8); 12] = [
        (RENEGOTIATION_INFO, &[1, 0], 40),
        (RENEGOTIATION_INFO, &[], 40),
        (EXTENDED_MASTER_SECRET, &[0], 50),
        (ENCRYPT_THEN_MAC, &[0], 50),
        (MAX_FRAGMENT_LENGTH, &[], 50),
        (MAX_FRAGMENT_LENGTH, &[0], 47),
        (MAX_FRAGMENT_LENGTH, &[5], 47),
        (MAX_FRAGMENT_LENGTH, &[1, 1], 50),
        (CONNECTION_ID, &[], 50),
        (CONNECTION_ID, &[4, 1, 2], 50),
        (CONNECTION_ID, &[1, 1, 2], 50),
        (CONNECTION_ID, &[0, 0], 50),
    ];
    for (number, content, alert) in extensions {
        let extensions = vec![(number, content.to_vec())];
        let client = ScriptedClient { extensions, ..ScriptedClient::default() };
        let mut pair = Pair::with_cookie(client);
        let hello = pair.client.hello();
        let answer = pair.feed(&hello);
        assert_eq!(answer, [record(ALERT, 0, 1, &[2, alert])], "{number} {content:?}");
        assert!(matches!(pair.state(), Some(State::Ended(Error::Protocol(_)))));
    }
    let twice = vec![(EXTENDED_MASTER_SECRET, vec![]); 2];
    let cases = [
        (ScriptedClient { extensions: twice, ..ScriptedClient::default() }, 50),
        (ScriptedClient { suites: vec![], ..ScriptedClient::default() }, 50),
        (ScriptedClient { suites: vec![0x002f, 0x1301], ..ScriptedClient::default() }, 40),
    ];
    for (client, alert) in cases {
        let mut pair = Pair::with_cookie(client);
        let hello = pair.client.hello();
        assert_eq!(pair.feed(&hello), [record(ALERT, 0, 1, &[2, alert])]);
    }
    // The same with bodies that a client cannot have meant.
    let edits: [(usize, &[u8], u8); 4] = [
        (1, &[0xff], 70),
        (0, &[3, 3], 70),
        // Compression by DEFLATE alone.
        (2 + 32 + 1 + 1 + 16 + 2 + 2, &[1, 1], 50),
        // The length of all extensions.
        (2 + 32 + 1 + 1 + 16 + 2 + 2 + 2, &[0, 1], 50),
    ];
    for (index, bytes, alert) in edits {
        let mut pair = Pair::with_cookie(ScriptedClient::default());
        let mut body = pair.client.hello_body();
        body[index..index + bytes.len()].copy_from_slice(bytes);
        let hello = pair.client.say(CLIENT_HELLO, &body);
        assert_eq!(pair.feed(&hello), [record(ALERT, 0, 1, &[2, alert])], "{index}");
    }
}

/// An extension that nobody knows is ignored, and an id that is too long is not used.
#[test]
fn what_is_not_known_is_ignored() {
    let mut client = ScriptedClient::default();
    client.extensions.push((0x1a1a, vec![1; 300]));
    client.extensions.push((CONNECTION_ID, [&[33][..], &[7; 33]].concat()));
    let pair = Pair::begun(client);
    assert_eq!(pair.state(), Some(State::Handshaking));
    assert!(!pair.client.transcript.windows(2).skip(400).any(|two| two == [0, 54]));
}

/// RFC 5246, section E.1: a client of a later version knows this one as well. Later ones have
/// smaller numbers.
#[test]
fn a_later_version_is_answered_by_this_one() {
    let mut pair = Pair::with_cookie(ScriptedClient::default());
    let mut body = pair.client.hello_body();
    body[1] = 0xfc;
    let hello = pair.client.say(CLIENT_HELLO, &body);
    let answer = pair.feed(&hello);
    assert_eq!((answer[0][13], &answer[0][25..27]), (SERVER_HELLO, &[0xfe, 0xfd][..]));
}

/// The hello that counts is the one whose cookie was checked, however it is put together.
#[test]
fn fragments_of_another_hello_do_not_count() {
    let parts = |client: &ScriptedClient, cut: usize| {
        let body = client.hello_body();
        let part = |start: usize, end: usize| {
            let part = fragment(CLIENT_HELLO, 1, body.len(), start, &body[start..end]);
            record(HANDSHAKE, 0, 1, &part)
        };
        [part(0, cut), part(cut, body.len())]
    };
    // In order, with overlaps and repeated.
    let mut pair = Pair::with_cookie(ScriptedClient::default());
    let (one, other) = (parts(&pair.client, 60), parts(&pair.client, 55));
    assert!(pair.feed(&one[0]).is_empty());
    assert!(pair.feed(&other[0]).is_empty());
    assert_eq!(pair.feed(&other[1]).len(), 1);
    assert_eq!(pair.server.accepted, 1);
    // The second part, then the first with other random bytes in an overlap.
    let mut pair = Pair::with_cookie(ScriptedClient::default());
    let genuine = parts(&pair.client, 60);
    assert!(pair.feed(&genuine[0]).is_empty());
    let forger = ScriptedClient { random: [0x66; 32], ..pair.client.clone() };
    let forged = parts(&forger, 30);
    assert!(pair.feed(&forged[0]).len() <= 1);
    let answer = pair.feed(&genuine[1]);
    assert_eq!(answer, [record(ALERT, 0, 1, &[2, 10])]);
    assert_eq!(pair.state(), Some(State::Ended(Violation::Contradiction.into())));
}

/// With a valid cookie a client can make the server hold as much as it may, and no more.
#[test]
fn memory_for_fragments_is_bounded() {
    const LIMIT: usize = 4096;
    /// For eight messages and their ranges.
    const BOOKKEEPING: usize = 4096;
    let mut pair = Pair::with_cookie(ScriptedClient::default());
    let body = pair.client.hello_body();
    let first = fragment(CLIENT_HELLO, 1, 1000, 0, &body);
    pair.feed(&record(HANDSHAKE, 0, 1, &first));
    assert_eq!(pair.state(), Some(State::Handshaking));
    let mut numbers = Numbers::new(5);
    let datagrams: Vec<_> = (0..5000)
        .map(|_| {
            let number = 1 + (numbers.next() % 12) as u16;
            let len = [LIMIT, 60_000, 300, LIMIT / 2][numbers.next() as usize % 4];
            let offset = numbers.next() as usize % (len - 100);
            let kind = [CLIENT_HELLO, CLIENT_KEY_EXCHANGE][numbers.next() as usize % 2];
            let part = fragment(kind, number, len, offset, &[0xee; 50]);
            record(HANDSHAKE, 0, numbers.next() % 1000, &part)
        })
        .collect();
    let connection = &mut pair.server.only().connection;
    let mut buffer = [0; 256];
    let (peak, ()) = peak_of(|| {
        for datagram in &datagrams {
            buffer[..datagram.len()].copy_from_slice(datagram);
            let bytes = &mut buffer[..datagram.len()];
            let mut datagram = iot_coap_dtls::Datagram::new(bytes);
            let _ = connection.handle_datagram(at(0), &mut datagram);
        }
    });
    eprintln!("{peak} bytes");
    assert!(peak > LIMIT / 2, "nothing was kept");
    assert!(peak <= LIMIT + BOOKKEEPING, "{peak} bytes");
}

/// Who has a cookie can have the flight sent a few times, and not for ever.
#[test]
fn a_repeated_hello_is_answered_a_few_times() {
    let mut pair = Pair::with_cookie(ScriptedClient::default());
    let hello = pair.client.hello();
    let (mut sent, mut answers) = (0, 0);
    for millis in (0..60_000).step_by(10) {
        pair.now = millis;
        sent += hello.len();
        answers += pair.feed(&hello).len();
        if pair.server.next_timeout().is_some_and(|deadline| deadline <= at(millis)) {
            answers += pair.server.handle_timeout(at(millis)).len();
        }
    }
    assert_eq!((pair.server.accepted, answers), (1, 7));
    assert!(sent > 100_000);
}
