//! Hazard: what the client says comes in another order, or something else comes in its place.

use iot_coap_dtls::{Error, State, Violation};
use iot_coap_test_support::scripted::messages::{
    APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED, HANDSHAKE,
    HELLO_VERIFY_REQUEST, fragment, message, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;

use super::pair::Pair;

/// What a client says behind its ClientHello, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// The halves of its key exchange.
    Exchange(usize),
    ChangeCipherSpec,
    /// The halves of its Finished, each in a record with keys.
    Finished(usize),
    Data,
}

/// All orders.
fn permutations(parts: &[Part]) -> Vec<Vec<Part>> {
    if parts.is_empty() {
        return vec![vec![]];
    }
    let begin_with = |index: usize| {
        let mut rest = parts.to_vec();
        let first = rest.remove(index);
        permutations(&rest).into_iter().map(move |rest| [&[first][..], &rest].concat())
    };
    (0..parts.len()).flat_map(begin_with).collect()
}

/// What the server must make of it.
#[derive(Default)]
struct Model {
    exchange: [bool; 2],
    has_keys: bool,
    finished: [bool; 2],
    /// The data has come since there are keys, and so does not count a second time.
    data_is_seen: bool,
    data_is_heard: bool,
}

impl Model {
    fn connected(&self) -> bool {
        self.finished == [true; 2]
    }

    fn take(&mut self, part: Part) {
        match part {
            Part::Exchange(half) => {
                self.exchange[half] = true;
                self.has_keys |= self.exchange == [true; 2];
            }
            Part::Finished(half) => self.finished[half] |= self.has_keys,
            Part::Data if self.has_keys && !self.data_is_seen => {
                self.data_is_seen = true;
                self.data_is_heard = self.connected();
            }
            Part::ChangeCipherSpec | Part::Data => {}
        }
    }
}

/// Says the parts in each order, and then once more in the right one, as a client does that
/// repeats its flight. Returns in how many orders the first time was enough.
fn in_each_order(begun: impl Fn() -> Pair, parts: &[Part]) -> usize {
    let mut connected_at_once = 0;
    for order in permutations(parts) {
        let mut pair = begun();
        let mut model = Model { has_keys: pair.client.keys.is_some(), ..Model::default() };
        let exchange = if model.has_keys { vec![] } else { pair.client.key_exchange() };
        let halves = |message: &[u8], number: u16, half: usize| {
            let (kind, body) = (message[0], &message[12..]);
            let middle = body.len() / 2;
            let (start, end) = if half == 0 { (0, middle) } else { (middle, body.len()) };
            fragment(kind, number, body.len(), start, &body[start..end])
        };
        let data = pair.client.verify_data();
        let (seq, finished) = (pair.client.message_seq, message(FINISHED, 0, &data));
        let mut say = |part: Part| match part {
            Part::Exchange(half) => {
                let half = halves(&exchange[13..], seq - 1, half);
                pair.client.plain(HANDSHAKE, &half)
            }
            Part::ChangeCipherSpec => pair.client.change_cipher_spec(),
            Part::Finished(half) => {
                let half = halves(&finished, seq, half);
                pair.client.protected(HANDSHAKE, &half)
            }
            Part::Data => pair.client.protected(APPLICATION_DATA, b"open the door"),
        };
        let said: Vec<_> = parts.iter().map(|part| say(*part)).collect();
        for (count, part) in (1..).zip(order.iter().chain(parts)) {
            model.take(*part);
            let number = parts.iter().position(|other| other == part).unwrap();
            pair.feed(&said[number]);
            let state = if model.connected() { State::Connected } else { State::Handshaking };
            assert_eq!(pair.state(), Some(state), "{order:?}, {count}");
            let heard = usize::from(model.data_is_heard);
            assert_eq!(pair.server.only().received.len(), heard, "{order:?}, {count}");
            connected_at_once += usize::from(count == order.len() && model.connected());
        }
        assert!(model.connected());
        pair.assert_alive();
    }
    connected_at_once
}

#[test]
fn a_handshake_in_each_order() {
    let [exchange, finished] = [Part::Exchange, Part::Finished].map(|part| [part(0), part(1)]);
    let parts = [&exchange[..], &[Part::ChangeCipherSpec], &finished, &[Part::Data]].concat();
    let at_once = in_each_order(|| Pair::begun(ScriptedClient::default()), &parts);
    // In one order of six both halves of the key exchange come before those of the Finished.
    assert_eq!(at_once, 720 / 6);
}

