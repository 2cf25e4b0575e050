//! Hazard: on a link whose round trip is longer than the timeouts, as over NB-IoT, all is
//! sent again and again, or the handshake never ends. The time is virtual.
#![cfg(feature = "full")]

use iot_coap_dtls::{Config, Duration, SavedSession};
use iot_coap_test_support::certificates::rsa;
use iot_coap_test_support::dtls::delayed::{Delayed, Network};
use iot_coap_test_support::dtls::{IDENTITY, PSK, certificates, in_memory, pre_shared_key};
use iot_coap_test_support::network::Direction;
use iot_coap_test_support::scripted::messages::{HANDSHAKE, HELLO_VERIFY_REQUEST};
use iot_coap_test_support::scripted::{
    Hello, Pair, Server, Suite, TestClient, at, client, feed_at, psk_config, sent as sent_datagrams,
};
use openssl::ssl::{SslContext, SslMethod, SslOptions};

/// With a loss at a round trip of 6 s, a handshake and an exchange take no longer, in
/// milliseconds: three
/// round trips and a timer of 9 s.
const MAX_MS_WITH_A_LOSS: u64 = 27_000;

/// A kind of handshake.
struct Case {
    name: &'static str,
    server: SslContext,
    config: Config,
    /// The handshake is abbreviated: the client's second flight is the last one.
    client_is_last: bool,
}

fn psk_server() -> SslContext {
    let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
    builder.set_cipher_list("PSK-AES128-GCM-SHA256").unwrap();
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder.set_psk_server_callback(|_, identity, key| {
        assert_eq!(identity, Some(IDENTITY.as_bytes()));
        key[..PSK.len()].copy_from_slice(PSK);
        Ok(PSK.len())
    });
    builder.build()
}

fn session(server: &SslContext, config: Config) -> SavedSession {
    in_memory::handshake(server, config).client.take_saved_session().unwrap()
}

fn cases() -> Vec<Case> {
    let (root, leaf) = rsa();
    let rsa = in_memory::server(&leaf, &[], "ECDHE-RSA-AES128-GCM-SHA256");
    let resumed = certificates(&root).resume(session(&rsa, certificates(&root)));
    let full = |name, server, config| Case { name, server, config, client_is_last: false };
    vec![
        full("ECDHE-RSA", rsa.clone(), certificates(&root)),
        full("PSK", psk_server(), pre_shared_key()),
        Case { name: "resumed", server: rsa, config: resumed, client_is_last: true },
    ]
}

fn connect<'n>(
    case: &Case,
    first_ms: u64,
    round_trip_ms: u64,
    loses: &'n mut dyn FnMut(Direction, usize, usize) -> bool,
) -> Delayed<'n> {
    let first = Duration::from_millis(first_ms);
    let config = case.config.clone().timeouts(first, Duration::from_secs(60));
    let network = Network { round_trip_ms, server_mtu: 1200, loses };
    let link = Delayed::connect(&case.server, config, network);
    link.unwrap_or_else(|error| panic!("{}, {first_ms}, {round_trip_ms}: {error}", case.name))
}

/// Connects and says what was sent, and the bytes of the handshake both ways.
fn sent(case: &Case, first_ms: u64, round_trip_ms: u64) -> (Delayed<'static>, usize) {
    // Leaked: it has no size.
    let mut link = connect(case, first_ms, round_trip_ms, Box::leak(Box::new(|_, _, _| false)));
    link.settle();
    let bytes = link.bytes();
    link.exchange_through_loss();
    (link, bytes)
}

/// How often the first flight is sent before its answer comes, with a timeout that doubles.
fn first_flights(first_ms: u64, round_trip_ms: u64) -> usize {
    let times = (0..).map(|doublings| ((1 << doublings) - 1) * first_ms);
    times.take_while(|&at| at < round_trip_ms).count()
}

#[test]
fn only_the_first_flight_is_sent_more_than_once() {
    for case in cases() {
        for round_trip_ms in [50, 2000, 6000, 10_000, 18_000] {
            for first_ms in [1000, 2000, 9000] {
                let (link, _) = sent(&case, first_ms, round_trip_ms);
                let at_first = first_flights(first_ms, round_trip_ms);
                let what = format!("{}, {first_ms} ms, {round_trip_ms} ms", case.name);
                assert_eq!(link.sent.len(), at_first + 1, "{what}: {:?}", times(&link));
                let longest = link.sent[..at_first].iter().map(|(_, datagram)| datagram.len());
                assert!(longest.max() == Some(link.sent[0].1.len()), "{what}");
                let flights = if case.client_is_last { 1 } else { 2 };
                assert_eq!(link.answered.len(), flights, "{what}: the server repeats itself");
            }
        }
    }
}

fn times(link: &Delayed<'_>) -> Vec<u64> {
    link.sent.iter().map(|(at, _)| *at).collect()
}

