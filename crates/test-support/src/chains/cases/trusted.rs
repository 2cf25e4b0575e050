//! Servers whose certificates are trusted as they are, as in private clouds.

use crate::chains::{
    BASIC_CONSTRAINTS, CLIENT, CRITICAL, Case, DAY, Draft, EXTENDED_KEY_USAGE, HOST, OTHER_KEY,
    Path, SERVER, SUBJECT_ALT_NAME, When, alt_names, basic_constraints, dns, extended_key_usage,
    key, key_usage, name,
};

pub(super) fn cases() -> Vec<Case> {
    [itself(), by_another(), others()].into_iter().flatten().collect()
}

type Change = fn(&mut Draft);

/// Changes of a server's certificate.
const CHANGES: [(&str, Change); 16] = [
    ("as it is", |_| ()),
    ("as an authority", |draft| draft.set(BASIC_CONSTRAINTS, basic_constraints(true, None))),
    ("explicitly no authority", |draft| draft.add(basic_constraints(false, None))),
    ("for signing", |draft| draft.add(key_usage(&[0]))),
    ("for encrypting", |draft| draft.add(key_usage(&[2]))),
    ("as an authority that signs certificates alone", |draft| {
        draft.set(BASIC_CONSTRAINTS, basic_constraints(true, None));
        draft.add(key_usage(&[5, 6]));
    }),
    ("as an authority that signs anything", |draft| {
        draft.set(BASIC_CONSTRAINTS, basic_constraints(true, None));
        draft.add(key_usage(&[0, 5]));
    }),
    ("for servers", |draft| draft.add(extended_key_usage(None, &[SERVER]))),
    ("for clients", |draft| draft.set(EXTENDED_KEY_USAGE, extended_key_usage(None, &[CLIENT]))),
    ("expired", |draft| draft.set_dates(-9 * DAY, -DAY)),
    ("not yet valid", |draft| draft.set_dates(DAY, 9 * DAY)),
    ("never valid", |draft| draft.set_dates(DAY, -DAY)),
    ("for another host", |draft| {
        draft.set(SUBJECT_ALT_NAME, alt_names(&[dns("other.example")]));
    }),
    ("with a common name alone", |draft| {
        draft.says.subject = name(HOST);
        draft.remove(SUBJECT_ALT_NAME);
    }),
    ("of version 1", |draft| {
        draft.says.subject = name(HOST);
        draft.says.version = None;
        draft.says.extensions.clear();
    }),
    ("with an unknown critical extension", |draft| {
        draft.add(crate::forge::extension("1.3.6.1.4.1.99999.1", CRITICAL, &[5, 0]));
    }),
];

/// Self-signed, with a clock and without.
fn itself() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, change) in CHANGES {
        for (how, when) in [("", When::Now), (", no clock", When::Unknown)] {
            let path = Path::new(0).with_leaf(change).when(when);
            let server = path.leaf().sign_itself();
            let name = format!("trusted: {what}, self-signed{how}");
            cases.push(path.of(name, vec![server.clone()], vec![server]));
        }
    }
    cases
}

/// Issued by an authority that nobody trusts.
fn by_another() -> Vec<Case> {
    CHANGES
        .into_iter()
        .map(|(what, change)| {
            let path = Path::new(1).with_leaf(change);
            let server = path.signed().pop().unwrap();
            path.of(format!("trusted: {what}, issued"), vec![server.clone()], vec![server])
        })
        .collect()
}

fn others() -> Vec<Case> {
    let path = Path::new(0);
    let server = path.leaf().sign_itself();
    let mut again = path.leaf().clone();
    again.says.serial = vec![1];
    let again = again.sign_itself();
    let mut spoiled = server.clone();
    let last = spoiled.len() - 1;
    spoiled[last] ^= 1;
    let stranger = Draft::authority("a stranger", key(OTHER_KEY)).sign_itself();
    // What the trusted server issues.
    let below = Path::new(0).with_leaf(|draft| {
        draft.set_key(key(OTHER_KEY));
        draft.says.subject = name("below the server");
    });
    let issued_by = |issuer: &Draft| (issuer.sign_itself(), below.leaf().sign(issuer));
    let plain = issued_by(path.leaf());
    let mut authority = path.leaf().clone();
    authority.add(basic_constraints(true, None));
    let full = issued_by(&authority);
    let mut limited = authority.clone();
    limited.add(key_usage(&[0]));
    let limited = issued_by(&limited);
    vec![
        path.of(
            "trusted: with others sent",
            vec![server.clone()],
            vec![server.clone(), stranger.clone()],
        ),
        path.of(
            "trusted: with others trusted",
            vec![stranger.clone(), server.clone()],
            vec![server.clone()],
        ),
        path.of("trusted: issued again", vec![server.clone()], vec![again]),
        path.of("trusted: with a wrong bit in the signature", vec![server.clone()], vec![spoiled]),
        path.of("trusted: not at all", vec![stranger], vec![server]),
        below.of("trusted: what a server issued", vec![plain.0], vec![plain.1]),
        below.of("trusted: what a server that is an authority issued", vec![full.0], vec![full.1]),
        below.of("trusted: what one without keyCertSign issued", vec![limited.0], vec![limited.1]),
    ]
}
