//! The parts of a verdict, each compared with another implementation.

use std::borrow::ToOwned;
use std::net::IpAddr;
use std::string::{String, ToString};
use std::vec::Vec;
use std::{format, vec};

use iot_coap_test_support::chains::{
    Case, DAY, Path, SUBJECT_ALT_NAME, alt_names, cases, dns, generalized, name, name_constraints,
};
use iot_coap_test_support::forge::{self, GENERALIZED_TIME, UTC_TIME, tlv};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, alg_id};

use super::mutated::{Random, Stock};
use super::{anchors, judge, verdicts};
use crate::certificate::anchors::TrustAnchors;
use crate::certificate::fields::Certificate;
use crate::certificate::signature::{ALL, id, scalars};
use crate::certificate::time::time;
use crate::certificate::{Host, pem};
use crate::der::Der;
use crate::error::{CertificateError, Error};

#[test]
fn algorithms_are_named_as_elsewhere() {
    let signatures = [
        alg_id::RSA_PKCS1_SHA256,
        alg_id::RSA_PKCS1_SHA384,
        alg_id::RSA_PKCS1_SHA512,
        alg_id::RSA_PSS_SHA256,
        alg_id::RSA_PSS_SHA384,
        alg_id::RSA_PSS_SHA512,
        alg_id::ECDSA_SHA256,
        alg_id::ECDSA_SHA384,
    ];
    let keys = [alg_id::RSA_ENCRYPTION, alg_id::ECDSA_P256, alg_id::ECDSA_P384];
    for algorithm in ALL {
        assert!(signatures.iter().any(|theirs| theirs.as_ref() == algorithm.signature));
        assert!(keys.iter().any(|theirs| theirs.as_ref() == algorithm.key));
    }
    for theirs in &signatures {
        assert!(ALL.iter().any(|ours| ours.signature == theirs.as_ref()), "{theirs:?}");
    }
    for theirs in &keys {
        assert!(ALL.iter().any(|ours| ours.key == theirs.as_ref()), "{theirs:?}");
    }
    assert!(id::RSA_ENCRYPTION.starts_with(id::RSA));
}

#[test]
fn hosts_are_names_or_addresses() {
    let pieces = [
        "a",
        "x",
        "0",
        "0x",
        "0X",
        "1f",
        "255",
        "256",
        "192.0.2.1",
        "::",
        "ffff",
        ":",
        "1",
        ".",
        ".",
        "-",
        "_",
        "*",
        "é",
        " ",
        "server.example",
        "%",
        "[",
        "]",
        "00",
        "G",
    ];
    let (mut random, mut names, mut addresses) = (Random(0), 0, 0);
    let label = "l".repeat(63);
    let long = [&*label, &label, &label, &"m".repeat(61)].join(".");
    let edges = [long.clone(), format!("{long}."), format!("{long}n"), format!("{label}l.a")];
    let random_ones = (0..200_000).map(|_| {
        let count = random.below(7);
        (0..count).map(|_| *random.one_of(&pieces)).collect::<String>()
    });
    for text in edges.into_iter().chain(random_ones) {
        let theirs = match ServerName::try_from(&*text) {
            Ok(ServerName::DnsName(name)) => Some(name.as_ref().to_owned()),
            Ok(ServerName::IpAddress(address)) => Some(match address {
                rustls_pki_types::IpAddr::V4(v4) => IpAddr::from(*v4.as_ref()).to_string(),
                rustls_pki_types::IpAddr::V6(v6) => IpAddr::from(*v6.as_ref()).to_string(),
            }),
            _ => None,
        };
        let ours = match Host::parse(&text) {
            Some(Host::Name(name)) => {
                names += 1;
                Some(name.to_owned())
            }
            Some(Host::Address(address)) => {
                addresses += 1;
                Some(address.to_string())
            }
            None => None,
        };
        assert_eq!(ours, theirs, "{text:?}");
    }
    assert!(names > 1000 && addresses > 100, "{names} and {addresses}");
}

