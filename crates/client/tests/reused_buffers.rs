//! Hazard: a message is encoded in the buffer of the one before it, and keeps
//! something of that which it should not: path, format, access token, payload,
//! or the lengths of what failed half way. Whatever came before, what is sent is
//! what coap-lite reads of the request.

mod support;

use coap_lite::MessageType;
use iot_coap_client::{ContentFormat, MAX_MESSAGE_LEN, Request, SendError};
use proptest::collection::vec;
use proptest::prelude::*;
use support::{
    ACCEPT, ACCESS_TOKEN, Bench, CON, CONTENT, CONTENT_FORMAT, FIRST_TOKEN, INTERNAL_SERVER_ERROR,
    NON, UNAUTHORIZED, URI_PATH, config, is_sign_in, option, piggybacked, read,
};

const PATHS: [&str; 5] = [
    "/topic/a1RP1qZfrEi/example1/update",
    "/topic/a1RP1qZfrEi/example1/updat",
    "/topic/a1RP1qZfrEi/example1/a-segment-of-more-than-thirteen-bytes",
    "/t",
    "no/slash//at/the/start/",
];

/// So long that a message with it fits only where path and token are short.
const TOO_LONG: usize = 1240;

#[derive(Clone, Copy, Debug)]
struct Post {
    path: usize,
    confirmable: bool,
    cbor: bool,
    payload_len: usize,
    then: Then,
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Answer,
    /// It stays in flight, so that the next one takes another buffer.
    Leave,
    /// It is sent again with a new access token of this length.
    Refuse(usize),
    Cancel,
}

fn post() -> impl Strategy<Value = Post> {
    let payload_len =
        prop_oneof![4 => 0_usize..40, 2 => Just(0_usize), 1 => Just(TOO_LONG), 1 => Just(5000)];
    let then = prop_oneof![
        4 => Just(Then::Answer),
        6 => Just(Then::Leave),
        1 => (1_usize..200).prop_map(Then::Refuse),
        1 => Just(Then::Cancel),
    ];
    // Mostly the same topic, as devices do.
    let path = prop_oneof![3 => Just(0_usize), 1 => 0..PATHS.len()];
    (path, any::<bool>(), any::<bool>(), payload_len, then).prop_map(
        |(path, confirmable, cbor, payload_len, then)| Post {
            path,
            confirmable,
            cbor,
            payload_len,
            then,
        },
    )
}

fn check(datagram: &[u8], post: Post, payload: &[u8], access_token: &str) {
    let kind: MessageType = if post.confirmable { CON } else { NON };
    assert_eq!(read(datagram).header.get_type(), kind);
    let segments: Vec<Vec<u8>> = PATHS[post.path]
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(|segment| segment.as_bytes().to_vec())
        .collect();
    assert_eq!(option(datagram, URI_PATH), segments);
    assert_eq!(option(datagram, CONTENT_FORMAT), [vec![if post.cbor { 60 } else { 50 }]]);
    assert_eq!(option(datagram, ACCEPT), [vec![42]]);
    assert_eq!(option(datagram, ACCESS_TOKEN), [access_token.as_bytes().to_vec()]);
    assert_eq!(read(datagram).options().count(), 4);
    assert_eq!(read(datagram).payload, payload);
}

/// Far from the limit, so that the test need not know the encoding's last byte.
fn surely_fits(post: Post, access_token: &str) -> bool {
    PATHS[post.path].len() + access_token.len() + post.payload_len + 40 < MAX_MESSAGE_LEN
}

fn run(posts: Vec<Post>) {
    let config = config().max_outstanding(5);
    let mut bench = Bench::signed_in_with(config);
    let mut access_token = FIRST_TOKEN.to_owned();
    let mut ids = Vec::new();
    for (number, post) in posts.into_iter().enumerate() {
        let payload = vec![number as u8 | 1; post.payload_len];
        let request = Request {
            confirmable: post.confirmable,
            path: PATHS[post.path].as_bytes(),
            content_format: if post.cbor { ContentFormat::Cbor } else { ContentFormat::Json },
            payload: &payload,
        };
        if matches!(post.then, Then::Refuse(_)) {
            // So that nothing else is sent meanwhile.
            give_up_all(&mut bench);
        }
        let token = bench.client.next_token();
        let exchange = match bench.try_send(&request, number as u32) {
            Ok(exchange) => exchange,
            Err(SendError::MessageTooLong) => {
                assert!(!surely_fits(post, &access_token), "{post:?}");
                continue;
            }
            Err(SendError::TooManyOutstanding) => {
                give_up_all(&mut bench);
                continue;
            }
            Err(error) => panic!("{error:?}"),
        };
        let datagram = bench.one();
        check(&datagram, post, &payload, &access_token);
        assert_eq!(&datagram[4..8], token.to_le_bytes());
        ids.push(read(&datagram).header.message_id);
        match post.then {
            Then::Leave => {}
            Then::Cancel => assert_eq!(bench.client.cancel(exchange), Some(number as u32)),
            Then::Answer => {
                bench.receive(&answer(&datagram, CONTENT));
            }
            Then::Refuse(len) => {
                bench.receive(&answer(&datagram, UNAUTHORIZED));
                // A second refusal in a row makes the client wait before it asks.
                let sign_in = loop {
                    match bench.sent().pop() {
                        Some(datagram) => break datagram,
                        None => bench.pass_timeout(),
                    };
                };
                access_token = "x".repeat(len);
                bench.grant(&sign_in, &access_token);
                match bench.sent().as_slice() {
                    [again] => {
                        check(again, post, &payload, &access_token);
                        bench.receive(&answer(again, CONTENT));
                    }
                    others => assert!(others.is_empty() && !surely_fits(post, &access_token)),
                }
            }
        }
        bench.events();
    }
    ids.dedup();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
}

/// Lets what is in flight run out of time.
fn give_up_all(bench: &mut Bench) {
    bench.run_until(bench.now + 600_000);
    bench.events();
    assert_eq!(bench.client.outstanding(), 0);
}

/// A NON request is answered by a NON message, which needs an id of the cloud's.
fn answer(request: &[u8], code: u8) -> Vec<u8> {
    if read(request).header.get_type() == CON {
        return piggybacked(request, code, b"");
    }
    support::separate(NON, read(request).header.message_id, request, code, b"")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..<_>::default() })]

    #[test]
    fn what_is_sent_is_what_was_asked_for(posts in vec(post(), 1..40)) {
        run(posts);
    }
}

/// The request of a renewal that failed was in the buffer last.
#[test]
fn a_renewal_that_failed_leaves_nothing() {
    let mut bench = Bench::signed_in();
    let first =
        Post { path: 0, confirmable: true, cbor: false, payload_len: 2, then: Then::Answer };
    for number in 0..2 {
        let datagram = bench.post(number);
        check(&datagram, first, b"{}", FIRST_TOKEN);
        assert_eq!(bench.answered(&datagram, CONTENT), (number, CONTENT));
        if number == 0 {
            bench.pass_timeout();
            let renewal = bench.one();
            assert!(is_sign_in(&renewal));
            bench.answer(&renewal, INTERNAL_SERVER_ERROR, b"");
        }
    }
}
