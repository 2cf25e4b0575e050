//! Hazard: the symmetric mode takes what was not encrypted for it, or a
//! sequence number twice.

use coap_lite::{CoapOption, Packet};
use iot_coap_cloud::{Cloud, Transport};
use iot_coap_test_cloud::http::{details, events, says};
use iot_coap_test_cloud::*;
use iot_coap_test_support::peers::hex;
use openssl::hash::{MessageDigest, hash};
use openssl::symm::{Cipher, decrypt, encrypt};

const IV: &[u8; 16] = b"543yhjy97ae7fyfg";

struct Symmetric {
    device: TestDevice,
    key: Vec<u8>,
    offset: u64,
}

impl Symmetric {
    fn signed_in(cloud: &Cloud) -> Self {
        let mut device = TestDevice::over(cloud, Transport::Symmetric);
        device.token_option = 2088;
        let request = device.auth("hmacmd5", &[("seq", "3444")]);
        let reply = device.exchange(&request);
        assert_eq!(code(&reply), "2.05");
        let body: serde_json::Value = serde_json::from_slice(&reply.payload).expect("JSON");
        let random = body["random"].as_str().expect("a string");
        let digest = hash(MessageDigest::sha256(), format!("{DEVICE_SECRET},{random}").as_bytes());
        device.access_token = body["token"].as_str().expect("a token").as_bytes().to_vec();
        Self {
            key: digest.expect("hashed")[8..24].to_vec(),
            offset: body["seqOffset"].as_u64().expect("a number"),
            device,
        }
    }

    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        encrypt(Cipher::aes_128_cbc(), &self.key, Some(IV), plain).expect("sealed")
    }

    fn message(&mut self, sequence: &str, payload: &[u8]) -> Packet {
        let sealed = self.seal(payload);
        let mut packet = self.device.message("x", &sealed);
        packet.add_option(CoapOption::from(2089), self.seal(sequence.as_bytes()));
        packet
    }

    fn code_of(&mut self, sequence: u64) -> String {
        let packet = self.message(&sequence.to_string(), b"1");
        code(&self.device.exchange(&packet))
    }
}

#[test]
fn payloads_are_encrypted_both_ways() {
    let cloud = cloud();
    let mut client = Symmetric::signed_in(&cloud);
    let packet = client.message(&(client.offset + 1).to_string(), b"hello");
    let reply = client.device.exchange(&packet);
    assert_eq!(code(&reply), "2.05");
    let plain = decrypt(Cipher::aes_128_cbc(), &client.key, Some(IV), &reply.payload);
    let body: serde_json::Value = serde_json::from_slice(&plain.expect("decrypts")).expect("JSON");
    assert_eq!(body["code"], 200);
    let message = &cloud.messages()[0];
    assert_eq!(message.payload, b"hello");
    assert_eq!(message.sequence, Some(client.offset + 1));
    assert_eq!(message.transport, Transport::Symmetric);
}

#[test]
fn the_console_shows_what_was_sent_and_what_it_says() {
    let cloud = with_console();
    let mut client = Symmetric::signed_in(&cloud);
    let request = client.message(&(client.offset + 1).to_string(), b"hello");
    let reply = client.device.exchange(&request);
    let (rows, _) = events(&cloud, &[]).rows_until(says("hello"));
    let told = details(&cloud, rows.last().expect("one"));
    assert_eq!(told["payload"]["text"], "hello");
    let payloads: Vec<_> = told["datagrams"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|datagram| datagram["payload"]["brief"].as_str().expect("text"))
        .collect();
    assert_eq!(payloads, [hex(&request.payload), hex(&reply.payload)]);
}

#[test]
fn a_sequence_number_is_taken_once_and_above_the_offset() {
    let cloud = cloud();
    let mut client = Symmetric::signed_in(&cloud);
    let offset = client.offset;
    for (number, expected) in [
        (offset, "4.01"),
        (0, "4.01"),
        (offset + 1, "2.05"),
        (offset + 1, "4.01"),
        (offset + 5, "2.05"),
        // Overtaken on the way.
        (offset + 3, "2.05"),
        (offset + 3, "4.01"),
    ] {
        assert_eq!(client.code_of(number), expected, "{number}");
    }
    assert_eq!(cloud.messages().len(), 3);
}

#[test]
fn what_is_not_encrypted_for_this_session_is_refused() {
    let cloud = cloud();
    let mut client = Symmetric::signed_in(&cloud);
    let next = client.offset + 1;

    let plain = client.device.message("x", b"hello");
    assert_eq!(code(&client.device.exchange(&plain)), "4.00", "no sequence number");

    let mut plain_payload = client.message(&next.to_string(), b"");
    plain_payload.payload = b"hello".to_vec();
    assert_eq!(code(&client.device.exchange(&plain_payload)), "4.00");

    let no_number = client.message("seven", b"1");
    assert_eq!(code(&client.device.exchange(&no_number)), "4.01");

    // The key of an earlier sign-in, and a token of another transport.
    let mut later = Symmetric::signed_in(&cloud);
    std::mem::swap(&mut later.key, &mut client.key);
    assert_eq!(later.code_of(next), "4.01");
    std::mem::swap(&mut later.key, &mut client.key);
    let over_udp = TestDevice::signed_in(&cloud, Transport::Udp).access_token;
    let own = std::mem::replace(&mut client.device.access_token, over_udp);
    assert_eq!(client.code_of(next), "4.01");
    client.device.access_token = own;

    // None of this used the number up.
    assert_eq!(client.code_of(next), "2.05");
    assert_eq!(cloud.messages().len(), 1);
}