/// An abbreviated handshake is little more than its first flight, which holds the ticket.
/// It stays within the bound with the timeout that RFC 7925, section 11, has for slow links;
/// or else it costs what the copies of that flight cost, and nothing more.
#[test]
fn ten_seconds_cost_at_most_1_6_times_the_bytes_of_a_fast_link() {
    for case in cases() {
        let (_, fast) = sent(&case, 1000, 50);
        for first_ms in [1000, 2000, 9000] {
            let (link, bytes) = sent(&case, first_ms, 10_000);
            let percent = 100 * bytes / fast;
            eprintln!("{}, {first_ms} ms: {bytes} bytes, {percent} % of {fast}", case.name);
            if case.client_is_last && first_ms < 9000 {
                let copies = first_flights(first_ms, 10_000) - 1;
                assert_eq!(bytes, fast + copies * link.sent[0].1.len());
            } else {
                assert!(percent <= 160);
            }
        }
    }
}

/// A round trip of a flight that was sent twice is not known.
#[test]
fn the_round_trip_is_that_of_the_latest_flight_that_was_sent_once() {
    let [full, _, resumed] = &cases()[..] else { panic!("three") };
    for (case, first_ms, round_trip_ms, known) in [
        (full, 9000, 6000, true),
        (full, 1000, 6000, true),
        (resumed, 9000, 6000, true),
        (resumed, 1000, 6000, false),
    ] {
        let (link, _) = sent(case, first_ms, round_trip_ms);
        let expected = known.then_some(Duration::from_millis(round_trip_ms));
        assert_eq!(link.client.round_trip(), expected, "{} {first_ms}", case.name);
    }
}

#[test]
fn any_one_datagram_is_lost() {
    for case in cases() {
        for first_ms in [1000, 9000] {
            let (whole, _) = sent(&case, first_ms, 6000);
            let places = [
                (Direction::ToServer, whole.sent.len()),
                (Direction::ToClient, whole.answered.len()),
            ];
            for (direction, count) in places {
                for lost in 0..count {
                    let place = (direction, lost);
                    let mut loses = move |direction, number, _| (direction, number) == place;
                    let mut link = connect(&case, first_ms, 6000, &mut loses);
                    link.exchange_through_loss();
                    let what = format!("{}, {first_ms} ms, {place:?}", case.name);
                    eprintln!("{what}: {} ms", link.now);
                    assert!(link.now <= MAX_MS_WITH_A_LOSS, "{what}: {} ms", link.now);
                }
            }
        }
    }
}

/// A server that asks for a cookie and lets the second flight be answered: the timer after
/// two retransmissions of the first, by how long each of the two took.
fn third_timer(took_ms: u64) -> u64 {
    let mut client = client(psk_config());
    let mut server = Server::new(Suite::PskGcm);
    sent_datagrams(&mut client);
    for at_ms in [1000, 3000] {
        client.handle_timeout(at(at_ms)).unwrap();
        assert_eq!(sent_datagrams(&mut client).len(), 1);
    }
    let cookie = [&[0xfe, 0xfd, 4][..], b"cake"].concat();
    let request = server.message(HELLO_VERIFY_REQUEST, &cookie);
    feed_at(&mut client, &server.plain(HANDSHAKE, &request), 3000 + took_ms).unwrap();
    let timer = client.next_timeout().unwrap() - at(3000 + took_ms);
    // It took three seconds longer than the network does, which counts as well.
    assert_eq!(timer.as_millis(), (3000 + took_ms) * 3 / 2);
    assert_eq!(client.round_trip(), None);
    server.read_hello(&sent_datagrams(&mut client));
    let flight = [server.say_hello(&Hello::new(Suite::PskGcm)), server.say_done()].concat();
    let now = 3000 + 2 * took_ms;
    feed_at(&mut client, &flight, now).unwrap();
    assert_eq!(client.round_trip(), Some(Duration::from_millis(took_ms)));
    (client.next_timeout().unwrap() - at(now)).as_millis()
}

/// RFC 6347, section 4.2.4.1, lets it go back once a flight passes without loss.
#[test]
fn a_raised_timer_goes_back_but_not_below_what_the_network_takes() {
    assert_eq!(third_timer(50), 1000);
    assert_eq!(third_timer(900), 1350);
    assert_eq!(third_timer(2000), 3000);
}

/// Also where the answer alone would ask for less.
#[test]
fn a_raised_timer_is_kept_for_the_next_flight() {
    let mut pair = Pair::start(psk_config(), Suite::PskGcm);
    pair.client.handle_timeout(at(1000)).unwrap();
    let flight =
        [pair.server.say_hello(&Hello::new(Suite::PskGcm)), pair.server.say_done()].concat();
    feed_at(&mut pair.client, &flight, 1050).unwrap();
    assert_eq!(pair.client.next_timeout(), Some(at(1050 + 2000)));
}

