//! The padding of block ciphers: from outside, bad padding must look like a bad MAC (RFC
//! 5246, section 6.2.3.2; Lucky Thirteen). `constant_time.rs` tests that both take the same
//! time.

use iot_coap_dtls::Dropped;

use iot_coap_test_support::scripted::messages::{APPLICATION_DATA, ENCRYPT_THEN_MAC};
use iot_coap_test_support::scripted::{Hello, Pair, Suite, feed, psk_config, sent};

const SUITE: Suite = Suite::PskCbcSha;
const CONTENT: &[u8] = b"21.5 degrees";
const MAC_LEN: usize = 20;

/// All padding lengths that make whole blocks.
fn paddings() -> impl Iterator<Item = usize> {
    (0..=255).filter(|padding| (CONTENT.len() + MAC_LEN + padding + 1).is_multiple_of(16))
}

/// Feeds a record with blocks modified by `change`. Returns the plaintext, and what was
/// dropped.
fn fed(pair: &mut Pair, padding: usize, change: impl FnOnce(&mut [u8])) -> (Vec<Vec<u8>>, Dropped) {
    let header = pair.server.next_header(APPLICATION_DATA);
    let mut blocks = pair.server.key().blocks(&header, CONTENT, padding);
    change(&mut blocks);
    let fragment = pair.server.key().seal_blocks(&header, &blocks);
    let before = pair.client.dropped();
    let read = feed(&mut pair.client, &header.record(&fragment)).unwrap();
    assert!(sent(&mut pair.client).is_empty(), "an alert tells");
    let after = pair.client.dropped();
    let mut counted = Dropped::default();
    counted.forged = after.forged - before.forged;
    counted.malformed = after.malformed - before.malformed;
    counted.replayed = after.replayed - before.replayed;
    (read, counted)
}

#[test]
fn padding_of_every_length_is_accepted() {
    let mut pair = Pair::connected(SUITE);
    for padding in paddings() {
        let (read, counted) = fed(&mut pair, padding, |_| ());
        assert_eq!(read, [CONTENT], "{padding}");
        assert_eq!(counted, Dropped::default());
    }
}

#[test]
fn bad_padding_and_a_bad_mac_look_the_same() {
    let mut forged = Dropped::default();
    forged.forged = 1;
    let refused = (Vec::new(), forged);
    let mut pair = Pair::connected(SUITE);
    for padding in paddings() {
        let mac = CONTENT.len();
        let last = mac + MAC_LEN + padding;
        for index in 0..MAC_LEN {
            let fed = fed(&mut pair, padding, |blocks| blocks[mac + index] ^= 1);
            assert_eq!(fed, refused, "MAC {padding} {index}");
        }
        // Change each byte of the padding, its length byte, and all of it at once.
        for index in mac + MAC_LEN..=last {
            let fed = fed(&mut pair, padding, |blocks| blocks[index] ^= 0x80);
            assert_eq!(fed, refused, "padding {padding} {index}");
        }
        let fed = fed(&mut pair, padding, |blocks| blocks[mac..].fill(0));
        assert_eq!(fed, refused);
    }
    // Padding longer than the record, up to the MAC, and one byte into the MAC.
    for value in 0..=255 {
        let fed = fed(&mut pair, 15, |blocks| blocks.fill(value));
        assert_eq!(fed, refused, "{value}");
    }
    pair.assert_alive();
}

/// With encrypt-then-MAC, the MAC is checked before anything is decrypted.
#[test]
fn encrypt_then_mac() {
    let hello = Hello::new(SUITE).with(ENCRYPT_THEN_MAC, &[]);
    let mut pair = Pair::before_finished(psk_config().cbc(true), SUITE, &hello);
    pair.finish();
    pair.assert_alive();
    for padding in (0..=255).filter(|padding| (CONTENT.len() + padding + 1).is_multiple_of(16)) {
        let (read, _) = fed(&mut pair, padding, |_| ());
        assert_eq!(read, [CONTENT], "{padding}");
        // Bad padding with a valid MAC must come from the server itself.
        let (read, dropped) = fed(&mut pair, padding, |blocks| blocks[CONTENT.len()] ^= 0x40);
        assert_eq!((read.len(), dropped.forged), (0, 1));
    }
    pair.assert_alive();
}
