//! Sessions that survive sleep and power loss: they go on without a handshake, and no
//! sequence number is used twice, whenever the power fails.
#![cfg(feature = "full")]

use std::collections::HashMap;

use iot_coap_dtls::{
    Client, Config, Error, PreSharedKey, RestoreError, SealingKey, State, TrustAnchors,
};
use iot_coap_test_support::dtls::SystemRandom;
use iot_coap_test_support::dtls::link::Link;
use iot_coap_test_support::peers::{Peer, Proof};

const IDENTITY: &str = "sensor-7";
const PSK: &[u8] = b"0123456789abcdef";
const CONTEXT: &[u8] = b"localhost/sensor-7";

fn sealing_key() -> SealingKey {
    SealingKey::new(b"a secret of this device").unwrap()
}

fn connect() -> (Peer, Link) {
    let peer = Peer::openssl(&Proof::PreSharedKey { identity: IDENTITY, key: PSK }, &[]);
    let key = PreSharedKey::new(IDENTITY.as_bytes(), PSK).unwrap();
    let link = Link::connect(Config::with_pre_shared_key(key), peer.address()).unwrap();
    (peer, link)
}

fn restore(blob: &[u8], oldest: u64) -> Result<Client<SystemRandom>, RestoreError> {
    Client::restore(blob, &sealing_key(), CONTEXT, oldest, SystemRandom::default())
}

#[test]
fn a_restored_session_goes_on_without_a_handshake() {
    let (_peer, mut link) = connect();
    assert_eq!(link.exchange(b"echo 1\n"), b"echo 1\n");
    let blob = link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();

    link.client = restore(&blob, 1).unwrap();
    assert_eq!(link.client.state(), State::Connected);
    link.client.checkpoint(&sealing_key(), CONTEXT, 2, 10).unwrap();
    link.client.confirm_checkpoint();
    let before = link.sent.0;
    assert_eq!(link.exchange(b"echo 2\n"), b"echo 2\n");
    assert_eq!(link.sent.0, before + 1);
    link.close();
}

#[test]
fn nothing_is_sent_before_the_next_blob_is_stored() {
    let (_peer, mut link) = connect();
    let blob = link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();
    let mut restored = restore(&blob, 1).unwrap();
    let mut out = [0; 256];
    assert_eq!(restored.send(b"x", &mut out), Err(Error::ReservationExhausted));
    restored.checkpoint(&sealing_key(), CONTEXT, 2, 2).unwrap();
    assert_eq!(restored.send(b"x", &mut out), Err(Error::ReservationExhausted));
    restored.confirm_checkpoint();
    restored.send(b"x", &mut out).unwrap();
    restored.send(b"x", &mut out).unwrap();
    assert_eq!(restored.send(b"x", &mut out), Err(Error::ReservationExhausted));
    // The closing alert does not use an unreserved number either.
    restored.close();
    assert_eq!(restored.poll_transmit(&mut out), None);
}

#[test]
fn a_session_that_goes_to_sleep_writes_no_more() {
    let (_peer, mut link) = connect();
    link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();
    let mut out = [0; 256];
    assert_eq!(link.client.send(b"x", &mut out), Err(Error::ReservationExhausted));
    link.client.close();
    assert_eq!(link.client.poll_transmit(&mut out), None);
}

#[test]
fn a_blob_that_is_stale_foreign_or_changed_is_refused() {
    let (_peer, mut link) = connect();
    let blob = link.client.checkpoint(&sealing_key(), CONTEXT, 7, 0).unwrap();
    assert!(restore(&blob, 7).is_ok());
    // After it was restored once, only blobs of generation 8 and later are accepted.
    assert_eq!(restore(&blob, 8).err(), Some(RestoreError::Stale));
    let foreign = |key: &[u8], context: &[u8]| {
        let key = SealingKey::new(key).unwrap();
        Client::restore(&blob, &key, context, 0, SystemRandom::default()).err()
    };
    assert_eq!(foreign(b"another device's secret", CONTEXT), Some(RestoreError::Foreign));
    assert_eq!(foreign(b"a secret of this device", b"another server"), Some(RestoreError::Foreign));
    for index in 0..blob.len() {
        let mut changed = blob.clone();
        changed[index] ^= 1;
        assert_eq!(restore(&changed, 0).err(), Some(RestoreError::Foreign), "byte {index}");
        assert_eq!(restore(&blob[..index], 0).err(), Some(RestoreError::Foreign), "{index} bytes");
    }
}

