//! Whom the engine believes, with the errors that say why not: issuers that may not sign,
//! and servers that are trusted themselves. `certificates.rs` has the rest.

use iot_coap_dtls::{CertificateError, Error};

use crate::engines::judge;
use iot_coap_test_support::chains::{
    BASIC_CONSTRAINTS, CLIENT, Case, DAY, Draft, HOST, NOW, OTHER_KEY, Path, SUBJECT_ALT_NAME,
    When, alt_names, basic_constraints, dns, extended_key_usage, key, key_usage, name,
};

#[track_caller]
fn refused(case: &Case, error: CertificateError) {
    assert_eq!(judge(case), Err(Error::Certificate(error)), "{}", case.name);
}

#[track_caller]
fn accepted(case: &Case) {
    assert_eq!(judge(case), Ok(()), "{}", case.name);
}

/// RFC 5280, section 6.1.4 (n).
#[test]
fn an_issuer_without_key_cert_sign() {
    for when in [When::Now, When::Unknown] {
        for authorities in 0..=3 {
            for position in 0..=authorities {
                let with = |bits: &[usize]| {
                    let path = Path::new(authorities).when(when);
                    let path = path.with(position, |draft| draft.add(key_usage(bits)));
                    path.case(format!("{bits:?} at {position} of {authorities}"))
                };
                accepted(&with(&[5]));
                accepted(&with(&[0, 5, 6]));
                for bits in [&[0][..], &[6], &[0, 1, 2, 3, 4, 6, 7, 8], &[]] {
                    refused(&with(bits), CertificateError::WrongAuthority);
                }
            }
        }
    }
}

/// The server can send the good certificate of an authority beside one that may not sign.
#[test]
fn another_path_is_found() {
    let good = Path::new(1);
    let bad = Path::new(1).with(1, |draft| draft.add(key_usage(&[6])));
    let (good, bad) = (good.signed(), bad.signed());
    for between in [[&bad[1], &good[1]], [&good[1], &bad[1]]] {
        let sent = vec![good[2].clone(), between[0].clone(), between[1].clone()];
        accepted(&Path::new(1).of("both", vec![good[0].clone()], sent));
    }
    let sent = vec![good[2].clone(), bad[1].clone(), bad[1].clone()];
    let case = Path::new(1).of("bad alone", vec![good[0].clone()], sent);
    refused(&case, CertificateError::WrongAuthority);
}

/// An anchor's pathLenConstraint counts the authorities below it.
#[test]
fn an_anchor_with_a_path_that_is_too_long() {
    for authorities in 0..=3 {
        for max in 0..=3 {
            let path = Path::new(authorities).with(0, |draft| {
                draft.set(BASIC_CONSTRAINTS, basic_constraints(true, Some(max)));
            });
            let case = path.case(format!("{authorities} below a root that allows {max}"));
            if authorities <= usize::from(max) {
                accepted(&case);
            } else {
                refused(&case, CertificateError::WrongAuthority);
            }
        }
    }
}

fn alone(change: impl FnOnce(&mut Draft), when: When) -> Case {
    let path = Path::new(0).with_leaf(change).when(when);
    let server = path.leaf().sign_itself();
    path.of("alone", vec![server.clone()], vec![server])
}

#[test]
fn a_server_that_is_trusted_itself() {
    for when in [When::Now, When::Unknown] {
        accepted(&alone(|_| (), when));
        accepted(&alone(|draft| draft.add(basic_constraints(true, None)), when));
        accepted(&alone(|draft| draft.add(basic_constraints(false, None)), when));
        let other = |draft: &mut Draft| draft.set(SUBJECT_ALT_NAME, alt_names(&[dns("a.test")]));
        refused(&alone(other, when), CertificateError::WrongName);
        let clients = |draft: &mut Draft| draft.add(extended_key_usage(None, &[CLIENT]));
        refused(&alone(clients, when), CertificateError::WrongUsage);
        let encrypts = |draft: &mut Draft| draft.add(key_usage(&[2]));
        refused(&alone(encrypts, when), CertificateError::WrongUsage);
    }
    let time = u64::try_from(*NOW).unwrap();
    let day = DAY.unsigned_abs();
    let expired = |draft: &mut Draft| draft.set_dates(-9 * DAY, -DAY);
    let error = CertificateError::Expired { time, not_after: time - day };
    refused(&alone(expired, When::Now), error);
    accepted(&alone(expired, When::Unknown));
    let later = |draft: &mut Draft| draft.set_dates(DAY, 9 * DAY);
    let error = CertificateError::NotYetValid { time, not_before: time + day };
    refused(&alone(later, When::Now), error);
    accepted(&alone(later, When::Unknown));
    accepted(&alone(|draft| draft.set_dates(0, 0), When::At(*NOW)));
    let never = |draft: &mut Draft| draft.set_dates(DAY, -DAY);
    refused(&alone(never, When::Unknown), CertificateError::NeverValid);
}

/// It is trusted byte by byte, and not as an authority: neither a certificate of the same
/// name and key, nor one that it issued, nor one with its key and other names.
#[test]
fn what_a_trusted_server_does_not_vouch_for() {
    let path = Path::new(0);
    let server = path.leaf().sign_itself();
    let of = |sent: Vec<u8>| path.of("like it", vec![server.clone()], vec![sent]);
    let mut again = path.leaf().clone();
    again.says.serial = vec![1];
    refused(&of(again.sign_itself()), CertificateError::WrongAuthority);
    again.set(SUBJECT_ALT_NAME, alt_names(&[dns(HOST), dns("a.test")]));
    refused(&of(again.sign(path.leaf())), CertificateError::WrongAuthority);
    let mut below = Draft::server(key(OTHER_KEY));
    below.says.subject = name("below");
    let mut case = of(below.sign(path.leaf()));
    case.key = key(OTHER_KEY);
    refused(&case, CertificateError::WrongAuthority);
    for index in 0..server.len() {
        let mut other = server.clone();
        other[index] ^= 1;
        assert!(judge(&of(other)).is_err(), "{index}");
    }
    // With another key than the certificate's.
    let mut case = of(server.clone());
    case.key = key(OTHER_KEY);
    assert!(judge(&case).is_err());
}

/// What firmware believed by its common name says what to do.
#[test]
fn old_certificates_are_refused_with_words_that_help() {
    let common_name = |draft: &mut Draft| {
        draft.says.subject = name(HOST);
        draft.remove(SUBJECT_ALT_NAME);
    };
    let version_1 = |draft: &mut Draft| {
        draft.says.subject = name(HOST);
        draft.says.version = None;
        draft.says.extensions.clear();
    };
    let says = |case: &Case, words: &str| {
        let text = judge(case).unwrap_err().to_string();
        assert!(text.contains(words) && text.contains("subjectAltName"), "{text}");
    };
    for when in [When::Now, When::Unknown] {
        for case in [alone(common_name, when), Path::new(1).with_leaf(common_name).case("issued")] {
            refused(&case, CertificateError::NoName);
            says(&case, "common name");
        }
        for case in [alone(version_1, when), Path::new(1).with_leaf(version_1).case("issued")] {
            refused(&case, CertificateError::Version);
            says(&case, "version 1");
        }
    }
    // A root of version 1 may be trusted; an authority below it may not be of it.
    accepted(&Path::new(1).with(0, version_1).case("a root"));
    refused(&Path::new(2).with(1, version_1).case("an authority"), CertificateError::Version);
}
