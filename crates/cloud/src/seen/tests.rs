use super::*;
use crate::transport::Route;

pub(super) fn peer(port: u16) -> Peer {
    let route = Route { socket: 0, address: ([127, 0, 0, 1], port).into() };
    Peer { route, transport: Transport::Udp, session: 0 }
}

const REQUEST: [u8; 4] = [0x40, 2, 0, 1];
const ANSWER: [u8; 4] = [0x60, 0x45, 0, 1];
const ACKNOWLEDGEMENT: [u8; 4] = [0x60, 0, 0, 9];

fn bytes(messages: Vec<Message>) -> Vec<Vec<u8>> {
    messages.into_iter().map(|message| message.bytes.into()).collect()
}

#[test]
fn a_request_its_copies_and_their_answers_are_one_exchange() {
    let (seen, now) = (Seen::new(), Instant::now());
    let cause = seen.came(peer(1), &REQUEST, Arrival::now(now));
    let other = seen.came(peer(2), &REQUEST, Arrival::now(now));
    seen.sent(peer(1), &ANSWER, &cause);
    let copy = seen.came(peer(1), &REQUEST, Arrival::now(now + Duration::from_secs(2)));
    assert_eq!((copy.number, other.number == cause.number), (cause.number, false));
    seen.sent(peer(1), &ANSWER, &copy);
    let expected = [REQUEST, ANSWER, REQUEST, ANSWER];
    assert_eq!(bytes(seen.exchange(cause.number)), expected);
    let later = seen.came(peer(1), &REQUEST, Arrival::now(now + EXCHANGE_LIFETIME));
    assert_ne!(later.number, cause.number, "its message id means something else by now");
}

#[test]
fn what_answers_the_server_belongs_to_what_it_answers() {
    let seen = Seen::new();
    let own = seen.begin();
    seen.sent(peer(1), &[0x40, 0, 0, 9], &own);
    let cause = seen.came(peer(1), &ACKNOWLEDGEMENT, Arrival::now(Instant::now()));
    seen.join(&cause, &own);
    assert_eq!(bytes(seen.exchange(own.number)).last(), Some(&ACKNOWLEDGEMENT.to_vec()));
    assert!(seen.exchange(cause.number).is_empty());
}

#[test]
fn an_answer_counts_when_it_leaves_and_once() {
    let (seen, now) = (Seen::new(), Instant::now());
    let cause = seen.came(peer(1), &REQUEST, Arrival::now(now));
    let acknowledged = seen.sent(peer(1), &[0x60, 0, 0, 1], &cause);
    seen.left(now, &acknowledged);
    assert!(seen.answer_times(0).is_empty(), "that is no answer");
    let answer = seen.sent(peer(1), &ANSWER, &cause);
    for milliseconds in [3, 2_000] {
        seen.left(now + Duration::from_millis(milliseconds), &answer);
    }
    let own = seen.begin();
    seen.left(now, &seen.sent(peer(1), &ANSWER, &own));
    let slow = seen.came(peer(2), &REQUEST, Arrival::now(now));
    seen.left(now + Duration::from_mins(2), &seen.sent(peer(2), &ANSWER, &slow));
    let mut sum = AnswerTimes::default();
    for (_, times) in seen.answer_times(0) {
        sum.iter_mut().zip(times).for_each(|(sum, count)| *sum += count);
    }
    let expected = [0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    assert_eq!(sum, expected);
}

#[test]
fn the_oldest_make_room_and_leave_nothing_behind() {
    let (seen, now) = (Seen::new(), Instant::now());
    let mut large = [0; 1_000];
    large[..4].copy_from_slice(&REQUEST);
    let first = seen.came(peer(1), &large, Arrival::now(now));
    for number in 0..30_000_u16 {
        large[100..102].copy_from_slice(&number.to_be_bytes());
        let cause = seen.came(peer(2), &large, Arrival::now(now));
        seen.sent(peer(2), &ANSWER, &cause);
    }
    assert!(seen.exchange(first.number).is_empty());
    let (messages, next) = seen.read(0, usize::MAX);
    assert_eq!((next, seen.total()), (60_001, 60_001));
    let kept = seen.kept();
    assert!(kept.bytes <= MOST_BYTES && kept.bytes > MOST_BYTES / 2);
    assert_eq!(messages.len(), kept.exchanges.len());
    let requests = messages.iter().filter(|each| each.direction == Direction::In).count();
    assert_eq!(requests, kept.requests.len());
}
