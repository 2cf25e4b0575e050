//! libcoap's server: what it says that the plugtest cases do not.

use iot_coap_client::{
    Code, Dropped, Duration, GiveUp, Instant, MAX_ACCESS_TOKEN_LEN, OptionNumber,
    TransmissionParameters,
};

use crate::bench::{ACCESS_TOKEN, ACCESS_TOKEN_LEN, ACCESS_TOKEN_LINK, Bench, Outcome, con, non};
use crate::wire::{Side, nothing_lost};

const BLOCK2: u16 = 23;

/// Creates what is posted to, and sends back what was posted.
const ECHOES: &[&str] = &["-d", "10", "-e"];

/// Gives up soon.
fn quickly(max_retransmit: u8) -> TransmissionParameters {
    TransmissionParameters {
        ack_timeout: Duration::from_millis(300),
        max_retransmit,
        ..TransmissionParameters::default()
    }
}

#[test]
fn codes_come_through_raw_with_their_text() {
    let mut bench = Bench::libcoap(&[], nothing_lost());
    for (path, code, text) in [
        ("/nowhere", "4.04", "Not Found"),
        ("/topic/a1RP1qZfrEi/example1/update", "4.04", "Not Found"),
        ("/time", "4.05", "Method Not Allowed"),
    ] {
        for request in [con(path, b"{}"), non(path, b"{}")] {
            bench.device.send(&request, 1);
            assert_eq!(bench.device.answer(), (1, code.into(), text.into()), "{request:?}");
        }
    }
}

/// libcoap reads 1152 bytes of a message, as RFC 7252 section 4.6 suggests; the
/// client may send 1280.
const LIBCOAP_LEN: usize = 1152;

#[test]
fn messages_of_up_to_1152_bytes_go_both_ways() {
    let mut bench = Bench::libcoap(ECHOES, nothing_lost());
    // Without its payload, a message to this path has 159 bytes.
    let payload: Vec<_> = (0..LIBCOAP_LEN - 159).map(|n| n as u8).collect();
    for request in [con("/a/b", &payload), non("/a/b", &payload)] {
        bench.device.send(&request, 1);
        assert_eq!(bench.device.answer().2, payload);
    }
    let seen = bench.relay.seen(4);
    assert_eq!((seen[0].len, seen[2].len), (LIBCOAP_LEN, LIBCOAP_LEN));
    let token = [b't'; ACCESS_TOKEN_LEN];
    assert_eq!(seen[0].option(ACCESS_TOKEN_LINK), [&token[..]]);
}

/// What is longer, libcoap rejects with a Reset that bears no message id of
/// ours: it stands for nothing, and the message is given up in the end.
#[test]
fn longer_messages_are_lost_on_libcoap() {
    let mut bench = Bench::libcoap_with(ECHOES, nothing_lost(), |config| {
        config.access_token_option(OptionNumber(ACCESS_TOKEN_LINK)).transmission(quickly(0))
    });
    bench.device.send(&con("/a/b", &[b'x'; LIBCOAP_LEN - 158]), 1);
    assert_eq!(bench.device.next(), Outcome::Dropped(Dropped::Unmatched));
    assert_eq!(bench.device.next(), Outcome::GaveUp(1, GiveUp::NotAcknowledged));
    let [request, reset] = &bench.relay.seen(2)[..] else { panic!("two datagrams") };
    assert_eq!(request.len, LIBCOAP_LEN + 1);
    assert_eq!(reset.gist(), (Side::Server, "RST", "0.00"));
    assert_ne!(reset.id, request.id);
}

#[test]
fn the_longest_access_token_is_taken() {
    let mut bench = Bench::libcoap(ECHOES, nothing_lost());
    let token = [b'T'; MAX_ACCESS_TOKEN_LEN];
    assert!(bench.device.client.restore_access_token(Instant::from_millis(0), &token));
    bench.device.send(&con("/a", b"{}"), 1);
    assert_eq!(bench.device.answer(), (1, "2.01".into(), b"{}".to_vec()));
    assert_eq!(bench.relay.seen(2)[0].option(ACCESS_TOKEN_LINK), [&token[..]]);
}

/// What does not fit into one message, libcoap answers in blocks. The client hands over the
/// first one, whose option says that there is more, and sends nothing again.
#[test]
fn the_first_block_of_an_answer_is_delivered() {
    let mut bench = Bench::libcoap_with(ECHOES, nothing_lost(), |config| {
        config.access_token_option(OptionNumber(ACCESS_TOKEN_LINK)).transmission(quickly(1))
    });
    // With a longer one, the request itself would not fit.
    assert!(bench.device.client.restore_access_token(Instant::from_millis(0), b"short"));
    let payload = [b'x'; 1100];
    bench.device.send(&con("/a", &payload), 1);
    assert_eq!(bench.device.answer(), (1, "2.01".into(), payload[..1024].to_vec()));
    let seen = bench.relay.seen(2);
    assert_eq!((seen[1].gist(), seen[1].option(BLOCK2).len()), ((Side::Server, "ACK", "2.01"), 1));

    // The next message is not concerned.
    bench.device.send(&con("/b", b"{}"), 2);
    assert_eq!(bench.device.answer(), (2, "2.01".into(), b"{}".to_vec()));
}

/// libcoap does not know option 61, which is critical.
#[test]
fn a_non_message_with_an_unknown_critical_option_is_reset() {
    let mut bench = Bench::libcoap_with(ECHOES, nothing_lost(), |config| {
        config.access_token_option(OptionNumber(ACCESS_TOKEN))
    });
    bench.device.send(&non("/a", b"{}"), 1);
    assert_eq!(bench.device.next(), Outcome::GaveUp(1, GiveUp::Reset));
    let seen = bench.relay.seen(2);
    assert_eq!((seen[1].gist(), seen[1].id), ((Side::Server, "RST", "0.00"), seen[0].id));
}

/// In its 4.02 libcoap sends the option back that it does not know: of all
/// critical options in a response that one is known here, so the code is heeded,
/// and the device signs in, which this server knows nothing of.
#[test]
fn bad_option_with_the_access_token_in_it_is_heeded() {
    let mut bench = Bench::libcoap_with(ECHOES, nothing_lost(), |config| {
        config.access_token_option(OptionNumber(ACCESS_TOKEN))
    });
    bench.device.send(&con("/a", b"{}"), 1);
    assert_eq!(bench.device.next(), Outcome::Refused(1, Code::BAD_OPTION));
    let seen = bench.relay.seen(4);
    assert_eq!(seen[1].gist(), (Side::Server, "ACK", "4.02"));
    // This server makes a resource of whatever is posted.
    assert_eq!(seen[3].gist(), (Side::Server, "ACK", "2.01"));
    assert_eq!(seen[1].option(ACCESS_TOKEN).len(), 1);
}
