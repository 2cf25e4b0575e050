//! ETSI's plugtest cases, each with every server that can play its part.

use std::net::UdpSocket;
use std::time::Duration;

use coap_lite::Packet;
use iot_coap_client::Dropped;

use crate::bench::{Bench, Outcome, con, non};
use crate::peer::{Peer, ping};
use crate::wire::{Datagram, Rule, Side, first_lost, nothing_lost};

const URI_PATH: u16 = 11;
const CONTENT_FORMAT: u16 = 12;
const LOCATION_PATH: u16 = 8;

const PAYLOAD: &[u8] = b"{\"temperature\":21}";

/// What libcoap's server needs to create the resources that are posted to.
const CREATES: &[&str] = &["-d", "10"];

/// The one path of libcoap's server that answers separately. It takes GET
/// only, and the seconds to wait from the query.
const LIBCOAP_SEPARATE: &str = "async";

/// Turns the client's POST into the GET that libcoap's `/async` wants; all the
/// rest stays as the client sent it.
fn posts_as_gets() -> Rule {
    Box::new(|datagram, bytes| {
        if datagram.from == Side::Client && datagram.code == "0.02" {
            let mut packet = Packet::from_bytes(bytes).expect("well-formed");
            packet.header.code = coap_lite::MessageClass::from(1);
            packet.add_option(coap_lite::CoapOption::UriQuery, b"1".to_vec());
            packet.payload.clear();
            *bytes = packet.to_bytes().expect("it is short");
        }
        true
    })
}

fn segments(path: &str) -> Vec<&str> {
    path.split('/').filter(|segment| !segment.is_empty()).collect()
}

fn is_request(datagram: &Datagram) -> bool {
    datagram.from == Side::Client && datagram.code == "0.02"
}

fn is_response(datagram: &Datagram) -> bool {
    datagram.from == Side::Server && datagram.code != "0.00"
}

/// A POST with an id, a token of 1 to 8 bytes, Content-Format and payload.
fn assert_posts(request: &Datagram, kind: &str, path: &[&str]) {
    assert_eq!(request.gist(), (Side::Client, kind, "0.02"), "{request:?}");
    assert!((1..=8).contains(&request.token.len()), "{request:?}");
    let path: Vec<_> = path.iter().map(|segment| segment.as_bytes()).collect();
    assert_eq!(request.option(URI_PATH), path);
    assert_eq!(request.option(CONTENT_FORMAT), [[50]]);
    assert!(!request.payload.is_empty(), "{request:?}");
}

/// The request, its acknowledgement, the response and its acknowledgement.
fn assert_separate(seen: &[Datagram], path: &[&str]) {
    let [request, ack, response, last] = seen else { panic!("four datagrams: {seen:#?}") };
    assert_posts(request, "CON", path);
    assert_eq!((ack.gist(), ack.id), ((Side::Server, "ACK", "0.00"), request.id));
    assert!(ack.is_empty(), "{ack:?}");
    assert_eq!(response.gist(), (Side::Server, "CON", "2.05"));
    assert_eq!(response.token, request.token);
    assert!(!response.payload.is_empty(), "{response:?}");
    assert_eq!((last.gist(), last.id), ((Side::Client, "ACK", "0.00"), response.id));
    assert!(last.is_empty(), "{last:?}");
}

