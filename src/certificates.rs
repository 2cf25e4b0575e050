//! The roots that the cloud's certificate may chain to: GlobalSign's R1, which it has
//! chained to until now, and its successors.
//!
//! | root | expires |
//! | --- | --- |
//! | Root CA (R1) | 2028-01-28 |
//! | Root CA - R3 | 2029-03-18 |
//! | Root CA - R6 | 2034-12-10 |
//! | ECC Root CA - R5 | 2038-01-19 |
//! | Root R46, Root E46 | 2046-03-20 |

use core::ffi::c_char;

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

/// The PEM text of the roots, ending with NUL: what `iotx_coap_get_ca` returns
/// unless the program defines its own.
#[allow(non_upper_case_globals, reason = "a C symbol")]
#[unsafe(no_mangle)]
pub static iotx_default_ca: [c_char; PEM.len()] = as_c_string();
