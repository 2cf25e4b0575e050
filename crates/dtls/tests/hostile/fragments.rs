//! Fragments that are huge, overlap, contradict each other or never end.

use iot_coap_dtls::{Client, Error, State, Violation};

use iot_coap_test_support::scripted::messages::{HANDSHAKE, SERVER_HELLO, fragment};
use iot_coap_test_support::scripted::{
    Hello, Numbers, Pair, Suite, ends_in_time, feed, feed_at, psk_config, sent,
};

const SUITE: Suite = Suite::PskGcm;

/// As one record each.
fn pieces(
    pair: &mut Pair,
    kind: u8,
    number: u16,
    body: &[u8],
    cuts: &[(usize, usize)],
) -> Vec<Vec<u8>> {
    cuts.iter()
        .map(|&(start, end)| {
            let piece = fragment(kind, number, body.len(), start, &body[start..end]);
            pair.server.plain(HANDSHAKE, &piece)
        })
        .collect()
}

#[test]
fn a_message_longer_than_may_be_held() {
    for len in [0xff_ffff, 8193] {
        let mut pair = Pair::start(psk_config(), SUITE);
        let record = pair.server.fragment(SERVER_HELLO, len, 0, &[0; 20]);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
        assert_eq!(pair.client.dropped().malformed, 1);
        let error = Error::Protocol(Violation::TooLong);
        assert_eq!(ends_in_time(&mut pair.client), Err(error));
        // Anybody may have sent it.
        let mut pair = Pair::start(psk_config(), SUITE);
        let record = pair.server.fragment(SERVER_HELLO, len, 0, &[0; 20]);
        feed(&mut pair.client, &record).unwrap();
        let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
        feed(&mut pair.client, &flight).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
    }
    // Later ones are not believed yet, so they end nothing.
    let mut pair = Pair::start(psk_config(), SUITE);
    pair.server.message_seq = 3;
    let record = pair.server.fragment(SERVER_HELLO, 0xff_ffff, 0, &[0; 20]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    assert_eq!(pair.client.state(), State::Handshaking);
}

#[test]
fn a_fragment_that_reaches_beyond_its_message() {
    let mut pair = Pair::start(psk_config(), SUITE);
    for (len, offset, bytes) in [(10, 5, 6), (10, 0xff_ffff, 1), (0, 0, 1), (10, 11, 0)] {
        let record = pair.server.fragment(SERVER_HELLO, len, offset, &vec![0; bytes]);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    assert_eq!(pair.client.dropped().malformed, 4);
    // Headers that are cut, and one that says more than there is.
    for content in [&[2][..], &[2; 11], &fragment(SERVER_HELLO, 0, 99, 0, &[0; 99])[..50]] {
        let record = pair.server.plain(HANDSHAKE, content);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    assert_eq!(pair.client.dropped().malformed, 7);
    let hello = pair.server.say_hello(&Hello::new(SUITE));
    feed(&mut pair.client, &hello).unwrap();
    assert_eq!(pair.client.state(), State::Handshaking);
}

/// Cut anywhere, in any order, twice and overlapping: the same message.
#[test]
fn a_hello_in_random_pieces() {
    let mut numbers = Numbers::new(3);
    for _ in 0..300 {
        let mut pair = Pair::start(psk_config(), SUITE);
        let body = Hello::new(SUITE).body(&pair.server.random);
        let mut below = |bound: usize| (numbers.next() % bound as u64) as usize;
        let mut cuts = Vec::new();
        let mut start = 0;
        while start < body.len() {
            let end = (start + 1 + below(12)).min(body.len());
            cuts.push((start.saturating_sub(below(9)), (end + below(9)).min(body.len())));
            start = end;
        }
        for index in 0..cuts.len() {
            let other = below(cuts.len());
            cuts.swap(index, other);
            if below(4) == 0 {
                cuts.push(cuts[index]);
            }
        }
        let records = pieces(&mut pair, SERVER_HELLO, 0, &body, &cuts);
        pair.server.say_hello(&Hello::new(SUITE));
        // Sixteen gaps are kept, so that some come in vain the first time.
        for _ in 0..2 {
            for record in &records {
                feed(&mut pair.client, record).unwrap();
            }
        }
        let done = pair.server.say_done();
        feed(&mut pair.client, &done).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
    }
}

/// Overlapping pieces say different things: whatever comes of it, the two
/// sides do not agree, and that shows.
#[test]
fn pieces_that_contradict_each_other() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let body = Hello::new(SUITE).body(&pair.server.random);
    let mut other = body.clone();
    other[10] ^= 1;
    let first = pieces(&mut pair, SERVER_HELLO, 0, &other, &[(0, 20)]);
    let rest = pieces(&mut pair, SERVER_HELLO, 0, &body, &[(15, body.len())]);
    pair.server.say_hello(&Hello::new(SUITE));
    let flight = [first.concat(), rest.concat(), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    let datagrams = sent(&mut pair.client);
    let mut server = pair.server.clone();
    let read = std::panic::catch_unwind(move || server.read_flight(&datagrams));
    assert!(read.is_err(), "the server believed the client's Finished");
}

/// Of another length or kind than the true one says: in front of it, behind the
/// first half of it, and once more when the server repeats itself.
#[test]
fn pieces_of_another_message_do_not_keep_the_true_one_out() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let body = Hello::new(SUITE).body(&pair.server.random);
    let longer = [&body[..], &[0]].concat();
    let forged = [
        pieces(&mut pair, SERVER_HELLO, 0, &longer, &[(20, longer.len())]),
        pieces(&mut pair, 14, 0, &body, &[(20, body.len())]),
    ];
    for forged in forged {
        let half = pieces(&mut pair, SERVER_HELLO, 0, &body, &[(0, 20)]);
        for pieces in [&forged, &half, &forged] {
            assert_eq!(feed(&mut pair.client, &pieces.concat()), Ok(vec![]));
        }
    }
    let whole = pieces(&mut pair, SERVER_HELLO, 0, &body, &[(0, 20), (20, body.len())]);
    pair.server.say_hello(&Hello::new(SUITE));
    let flight = [whole.concat(), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    pair.assert_alive();
}

/// Pieces without content take no place that others need.
#[test]
fn empty_pieces_do_not_keep_a_message_out() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let body = Hello::new(SUITE).body(&pair.server.random);
    let empty: Vec<_> = (1..body.len()).step_by(2).map(|at| (at, at)).collect();
    for record in pieces(&mut pair, SERVER_HELLO, 0, &body, &empty) {
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
}

/// How often a server is answered that repeats itself a thousand times in this
/// time, from `start` on.
fn answers(first_timeout: u32, start: u64, time: u64) -> usize {
    let config = psk_config().timeouts(first_timeout, 60_000);
    let mut pair = Pair::start(config, SUITE);
    let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
    let mut answers = 0;
    for repeat in 0..1000 {
        let now = start + repeat * time / 1000;
        feed_at(&mut pair.client, &flight, now).unwrap();
        answers += sent(&mut pair.client).len();
    }
    answers
}

/// A server that repeats itself a thousand times at once is answered once, and
/// four times for each timeout later on.
#[test]
fn repeating_does_not_multiply() {
    // Half a second: the answer itself, and one after each quarter.
    assert_eq!(answers(1000, 0, 500), 2);
    // However short the timeout.
    for first_timeout in 0..4 {
        assert_eq!(answers(first_timeout, 0, 1), 1);
        assert_eq!(answers(first_timeout, 0, 5), 5);
    }
    // A clock may start anywhere.
    assert_eq!(answers(1000, u64::MAX - 900, 900), 4);
}

/// Where a clock ends there is no later time; nothing overflows on the way.
#[test]
fn a_clock_near_its_end() {
    let mut pair = Pair::start(psk_config(), SUITE);
    for now in [u64::MAX - 900, u64::MAX - 100, u64::MAX] {
        pair.client.tick(now).unwrap();
        assert!(pair.client.deadline().unwrap() >= now);
    }
    let mut client = Client::new(psk_config(), Numbers::new(1), u64::MAX - 1).unwrap();
    assert_eq!(client.deadline(), Some(u64::MAX));
    client.tick(u64::MAX).unwrap();
}