#[test]
fn td_coap_core_04_post_con() {
    let mut bench = Bench::libcoap(CREATES, nothing_lost());
    // The first creates the resource, the second changes it.
    for (number, code) in [(1, "2.01"), (2, "2.04")] {
        bench.device.send(&con("/test", PAYLOAD), number);
        assert_eq!(bench.device.answer(), (number, code.into(), Vec::new()));
    }
    let seen = bench.relay.seen(4);
    for (exchange, code) in seen.chunks(2).zip(["2.01", "2.04"]) {
        let [request, response] = exchange else { panic!("four datagrams: {seen:#?}") };
        assert_posts(request, "CON", &["test"]);
        assert_eq!(request.payload, PAYLOAD);
        assert_eq!(response.gist(), (Side::Server, "ACK", code));
        assert_eq!((response.id, &response.token), (request.id, &request.token));
    }
    assert_ne!(seen[0].id, seen[2].id);

    let mut bench = Bench::aiocoap(nothing_lost());
    bench.device.send(&con("/topic/update", PAYLOAD), 3);
    assert_eq!(bench.device.answer().1, "2.05");
    let [request, response] = &bench.relay.seen(2)[..] else { panic!("two datagrams") };
    assert_posts(request, "CON", &["topic", "update"]);
    assert_eq!(response.gist(), (Side::Server, "ACK", "2.05"));
    assert_eq!((response.id, &response.token), (request.id, &request.token));
}

#[test]
fn td_coap_core_08_post_non() {
    let mut bench = Bench::libcoap(CREATES, nothing_lost());
    // What creates a resource, libcoap answers as Non-confirmable too.
    for (number, code) in [(1, "2.01"), (2, "2.04")] {
        bench.device.send(&non("/test", PAYLOAD), number);
        assert_eq!(bench.device.answer(), (number, code.into(), Vec::new()));
    }
    let seen = bench.relay.seen(4);
    for (exchange, code) in seen.chunks(2).zip(["2.01", "2.04"]) {
        let [request, response] = exchange else { panic!("four datagrams: {seen:#?}") };
        assert_posts(request, "NON", &["test"]);
        assert_eq!(response.gist(), (Side::Server, "NON", code));
        assert_eq!(response.token, request.token);
    }
    assert_eq!(seen.len(), 4, "nothing is acknowledged");

    let mut bench = Bench::aiocoap(nothing_lost());
    bench.device.send(&non("/topic/update", PAYLOAD), 3);
    assert_eq!(bench.device.answer().1, "2.05");
    let [request, response] = &bench.relay.seen(2)[..] else { panic!("two datagrams") };
    assert_posts(request, "NON", &["topic", "update"]);
    assert_eq!(response.gist(), (Side::Server, "NON", "2.05"));
    assert_eq!(response.token, request.token);
}

#[test]
fn td_coap_core_09_separate_response() {
    let mut bench = Bench::aiocoap(nothing_lost());
    bench.device.send(&con("/topic/separate", PAYLOAD), 1);
    let (number, code, payload) = bench.device.answer();
    assert_eq!((number, &*code), (1, "2.05"));
    let seen = bench.relay.seen(4);
    assert_separate(&seen, &["topic", "separate"]);
    assert_eq!(seen[2].payload, payload);

    let mut bench = Bench::libcoap(&[], posts_as_gets());
    bench.device.send(&con(LIBCOAP_SEPARATE, PAYLOAD), 2);
    assert_eq!(bench.device.answer(), (2, "2.05".into(), b"done".to_vec()));
    assert_separate(&bench.relay.seen(4), &[LIBCOAP_SEPARATE]);
}

#[test]
fn td_coap_core_10_tokens() {
    let libcoap = (Bench::libcoap(CREATES, nothing_lost()), "/test");
    let aiocoap = (Bench::aiocoap(nothing_lost()), "/topic/update");
    for (mut bench, path) in [libcoap, aiocoap] {
        for number in 0..8 {
            bench.device.send(&con(path, PAYLOAD), number);
        }
        let mut answered: Vec<_> = (0..8).map(|_| bench.device.answer().0).collect();
        answered.sort_unstable();
        assert_eq!(answered, [0, 1, 2, 3, 4, 5, 6, 7], "one answer each");

        let seen = bench.relay.seen(16);
        let (requests, responses): (Vec<_>, Vec<_>) = seen.iter().partition(|d| is_request(d));
        let mut tokens: Vec<_> = requests.iter().map(|request| &request.token).collect();
        for request in &requests {
            assert_posts(request, "CON", &segments(path));
            let same = |response: &&&Datagram| response.id == request.id;
            let response = responses.iter().find(same).expect("each is answered");
            assert_eq!(response.token, request.token);
        }
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len(), 8, "no two exchanges share a token");
    }
}

