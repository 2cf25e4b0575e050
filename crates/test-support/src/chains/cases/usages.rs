//! Key usages, extended key usages, and extensions that nobody knows.

use crate::forge::{BIT_STRING, INTEGER, SEQUENCE, extension, oid, sequence, tlv};

use crate::chains::{
    ANY, BASIC_CONSTRAINTS, CLIENT, CRITICAL, Case, KEY_USAGE, Path, SERVER, extended_key_usage,
    key_usage,
};

const CODE: &str = "1.3.6.1.5.5.7.3.3";
const OCSP: &str = "1.3.6.1.5.5.7.3.9";

/// What bits 0 to 8 of the key usage are called.
const BITS: [&str; 9] = [
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
];

pub(super) fn cases() -> Vec<Case> {
    [key_usages(), extended(), unknown_extensions()].into_iter().flatten().collect()
}

const POSITIONS: [(usize, &str); 3] = [(0, "the root"), (1, "an authority"), (2, "the server")];

fn key_usages() -> Vec<Case> {
    let mut cases = Vec::new();
    for (position, whose) in POSITIONS {
        let mut push = |what: String, usage: Vec<u8>| {
            let path = Path::new(1).with(position, |draft| draft.add(usage));
            cases.push(path.case(format!("key usage: {what}, {whose}")));
        };
        for (bit, what) in BITS.into_iter().enumerate() {
            push(what.to_owned(), key_usage(&[bit]));
            if bit != 5 {
                push(format!("keyCertSign and {what}"), key_usage(&[5, bit]));
            }
        }
        push("digitalSignature and keyEncipherment".to_owned(), key_usage(&[0, 2]));
        push("none".to_owned(), key_usage(&[]));
        push("all".to_owned(), key_usage(&[0, 1, 2, 3, 4, 5, 6, 7, 8]));
        // Zeros at the end, which DER leaves out (X.690, section 11.2.2).
        let zeros = tlv(BIT_STRING, &[1, 0x84]);
        push("zeros at the end".to_owned(), extension(KEY_USAGE, CRITICAL, &zeros));
        let unused = tlv(BIT_STRING, &[2, 0x87]);
        push("ones in unused bits".to_owned(), extension(KEY_USAGE, CRITICAL, &unused));
        let signs = tlv(BIT_STRING, &[2, 0x84]);
        push("not critical".to_owned(), extension(KEY_USAGE, None, &signs));
    }
    // Key usage instead of basic constraints.
    let path = Path::new(1).with(1, |draft| draft.set(BASIC_CONSTRAINTS, key_usage(&[5, 6])));
    cases.push(path.case("key usage: keyCertSign alone makes no authority"));
    cases
}

fn extended() -> Vec<Case> {
    let sets: [(&str, &[&str]); 9] = [
        ("servers", &[SERVER]),
        ("clients", &[CLIENT]),
        ("both", &[CLIENT, SERVER]),
        ("any", &[ANY]),
        ("any and clients", &[ANY, CLIENT]),
        ("any and servers", &[ANY, SERVER]),
        ("code", &[CODE]),
        ("OCSP and code", &[OCSP, CODE]),
        ("none", &[]),
    ];
    let mut cases = Vec::new();
    for (position, whose) in POSITIONS {
        for (what, usages) in sets {
            for (critical, how) in [(None, ""), (CRITICAL, ", critical")] {
                let usage = extended_key_usage(critical, usages);
                let path = Path::new(1).with(position, |draft| draft.add(usage));
                cases.push(path.case(format!("extended key usage: {what}, {whose}{how}")));
            }
        }
    }
    cases
}

fn unknown_extensions() -> Vec<Case> {
    let any_policy = sequence(&[&sequence(&[&oid("2.5.29.32.0")])]);
    let policy = sequence(&[&sequence(&[&oid("1.2.3.4")])]);
    let mapping = sequence(&[&sequence(&[&oid("1.2.3.4"), &oid("1.2.3.5")])]);
    let explicit = sequence(&[&tlv(0x80, &[0])]);
    let identifier = sequence(&[&tlv(0x80, &[7; 20])]);
    let kinds = [
        ("of its own", "1.3.6.1.4.1.99999.1", tlv(INTEGER, &[1])),
        ("of X.509's that there is not", "2.5.29.99", tlv(INTEGER, &[1])),
        ("certificate policies", "2.5.29.32", policy),
        ("any policy", "2.5.29.32", any_policy),
        ("policy mappings", "2.5.29.33", mapping),
        ("policy constraints", "2.5.29.36", explicit),
        ("inhibit any policy", "2.5.29.54", tlv(INTEGER, &[0])),
        ("authority key identifier", "2.5.29.35", identifier),
        ("TLS features", "1.3.6.1.5.5.7.1.24", tlv(SEQUENCE, &tlv(INTEGER, &[5]))),
    ];
    let mut cases = Vec::new();
    for (position, whose) in POSITIONS {
        for (what, numbers, value) in &kinds {
            for (critical, how) in [(None, ""), (CRITICAL, ", critical")] {
                let path = Path::new(1).with(position, |draft| {
                    draft.add(extension(numbers, critical, value));
                });
                cases.push(path.case(format!("extension: {what}, {whose}{how}")));
            }
        }
    }
    cases
}
