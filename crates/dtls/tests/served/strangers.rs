//! Hazard: somebody speaks from another address than the client's. Nothing of the client's
//! connection is reached from there before a record has proved that the client sent it, and an id
//! alone proves nothing.

use std::net::SocketAddr;

use iot_coap_dtls::server::HELLO_VERIFY_REQUEST_LEN;
use iot_coap_dtls::{Dropped, Instant, State};
use iot_coap_test_support::scripted::messages::{
    ALERT, APPLICATION_DATA, CLIENT_HELLO, CLIENT_KEY_EXCHANGE, FINISHED, HANDSHAKE,
    WITH_CONNECTION_ID, message, record,
};
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::{Endpoint, ID_LEN};

use super::pair::{Pair, at, client_with_id, peer};

fn elsewhere() -> SocketAddr {
    ([203, 0, 113, 9], 5683).into()
}

/// What the server says to a datagram of a stranger.
fn feed_from_elsewhere(pair: &mut Pair, datagram: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
    pair.server.receive(at(pair.now), elsewhere(), datagram)
}

/// What there is of the client's connection that a datagram could change.
fn seen(server: &Endpoint) -> Option<(SocketAddr, State, Dropped, Option<Instant>, usize)> {
    let served = server.served.iter().find(|served| served.peer == peer())?;
    let connection = &served.connection;
    let timeout = connection.next_timeout();
    Some((served.peer, connection.state(), connection.dropped(), timeout, served.received.len()))
}

/// Each record of each datagram of the client, from elsewhere, before it has come from the client
/// and afterwards, and with an alert behind it. Here its records have no id.
#[test]
fn what_the_client_says_means_nothing_from_elsewhere() {
    let mut pair = Pair::new(ScriptedClient::default());
    let mut said: Vec<Vec<u8>> = Vec::new();
    let mut says = |pair: &mut Pair, datagram: Vec<u8>| {
        said.push(datagram);
        let mut answers = Vec::new();
        for comes in [false, true] {
            for datagram in &said {
                let alert = record(ALERT, 0, 77, &[2, 40]);
                for datagram in [datagram.clone(), [&datagram[..], &alert].concat()] {
                    let before = seen(&pair.server);
                    let heard = feed_from_elsewhere(pair, &datagram);
                    assert_eq!(seen(&pair.server), before);
                    // At most a cookie, for whoever asks.
                    assert!(heard.iter().all(|(to, answer)| {
                        *to == elsewhere() && answer.len() == HELLO_VERIFY_REQUEST_LEN
                    }));
                    assert!(heard.len() <= 1);
                }
            }
            if !comes {
                answers = pair.feed(said.last().unwrap());
            }
        }
        answers
    };
    let hello = pair.client.hello();
    let answer = says(&mut pair, hello);
    pair.client.read_cookie(&answer[0]);
    let hello = pair.client.hello();
    let flight = says(&mut pair, hello);
    pair.client.read_flight(&flight);
    let exchange = pair.client.key_exchange();
    says(&mut pair, exchange);
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    says(&mut pair, finished);
    assert_eq!(pair.state(), Some(State::Connected));
    let record = pair.client.protected(APPLICATION_DATA, b"21.5");
    assert_eq!(says(&mut pair, record).len(), 1);
    assert_eq!(pair.server.accepted, 1);
    pair.assert_alive();
}

/// A record that begins with an id is the connection's, wherever it comes from. If it is forged,
/// nothing in its datagram counts: what is not protected could be anybody's.
#[test]
fn an_id_alone_reaches_nothing() {
    let mut pair = Pair::begun(client_with_id());
    let id = pair.server.only().id;
    let forged = |epoch: u16, fragment: &[u8]| {
        let mut forged = record(WITH_CONNECTION_ID, epoch, 9, fragment);
        forged.splice(11..11, id);
        forged
    };
    let hello = message(CLIENT_HELLO, 1, &pair.client.hello_body());
    let tries = |pair: &mut Pair, with_keys: bool| {
        for first in [forged(1, &[7; 40]), forged(1, &[]), forged(0, &[7; 40]), forged(2, &[7; 40])]
        {
            for behind in [
                record(ALERT, 0, 77, &[2, 40]),
                record(ALERT, 0, 77, &[1, 0]),
                record(HANDSHAKE, 0, 77, &hello),
                record(HANDSHAKE, 0, 77, &message(CLIENT_HELLO, 1, &[1; 40])),
                record(HANDSHAKE, 0, 77, &message(CLIENT_KEY_EXCHANGE, 2, &[0, 1, b'x'])),
                record(HANDSHAKE, 0, 77, &message(FINISHED, 3, &[1; 12])),
            ] {
                let before = seen(&pair.server).unwrap();
                // Late enough that a flight would be repeated to the client that asks for it.
                pair.now += 500;
                let heard = feed_from_elsewhere(pair, &[&first[..], &behind].concat());
                assert!(heard.is_empty());
                let after = seen(&pair.server).unwrap();
                assert_eq!((before.0, before.1, before.3), (after.0, after.1, after.3));
                assert!(after.2.malformed > before.2.malformed);
                if !with_keys {
                    assert_eq!(before.2.forged, after.2.forged);
                }
            }
        }
    };
    tries(&mut pair, false);
    let exchange = pair.client.key_exchange();
    pair.feed(&exchange);
    tries(&mut pair, true);
    // None of it is held against the client when it stays away for long.
    for _ in 0..3 {
        let deadline = pair.server.next_timeout().unwrap();
        pair.now = deadline.as_millis();
        pair.server.handle_timeout(deadline);
        assert_eq!(pair.state(), Some(State::Handshaking));
    }
    pair.client.connection_id = id.to_vec();
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    pair.feed(&finished);
    pair.assert_alive();
}