#[test]
fn td_coap_core_13_multiple_uri_path() {
    let segments = ["seg1", "seg2", "seg3"];
    let mut bench = Bench::libcoap(CREATES, nothing_lost());
    bench.device.send(&con("/seg1/seg2/seg3", PAYLOAD), 1);
    assert_eq!(bench.device.answer().1, "2.01");
    let seen = bench.relay.seen(2);
    assert_posts(&seen[0], "CON", &segments);
    // Where libcoap put it.
    assert_eq!(seen[1].option(LOCATION_PATH), segments.map(str::as_bytes));

    let mut bench = Bench::aiocoap(nothing_lost());
    bench.device.send(&con("/topic/seg1/seg2/seg3/update", PAYLOAD), 2);
    let (_, code, payload) = bench.device.answer();
    assert_eq!(code, "2.05");
    let report: serde_json::Value = serde_json::from_slice(&payload).expect("JSON");
    // Without the segment under which aiocoap found the resource.
    assert_eq!(report["path"], serde_json::json!(["seg1", "seg2", "seg3", "update"]));
    let seen = bench.relay.seen(2);
    assert_posts(&seen[0], "CON", &["topic", "seg1", "seg2", "seg3", "update"]);
}

/// Whether `second` is `first` once more, which was lost or answered in vain.
fn assert_sent_again(first: &Datagram, second: &Datagram) {
    let first = Datagram { passed: second.passed, ..first.clone() };
    assert_eq!(&first, second, "a retransmission is the same message");
}

#[test]
fn td_coap_core_15_lossy_piggybacked_request_lost() {
    let benches = [
        (Bench::libcoap(CREATES, first_lost(is_request)), "/test", "2.01"),
        (Bench::aiocoap(first_lost(is_request)), "/topic/update", "2.05"),
    ];
    for (mut bench, path, code) in benches {
        bench.device.send(&con(path, PAYLOAD), 1);
        assert_eq!(bench.device.answer().1, code);
        let [lost, request, response] = &bench.relay.seen(3)[..] else { panic!("three") };
        assert!(!lost.passed);
        assert_sent_again(lost, request);
        assert_eq!(response.gist(), (Side::Server, "ACK", code));
        assert_eq!((response.id, &response.token), (request.id, &request.token));
    }
}

#[test]
fn td_coap_core_15_lossy_piggybacked_response_lost() {
    // libcoap's server does not remember what it answered: it handles a
    // retransmission as a change of what the first created.
    let benches = [
        (Bench::libcoap(CREATES, first_lost(is_response)), "/test", ["2.01", "2.04"]),
        (Bench::aiocoap(first_lost(is_response)), "/topic/update", ["2.05", "2.05"]),
    ];
    for (mut bench, path, codes) in benches {
        bench.device.send(&con(path, PAYLOAD), 1);
        assert_eq!(bench.device.answer().1, codes[1]);
        let seen = bench.relay.seen(4);
        let [request, lost, again, response] = &seen[..] else { panic!("four: {seen:#?}") };
        assert!(!lost.passed);
        assert_sent_again(request, again);
        for (response, code) in [lost, response].into_iter().zip(codes) {
            assert_eq!(response.gist(), (Side::Server, "ACK", code));
            assert_eq!((response.id, &response.token), (request.id, &request.token));
        }
    }
}

/// Loses one datagram of a separate response's exchange with aiocoap.
fn lossy_separate(is_lost: fn(&Datagram) -> bool) -> Bench {
    let mut bench = Bench::aiocoap(first_lost(is_lost));
    bench.device.send(&con("/topic/separate", PAYLOAD), 1);
    let (number, code, payload) = bench.device.answer();
    assert_eq!((number, &*code), (1, "2.05"));
    assert!(!payload.is_empty());
    bench
}

