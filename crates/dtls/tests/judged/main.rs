//! Certificates as this engine, OpenSSL and GnuTLS judge them. `cases` makes some hundred
//! chains, each with one thing that is odd or wrong; `expected` lists where the engines do
//! not agree, and why.
#![cfg(feature = "full")]

mod believed;
mod engines;
mod expected;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use engines::Judgement;
use expected::{Disagreement, Engine, Than};
use iot_coap_test_support::chains::{Case, cases};
use iot_coap_test_support::folders::Folder;

/// The three judgements of a case; that of GnuTLS only where it can be had.
#[derive(Debug)]
struct Judged {
    name: String,
    ours: Judgement,
    openssl: Judgement,
    gnutls: Option<Judgement>,
}

fn judge_all(cases: &[Case], with_gnutls: bool) -> Vec<Judged> {
    let (next, judged) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let folder = Folder::new();
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let row = Judged {
                name: case.name.clone(),
                ours: engines::ours(case),
                openssl: engines::openssl(case),
                gnutls: if with_gnutls { engines::gnutls(case, folder.path()) } else { None },
            };
            judged.lock().unwrap().push(row);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    judged.into_inner().unwrap()
}

/// Where engines differ: the name, the other engine, and what ours is.
fn disagreements(judged: &[Judged]) -> BTreeSet<(&str, Engine, Than)> {
    let mut all = BTreeSet::new();
    for row in judged {
        let theirs = [(Engine::OpenSsl, Some(&row.openssl)), (Engine::GnuTls, row.gnutls.as_ref())];
        for (engine, theirs) in theirs {
            match (&row.ours, theirs) {
                (Err(_), Some(Ok(()))) => all.insert((&*row.name, engine, Than::Stricter)),
                (Ok(()), Some(Err(_))) => all.insert((&*row.name, engine, Than::Laxer)),
                _ => false,
            };
        }
    }
    all
}

#[test]
fn as_openssl_and_gnutls_judge_but_for_the_reasons_listed() {
    let cases = cases::all();
    let mut names = BTreeSet::new();
    for case in &cases {
        assert!(names.insert(&*case.name), "two are called {:?}", case.name);
    }
    assert!(cases.len() >= 300, "{}", cases.len());

    let with_gnutls = engines::has_gnutls();
    if !with_gnutls {
        // Also seen where the output of tests is captured.
        let mut output = std::io::stdout();
        writeln!(output, "Not run: GnuTLS's column, for want of certtool").unwrap();
    }
    let judged = judge_all(&cases, with_gnutls);
    let accepted = judged.iter().filter(|row| row.ours.is_ok()).count();
    println!("{} chains, {accepted} accepted", cases.len());
    // Neither all nor none.
    assert!(accepted > 100 && cases.len() - accepted > 100, "{accepted}");

    let found = disagreements(&judged);
    let mut listed = BTreeSet::new();
    for Disagreement { engines, ours, cases, reason } in
        expected::LAXER.iter().chain(expected::STRICTER)
    {
        for pattern in *cases {
            let fitting = Disagreement::matching(pattern, names.iter().copied());
            assert!(!fitting.is_empty(), "no case {pattern:?}: {reason}");
            for (name, engine) in
                fitting.iter().flat_map(|name| engines.iter().map(|e| (*name, *e)))
            {
                assert!(listed.insert((name, engine, *ours)), "{name:?} is listed twice");
            }
        }
    }
    if !with_gnutls {
        listed.retain(|(_, engine, _)| *engine != Engine::GnuTls);
    }
    let unlisted = found.difference(&listed).map(|(name, engine, ours)| {
        let row = judged.iter().find(|row| row.name == *name).unwrap();
        format!("not listed: {engine:?} {ours:?} {row:#?}")
    });
    let idle = listed.difference(&found).map(|(name, engine, ours)| {
        format!("listed, but they agree: {engine:?} {ours:?} {name:?}")
    });
    let wrong: Vec<_> = unlisted.chain(idle).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
