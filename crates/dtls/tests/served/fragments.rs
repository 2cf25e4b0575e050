//! Hazard: the client's messages in fragments that are huge, overlap, contradict each other, are
//! cut, or never make a message.

use iot_coap_dtls::server::DEFAULT_MAX_MESSAGE_LEN;
use iot_coap_dtls::{Error, State, Violation};
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::messages::{
    ALERT, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED, HANDSHAKE, fragment, message, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;

use super::pair::Pair;

const KEY_EXCHANGE_SEQ: u16 = 2;
const FINISHED_SEQ: u16 = 3;
/// The longest length that a message can say it has.
const LONGEST: usize = (1 << 24) - 1;

/// A range of the body of a message, in a record of its own.
fn part(kind: u8, number: u16, body: &[u8], (start, end): (usize, usize)) -> Vec<u8> {
    let content = fragment(kind, number, body.len(), start, &body[start..end]);
    record(HANDSHAKE, 0, 50, &content)
}

/// The body of a message that stands whole in a record without protection.
fn body(record: &[u8]) -> Vec<u8> {
    record[13 + 12..].to_vec()
}

#[test]
fn a_message_longer_than_may_be_held() {
    let limit = DEFAULT_MAX_MESSAGE_LEN;
    for len in [LONGEST, LONGEST - 1, 0x1_0000, limit + 1] {
        let long = |number| {
            let content = fragment(CLIENT_KEY_EXCHANGE, number, len, 0, &[0; 20]);
            record(HANDSHAKE, 0, 50, &content)
        };
        let mut pair = Pair::begun(ScriptedClient::default());
        assert!(pair.feed(&long(KEY_EXCHANGE_SEQ)).is_empty());
        assert_eq!(pair.dropped().malformed, 1);
        let error = Error::Protocol(Violation::TooLong { len, limit });
        assert_eq!(pair.ends_in_time(), Err(error));
        // It may be forged, so it has no effect if the client goes on. Nor have later ones.
        let mut pair = Pair::begun(ScriptedClient::default());
        for number in KEY_EXCHANGE_SEQ..KEY_EXCHANGE_SEQ + 20 {
            assert!(pair.feed(&long(number)).is_empty());
        }
        pair.finish();
        // With keys it is the client's.
        let mut pair = Pair::begun(ScriptedClient::default());
        let exchange = pair.client.key_exchange();
        pair.feed(&exchange);
        let long = fragment(FINISHED, FINISHED_SEQ, len, 0, &[0; 12]);
        let long = pair.client.protected(HANDSHAKE, &long);
        pair.feed(&long);
        assert_eq!(pair.state(), Some(State::Ended(error)));
    }
}

/// The ClientHello itself says that it is so long. Its first fragment has the cookie.
#[test]
fn a_hello_longer_than_may_be_held() {
    for len in [LONGEST, DEFAULT_MAX_MESSAGE_LEN + 1] {
        let mut pair = Pair::with_cookie(ScriptedClient::default());
        let hello = pair.client.hello_body();
        let long = fragment(CLIENT_HELLO, 1, len, 0, &hello);
        assert!(pair.feed(&record(HANDSHAKE, 0, 1, &long)).is_empty());
        assert_eq!(pair.state(), Some(State::Handshaking));
        assert_eq!(pair.dropped().malformed, 1);
        let mut pair = pair.begin();
        assert_eq!(pair.server.accepted, 1);
        pair.finish();
    }
}

#[test]
fn a_fragment_that_extends_beyond_its_message() {
    let mut pair = Pair::begun(ScriptedClient::default());
    let mut count = 0;
    let mut refuses = |pair: &mut Pair, content: &[u8]| {
        count += 1;
        assert!(pair.feed(&record(HANDSHAKE, 0, 50, content)).is_empty());
        assert_eq!(pair.dropped().malformed, count);
    };
    for (len, offset, bytes) in
        [(10, 5, 6), (10, LONGEST, 1), (LONGEST, LONGEST, 1), (0, 0, 1), (10, 11, 0)]
    {
        let beyond = fragment(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, len, offset, &vec![0; bytes]);
        refuses(&mut pair, &beyond);
    }
    // Headers that are cut, and a fragment that is.
    let whole = message(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &[0; 30]);
    for len in 1..whole.len() {
        refuses(&mut pair, &whole[..len]);
    }
    pair.finish();
}

/// Ranges that cover a body of this length, in any order, repeated and overlapping.
fn ranges(numbers: &mut Numbers, len: usize) -> Vec<(usize, usize)> {
    let mut below = |bound: usize| (numbers.next() % bound as u64) as usize;
    let mut ranges = Vec::new();
    let mut start = 0;
    while start < len {
        let end = (start + 1 + below(12)).min(len);
        ranges.push((start.saturating_sub(below(9)), (end + below(9)).min(len)));
        start = end;
    }
    for index in 0..ranges.len() {
        let other = below(ranges.len());
        ranges.swap(index, other);
        if below(4) == 0 {
            ranges.push(ranges[index]);
        }
    }
    ranges
}

/// Fragments of any length, in any order, repeated and overlapping, make each message of the
/// client. The first one of the ClientHello has the cookie.
#[test]
fn messages_in_random_fragments() {
    let mut numbers = Numbers::new(3);
    for _ in 0..300 {
        let mut pair = Pair::with_cookie(ScriptedClient::default());
        let hello = body(&pair.client.hello());
        let mut flight = pair.feed(&part(CLIENT_HELLO, 1, &hello, (0, 60)));
        // Only sixteen ranges are kept, so some fragments are dropped the first time.
        let cuts = ranges(&mut numbers, hello.len());
        for cut in [&cuts[..], &cuts].concat() {
            flight.extend(pair.feed(&part(CLIENT_HELLO, 1, &hello, cut)));
        }
        assert_eq!((flight.len(), pair.server.accepted), (1, 1));
        pair.client.read_flight(&flight);
        let exchange = body(&pair.client.key_exchange());
        let cuts = ranges(&mut numbers, exchange.len());
        for cut in [&cuts[..], &cuts].concat() {
            let exchange = part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &exchange, cut);
            assert!(pair.feed(&exchange).is_empty());
        }
        let finished = pair.client.verify_data();
        for (start, end) in ranges(&mut numbers, finished.len()) {
            let bytes = &finished[start..end];
            let part = fragment(FINISHED, FINISHED_SEQ, finished.len(), start, bytes);
            let record = pair.client.protected(HANDSHAKE, &part);
            pair.feed(&record);
        }
        pair.assert_alive();
    }
}