/// The client's last flight may come from another address, as what follows may.
#[test]
fn a_finished_from_a_new_address_counts() {
    let mut pair = Pair::begun(client_with_id());
    let exchange = pair.client.key_exchange();
    pair.feed(&exchange);
    pair.take_id();
    let data = pair.client.verify_data();
    let finished = pair.client.finished(&data);
    let heard = feed_from_elsewhere(&mut pair, &finished);
    assert!(!heard.is_empty() && heard.iter().all(|(to, _)| *to == elsewhere()));
    assert_eq!(pair.server.only().peer, elsewhere());
    assert_eq!(pair.state(), Some(State::Connected));
}

/// Two clients, each with the other's id: records are read by the keys of the id that they have.
#[test]
fn the_id_of_another_session_opens_nothing() {
    let mut one = Pair::new(client_with_id()).connect();
    let mut other = ScriptedClient { random: [0x99; 32], ..client_with_id() };
    let from = elsewhere();
    let receive = |pair: &mut Pair, datagram: &[u8]| {
        let out = pair.server.receive(at(0), from, datagram);
        out.into_iter().map(|(_, datagram)| datagram).collect::<Vec<_>>()
    };
    let hello = other.hello();
    other.read_cookie(&receive(&mut one, &hello)[0]);
    let hello = other.hello();
    other.read_flight(&receive(&mut one, &hello));
    let exchange = other.key_exchange();
    receive(&mut one, &exchange);
    other.connection_id = one.server.served[1].id.to_vec();
    let data = other.verify_data();
    let finished = other.finished(&data);
    receive(&mut one, &finished);
    assert_eq!(one.server.served[1].connection.state(), State::Connected);
    // From its own address, and from the other's.
    // A number that the other session has not seen.
    other.sequence[1] = 50;
    let own_id = std::mem::replace(&mut other.connection_id, one.server.served[0].id.to_vec());
    for number in 1..3 {
        let stolen = other.protected(APPLICATION_DATA, b"open the door");
        let from = if number == 1 { from } else { peer() };
        let before = one.server.served[1].connection.dropped();
        assert!(one.server.receive(at(0), from, &stolen).is_empty());
        assert_eq!(one.server.served[0].connection.dropped().forged, number);
        assert_eq!(one.server.served[0].peer, peer());
        assert_eq!(one.server.served[1].connection.dropped(), before);
    }
    other.connection_id = own_id;
    let genuine = other.protected(APPLICATION_DATA, b"good morning");
    assert_eq!(receive(&mut one, &genuine).len(), 1);
    one.assert_alive();
}

/// Records without an id, with one that is cut or too long, and with one bit changed.
#[test]
fn an_id_of_another_length_or_value_opens_nothing() {
    let mut pair = Pair::connected_with_id();
    let id = pair.client.connection_id.clone();
    let mut others: Vec<Vec<u8>> = (0..ID_LEN).map(|len| id[..len].to_vec()).collect();
    others.extend([[&id[..], &[0]].concat(), [&[0][..], &id].concat(), vec![7; 255], vec![0; 4]]);
    others.extend((0..8 * ID_LEN).map(|bit| {
        let mut other = id.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        other
    }));
    for other in others {
        pair.client.connection_id.clone_from(&other);
        let record = pair.client.protected(APPLICATION_DATA, b"open the door");
        let count = pair.server.only().received.len();
        assert!(pair.feed(&record).is_empty(), "{other:?}");
        assert!(feed_from_elsewhere(&mut pair, &record).is_empty(), "{other:?}");
        assert_eq!(pair.server.only().received.len(), count);
        assert_eq!(pair.server.only().peer, peer());
        // Genuine as it was, but in the old format.
        let mut bare = record.clone();
        bare.drain(11..11 + other.len());
        bare[0] = APPLICATION_DATA;
        assert!(pair.feed(&bare).is_empty());
    }
    pair.client.connection_id = id;
    pair.assert_alive();
}

/// A connection id in a session without connection ids.
#[test]
fn an_id_that_was_not_agreed_on_opens_nothing() {
    let mut pair = Pair::connected();
    pair.client.connection_id = pair.server.only().id.to_vec();
    let record = pair.client.protected(APPLICATION_DATA, b"x");
    assert!(pair.heard(&record).is_empty());
    assert_eq!(pair.dropped().malformed, 1);
    pair.client.connection_id.clear();
    pair.assert_alive();
}

/// With an id, the type is inside, followed by zeros (RFC 9146, section 4).
#[test]
fn the_type_is_inside() {
    let mut pair = Pair::connected_with_id();
    let sealed = |pair: &mut Pair, inner: &[u8]| {
        let header = pair.client.header(APPLICATION_DATA, pair.client.sequence[1]);
        pair.client.sequence[1] += 1;
        let record = header.record(&pair.client.key_of_records().seal(&header, inner));
        let before = pair.dropped();
        let heard = pair.heard(&record);
        let after = pair.dropped();
        (heard, after.forged - before.forged, after.malformed - before.malformed)
    };
    // Without a type, with an unknown one, and with those that no content has.
    for (inner, forged, malformed) in [
        (&[][..], 1, 0),
        (&[0; 40], 1, 0),
        (&[7, 99], 1, 0),
        (&[7, WITH_CONNECTION_ID], 0, 1),
        (&[7, 20, 0, 0], 0, 1),
    ] {
        assert_eq!(sealed(&mut pair, inner), (vec![], forged, malformed), "{inner:?}");
    }
    let padded = [b'x', APPLICATION_DATA, 0, 0, 0];
    assert_eq!(sealed(&mut pair, &padded), (vec![b"x".to_vec()], 0, 0));
    pair.assert_alive();
}
