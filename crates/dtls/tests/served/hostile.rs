//! Hazard: a client that means no good, or somebody who speaks in its name: messages are forged,
//! repeated or out of order, and a Finished is wrong.

use iot_coap_dtls::{Error, State};
use iot_coap_test_support::dtls::PSK;
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, CLIENT_HELLO, HANDSHAKE, SERVER_HELLO, message,
    record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::{self, Endpoint};

use super::pair::Pair;

const NO_RENEGOTIATION: u8 = 100;

/// A client cannot find out whether an identity is known.
#[test]
fn an_unknown_identity_is_answered_like_a_wrong_key() {
    let wrong_key = ScriptedClient { key: vec![1; PSK.len()], ..ScriptedClient::default() };
    let unknown = ScriptedClient { identity: b"nobody".to_vec(), ..ScriptedClient::default() };
    let nameless = ScriptedClient { identity: vec![], ..ScriptedClient::default() };
    let long = ScriptedClient { identity: vec![b'x'; 1000], ..ScriptedClient::default() };
    let heard = [wrong_key, unknown, nameless, long].map(|client| {
        let mut pair = Pair::begun(client);
        let exchange = pair.client.key_exchange();
        let mut heard = pair.feed(&exchange);
        let data = pair.client.verify_data();
        let finished = pair.client.finished(&data);
        heard.extend(pair.feed(&finished));
        assert_eq!(pair.server.only().connection.dropped().forged, 1);
        while let Some(deadline) = pair.server.next_timeout() {
            let out = pair.server.handle_timeout(deadline);
            heard.extend(out.into_iter().map(|(_, datagram)| datagram));
        }
        assert_eq!(pair.state(), None);
        // But for the random bytes.
        heard.iter().map(Vec::len).collect::<Vec<_>>()
    });
    assert!(heard.iter().all(|other| *other == heard[0]), "{heard:?}");
    // The flight again, as if the client had said nothing.
    assert_eq!(heard[0].len(), 6);
}

/// No bit of what the client says during the handshake can be changed on the way.
#[test]
fn no_byte_of_the_handshake_can_be_changed() {
    let handshake = |changed: Option<(usize, usize)>| {
        let mut sent = 0;
        let mut pass = |mut datagram: Vec<u8>| {
            if let Some((_, index)) = changed.filter(|(number, _)| *number == sent)
                && let Some(byte) = datagram.get_mut(index)
            {
                *byte ^= 1;
            }
            sent += 1;
            datagram
        };
        let mut pair = Pair::with_cookie(ScriptedClient::default());
        let hello = pass(pair.client.hello());
        let flight = pair.feed(&hello);
        // Without an answer of that kind the client goes no further.
        if flight.iter().any(|flight| (flight[0], flight[13]) == (HANDSHAKE, SERVER_HELLO)) {
            pair.client.read_flight(&flight);
            let exchange = pass(pair.client.key_exchange());
            pair.feed(&exchange);
            let data = pair.client.verify_data();
            let finished = pass(pair.client.finished(&data));
            pair.feed(&finished);
        }
        pair.state() == Some(State::Connected)
    };
    assert!(handshake(None));
    for number in 0..3 {
        // The header of a record without protection has an epoch and a length that count.
        let start = if number < 2 { 13 } else { 0 };
        for index in start..110 {
            let is_past_end = [13 + 81, 13 + 12 + 10, 13 + 8 + 24 + 16][number] <= index;
            let connected = handshake(Some((number, index)));
            assert_eq!(connected, is_past_end, "{number} {index}");
        }
    }
}

/// Anybody can send an alert.
#[test]
fn a_forged_alert_ends_the_handshake_only_if_the_client_is_silent() {
    let alert = record(ALERT, 0, 77, &[2, 40]);
    let mut pair = Pair::begun(ScriptedClient::default());
    pair.feed(&alert);
    let exchange = pair.client.key_exchange();
    pair.feed(&exchange);
    pair.feed(&record(CHANGE_CIPHER_SPEC, 0, 78, &[9; 9]));
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    pair.feed(&finished);
    pair.assert_alive();
    // In a session it is nothing.
    pair.feed(&alert);
    pair.feed(&record(HANDSHAKE, 0, 79, &message(CLIENT_HELLO, 0, &[1; 50])));
    pair.assert_alive();
    let mut pair = Pair::begun(ScriptedClient::default());
    pair.feed(&alert);
    assert!(matches!(pair.ends_in_time(), Err(Error::PeerAlert(alert)) if alert.0 == 40));
}

#[test]
fn a_second_hello_in_a_session_is_refused_once() {
    let mut pair = Pair::connected();
    let hello = message(CLIENT_HELLO, 0, &pair.client.hello_body());
    for number in 0..3 {
        let again = pair.client.protected(HANDSHAKE, &hello);
        let answer = pair.feed(&again);
        let opened = answer.first().and_then(|answer| pair.client.open(answer));
        let refusal = (number == 0).then(|| (ALERT, vec![1, NO_RENEGOTIATION]));
        assert_eq!(opened, refusal);
    }
    pair.assert_alive();
}

#[test]
fn records_count_once() {
    let mut pair = Pair::connected();
    let first = pair.client.protected(APPLICATION_DATA, b"first");
    let second = pair.client.protected(APPLICATION_DATA, b"second");
    let both = [&second[..], &first, &second, &first].concat();
    assert_eq!(pair.feed(&both).len(), 2);
    assert_eq!(pair.server.only().connection.dropped().replayed, 2);
    let received = &pair.server.only().received;
    assert_eq!(received[received.len() - 2..], [b"second".to_vec(), b"first".to_vec()]);
}

/// A session that ended is over: its last words are the alert.
#[test]
fn a_goodbye_ends_the_session() {
    let mut pair = Pair::connected();
    let goodbye = pair.client.protected(ALERT, &[1, 0]);
    let answer = pair.feed(&goodbye);
    assert_eq!(pair.client.open(&answer[0]), Some((ALERT, vec![1, 0])));
    assert_eq!(pair.state(), Some(State::Ended(Error::Closed)));
    let late = pair.client.protected(APPLICATION_DATA, b"late");
    assert!(pair.feed(&late).is_empty());
}

#[test]
fn too_many_forged_records_end_the_session() {
    let mut pair = Pair::connected_to(Endpoint::new(served::pre_shared_key().max_forgeries(20)));
    for number in 0..19 {
        let mut forged = pair.client.protected(APPLICATION_DATA, b"forged");
        *forged.last_mut().unwrap() ^= 1;
        pair.feed(&forged);
        assert_eq!(pair.state(), Some(State::Connected), "{number}");
    }
    pair.assert_alive();
    let mut forged = pair.client.protected(APPLICATION_DATA, b"forged");
    *forged.last_mut().unwrap() ^= 1;
    pair.feed(&forged);
    assert_eq!(pair.state(), Some(State::Ended(Error::TooManyForgeries)));
}