#[test]
fn no_timer_exceeds_the_longest() {
    let config = psk_config().timeouts(Duration::from_secs(12), Duration::from_secs(14));
    let mut pair = Pair::start(config, Suite::PskGcm);
    let flight =
        [pair.server.say_hello(&Hello::new(Suite::PskGcm)), pair.server.say_done()].concat();
    feed_at(&mut pair.client, &flight, 11_000).unwrap();
    assert_eq!(pair.client.next_timeout(), Some(at(25_000)));
}

/// A server whose timer is shorter than the round trip repeats its flight before it can
/// have the answer. To send that again each time would double the traffic for nothing.
#[test]
fn what_a_hasty_server_repeats_is_answered_once_a_round_trip() {
    let config = psk_config().timeouts(Duration::from_secs(12), Duration::from_secs(60));
    let mut pair = Pair::start(config, Suite::PskGcm);
    let flight =
        [pair.server.say_hello(&Hello::new(Suite::PskGcm)), pair.server.say_done()].concat();
    feed_at(&mut pair.client, &flight, 10_000).unwrap();
    assert!(!sent_datagrams(&mut pair.client).is_empty());
    for now in [11_000, 13_000, 17_000, 19_999] {
        feed_at(&mut pair.client, &flight, now).unwrap();
        assert!(sent_datagrams(&mut pair.client).is_empty(), "{now}");
    }
    feed_at(&mut pair.client, &flight, 20_000).unwrap();
    assert!(!sent_datagrams(&mut pair.client).is_empty(), "it did not get the answer");
}

/// A client that has sent its hello at 0, 1, 3 and 7 s, and a server's flight in answer.
fn after_four_hellos() -> (TestClient, Vec<u8>) {
    let mut pair = Pair::start(psk_config(), Suite::PskGcm);
    for now in [1000, 3000, 7000] {
        pair.client.handle_timeout(at(now)).unwrap();
        assert_eq!(sent_datagrams(&mut pair.client).len(), 1);
    }
    let flight =
        [pair.server.say_hello(&Hello::new(Suite::PskGcm)), pair.server.say_done()].concat();
    (pair.client, flight)
}

/// Mbed TLS answers each copy of a hello by its whole flight. To answer each of those again
/// would be for nothing.
#[test]
fn answers_to_copies_of_a_hello_are_not_answered() {
    let (mut client, flight) = after_four_hellos();
    feed_at(&mut client, &flight, 10_000).unwrap();
    assert!(!sent_datagrams(&mut client).is_empty());
    for now in [11_000, 13_000, 17_000] {
        feed_at(&mut client, &flight, now).unwrap();
        assert!(sent_datagrams(&mut client).is_empty(), "{now}");
    }
}

/// Where the last of several hellos is answered at once, the others were lost, and what the
/// server repeats shows that the next flight was lost too: that need not wait for a timer of
/// ten seconds.
#[test]
fn a_fast_network_with_losses_is_not_taken_for_a_slow_one() {
    let (mut client, flight) = after_four_hellos();
    feed_at(&mut client, &flight, 7050).unwrap();
    assert!(!sent_datagrams(&mut client).is_empty());
    feed_at(&mut client, &flight, 8050).unwrap();
    assert!(!sent_datagrams(&mut client).is_empty());
}

/// What is lost of an answer that has begun says nothing of how slow the network is.
#[test]
fn waiting_for_the_rest_of_an_answer_raises_no_later_timer() {
    let mut pair = Pair::start(psk_config(), Suite::PskGcm);
    let hello = pair.server.say_hello(&Hello::new(Suite::PskGcm));
    let done = pair.server.say_done();
    feed_at(&mut pair.client, &hello, 50).unwrap();
    for now in [1000, 3000, 7000] {
        pair.client.handle_timeout(at(now)).unwrap();
    }
    feed_at(&mut pair.client, &done, 7050).unwrap();
    assert_eq!(pair.client.next_timeout(), Some(at(7050 + 1000)));
    assert_eq!(pair.client.round_trip(), Some(Duration::from_millis(50)));
}

/// A server that asks for a cookie keeps no state, so it never repeats its request by itself
/// (RFC 6347, section 4.2.1).
#[test]
fn a_repeated_request_for_a_cookie_is_not_answered() {
    let mut client = client(psk_config());
    let mut server = Server::new(Suite::PskGcm);
    sent_datagrams(&mut client);
    client.handle_timeout(at(1000)).unwrap();
    sent_datagrams(&mut client);
    let cookie = [&[0xfe, 0xfd, 4][..], b"cake"].concat();
    let request = server.message(HELLO_VERIFY_REQUEST, &cookie);
    let request = server.plain(HANDSHAKE, &request);
    feed_at(&mut client, &request, 1500).unwrap();
    assert_eq!(sent_datagrams(&mut client).len(), 1);
    let timer = client.next_timeout();
    for now in [2500, 3500] {
        feed_at(&mut client, &request, now).unwrap();
        assert!(sent_datagrams(&mut client).is_empty(), "{now}");
    }
    assert_eq!(client.next_timeout(), timer);
}
