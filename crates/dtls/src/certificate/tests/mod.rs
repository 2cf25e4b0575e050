//! Whether the validator of this crate believes what rustls-webpki does: of the chains that
//! OpenSSL and GnuTLS judge too (`tests/judged`), of mutations of them, and part by part.

mod mutated;
mod parts;

use std::string::String;
use std::vec::Vec;

use iot_coap_test_support::chains::{Case, NOW, When, cases};

use super::anchors::TrustAnchors;
use super::by_webpki::Webpki;
use super::path::Own;
use super::{ServerKey, Validator};
use crate::error::{CertificateError, Error};
use crate::suite::KeyExchange;

/// When the first certificate of the path ends; or why there is none.
type Verdict = Result<u64, Error>;

fn vector24(content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("a short one").to_be_bytes();
    [&len[1..], content].concat()
}

fn anchors(trusted: &[Vec<u8>]) -> Result<TrustAnchors, CertificateError> {
    let pem: String = trusted.iter().map(|der| iot_coap_test_support::forge::pem(der)).collect();
    TrustAnchors::from_pem(pem.as_bytes())
}

fn judge<V: Validator>(case: &Case, anchors: &TrustAnchors) -> Verdict {
    let list: Vec<u8> = case.sent.iter().flat_map(|der| vector24(der)).collect();
    let time = match case.when {
        When::Now => Some(*NOW),
        When::At(time) => Some(time),
        When::Unknown => None,
    };
    let time = time.map(|time| u64::try_from(time).expect("after 1970"));
    let (list, host) = (vector24(&list), &case.host);
    let key = ServerKey::verify_by::<V>(&list, anchors, host, time, KeyExchange::EcdheEcdsa)?;
    Ok(key.not_after())
}

/// What both say of a case.
fn verdicts(case: &Case) -> Option<(Verdict, Verdict)> {
    // They are read by one function, which `parts` compares with rustls-webpki's.
    let anchors = anchors(&case.trusted).ok()?;
    Some((judge::<Own>(case, &anchors), judge::<Webpki>(case, &anchors)))
}

#[test]
fn the_chains_that_others_judge_too() {
    let (mut accepted, mut refused) = (0, 0);
    for case in cases::all() {
        let Some((ours, theirs)) = verdicts(&case) else { continue };
        assert_eq!(ours, theirs, "{}", case.name);
        *if ours.is_ok() { &mut accepted } else { &mut refused } += 1;
    }
    assert!(accepted > 100 && refused > 100, "{accepted} and {refused}");
}
