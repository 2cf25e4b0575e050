use alloc::vec;
use alloc::vec::Vec;

use super::{FragmentHeader, Inserted, MessageType, NextMessage, Reassembly, add_range};

fn header(message_seq: u16, message_len: usize, offset: usize) -> FragmentHeader {
    FragmentHeader { kind: MessageType::CERTIFICATE, message_len, message_seq, offset }
}

/// The body of the next message, if it is complete.
fn next(reassembly: &mut Reassembly) -> Option<Vec<u8>> {
    match reassembly.next_message(|_, _| true) {
        NextMessage::Complete(message) => Some(message.body),
        _ => None,
    }
}

#[test]
fn overlapping_fragments_in_any_order_complete_the_message() {
    let body: Vec<u8> = (0..100).collect();
    let mut reassembly = Reassembly::new(1000);
    for (start, end) in [(50, 70), (90, 100), (0, 20), (60, 95), (10, 55)] {
        assert_eq!(next(&mut reassembly), None);
        let inserted = reassembly.insert(header(0, 100, start), 0, &body[start..end]).unwrap();
        assert_eq!(inserted, Inserted::Accepted);
    }
    assert_eq!(next(&mut reassembly), Some(body.clone()));
    let repeated = reassembly.insert(header(0, 100, 0), 0, &body).unwrap();
    assert_eq!(repeated, Inserted::Retransmission);
}

#[test]
fn an_empty_message_is_complete_at_once() {
    let mut reassembly = Reassembly::new(1000);
    reassembly.insert(header(0, 0, 0), 0, &[]).unwrap();
    assert_eq!(next(&mut reassembly), Some(vec![]));
}

#[test]
fn messages_come_out_in_order() {
    let mut reassembly = Reassembly::new(1000);
    reassembly.insert(header(1, 1, 0), 0, &[1]).unwrap();
    assert_eq!(next(&mut reassembly), None);
    reassembly.insert(header(0, 1, 0), 0, &[0]).unwrap();
    assert_eq!(next(&mut reassembly), Some(vec![0]));
    assert_eq!(next(&mut reassembly), Some(vec![1]));
}

#[test]
fn memory_is_bounded_and_the_next_message_has_priority() {
    let mut reassembly = Reassembly::new(100);
    for message_seq in 1..20 {
        reassembly.insert(header(message_seq, 60, 0), 0, &[0]).unwrap();
    }
    assert!(reassembly.held_len <= 100);
    reassembly.insert(header(0, 80, 0), 0, &[7; 80]).unwrap();
    assert!(reassembly.held_len <= 100);
    assert_eq!(next(&mut reassembly), Some(vec![7; 80]));
    assert_eq!(reassembly.insert(header(1, 101, 0), 0, &[0]), Ok(Inserted::TooLong { limit: 100 }));
}

fn with_kind(kind: MessageType, header: FragmentHeader) -> FragmentHeader {
    FragmentHeader { kind, ..header }
}

/// Either may be forged. If the later one counts, the genuine message arrives when the
/// server retransmits it.
#[test]
fn the_later_of_two_contradicting_fragments_counts() {
    let forged = [
        header(0, 5, 1),
        header(0, 3, 0),
        header(0, 0, 0),
        with_kind(MessageType::FINISHED, header(0, 4, 0)),
    ];
    for forged in forged {
        let mut reassembly = Reassembly::new(100);
        reassembly.insert(forged, 0, &[9; 2][..forged.message_len.min(2)]).unwrap();
        reassembly.insert(header(0, 4, 0), 0, &[1, 2]).unwrap();
        // A forged fragment in between discards the fragments before it.
        reassembly.insert(forged, 0, &[]).unwrap();
        reassembly.insert(header(0, 4, 2), 0, &[3, 4]).unwrap();
        assert_eq!(next(&mut reassembly), None);
        reassembly.insert(header(0, 4, 0), 0, &[1, 2]).unwrap();
        assert_eq!(next(&mut reassembly), Some(vec![1, 2, 3, 4]), "{forged:?}");
        assert_eq!(reassembly.held_len, 0);
    }
}

#[test]
fn contradicting_fragments_hold_one_message_each() {
    let mut reassembly = Reassembly::new(100);
    for round in 0..1000 {
        let len = 1 + round * 7 % 90;
        reassembly.insert(header((round % 3) as u16, len, 0), 0, &[0]).unwrap();
        let held: usize = reassembly.messages.iter().map(|message| message.body.len()).sum();
        assert_eq!(reassembly.held_len, held);
        assert!(held <= 100 && reassembly.messages.len() <= 3);
    }
    // A later message is not replaced by a message that does not fit.
    let mut reassembly = Reassembly::new(100);
    reassembly.insert(header(0, 60, 0), 0, &[7; 60]).unwrap();
    reassembly.insert(header(1, 40, 0), 0, &[8; 40]).unwrap();
    reassembly.insert(header(1, 41, 0), 0, &[9; 41]).unwrap();
    assert_eq!(next(&mut reassembly), Some(vec![7; 60]));
    assert_eq!(next(&mut reassembly), Some(vec![8; 40]));
}

/// This happens once it is the next message, complete or not.
#[test]
fn an_unexpected_message_is_dropped_and_does_not_block_others() {
    let expected = |kind, _| kind == MessageType::CERTIFICATE;
    let mut reassembly = Reassembly::new(100);
    reassembly.insert(with_kind(MessageType::FINISHED, header(1, 90, 0)), 0, &[0]).unwrap();
    reassembly.insert(header(0, 1, 0), 0, &[1]).unwrap();
    assert!(matches!(reassembly.next_message(expected), NextMessage::Complete(_)));
    let dropped = reassembly.next_message(expected);
    assert!(matches!(dropped, NextMessage::Unexpected(MessageType::FINISHED, 0)));
    assert_eq!(reassembly.held_len, 0);
    assert!(matches!(reassembly.next_message(expected), NextMessage::Incomplete));
    reassembly.insert(header(1, 1, 0), 0, &[2]).unwrap();
    let NextMessage::Complete(message) = reassembly.next_message(expected) else { panic!("none") };
    assert_eq!((message.message_seq, message.body), (1, vec![2]));
}

#[test]
fn authenticated_fragments_displace_unauthenticated_ones() {
    let mut reassembly = Reassembly::new(100);
    reassembly.insert(header(0, 2, 0), 0, &[9]).unwrap();
    reassembly.insert(header(0, 2, 0), 1, &[1, 2]).unwrap();
    reassembly.insert(header(0, 2, 0), 0, &[9]).unwrap();
    let mut epoch = None;
    let message = reassembly.next_message(|_, message_epoch| {
        epoch = Some(message_epoch);
        true
    });
    assert!(matches!(message, NextMessage::Complete(message) if message.body == [1, 2]));
    assert_eq!(epoch, Some(1));
}

#[test]
fn ranges_join_when_they_touch() {
    let mut received = Vec::new();
    for (start, end) in [(10, 20), (30, 40), (50, 60), (20, 30), (0, 5)] {
        assert!(add_range(&mut received, start, end).unwrap());
    }
    assert_eq!(received, [(0, 5), (10, 40), (50, 60)]);
    add_range(&mut received, 4, 55).unwrap();
    assert_eq!(received, [(0, 60)]);
}
