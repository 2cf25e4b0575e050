//! Hazard: in symmetric mode (`coap-psk://`) the cloud cannot read the device or
//! the other way round, or a sequence number comes twice. The cloud's side is
//! OpenSSL's, held to the published vectors first.

mod support;

use iot_coap_client::{Code, Config, Device, Endpoint, Event, GiveUp, Received, SignInError};
use openssl::hash::{MessageDigest, hash};
use openssl::symm::{Cipher, decrypt, encrypt};
use serde_json::Value;
use support::{
    ACK, BAD_REQUEST, Bench, CONTENT, DEVICE_SECRET, NON, SECOND, SEQUENCE, UNAUTHORIZED, at, con,
    config_for, empty, hex, id_of, is_sign_in, non, option, piggybacked, read, response,
    seeded_config_for, separate,
};

const INITIALISATION_VECTOR: &[u8] = b"543yhjy97ae7fyfg";

/// The cloud's side of one sign-in.
struct Session {
    key: Vec<u8>,
}

impl Session {
    fn new(secret: &str, random: &str) -> Self {
        let digest = hash(MessageDigest::sha256(), format!("{secret},{random}").as_bytes());
        Self { key: digest.unwrap()[8..24].to_vec() }
    }

    fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        encrypt(Cipher::aes_128_cbc(), &self.key, Some(INITIALISATION_VECTOR), plain).unwrap()
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        decrypt(Cipher::aes_128_cbc(), &self.key, Some(INITIALISATION_VECTOR), cipher).ok()
    }

    /// The sequence number and the payload of a message.
    fn open(&self, datagram: &[u8]) -> (u64, Vec<u8>) {
        let [sequence] =
            <[_; 1]>::try_from(option(datagram, SEQUENCE)).expect("one sequence number");
        let digits = String::from_utf8(self.decrypt(&sequence).expect("decrypts")).unwrap();
        let number: u64 = digits.parse().unwrap();
        assert_eq!(digits, number.to_string(), "decimal, without leading zeros");
        let payload = read(datagram).payload;
        let plain =
            if payload.is_empty() { payload } else { self.decrypt(&payload).expect("decrypts") };
        (number, plain)
    }
}

fn grant(bench: &mut Bench, request: &[u8], random: &str, offset: u64) -> Session {
    let reply = format!(r#"{{"random":"{random}","seqOffset":{offset},"token":"{random} token"}}"#);
    bench.answer(request, CONTENT, reply.as_bytes());
    assert_eq!(bench.events(), [Event::SignedIn]);
    Session::new(DEVICE_SECRET, random)
}

fn signed_in(random: &str, offset: u64) -> (Bench, Session) {
    let mut bench = Bench::new(config_for("coap-psk://127.0.0.1"));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    let session = grant(&mut bench, &request, random, offset);
    (bench, session)
}

#[test]
fn keys_and_sequence_numbers_are_those_of_the_vectors() {
    let vectors: Value = serde_json::from_str(include_str!("vectors.json")).unwrap();
    let text = |name: &str| vectors["symmetric"][name].as_str().unwrap();
    let cloud = Session::new(text("device_secret"), text("random"));
    assert_eq!(hex(&cloud.key), text("key_hex"), "the test's own cloud");
    assert_eq!(INITIALISATION_VECTOR, text("iv_ascii").as_bytes());
    assert_eq!(hex(&cloud.encrypt(text("seq_plain").as_bytes())), text("seq_cipher_hex"));

    // The whole client, with the vectors' identity.
    let device = Device::new(
        text("product_key"),
        text("device_name"),
        text("client_id"),
        text("device_secret"),
    );
    let endpoint = Endpoint::parse("coap-psk://127.0.0.1").unwrap();
    let mut bench = Bench::new(Config::new(device.unwrap(), &endpoint, 1));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    grant(&mut bench, &request, text("random"), 0);
    let message = bench.post(1);
    assert_eq!(hex(&option(&message, SEQUENCE)[0]), text("seq_cipher_hex"));
}

#[test]
fn a_sign_in_carries_a_signed_sequence_number_in_digits() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..50 {
        let mut bench = Bench::new(seeded_config_for("coap-psk://127.0.0.1", seed));
        bench.start_sign_in(10 * SECOND);
        let fields: Value = serde_json::from_slice(&read(&bench.one()).payload).unwrap();
        let sequence = fields["seq"].as_str().expect("a string").to_owned();
        assert!(sequence.bytes().all(|byte| byte.is_ascii_digit()), "{sequence}");
        let text = format!(
            "clientIda1RP1qZfrEi.example1deviceNameexample1productKeya1RP1qZfrEiseq{sequence}"
        );
        let key = openssl::pkey::PKey::hmac(DEVICE_SECRET.as_bytes()).unwrap();
        let mut signer = openssl::sign::Signer::new(MessageDigest::md5(), &key).unwrap();
        let signature = signer.sign_oneshot_to_vec(text.as_bytes()).unwrap();
        assert_eq!(fields["sign"], hex(&signature));
        seen.insert(sequence);
    }
    assert!(seen.len() > 45);
}