/// There are keys from the start.
#[test]
fn a_resumption_in_each_order() {
    let parts = [Part::ChangeCipherSpec, Part::Finished(0), Part::Finished(1), Part::Data];
    assert_eq!(in_each_order(Pair::resuming, &parts), 24);
}

/// Each type of message in place of each of the client's, from somebody who has no keys: it is
/// dropped, and the genuine one still counts. Some types would skip the proof.
#[test]
fn no_other_message_takes_the_place_of_one() {
    for kind in (0..=24).chain([99, 254, 255]) {
        for len in [0, 40] {
            let mut pair = Pair::with_cookie(ScriptedClient::default());
            let hello = pair.client.hello();
            let part = fragment(CLIENT_HELLO, 1, hello.len() - 25, 0, &hello[25..90]);
            assert!(pair.feed(&record(HANDSHAKE, 0, 1, &part)).is_empty());
            forge(&mut pair, kind, len, &[(1, CLIENT_HELLO), (2, CLIENT_KEY_EXCHANGE)]);
            let flight = pair.feed(&hello);
            pair.client.read_flight(&flight);
            forge(&mut pair, kind, len, &[(2, CLIENT_KEY_EXCHANGE), (3, NONE), (4, NONE)]);
            let exchange = pair.client.key_exchange();
            pair.feed(&exchange);
            forge(&mut pair, kind, len, &[(3, NONE), (4, NONE)]);
            let data = pair.client.verify_data();
            let finished = pair.client.finished(&data);
            pair.feed(&finished);
            pair.assert_alive();
            forge(&mut pair, kind, len, &[0, 1, 2, 3, 4].map(|number| (number, NONE)));
            pair.assert_alive();
        }
    }
}

/// The type of no message.
const NONE: u8 = 200;

/// Says so many bytes of a type, with and without an end, as each of the messages with these
/// numbers, unless it is the type that it should have.
fn forge(pair: &mut Pair, kind: u8, len: usize, numbers: &[(u16, u8)]) {
    let state = pair.state();
    for (number, _) in numbers.iter().filter(|(_, expected)| *expected != kind) {
        let whole = message(kind, *number, &vec![1; len]);
        let part = fragment(kind, *number, 400, 0, &vec![1; len]);
        for content in [whole, part] {
            for epoch in [0, 1] {
                let answer = pair.feed(&record(HANDSHAKE, epoch, 99, &content));
                // Whoever says hello is asked for a cookie.
                let is_hello = kind == CLIENT_HELLO && epoch == 0;
                assert!(answer.is_empty() || is_hello && answer[0][13] == HELLO_VERIFY_REQUEST);
                assert_eq!(pair.state(), state, "{kind}");
            }
        }
    }
}

/// What comes with keys is the client's, so there it ends the handshake.
#[test]
fn another_message_in_place_of_finished_ends_the_handshake() {
    for kind in (2..=19).chain([21, 99, 255]) {
        let mut pair = Pair::begun(ScriptedClient::default());
        let exchange = pair.client.key_exchange();
        pair.feed(&exchange);
        let other = message(kind, pair.client.message_seq, &[0; 12]);
        let other = pair.client.protected(HANDSHAKE, &other);
        pair.feed(&other);
        let ended = pair.state();
        let is_unexpected =
            matches!(ended, Some(State::Ended(Error::Protocol(Violation::Unexpected(_)))));
        assert!(is_unexpected, "{kind}: {ended:?}");
    }
}

/// A ChangeCipherSpec, whatever is in it, changes nothing: the epoch of a record says the same,
/// and is authenticated.
#[test]
fn change_cipher_spec_alone_changes_nothing() {
    for content in [&[1][..], &[], &[2], &[1, 1]] {
        for is_begun in [false, true] {
            let mut pair = Pair::begun(ScriptedClient::default());
            let exchange = pair.client.key_exchange();
            if is_begun {
                pair.feed(&exchange);
            }
            let changed = pair.client.plain(CHANGE_CIPHER_SPEC, content);
            let data = pair.client.plain(APPLICATION_DATA, b"open the door");
            assert!(pair.feed(&[changed, data].concat()).is_empty());
            assert_eq!(pair.state(), Some(State::Handshaking));
            assert!(pair.server.only().received.is_empty());
            pair.finish_after(exchange);
        }
    }
}
