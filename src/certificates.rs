//! The roots that the cloud's certificate may chain to: GlobalSign's R1, to which it has
//! chained so far, and its successors.
//!
//! | root | expires |
//! | --- | --- |
//! | Root CA (R1) | 2028-01-28 |
//! | Root CA - R3 | 2029-03-18 |
//! | Root CA - R6 | 2034-12-10 |
//! | ECC Root CA - R5 | 2038-01-19 |
//! | Root R46, Root E46 | 2046-03-20 |

use core::ffi::c_char;

/// The parts of the roots that are needed, as [`TrustAnchors`](iot_coap_dtls::TrustAnchors)
/// encodes them: a third of the size of the text. A test compares them with the text, and
/// can regenerate them:
///
/// UPDATE_ANCHORS=1 cargo test --lib certificates
#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa"))]
pub(crate) const ANCHORS: &[u8] = include_bytes!("certificates/anchors");

const PEM: &str = concat!(
    include_str!("certificates/globalsign-root-r1.pem"),
    include_str!("certificates/globalsign-root-r3.pem"),
    include_str!("certificates/globalsign-root-r6.pem"),
    include_str!("certificates/globalsign-ecc-root-r5.pem"),
    include_str!("certificates/globalsign-root-r46.pem"),
    include_str!("certificates/globalsign-root-e46.pem"),
    "\0",
);

const fn as_c_string<const LEN: usize>() -> [c_char; LEN] {
    let bytes = PEM.as_bytes();
    let mut out = [0; LEN];
    let mut at = 0;
    while at < LEN {
        // PEM is ASCII.
        out[at] = bytes[at].cast_signed() as c_char;
        at += 1;
    }
    out
}

/// The PEM text of the roots, ending with NUL. `iotx_coap_get_ca` returns it unless the
/// program defines that function. A linker leaves it out if nothing refers to it.
#[allow(non_upper_case_globals, reason = "a C symbol")]
#[unsafe(no_mangle)]
pub static iotx_default_ca: [c_char; PEM.len()] = as_c_string();

#[cfg(all(test, any(feature = "dtls-p256", feature = "dtls-rsa")))]
mod tests {
    use iot_coap_dtls::TrustAnchors;

    use super::*;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/certificates/anchors");

    #[test]
    fn the_anchors_are_those_of_the_text() {
        let anchors = TrustAnchors::from_pem(PEM.as_bytes()).expect("certificates");
        if std::env::var_os("UPDATE_ANCHORS").is_some() {
            std::fs::write(FILE, anchors.condensed()).expect("a file that can be written");
            return;
        }
        assert!(
            ANCHORS == anchors.condensed(),
            "src/certificates/anchors is out of step: run UPDATE_ANCHORS=1 cargo test --lib \
             certificates"
        );
        assert_eq!(format!("{anchors:?}"), "TrustAnchors(6)");
    }
}