#[test]
fn the_cloud_reads_every_payload() {
    let (mut bench, session) = signed_in("r", 7);
    for len in (0_usize..70).chain([1000, 1100]) {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        for request in [con(&payload), non(&payload)] {
            let exchange = bench.send(&request, 1);
            let message = bench.one();
            assert_eq!(session.open(&message).1, payload, "{len}");
            assert_eq!(read(&message).payload.is_empty(), payload.is_empty());
            bench.client.cancel(exchange);
        }
    }
}

#[test]
fn the_device_reads_every_payload() {
    let (mut bench, session) = signed_in("r", 7);
    for len in (1_usize..70).chain([1000, 1100]) {
        let payload: Vec<u8> = (0..=255).cycle().take(len).collect();
        let message = bench.post(1);
        let mut datagram = piggybacked(&message, CONTENT, &session.encrypt(&payload));
        let answer = response(bench.receive_in_place(&mut datagram));
        assert_eq!(&datagram[answer.payload], payload, "{len}");
    }
    let message = bench.post(1);
    let answer = response(bench.receive(&piggybacked(&message, CONTENT, b"")));
    assert!(answer.payload.is_empty());
}

#[test]
fn sequence_numbers_grow_and_never_come_again() {
    let (mut bench, mut session) = signed_in("random 0", 100);
    let mut last = 100;
    // Offsets above, below and at what was used already.
    for (round, offset) in [500, 3, 0, 512, 512, 1 << 40].into_iter().enumerate() {
        let mut refused = Vec::new();
        for application in 0..5 {
            let message = bench.post(application);
            let (sequence, _) = session.open(&message);
            assert!(sequence > last, "{sequence} after {last}");
            last = sequence;
            refused.push(message);
        }
        let mut requests = Vec::new();
        for message in &refused {
            bench.answer(message, UNAUTHORIZED, b"");
            requests.extend(bench.sent());
        }
        session = grant(&mut bench, &requests[0], &format!("random {}", round + 1), offset);
        for message in bench.sent() {
            let (sequence, _) = session.open(&message);
            assert!(sequence > last && sequence > offset, "{sequence} after {last}, {offset}");
            last = sequence;
            bench.answered(&message, CONTENT);
        }
    }
}

#[test]
fn the_first_sequence_number_is_above_the_offset() {
    for offset in [0, 1, 3444, u64::from(u32::MAX), 1 << 53] {
        let (mut bench, session) = signed_in("r", offset);
        let message = bench.post(1);
        assert!(session.open(&message).0 > offset);
    }
}