/// RFC 5280, section 4.1.2.5.
#[test]
fn dates_are_those_of_the_calendar() {
    let read = |tag, text: &str| time(&mut Der::new(&tlv(tag, text.as_bytes())));
    // Until the end of 9999, days apart and seconds apart.
    let ends = [-1, 0, 1, 951_782_400, 2_524_608_000, 4_107_542_400, 253_402_300_799];
    let around = ends.into_iter().flat_map(|end| (-2..=2).map(move |day| end + day * DAY));
    let all = (0..253_402_300_799_i64).step_by(86_400 * 7 + 3_723);
    for seconds in around.chain(all).filter(|seconds| *seconds < 253_402_300_800) {
        let text = generalized(seconds);
        let expected = u64::try_from(seconds).ok();
        assert_eq!(read(GENERALIZED_TIME, &text), expected, "{text}");
        if (0..2_524_608_000).contains(&seconds) {
            assert_eq!(read(UTC_TIME, &text[2..]), expected, "{text}");
        }
    }
    assert_eq!(read(UTC_TIME, "500101000000Z"), None, "1950");
    assert_eq!(read(UTC_TIME, "700101000000Z"), Some(0));
    for wrong in [
        "",
        "Z",
        "20260229000000Z",
        "21000229000000Z",
        "20261301000000Z",
        "20260001000000Z",
        "20260100000000Z",
        "20260132000000Z",
        "20260431000000Z",
        "20260101240000Z",
        "20260101006000Z",
        "20260101000060Z",
        "202601010000Z",
        "20260101000000",
        "20260101000000z",
        "20260101000000.5Z",
        "20260101000000+0000",
        "2026010100000aZ",
        " 20260101000000Z",
        "020260101000000Z",
        "2026010100000000Z",
    ] {
        assert_eq!(read(GENERALIZED_TIME, wrong), None, "{wrong}");
    }
    assert_eq!(read(GENERALIZED_TIME, "20000229235959Z"), Some(951_868_799));
    assert_eq!(read(forge::UTF8_STRING, "20000229235959Z"), None);
}

#[test]
fn pem_is_read_as_elsewhere() {
    let case = Path::new(1).case("two");
    let [first, second] = [&case.sent[0], &case.sent[1]].map(|der| forge::pem(der));
    let key = first.replace("CERTIFICATE", "PRIVATE KEY");
    let texts = [
        first.clone(),
        [&*first, &second].concat(),
        ["words\n", &first, "\nmore: words\n\n", &second, "words"].concat(),
        [&*key, &first].concat(),
        first.replace('\n', "\r\n"),
        first.replace('\n', "\r"),
        first.replace('\n', " \n"),
        first.trim_end().to_owned(),
        first.replace("-----END", "-----ENDE"),
        first.replace("-----BEGIN", " -----BEGIN"),
        first.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        first.replace("MIIB", "MI*B"),
        String::new(),
        "words".to_owned(),
    ];
    for text in &texts {
        let theirs: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        let theirs = theirs.map(|all| all.iter().map(|der| der.to_vec()).collect::<Vec<_>>());
        let mut all = Vec::new();
        let read = pem::for_each(text.as_bytes(), |der| {
            all.push(der.to_vec());
            Ok(())
        });
        assert_eq!(read.map(|()| all).ok(), theirs.ok(), "{text}");
    }
    // Text that ends in the middle of a certificate, or of its base64.
    for len in 0..first.trim_end().len() {
        let read = TrustAnchors::from_pem(&first.as_bytes()[..len]).unwrap_err();
        let is_begun = len >= "-----BEGIN CERTIFICATE-----".len();
        let expected =
            if is_begun { CertificateError::MalformedAnchor } else { CertificateError::NoAnchors };
        assert_eq!(read, expected, "{len}");
    }
}

/// No server was asked yet.
#[test]
fn an_anchor_that_does_not_parse_is_not_called_the_servers() {
    let case = Path::new(1).case("good");
    let text = forge::pem(&case.sent[0]).replace("MIIB", "MIBB");
    let errors = [TrustAnchors::from_pem(text.as_bytes()), TrustAnchors::from_der(b"0")];
    for error in errors.map(|read| read.unwrap_err()) {
        assert_eq!(error, CertificateError::MalformedAnchor, "{text}");
        assert!(error.to_string().ends_with("a certificate to trust does not parse"), "{error}");
    }
}

