//! Hazard: the padding of block ciphers. From outside, bad padding must look like a bad MAC (RFC
//! 5246, section 6.2.3.2; Lucky Thirteen). `constant_time.rs` tests that both take the same time.

use iot_coap_dtls::Dropped;
use iot_coap_test_support::scripted::messages::APPLICATION_DATA;

use super::pair::{PROTECTIONS, Pair};

const CONTENT: &[u8] = b"21.5 degrees";
const MAC_LEN: usize = 20;

/// All lengths of padding that make whole blocks.
fn paddings(mac_len: usize) -> impl Iterator<Item = usize> {
    (0..=255).filter(move |padding| (CONTENT.len() + mac_len + padding + 1).is_multiple_of(16))
}

/// Feeds a record with blocks changed by `change`. Returns how many plaintexts were in it, and how
/// many records were forged.
fn fed(pair: &mut Pair, padding: usize, change: impl FnOnce(&mut [u8])) -> (usize, u32) {
    let header = pair.client.header(APPLICATION_DATA, pair.client.sequence[1]);
    pair.client.sequence[1] += 1;
    let key = pair.client.key_of_records();
    let mut blocks = key.blocks(&header, CONTENT, padding);
    change(&mut blocks);
    let record = header.record(&key.seal_blocks(&header, &blocks));
    let before = pair.dropped();
    let heard = pair.heard(&record);
    assert!(heard.iter().all(|heard| heard == CONTENT));
    let after = pair.dropped();
    // Nothing but that is counted.
    assert_eq!(after, {
        let mut same = before;
        same.forged = after.forged;
        same
    });
    (heard.len(), after.forged - before.forged)
}

#[test]
fn padding_of_every_length_is_accepted() {
    let mut pair = Pair::connected_by(PROTECTIONS[2]);
    for padding in paddings(MAC_LEN) {
        assert_eq!(fed(&mut pair, padding, |_| ()), (1, 0), "{padding}");
    }
    assert_eq!(pair.dropped(), Dropped::default());
}

#[test]
fn bad_padding_and_a_bad_mac_look_the_same() {
    const REFUSED: (usize, u32) = (0, 1);
    let mut pair = Pair::connected_by(PROTECTIONS[2]);
    for padding in paddings(MAC_LEN) {
        let mac = CONTENT.len();
        let last = mac + MAC_LEN + padding;
        for index in 0..MAC_LEN {
            let fed = fed(&mut pair, padding, |blocks| blocks[mac + index] ^= 1);
            assert_eq!(fed, REFUSED, "MAC {padding} {index}");
        }
        // Change each byte of the padding, its length byte, and all of it at once.
        for index in mac + MAC_LEN..=last {
            let fed = fed(&mut pair, padding, |blocks| blocks[index] ^= 0x80);
            assert_eq!(fed, REFUSED, "padding {padding} {index}");
        }
        assert_eq!(fed(&mut pair, padding, |blocks| blocks[mac..].fill(0)), REFUSED);
    }
    // Padding longer than the record, up to the MAC, and one byte into the MAC.
    for value in 0..=255 {
        assert_eq!(fed(&mut pair, 15, |blocks| blocks.fill(value)), REFUSED, "{value}");
    }
    pair.assert_alive();
}

/// With encrypt-then-MAC, the MAC is checked before anything is decrypted.
#[test]
fn encrypt_then_mac() {
    let mut pair = Pair::connected_by(PROTECTIONS[3]);
    for padding in paddings(0) {
        assert_eq!(fed(&mut pair, padding, |_| ()), (1, 0), "{padding}");
        // Bad padding with a valid MAC must come from the client itself.
        assert_eq!(fed(&mut pair, padding, |blocks| blocks[CONTENT.len()] ^= 0x40), (0, 1));
    }
    pair.assert_alive();
}
