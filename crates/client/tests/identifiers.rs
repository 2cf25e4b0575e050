//! Hazard: two messages with one message id or token, so that an answer goes to
//! the wrong one (RFC 7252 sections 4.4 and 5.3.1).

mod support;

use std::collections::{HashMap, HashSet};

use iot_coap_client::{Request, SendError};
use support::{Bench, CONTENT, SECOND, at, con, id_of, read, response, seeded_config, separate};

fn bench_with_seed(seed: u64) -> Bench {
    Bench::signed_in_with(seeded_config(seed))
}

fn token_of(datagram: &[u8]) -> u32 {
    u32::from_le_bytes(read(datagram).get_token().try_into().expect("four bytes"))
}

#[test]
fn they_start_at_random() {
    let firsts: Vec<_> = (0..100)
        .map(|seed| {
            let message = bench_with_seed(seed).post(1);
            (id_of(&message), token_of(&message))
        })
        .collect();
    let ids: HashSet<_> = firsts.iter().map(|(id, _)| id).collect();
    let tokens: HashSet<_> = firsts.iter().map(|(_, token)| token).collect();
    assert_eq!(tokens.len(), 100);
    assert!(ids.len() > 97, "100 of 65,536 hardly meet");
    // All over their ranges, with no relation to each other.
    for bit in 0..16 {
        let ones = ids.iter().filter(|id| **id >> bit & 1 == 1).count();
        assert!((25..=75).contains(&ones), "id bit {bit}: {ones}");
    }
    for bit in 0..32 {
        let ones = tokens.iter().filter(|token| **token >> bit & 1 == 1).count();
        assert!((25..=75).contains(&ones), "token bit {bit}: {ones}");
    }
}

#[test]
fn one_seed_gives_one_client() {
    assert_eq!(bench_with_seed(7).post(1), bench_with_seed(7).post(1));
}

/// Faster than allowed: 65,536 ids would be used up in 33 s.
#[test]
fn no_message_id_is_used_twice_within_an_exchange_lifetime() {
    let mut bench = bench_with_seed(3);
    let mut used_at: HashMap<u16, u64> = HashMap::new();
    let mut tokens = HashSet::new();
    let (mut sent, mut exhausted) = (0_u32, 0_u32);
    while sent < 200_000 {
        let exchange = match bench.try_send(&con(b""), 1) {
            Ok(exchange) => exchange,
            Err(error) => {
                assert_eq!(error, SendError::MessageIdsExhausted);
                exhausted += 1;
                bench.now += SECOND;
                continue;
            }
        };
        let transmit = bench.client.poll_transmit(at(bench.now)).expect("due");
        let id = u16::from_be_bytes([transmit.datagram[2], transmit.datagram[3]]);
        assert!(tokens.insert(transmit.datagram[4..8].to_vec()), "a token twice");
        if let Some(before) = used_at.insert(id, bench.now) {
            assert!(bench.now - before >= 247 * SECOND, "{id} after {}", bench.now - before);
        }
        bench.client.cancel(exchange);
        sent += 1;
        bench.now += u64::from(sent % 2);
    }
    assert!(exhausted > 0, "200,000 messages in 100 s must meet the limit");
    assert_eq!(used_at.len(), 65_536, "every id gets its turn");
}

/// What is refused uses up neither a message id nor a token.
#[test]
fn a_refused_message_uses_none_up() {
    let mut bench = Bench::signed_in_with(seeded_config(9).max_outstanding(2));
    let first = bench.post(1);
    let too_long = vec![0; 1280];
    let long_path = [b'x'; 136];
    let refused = [
        (con(&too_long), SendError::MessageTooLong),
        (Request { path: &long_path, ..con(b"") }, SendError::PathTooLong),
    ];
    for (request, error) in refused {
        assert_eq!(bench.try_send(&request, 2), Err(error));
    }
    let second = bench.post(2);
    assert_eq!(bench.try_post(3), Err(SendError::TooManyOutstanding));
    bench.answered(&first, CONTENT);
    let third = bench.post(3);
    for (newer, older) in [(&second, &first), (&third, &second)] {
        assert_eq!(id_of(newer), id_of(older).wrapping_add(1));
        assert_eq!(token_of(newer), token_of(older).wrapping_add(1));
    }
}

#[test]
fn used_up_they_are_to_be_had_again_after_their_lifetime() {
    let mut bench = bench_with_seed(4);
    let mut sent = 0_u32;
    while let Ok(exchange) = bench.try_send(&con(b""), 1) {
        bench.client.cancel(exchange);
        sent += 1;
    }
    assert!((61_440..=65_536).contains(&sent), "{sent}");
    bench.advance(247 * SECOND - 1);
    assert_eq!(bench.try_post(1).err(), Some(SendError::MessageIdsExhausted));
    bench.advance(3 * SECOND);
    bench.try_post(2).expect("accepted");
    let message = bench.one();
    assert_eq!(bench.answered(&message, CONTENT), (2, CONTENT));
}

/// 200 messages a second, for ever.
#[test]
fn a_steady_sender_never_meets_the_limit() {
    let mut bench = bench_with_seed(5);
    for _ in 0..200_000 {
        let exchange = bench.send(&con(b""), 1);
        bench.client.cancel(exchange);
        bench.now += 5;
    }
}

#[test]
fn the_next_token_is_known_beforehand() {
    let mut bench = bench_with_seed(6);
    for application in 0..20 {
        let announced = bench.client.next_token();
        let message = bench.post(application);
        assert_eq!(token_of(&message), announced);
        let answer = separate(support::NON, application as u16, &message, CONTENT, b"");
        assert_eq!(response(bench.receive(&answer)).token, announced);
        assert_ne!(bench.client.next_token(), announced);
    }
}

#[test]
fn sign_ins_and_replies_take_from_the_same_numbers() {
    let mut bench = bench_with_seed(8);
    let mut ids = HashSet::new();
    for application in 0..50 {
        let message = bench.post(application);
        assert!(ids.insert(id_of(&message)));
        bench.start_sign_in(10 * SECOND);
        let request = bench.one();
        assert!(ids.insert(id_of(&request)));
        bench.grant(&request, "token");
        bench.receive(&support::message(support::NON, 1, 1, b"tk", b""));
        let reply = bench.one();
        assert!(ids.insert(id_of(&reply)));
        bench.answered(&message, CONTENT);
    }
}
