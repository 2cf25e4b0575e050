//! Why a handshake failed, in words that tell an operator which check it was.

use alloc::format;
use alloc::string::String;

use openssl::ssl::{Error, SslRef};
use openssl::x509::X509VerifyResult;

/// OpenSSL numbers the reasons for alerts of the peer from here.
const ALERT_OF_PEER: core::ops::Range<i32> = 1000..1256;

/// Alert 40, handshake failure.
const HANDSHAKE_FAILURE: i32 = 1040;

fn alert_of_peer(error: &Error) -> Option<i32> {
    error
        .ssl_error()?
        .errors()
        .iter()
        .map(openssl::error::Error::reason_code)
        .find(|code| ALERT_OF_PEER.contains(code))
}

pub(super) fn is_alert_of_peer(error: &Error) -> bool {
    alert_of_peer(error).is_some()
}

pub(super) fn of_handshake(error: &Error, ssl: &SslRef) -> String {
    let verified = ssl.verify_result();
    if verified != X509VerifyResult::OK {
        return of_verification(verified);
    }
    match alert_of_peer(error) {
        Some(HANDSHAKE_FAILURE) => {
            format!("the peer refused what was offered, perhaps no cipher in common ({error})")
        }
        _ => format!("{error}"),
    }
}

fn of_verification(result: X509VerifyResult) -> String {
    let detail = result.error_string();
    // X509_V_ERR_*, which the openssl crate does not name.
    let check = match result.as_raw() {
        9 => "its certificate is not valid yet; is the clock right?",
        10 => "its certificate has expired",
        // 7 is a signature that fails: a root of the right name with another key.
        2 | 7 | 18..=21 => "its certificate comes from an unknown root",
        62 => "its certificate is for another host",
        64 => "its certificate is for another IP address",
        66..=68 => "its certificate chain is too weak",
        _ => "its certificate is not accepted",
    };
    format!("{check} ({detail})")
}