/// Above this offset there are no numbers left that are greater, each once.
#[test]
fn an_offset_that_leaves_no_numbers_is_no_reply() {
    let mut bench = Bench::new(config_for("coap-psk://127.0.0.1"));
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    let reply = format!(r#"{{"random":"r","seqOffset":{},"token":"t"}}"#, u64::MAX);
    bench.answer(&request, CONTENT, reply.as_bytes());
    assert_eq!(bench.events(), [Event::SignInFailed(SignInError::BadReply)]);
}

#[test]
fn a_retransmission_is_the_same_message() {
    let (mut bench, session) = signed_in("r", 7);
    let message = bench.post(1);
    bench.pass_timeout();
    assert_eq!(bench.one(), message, "the same sequence number too");
    let next = bench.post(2);
    assert!(session.open(&next).0 > session.open(&message).0);
}

#[test]
fn messages_sent_again_are_encrypted_anew() {
    for payload in [&b""[..], b"{\"a\":1}", &[0xFF; 16], &[7; 700]] {
        let (mut bench, before) = signed_in("before", 7);
        bench.send(&con(payload), 1);
        let message = bench.one();
        assert_eq!(before.open(&message), (8, payload.to_vec()));
        bench.answer(&message, UNAUTHORIZED, b"");
        // One that was never sent under the old key.
        let request = bench.one();
        bench.send(&con(payload), 2);
        let after = grant(&mut bench, &request, "after", 7);
        let [again, waiting] = <[_; 2]>::try_from(bench.sent()).unwrap();
        assert_eq!(after.open(&again), (9, payload.to_vec()));
        assert_eq!(after.open(&waiting), (10, payload.to_vec()));
        assert_eq!(read(&again).get_token(), read(&message).get_token());
        let mut datagram = piggybacked(&again, CONTENT, &after.encrypt(b"taken"));
        let answer = response(bench.receive_in_place(&mut datagram));
        assert_eq!(&datagram[answer.payload], b"taken");
    }
}

#[test]
fn an_answer_under_the_previous_key_is_read_after_a_new_sign_in() {
    let (mut bench, before) = signed_in("before", 7);
    let message = bench.post(1);
    let other = bench.post(2);
    bench.start_sign_in(10 * SECOND);
    let request = bench.one();
    let after = grant(&mut bench, &request, "after", 9);
    let mut datagram = separate(NON, 1, &message, CONTENT, &before.encrypt(b"late"));
    let answer = response(bench.receive_in_place(&mut datagram));
    assert_eq!(&datagram[answer.payload], b"late");
    // Refused late, it is sent again under the new key.
    bench.answer(&other, UNAUTHORIZED, b"");
    assert_eq!(after.open(&bench.one()).1, b"{}");
}

/// The cloud takes each sequence number once, and the process that forked goes on with them.
#[test]
fn a_forked_copy_sends_nothing_under_the_key_of_its_parent() {
    let (mut bench, _) = signed_in("before", 7);
    let unacknowledged = bench.post(1);
    let acknowledged = bench.post(2);
    bench.receive(&empty(ACK, id_of(&acknowledged)));
    bench.post_non(3);
    bench.send(&con(b"{}"), 4);
    bench.send(&non(b"{}"), 5);
    bench.client.handle_fork(at(bench.now));
    bench.client.handle_path_changed();
    let request = bench.one();
    assert!(is_sign_in(&request));
    let after = grant(&mut bench, &request, "after", 100);
    let sent = bench.sent();
    let opened: Vec<_> = sent.iter().map(|message| after.open(message)).collect();
    assert_eq!(opened, [101, 102, 103, 104].map(|number| (number, b"{}".to_vec())));
    // To the cloud they are new messages.
    let ids = sent.iter().map(|message| id_of(message));
    let earlier = [&unacknowledged, &acknowledged].map(|message| id_of(message));
    assert!(ids.clone().all(|id| !earlier.contains(&id)));
    // None was refused so far: each may be, once.
    for message in &sent[..3] {
        bench.answer(message, UNAUTHORIZED, b"");
    }
    let request = bench.one();
    let again = grant(&mut bench, &request, "again", 200);
    let numbers: Vec<_> = bench.sent().iter().map(|message| again.open(message).0).collect();
    assert_eq!(numbers, [201, 202, 203]);
    assert!(bench.events().is_empty());
}

/// Two sign-ins later its key is forgotten: no garbage, and no message lost.
#[test]
fn an_answer_under_an_older_key_is_said_to_be_undecryptable() {
    let (mut bench, oldest) = signed_in("oldest", 7);
    let message = bench.post(1);
    let refused = bench.post(2);
    for random in ["older", "new"] {
        bench.start_sign_in(10 * SECOND);
        let request = bench.one();
        grant(&mut bench, &request, random, 9);
    }
    bench.receive(&piggybacked(&message, CONTENT, &oldest.encrypt(b"late")));
    let events = bench.events();
    let undecryptable =
        matches!(events[..], [Event::GaveUp { application: 1, reason: GiveUp::Undecryptable, .. }]);
    assert!(undecryptable, "{events:?}");
    bench.answer(&refused, UNAUTHORIZED, b"");
    let events = bench.events();
    let told =
        matches!(events[..], [Event::Refused { application: 2, code: Code(UNAUTHORIZED), .. }]);
    assert!(told, "{events:?}");
}

#[test]
fn what_does_not_decrypt_is_never_delivered() {
    let (_, wrong) = signed_in("wrong", 7);
    let payloads = [
        b"in the clear".to_vec(),
        b"sixteen letters!".to_vec(),
        vec![0; 32],
        (0..17).collect(),
        wrong.encrypt(b"under another key"),
    ];
    for payload in payloads {
        for code in [CONTENT, BAD_REQUEST, 0xA0] {
            let (mut bench, session) = signed_in("right", 7);
            assert_eq!(session.decrypt(&payload), None, "the test itself");
            let message = bench.post(1);
            let received = bench.receive(&piggybacked(&message, code, &payload));
            if code == CONTENT {
                assert!(matches!(received, Received::Handled));
                let events = bench.events();
                let undecryptable = matches!(
                    events[..],
                    [Event::GaveUp { application: 1, reason: GiveUp::Undecryptable, .. }]
                );
                assert!(undecryptable, "{events:?}");
            } else {
                // An error's text need not be encrypted; its code counts.
                let answer = response(received);
                assert_eq!((answer.application, answer.code), (1, Code(code)));
                assert!(answer.payload.is_empty());
                assert!(bench.events().is_empty());
            }
        }
    }
}

#[test]
fn a_reply_without_what_the_key_needs_is_none() {
    let too_long = format!(r#"{{"token":"t","seqOffset":1,"random":"{}"}}"#, "r".repeat(65));
    for reply in [
        r#"{"token":"t"}"#,
        r#"{"token":"t","random":"r"}"#,
        r#"{"token":"t","seqOffset":1}"#,
        r#"{"token":"t","seqOffset":-1,"random":"r"}"#,
        r#"{"token":"t","seqOffset":1.5,"random":"r"}"#,
        r#"{"token":"t","seqOffset":1,"random":7}"#,
        r#"{"random":"r","seqOffset":1}"#,
        &too_long,
    ] {
        let mut bench = Bench::new(config_for("coap-psk://127.0.0.1"));
        bench.start_sign_in(10 * SECOND);
        let request = bench.one();
        bench.answer(&request, CONTENT, reply.as_bytes());
        assert_eq!(bench.events(), [Event::SignInFailed(SignInError::BadReply)], "{reply}");
        assert!(!bench.client.is_signed_in());
    }
}