/// If overlapping fragments differ, the two sides have other keys, and the Finished cannot be
/// read.
#[test]
fn fragments_that_contradict_each_other() {
    let mut pair = Pair::begun(ScriptedClient::default());
    let genuine = body(&pair.client.key_exchange());
    let mut other = genuine.clone();
    other[4] ^= 1;
    pair.feed(&part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &other, (0, 6)));
    pair.feed(&part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &genuine, (5, genuine.len())));
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    assert!(pair.feed(&finished).is_empty());
    assert_eq!(pair.dropped().forged, 1);
    assert_eq!(pair.state(), Some(State::Handshaking));
    // The genuine message comes again, as the client repeats its flight: one of both was forged.
    pair.feed(&part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &genuine, (0, genuine.len())));
    assert_eq!(pair.ends_in_time(), Err(Violation::Contradiction.into()));
    // As long as the message is not whole, the genuine one comes through.
    let mut pair = Pair::begun(ScriptedClient::default());
    let exchange = pair.client.key_exchange();
    pair.feed(&part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &other, (0, 6)));
    pair.finish_after(exchange);
}

/// Forged fragments with another length or type come before the genuine message and after its
/// first half, and the client repeats its flight.
#[test]
fn forged_fragments_do_not_block_the_genuine_message() {
    let mut pair = Pair::begun(ScriptedClient::default());
    let whole = pair.client.key_exchange();
    let genuine = body(&whole);
    let longer = [&genuine[..], &[0]].concat();
    let forged = [
        part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &longer, (7, longer.len())),
        part(FINISHED, KEY_EXCHANGE_SEQ, &genuine, (7, genuine.len())),
        part(99, KEY_EXCHANGE_SEQ, &genuine, (0, genuine.len())),
    ];
    for forged in forged {
        let half = part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &genuine, (0, 7));
        for record in [&forged, &half, &forged] {
            assert!(pair.feed(record).is_empty());
        }
    }
    pair.finish_after(whole);
}

/// Empty fragments do not use up the ranges.
#[test]
fn empty_fragments_do_not_block_a_message() {
    let mut pair = Pair::begun(ScriptedClient::default());
    let exchange = vec![7; 100];
    for at in (1..exchange.len()).step_by(2) {
        let empty = part(CLIENT_KEY_EXCHANGE, KEY_EXCHANGE_SEQ, &exchange, (at, at));
        assert!(pair.feed(&empty).is_empty());
    }
    pair.finish();
}

/// The first half of a Finished is protected, the second is not.
#[test]
fn a_finished_of_both_epochs() {
    let mut pair = Pair::begun(ScriptedClient::default());
    let exchange = pair.client.key_exchange();
    pair.feed(&exchange);
    let data = pair.client.verify_data();
    let half = |start: usize| fragment(FINISHED, FINISHED_SEQ, 12, start, &data[start..start + 6]);
    let first = pair.client.protected(HANDSHAKE, &half(0));
    let plain = pair.client.plain(HANDSHAKE, &half(6));
    assert!(pair.feed(&[first, plain].concat()).is_empty());
    assert_eq!(pair.state(), Some(State::Handshaking));
    assert_eq!(pair.dropped().malformed, 1);
    let rest = pair.client.protected(HANDSHAKE, &half(6));
    pair.feed(&rest);
    pair.assert_alive();
}

/// Cut in its body, with a length that fits: the message ends too early, or goes on too long.
#[test]
fn messages_that_are_cut() {
    let pair = Pair::with_cookie(ScriptedClient::default());
    let hello = pair.client.hello_body();
    // Before there is a cookie in it, it is none of a connection.
    for len in 2 + 32 + 1 + 1 + 16..hello.len() {
        let mut pair = Pair::with_cookie(ScriptedClient::default());
        let cut = pair.client.say(CLIENT_HELLO, &hello[..len]);
        let answer = pair.feed(&cut);
        // A ClientHello may end before its extensions (RFC 5246, section 7.4.1.2).
        if len == 2 + 32 + 1 + 1 + 16 + 4 + 2 {
            assert_eq!(pair.state(), Some(State::Handshaking));
            continue;
        }
        assert_eq!(answer, [record(ALERT, 0, 1, &[2, 50])], "{len}");
    }
    let mut pair = Pair::begun(ScriptedClient::default());
    let exchange = body(&pair.client.key_exchange());
    let longer = [&exchange[..], &[0]].concat();
    for cut in (0..exchange.len()).map(|len| &exchange[..len]).chain([&longer[..]]) {
        let mut pair = Pair::begun(ScriptedClient::default());
        let cut = pair.client.say(CLIENT_KEY_EXCHANGE, cut);
        let answer = pair.feed(&cut);
        assert_eq!(answer, [record(ALERT, 0, 3, &[2, 50])]);
        let malformed = Violation::Malformed("ClientKeyExchange");
        assert_eq!(pair.state(), Some(State::Ended(malformed.into())));
    }
}