#[test]
fn blobs_of_one_session_have_nothing_in_common() {
    let (_peer, mut link) = connect();
    let first = link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();
    let second = link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();
    let equal = first.iter().zip(&second).filter(|(a, b)| a == b).count();
    assert!(equal < first.len() / 16, "{equal} of {} bytes are equal", first.len());
}

#[test]
fn a_restored_session_remembers_whether_dates_were_checked() {
    let (root, leaf) = iot_coap_test_support::certificates::rsa();
    for date in [Some(iot_coap_test_support::dtls::now()), None] {
        let peer = Peer::openssl(&Proof::Certificate(&leaf, &[]), &[]);
        let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).unwrap();
        let config = Config::with_certificates("localhost", anchors, date).unwrap();
        let mut link = Link::connect(config, peer.address()).unwrap();
        let blob = link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();
        let restored = restore(&blob, 1).unwrap();
        assert_eq!(restored.certificate_dates_were_checked(), date.is_some());
    }
}

/// What survives power loss: the blob and the lowest generation that may be restored. Each
/// is written atomically.
#[derive(Clone)]
struct Flash {
    blob: Vec<u8>,
    oldest: u64,
}

/// The number of steps until the power fails.
struct Power(usize);

impl Power {
    fn step(&mut self) -> Result<(), ()> {
        self.0 = self.0.checked_sub(1).ok_or(())?;
        Ok(())
    }
}

/// Runs the device from boot until the power fails. All datagrams that it sends are added to
/// `sent`.
fn run_device(flash: &mut Flash, power: &mut Power, sent: &mut Vec<Vec<u8>>) -> Result<(), ()> {
    let Ok(mut client) = restore(&flash.blob, flash.oldest) else {
        return Ok(());
    };
    let mut generation = flash.oldest;
    for _ in 0..3 {
        generation += 1;
        power.step()?;
        let blob = client.checkpoint(&sealing_key(), CONTEXT, generation, 2).unwrap();
        power.step()?;
        flash.oldest = generation;
        power.step()?;
        flash.blob = blob;
        power.step()?;
        client.confirm_checkpoint();
        for number in 0..2 {
            power.step()?;
            // A different plaintext each time, so that a repeated number is noticed.
            let text = format!("{} {number} {}", sent.len(), flash.oldest);
            let mut out = [0; 256];
            let len = client.send(text.as_bytes(), &mut out).unwrap();
            sent.push(out[..len].to_vec());
        }
    }
    // Go to sleep.
    power.step()?;
    let blob = client.checkpoint(&sealing_key(), CONTEXT, generation + 1, 0).unwrap();
    power.step()?;
    flash.oldest = generation + 1;
    power.step()?;
    flash.blob = blob;
    Ok(())
}

#[test]
fn no_number_is_used_twice_whenever_the_power_fails() {
    let (_peer, mut link) = connect();
    let blob = link.client.checkpoint(&sealing_key(), CONTEXT, 1, 0).unwrap();
    let first = Flash { blob, oldest: 1 };
    let mut whole = Power(usize::MAX);
    run_device(&mut first.clone(), &mut whole, &mut Vec::new()).unwrap();
    let steps = usize::MAX - whole.0;
    assert_eq!(steps, 3 * 6 + 3);

    let mut records = 0;
    for first_cut in 0..=steps {
        for second_cut in 0..=steps {
            let mut flash = first.clone();
            let mut sent = Vec::new();
            for cut in [first_cut, second_cut, usize::MAX] {
                let _ = run_device(&mut flash, &mut Power(cut), &mut sent);
            }
            records += sent.len();
            let mut by_number = HashMap::new();
            for record in sent {
                let number = record[3..11].to_vec();
                let same = by_number.entry(number).or_insert_with(|| record.clone());
                assert_eq!(*same, record, "cut at {first_cut}, then at {second_cut}");
            }
        }
    }
    assert!(records > 1000, "only {records} records were sent");
}
