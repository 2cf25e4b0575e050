//! Fragments that are huge, overlap, contradict each other or never end.

use iot_coap_dtls::{Client, Duration, Error, Instant, State, Violation};

use iot_coap_test_support::scripted::messages::{HANDSHAKE, SERVER_HELLO, fragment};
use iot_coap_test_support::scripted::{
    Hello, Numbers, Pair, Server, Suite, ends_in_time, feed, feed_at, psk_config, sent,
};

const SUITE: Suite = Suite::PskGcm;

/// Makes a record for each fragment.
fn fragment_records(
    pair: &mut Pair,
    kind: u8,
    number: u16,
    body: &[u8],
    cuts: &[(usize, usize)],
) -> Vec<Vec<u8>> {
    cuts.iter()
        .map(|&(start, end)| {
            let content = fragment(kind, number, body.len(), start, &body[start..end]);
            pair.server.plain(HANDSHAKE, &content)
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
        let error = Error::Protocol(Violation::TooLong { len, limit: 8192 });
        assert_eq!(ends_in_time(&mut pair.client), Err(error));
        // It may be forged, so it has no effect if the server answers.
        let mut pair = Pair::start(psk_config(), SUITE);
        let record = pair.server.fragment(SERVER_HELLO, len, 0, &[0; 20]);
        feed(&mut pair.client, &record).unwrap();
        let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
        feed(&mut pair.client, &flight).unwrap();
        pair.server.read_flight(&sent(&mut pair.client));
        pair.finish();
    }
    // Messages after the next one have no effect either.
    let mut pair = Pair::start(psk_config(), SUITE);
    pair.server.message_seq = 3;
    let record = pair.server.fragment(SERVER_HELLO, 0xff_ffff, 0, &[0; 20]);
    assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    assert_eq!(pair.client.state(), State::Handshaking);
}

#[test]
fn a_fragment_that_extends_beyond_its_message() {
    let mut pair = Pair::start(psk_config(), SUITE);
    for (len, offset, bytes) in [(10, 5, 6), (10, 0xff_ffff, 1), (0, 0, 1), (10, 11, 0)] {
        let record = pair.server.fragment(SERVER_HELLO, len, offset, &vec![0; bytes]);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    assert_eq!(pair.client.dropped().malformed, 4);
    // Truncated headers, and a truncated fragment.
    for content in [&[2][..], &[2; 11], &fragment(SERVER_HELLO, 0, 99, 0, &[0; 99])[..50]] {
        let record = pair.server.plain(HANDSHAKE, content);
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    assert_eq!(pair.client.dropped().malformed, 7);
    let hello = pair.server.say_hello(&Hello::new(SUITE));
    feed(&mut pair.client, &hello).unwrap();
    assert_eq!(pair.client.state(), State::Handshaking);
}

/// Fragments of any length, in any order, repeated and overlapping, make the message.
#[test]
fn a_hello_in_random_fragments() {
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
        let records = fragment_records(&mut pair, SERVER_HELLO, 0, &body, &cuts);
        pair.server.say_hello(&Hello::new(SUITE));
        // Only sixteen ranges are kept, so some fragments are dropped the first time.
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

/// If overlapping fragments differ, the two sides have different transcripts, so the
/// Finished does not match.
#[test]
fn fragments_that_contradict_each_other() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let body = Hello::new(SUITE).body(&pair.server.random);
    let mut other = body.clone();
    other[10] ^= 1;
    let first = fragment_records(&mut pair, SERVER_HELLO, 0, &other, &[(0, 20)]);
    let rest = fragment_records(&mut pair, SERVER_HELLO, 0, &body, &[(15, body.len())]);
    pair.server.say_hello(&Hello::new(SUITE));
    let flight = [first.concat(), rest.concat(), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    let datagrams = sent(&mut pair.client);
    let mut server = pair.server.clone();
    let read = std::panic::catch_unwind(move || server.read_flight(&datagrams));
    assert!(read.is_err(), "the server accepted the client's Finished");
}

/// Forged fragments with another length or type come before the genuine message, after its
/// first half, and again when the server retransmits.
#[test]
fn forged_fragments_do_not_block_the_genuine_message() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let body = Hello::new(SUITE).body(&pair.server.random);
    let longer = [&body[..], &[0]].concat();
    let forged = [
        fragment_records(&mut pair, SERVER_HELLO, 0, &longer, &[(20, longer.len())]),
        fragment_records(&mut pair, 14, 0, &body, &[(20, body.len())]),
    ];
    for forged in forged {
        let half = fragment_records(&mut pair, SERVER_HELLO, 0, &body, &[(0, 20)]);
        for records in [&forged, &half, &forged] {
            assert_eq!(feed(&mut pair.client, &records.concat()), Ok(vec![]));
        }
    }
    let whole = fragment_records(&mut pair, SERVER_HELLO, 0, &body, &[(0, 20), (20, body.len())]);
    pair.server.say_hello(&Hello::new(SUITE));
    let flight = [whole.concat(), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
    pair.assert_alive();
}

/// Empty fragments do not use up the ranges.
#[test]
fn empty_fragments_do_not_block_a_message() {
    let mut pair = Pair::start(psk_config(), SUITE);
    let body = Hello::new(SUITE).body(&pair.server.random);
    let empty: Vec<_> = (1..body.len()).step_by(2).map(|at| (at, at)).collect();
    for record in fragment_records(&mut pair, SERVER_HELLO, 0, &body, &empty) {
        assert_eq!(feed(&mut pair.client, &record), Ok(vec![]));
    }
    let flight = [pair.server.say_hello(&Hello::new(SUITE)), pair.server.say_done()].concat();
    feed(&mut pair.client, &flight).unwrap();
    pair.server.read_flight(&sent(&mut pair.client));
    pair.finish();
}

/// How often the client answers a server that retransmits a thousand times, in `duration`
/// milliseconds from `start` on, when the client is made: the network takes no time.
fn answers(first_timeout: u64, start: u64, duration: u64) -> usize {
    let config =
        psk_config().timeouts(Duration::from_millis(first_timeout), Duration::from_secs(60));
    let mut client = Client::new(config, Numbers::new(1), Instant::from_millis(start)).unwrap();
    let mut server = Server::new(SUITE);
    server.read_hello(&sent(&mut client));
    let flight = [server.say_hello(&Hello::new(SUITE)), server.say_done()].concat();
    let mut answers = 0;
    for repeat in 0..1000 {
        let now = start + repeat * duration / 1000;
        feed_at(&mut client, &flight, now).unwrap();
        answers += sent(&mut client).len();
    }
    answers
}

/// A burst of retransmissions is answered once. Over time there are at most four answers in
/// each first timeout.
#[test]
fn retransmissions_do_not_multiply() {
    // In half a second: the first answer, and one after a quarter of a second.
    assert_eq!(answers(1000, 0, 500), 2);
    // Also with the shortest timeouts.
    for first_timeout in 0..4 {
        assert_eq!(answers(first_timeout, 0, 1), 1);
        assert_eq!(answers(first_timeout, 0, 5), 5);
    }
    // The clock may start anywhere.
    assert_eq!(answers(1000, u64::MAX - 900, 900), 4);
}

/// Times saturate instead of overflowing.
#[test]
fn a_clock_near_its_end() {
    let mut pair = Pair::start(psk_config(), SUITE);
    for now in [u64::MAX - 900, u64::MAX - 100, u64::MAX].map(Instant::from_millis) {
        pair.client.handle_timeout(now).unwrap();
        assert!(pair.client.next_timeout().unwrap() >= now);
    }
    let end = Instant::from_millis(u64::MAX);
    let mut client =
        Client::new(psk_config(), Numbers::new(1), Instant::from_millis(u64::MAX - 1)).unwrap();
    assert_eq!(client.next_timeout(), Some(end));
    client.handle_timeout(end).unwrap();
}