#[test]
fn td_coap_core_16_lossy_separate_request_lost() {
    let bench = lossy_separate(is_request);
    let seen = bench.relay.seen(5);
    assert!(!seen[0].passed);
    assert_sent_again(&seen[0], &seen[1]);
    assert_separate(&seen[1..], &["topic", "separate"]);
}

#[test]
fn td_coap_core_16_lossy_separate_acknowledgement_lost() {
    // The response comes before the client's timer: it acknowledges the
    // request (RFC 7252 section 5.2.2), which is not sent again.
    let bench = lossy_separate(|datagram| datagram.gist() == (Side::Server, "ACK", "0.00"));
    let seen = bench.relay.seen(4);
    assert!(!seen[1].passed);
    assert_separate(&seen, &["topic", "separate"]);
}

#[test]
fn td_coap_core_16_lossy_separate_response_lost() {
    let bench = lossy_separate(is_response);
    let mut seen = bench.relay.seen(5);
    let lost = seen.remove(2);
    assert!(!lost.passed);
    assert_sent_again(&lost, &seen[2]);
    assert_separate(&seen, &["topic", "separate"]);
}

#[test]
fn td_coap_core_16_lossy_separate_last_acknowledgement_lost() {
    let mut bench = lossy_separate(|datagram| datagram.gist() == (Side::Client, "ACK", "0.00"));
    // aiocoap sends its response again: acknowledged again, delivered no more.
    assert_eq!(bench.device.next(), Outcome::Dropped(Dropped::Duplicate));
    let seen = bench.relay.seen(6);
    assert!(!seen[3].passed);
    assert_separate(&seen[..4], &["topic", "separate"]);
    assert_sent_again(&seen[2], &seen[4]);
    assert_sent_again(&seen[3], &seen[5]);
}

#[test]
fn td_coap_core_17_separate_response_non() {
    let aiocoap = (Bench::aiocoap(nothing_lost()), "topic/separate");
    let libcoap = (Bench::libcoap(&[], posts_as_gets()), LIBCOAP_SEPARATE);
    for (mut bench, path) in [aiocoap, libcoap] {
        bench.device.send(&non(path, PAYLOAD), 1);
        assert_eq!(bench.device.answer().1, "2.05");
        let seen = bench.relay.seen(2);
        let [request, response] = &seen[..] else { panic!("two datagrams: {seen:#?}") };
        assert_posts(request, "NON", &segments(path));
        assert_eq!(response.gist(), (Side::Server, "NON", "2.05"));
        assert_eq!(response.token, request.token);
        assert!(!response.payload.is_empty(), "{response:?}");
    }
}

/// The client never pings: the servers' answers to a ping are checked with one
/// made by hand, the client's with a ping by aiocoap.
#[test]
fn td_coap_core_31_ping() {
    for peer in [Peer::libcoap(&[]), Peer::aiocoap(1)] {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(peer.address).expect("loopback is there");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("above 0");
        socket.send(&ping(0xA5C3)).expect("loopback takes all");
        let mut buffer = [0; 64];
        let len = socket.recv(&mut buffer).expect("a ping is answered");
        assert_eq!(buffer[..len], [0x70, 0, 0xA5, 0xC3]);
    }

    let mut bench = Bench::aiocoap(nothing_lost());
    bench.device.send(&con("/topic/ping", PAYLOAD), 1);
    assert_eq!(bench.device.answer(), (1, "2.05".into(), b"reset".to_vec()));
    let seen = bench.relay.seen(4);
    let ping = seen.iter().position(|d| d.gist() == (Side::Server, "CON", "0.00"));
    let ping = &seen[ping.expect("aiocoap pings")];
    let reset = seen.iter().find(|d| d.kind == "RST").expect("the client answers");
    assert_eq!((reset.gist(), reset.id), ((Side::Client, "RST", "0.00"), ping.id));
    assert!(ping.is_empty() && reset.is_empty());
}
