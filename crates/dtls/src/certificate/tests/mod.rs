//! Compares the validator of this crate with rustls-webpki: on the chains that OpenSSL and
//! GnuTLS judge too (`tests/judged`), on mutations of these, on random chains, and part by
//! part.

mod drawn;
mod mutated;
mod parts;

use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::string::String;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec::Vec;
use std::{format, println, thread};

use iot_coap_test_support::chains::{Case, NOW, When, cases};
use iot_coap_test_support::forge;

use super::anchors::TrustAnchors;
use super::both::{self, Verdict};
use crate::error::{CertificateError, Error};

fn vector24(content: &[u8]) -> Vec<u8> {
    let len = u32::try_from(content.len()).expect("a short one").to_be_bytes();
    [&len[1..], content].concat()
}

fn anchors(trusted: &[Vec<u8>]) -> Result<TrustAnchors, CertificateError> {
    let pem: String = trusted.iter().map(|der| forge::pem(der)).collect();
    TrustAnchors::from_pem(pem.as_bytes())
}

fn judge(case: &Case, anchors: &TrustAnchors) -> (Verdict, Verdict) {
    let list: Vec<u8> = case.sent.iter().flat_map(|der| vector24(der)).collect();
    let time = match case.when {
        When::Now => Some(*NOW),
        When::At(time) => Some(time),
        When::Unknown => None,
    };
    let time = time.map(|time| u64::try_from(time).expect("after 1970"));
    both::verdicts(&vector24(&list), anchors, &case.host, time)
}

/// The verdicts of both on a case.
fn verdicts(case: &Case) -> Option<(Verdict, Verdict)> {
    // One function reads the anchors for both; `parts` compares it with rustls-webpki's.
    Some(judge(case, &anchors(&case.trusted).ok()?))
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

/// How often each pair of verdicts occurred, ours first.
type Kinds = BTreeMap<(String, String), usize>;

/// The error without its dates.
fn kind(verdict: &Verdict) -> String {
    match verdict {
        Ok(_) => "believed".to_owned(),
        Err(Error::Certificate(error)) => {
            let text = format!("{error:?}");
            text.split(' ').next().unwrap_or_default().to_owned()
        }
        Err(error) => format!("{error:?}"),
    }
}

/// Requires that both agree.
fn agreement(case: &Case) -> (String, String) {
    let Some((ours, theirs)) = verdicts(case) else {
        return ("no anchor".to_owned(), String::new());
    };
    let kinds = (kind(&ours), kind(&theirs));
    let agree = both::agree((&ours, &theirs), case.sent.iter().map(Vec::as_slice));
    // Print the certificates, since each run makes new keys and a number does not identify
    // them.
    let all = || case.sent.iter().chain(&case.trusted).map(|der| forge::pem(der));
    assert!(agree, "{}: {ours:?}, {theirs:?}\n{}", case.name, all().collect::<String>());
    kinds
}

/// Requires agreement on 20,000 chains, or on CERTIFICATE_CHAINS, by their numbers.
fn assert_all_agree(make: impl Fn(usize) -> Case + Sync) -> Kinds {
    let count = std::env::var("CERTIFICATE_CHAINS")
        .map_or(20_000, |count| count.parse().expect("a number"));
    let (next, kinds) = (AtomicUsize::new(0), Mutex::new(Kinds::new()));
    let work = || {
        let mut mine = Kinds::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                break;
            }
            *mine.entry(agreement(&make(number))).or_default() += 1;
        }
        let mut all = kinds.lock().expect("no other has failed");
        for (kind, count) in mine {
            *all.entry(kind).or_default() += count;
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let kinds = kinds.into_inner().expect("no other has failed");
    for ((ours, theirs), count) in &kinds {
        println!("{count:8} {ours} {theirs}");
    }
    kinds
}
