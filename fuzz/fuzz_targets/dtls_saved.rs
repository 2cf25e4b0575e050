//! What a device reads from its flash: saved sessions, sealed blobs and trust anchors.
//!
//! Invariants: no panic; a saved session is serialized to the same bytes; a blob that was not
//! sealed with the key is rejected; a restored session can send, and uses no sequence number
//! twice.
//!
//! Input: one byte for the kind, and the content.

#![no_main]

use iot_coap_dtls::{
    Client, Config, Error, Instant, PreSharedKey, SavedSession, SealingKey, State, TrustAnchors,
};
use iot_coap_test_support::scripted::numbers::Numbers;
use libfuzzer_sys::fuzz_target;

const CONTEXT: &[u8] = b"localhost/sensor-7";

fn saved_session(bytes: &[u8]) {
    let Some(session) = SavedSession::from_bytes(bytes) else { return };
    assert_eq!(session.to_bytes().unwrap()[..], *bytes);
    let key = PreSharedKey::new(b"sensor-7", b"not a secret").unwrap();
    let config = Config::with_pre_shared_key(key).cbc(true).resume(session);
    // The ticket may be too long for the hello.
    if let Ok(mut client) = Client::new(config, Numbers::new(1), Instant::from_millis(0)) {
        assert!(client.poll_transmit(&mut [0; 1500]).is_some());
    }
}

fn blob(bytes: &[u8]) {
    let key = SealingKey::new(b"a secret of this device").unwrap();
    // Only the owner of the key can make a blob.
    assert!(Client::restore(bytes, &key, CONTEXT, 0, Numbers::new(1)).is_err());

    let sealed = key.seal(CONTEXT, bytes, &mut Numbers::new(2)).unwrap();
    assert!(Client::restore(&sealed, &key, b"elsewhere", 0, Numbers::new(1)).is_err());
    let Ok(mut client) = Client::restore(&sealed, &key, CONTEXT, 0, Numbers::new(1)) else {
        return;
    };
    assert_eq!(client.state(), State::Connected);
    let mut out = [0; 200];
    assert_eq!(client.send(b"x", &mut out), Err(send_error(&client)));
    if client.checkpoint(&key, CONTEXT, 1, 2).is_ok() {
        client.confirm_checkpoint();
        let first = client.send(b"x", &mut out).map(|_| out[3..11].to_vec());
        let second = client.send(b"x", &mut out).map(|_| out[3..11].to_vec());
        assert!(first.is_ok() && first != second);
        assert!(client.send(b"x", &mut out).is_err());
    }
}

fn send_error(client: &Client<Numbers>) -> Error {
    match client.state() {
        State::Ended(error) => error,
        _ => Error::ReservationExhausted,
    }
}

fn trust_anchors(bytes: &[u8]) {
    let by_pem = TrustAnchors::from_pem(bytes);
    let by_der = TrustAnchors::from_der(bytes);
    for anchors in [by_pem, by_der].into_iter().flatten() {
        assert!(Config::with_certificates("localhost", anchors, None).is_ok());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((kind, content)) = data.split_first() else { return };
    match kind % 3 {
        0 => saved_session(content),
        1 => blob(content),
        _ => trust_anchors(content),
    }
});