/// The kept part of a trusted certificate, whatever is wrong with the rest.
#[test]
fn anchors_are_read_as_elsewhere() {
    let stock = Stock::new();
    let (mut read, mut refused) = (0, 0);
    let mutated = (0..10_000).map(|number| stock.mutated(number));
    for der in
        cases::all().into_iter().chain(mutated).flat_map(|case| [case.sent, case.trusted].concat())
    {
        let der = CertificateDer::from(der);
        let theirs = webpki::anchor_from_trusted_cert(&der);
        match Certificate::read_anchor(&der) {
            Ok(ours) => {
                let theirs = theirs.expect("what we read");
                assert_eq!(ours.subject, &*theirs.subject);
                assert_eq!(ours.key, &*theirs.subject_public_key_info);
                assert_eq!(ours.constraints, theirs.name_constraints.as_deref());
                read += 1;
            }
            Err(_) => refused += 1,
        }
    }
    assert!(read > 10_000 && refused > 1000, "{read} and {refused}");
}

#[test]
fn what_is_condensed_is_as_good_and_no_part_of_it_is_better() {
    let case = Path::new(1).case("good");
    let other = Path::new(0).with(0, |draft| draft.says.subject = name("another"));
    let other = other.case("other").trusted;
    let own = anchors(&[other, case.trusted.clone()].concat()).expect("certificates");
    let condensed: &'static [u8] = own.condensed().to_vec().leak();
    assert!(judge(&case, &TrustAnchors::from_condensed(condensed)).0.is_ok());
    for len in 0..condensed.len() {
        let cut = TrustAnchors::from_condensed(&condensed[..len]);
        assert!(judge(&case, &cut).0.is_err(), "{len}");
    }
    assert_eq!(TrustAnchors::from_condensed(condensed).condensed(), own.condensed());
}

#[test]
fn signatures_are_split_as_elsewhere() {
    let key = iot_coap_test_support::chains::key(1);
    let digest = openssl::hash::MessageDigest::sha256;
    let (mut random, mut read) = (Random(1), 0);
    for number in 0..20_000_u32 {
        let mut signature = forge::sign(key, digest(), &number.to_be_bytes());
        for _ in 0..random.below(3) {
            let at = random.below(8).min(signature.len() - 1);
            match random.below(3) {
                0 => signature[at] = random.byte(),
                1 => signature.insert(at, random.byte()),
                _ => drop(signature.remove(at)),
            }
        }
        let theirs = p256::ecdsa::Signature::from_der(&signature).ok();
        let ours = scalars::<64>(&signature);
        let ours = ours.and_then(|scalars| p256::ecdsa::Signature::from_slice(&scalars).ok());
        read += u32::from(ours.is_some());
        assert_eq!(ours, theirs, "{signature:x?}");
    }
    assert!(read > 1000 && read < 20_000, "{read}");
}

fn constrained(subtrees: usize, names: usize) -> Case {
    let excluded = vec![dns("a.test"); subtrees];
    let path = Path::new(1).with(1, |draft| draft.add(name_constraints(&[], &excluded)));
    let path = path.with_leaf(|draft| {
        draft.set(SUBJECT_ALT_NAME, alt_names(&vec![dns("server.example"); names]));
    });
    path.case("constrained")
}

/// Each name is compared with each subtree, and so is the subject.
#[test]
fn names_are_not_compared_for_ever() {
    let (ours, theirs) = verdicts(&constrained(500, 499)).expect("an anchor");
    assert!(ours.is_ok());
    assert_eq!(ours, theirs);
    let (ours, theirs) = verdicts(&constrained(500, 500)).expect("an anchor");
    assert_eq!(ours, Err(Error::Certificate(CertificateError::TooManySignatures)));
    assert_eq!(ours, theirs);
}
