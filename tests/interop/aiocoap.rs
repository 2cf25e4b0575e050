//! The whole library, from `IOT_CoAP_Init` to the callback, against a cloud
//! made of aiocoap.

use std::time::Duration;

use iot_coap::iotx_msg_type_t::{IOTX_MESSAGE_CON, IOTX_MESSAGE_NON};
use iot_coap_client::ACCESS_TOKEN_MAX_LEN;
use iot_coap_cloud::Device;
use serde_json::{Value, json};

use crate::bench::ACCESS_TOKEN_LEN;
use crate::peer::Peer;
use crate::wire::{Datagram, Relay, Side, nothing_lost};
use iot_coap_test_library::client::{Answer, Client};

const LIMIT: Duration = Duration::from_secs(20);

const CONTENT: u8 = 0x45;

/// A client that has signed in with aiocoap, and what went over the wire.
struct Connected {
    client: Client,
    relay: Relay,
    _peer: Peer,
}

impl Connected {
    fn new(access_token_len: usize) -> Self {
        let peer = Peer::aiocoap(access_token_len);
        let relay = Relay::start(peer.address, nothing_lost());
        let client = Client::signed_in(&relay.url());
        Self { client, relay, _peer: peer }
    }

    /// The answer to the next message, a CON.
    fn confirm(&self, name: &str) -> Answer {
        let number = self.client.answers().len();
        assert_eq!(self.client.post(name, number, IOTX_MESSAGE_CON), 0);
        self.client.await_answers(number + 1, LIMIT)[number].clone()
    }
}

fn report(answer: &Answer) -> Value {
    assert_eq!(answer.code, CONTENT, "{answer:?}");
    serde_json::from_slice(&answer.payload).expect("the server reports in JSON")
}

/// What aiocoap is to have understood of a message.
fn understood(kind: &str, name: &str, message: usize, access_token: &str) -> Value {
    let device = Device::sample();
    json!({
        "type": kind,
        "path": [device.product_key, device.device_name, name],
        "content_format": 50,
        "accept": 42,
        "access_tokens": [access_token],
        "payload": format!("{{\"message\":{message}}}"),
    })
}

#[test]
fn signs_in_and_is_understood() {
    for access_token_len in [1, ACCESS_TOKEN_LEN, ACCESS_TOKEN_MAX_LEN] {
        let connected = Connected::new(access_token_len);
        let access_token = format!("{:0>access_token_len$}", 1);
        let answer = connected.confirm("update");
        assert_eq!(report(&answer), understood("CON", "update", 0, &access_token));
        assert_eq!(connected.relay.seen(4).len(), 4, "one round trip each");
    }
}

#[test]
fn non_messages_are_answered_non() {
    let Connected { client, relay, _peer } = Connected::new(8);
    assert_eq!(client.post("update", 0, IOTX_MESSAGE_NON), 0);
    let answers = client.await_answers(1, LIMIT);
    assert_eq!(report(&answers[0]), understood("NON", "update", 0, "00000001"));
    let kinds: Vec<_> = relay.seen(4)[2..].iter().map(|datagram| datagram.kind).collect();
    assert_eq!(kinds, ["NON", "NON"]);
}

#[test]
fn separate_responses_are_delivered() {
    let connected = Connected::new(8);
    let answer = connected.confirm("separate");
    assert_eq!(report(&answer), understood("CON", "separate", 0, "00000001"));
    let answer = connected.confirm("separate-non");
    assert_eq!(report(&answer), understood("CON", "separate-non", 1, "00000001"));
    let seen = connected.relay.seen(9);
    let separate: Vec<_> = seen[4..6].iter().map(Datagram::gist).collect();
    assert_eq!(separate, [(Side::Server, "CON", "2.05"), (Side::Client, "ACK", "0.00")]);
    assert_eq!(seen[8].gist(), (Side::Server, "NON", "2.05"));
    assert_eq!(seen.len(), 9, "a NON response is not acknowledged");
}

#[test]
fn several_in_flight_are_told_apart() {
    let Connected { client, .. } = &Connected::new(8);
    // The slow ones are answered after the quick ones.
    for number in 0..30 {
        let name = if number % 10 == 0 { "separate" } else { "update" };
        assert_eq!(client.post(name, number, IOTX_MESSAGE_CON), 0);
    }
    let mut answers = client.await_answers(30, LIMIT);
    answers.sort_by_key(|answer| answer.message);
    for (number, answer) in answers.iter().enumerate() {
        let name = if number % 10 == 0 { "separate" } else { "update" };
        assert_eq!(report(answer), understood("CON", name, number, "00000001"));
    }
}

#[test]
fn large_answers_are_delivered_whole() {
    let connected = Connected::new(8);
    for len in [1000, 1100] {
        let answer = connected.confirm(&len.to_string());
        assert_eq!(answer.code, CONTENT);
        assert_eq!(answer.payload, b"0123456789".repeat(len / 10));
    }
}

#[test]
fn codes_come_through_raw() {
    let connected = Connected::new(8);
    for (name, code) in [("unknown", 0x84), ("forbidden", 0x83), ("busy", 0x9D)] {
        let answer = connected.confirm(name);
        assert_eq!((answer.code, answer.payload.len()), (code, 0), "{name}");
    }
}

#[test]
fn a_refused_access_token_is_renewed() {
    let connected = Connected::new(8);
    let answer = connected.confirm("second-sign-in");
    assert_eq!(report(&answer), understood("CON", "second-sign-in", 0, "00000002"));
}

#[test]
fn a_ping_is_answered() {
    let answer = Connected::new(8).confirm("ping");
    assert_eq!((answer.code, &*answer.payload), (CONTENT, &b"reset"[..]));
}

#[test]
fn a_request_of_the_servers_is_answered_not_found() {
    let answer = Connected::new(8).confirm("request");
    assert_eq!((answer.code, &*answer.payload), (CONTENT, &b"4.04"[..]));
}
