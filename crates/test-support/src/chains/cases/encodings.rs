//! Encodings that are odd, or wrong.

use crate::forge::{
    self, BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, algorithm, bit_string, extension, name, oid,
    sequence, sign, tlv, tlv_with_long_length,
};
use openssl::hash::MessageDigest;

use crate::chains::{
    BASIC_CONSTRAINTS, Case, Draft, HOST, KEY_USAGE, OTHER_KEY, Path, ROOT_KEY, STRING_TYPES,
    SUBJECT_ALT_NAME, alt_names, basic_constraints, dns, key, key_usage, name_as,
};

pub(super) fn cases() -> Vec<Case> {
    [serials(), versions(), lengths(), string_types(), extensions(), signatures()]
        .into_iter()
        .flatten()
        .collect()
}

type Spoil = fn(Vec<u8>) -> Vec<u8>;

const POSITIONS: [(usize, &str); 3] = [(0, "the root"), (1, "an authority"), (2, "the server")];

/// The same change at each position.
fn each(kind: &str, what: &str, change: impl Fn(&mut Draft)) -> Vec<Case> {
    POSITIONS
        .into_iter()
        .map(|(position, whose)| {
            Path::new(1).with(position, &change).case(format!("{kind}: {what}, {whose}"))
        })
        .collect()
}

fn serials() -> Vec<Case> {
    let serials: [(&str, Vec<u8>); 7] = [
        ("zero", vec![0]),
        ("negative", vec![0x81, 7]),
        ("of 20 bytes", vec![0x51; 20]),
        ("of 21 bytes", vec![0x51; 21]),
        ("of 60 bytes", vec![0x51; 60]),
        ("with a zero in front", vec![0, 7]),
        ("of no byte", vec![]),
    ];
    serials
        .into_iter()
        .flat_map(|(what, serial)| {
            each("serial", what, move |draft| draft.says.serial.clone_from(&serial))
        })
        .collect()
}

fn versions() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, version, bare) in [
        ("1 without extensions", None, true),
        ("1 with extensions", None, false),
        ("1 in full", Some(0), true),
        ("2 without extensions", Some(1), true),
        ("2 with extensions", Some(1), false),
        ("3 without extensions", Some(2), true),
        ("4", Some(3), false),
    ] {
        cases.extend(each("version", what, |draft| {
            draft.says.version = version;
            if bare {
                draft.says.extensions.clear();
            }
        }));
    }
    cases.extend(each("version", "3 with unique identifiers", |draft| {
        draft.says.identifiers = [tlv(0x81, &[0, 1]), tlv(0x82, &[0, 2])].concat();
    }));
    cases
}

/// Writes a certificate's outermost length in this way.
fn rewrap(der: &[u8], wrap: fn(u8, &[u8]) -> Vec<u8>) -> Vec<u8> {
    // Certificates here are of 256 to 65,535 bytes.
    wrap(SEQUENCE, &der[4..])
}

fn lengths() -> Vec<Case> {
    let spoiled: [(&str, Spoil); 6] = [
        ("a long length", |der| rewrap(&der, tlv_with_long_length)),
        ("an indefinite length", |der| [&[0x30, 0x80], &der[4..], &[0, 0]].concat()),
        ("bytes behind it", |der| [&der[..], &[0]].concat()),
        ("bytes behind the signature", |der| tlv(SEQUENCE, &[&der[4..], &[5, 0]].concat())),
        ("cut", |der| der[..der.len() - 1].to_vec()),
        ("nothing", |_| Vec::new()),
    ];
    let mut cases = Vec::new();
    for (what, spoil) in spoiled {
        cases.extend(each("length", what, |draft| draft.spoil = spoil));
    }
    cases.extend(each("length", "bytes behind the extensions", |draft| {
        draft.says.tail = vec![5, 0];
    }));
    cases.extend(each("length", "a long one in the subject", |draft| {
        let attribute = sequence(&[&oid("2.5.4.3"), &tlv(0x0c, b"odd")]);
        draft.says.subject = tlv_with_long_length(SEQUENCE, &tlv(0x31, &attribute));
    }));
    cases.extend(each("length", "a long one in the key", |draft| {
        let key = draft.says.key[2..].to_vec();
        draft.says.key = tlv_with_long_length(SEQUENCE, &key);
    }));
    cases
}

fn string_types() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, string_type) in STRING_TYPES {
        for (position, whose) in POSITIONS {
            let path = Path::new(1).with(position, |draft| {
                draft.says.subject = name_as(string_type, "some name");
            });
            cases.push(path.case(format!("string: {what}, {whose}")));
        }
        // What it issued names it otherwise.
        if string_type != forge::UTF8_STRING {
            let path = Path::new(1).with_leaf(|draft| {
                draft.issuer = Some(name_as(string_type, "authority 1"));
            });
            cases.push(path.case(format!("issuer: as {what}")));
        }
    }
    for (what, issuer) in [
        ("in capitals", "AUTHORITY 1"),
        ("with two spaces", "authority  1"),
        ("with a space behind", "authority 1 "),
        ("another", "authority 2"),
        ("empty", ""),
    ] {
        let path = Path::new(1)
            .with_leaf(|draft| draft.issuer = Some(name(forge::UTF8_STRING, issuer.as_bytes())));
        cases.push(path.case(format!("issuer: {what}")));
    }
    let empty = |position| {
        Path::new(1).with(position, |draft: &mut Draft| draft.says.subject = vec![0x30, 0])
    };
    cases.push(empty(0).case("issuer: an empty Name, the root's"));
    cases.push(empty(1).case("issuer: an empty Name, an authority's"));
    cases.extend(each("string", "not UTF-8 in UTF8String", |draft| {
        draft.says.subject = name(forge::UTF8_STRING, &[0xff, 0xfe]);
    }));
    cases.extend(each("string", "one that holds a zero", |draft| {
        draft.says.subject = name(forge::UTF8_STRING, b"a\0b");
    }));
    cases
}

fn extensions() -> Vec<Case> {
    let mut cases = Vec::new();
    let explicit = sequence(&[
        &oid(SUBJECT_ALT_NAME),
        &tlv(BOOLEAN, &[0]),
        &tlv(OCTET_STRING, &tlv(SEQUENCE, &dns(HOST))),
    ]);
    let ber = extension(SUBJECT_ALT_NAME, Some(1), &tlv(SEQUENCE, &dns(HOST)));
    let behind =
        extension(SUBJECT_ALT_NAME, None, &[&tlv(SEQUENCE, &dns(HOST))[..], &[5, 0]].concat());
    let cut = extension(SUBJECT_ALT_NAME, None, &[0x30, 0x20, 0x82]);
    let no_list = extension(SUBJECT_ALT_NAME, None, &dns(HOST));
    let long = extension(SUBJECT_ALT_NAME, None, &tlv_with_long_length(SEQUENCE, &dns(HOST)));
    for (what, names) in [
        ("an explicit false", explicit),
        ("true in BER", ber),
        ("bytes behind the names", behind),
        ("names that are cut", cut),
        ("names without a list", no_list),
        ("a long length of names", long),
    ] {
        let path = Path::new(1).with_leaf(|draft| draft.set(SUBJECT_ALT_NAME, names));
        cases.push(path.case(format!("extensions: {what}")));
    }
    let twice = alt_names(&[dns(HOST)]);
    let path = Path::new(1).with_leaf(|draft| draft.add(twice));
    cases.push(path.case("extensions: names twice"));
    let other = alt_names(&[dns("other.example")]);
    let path = Path::new(1).with_leaf(|draft| draft.says.extensions.insert(0, other));
    cases.push(path.case("extensions: other names before"));
    for (position, whose) in [(0, "the root"), (1, "an authority")] {
        let path = Path::new(1).with(position, |draft| draft.add(basic_constraints(true, Some(3))));
        cases.push(path.case(format!("extensions: basic constraints twice, {whose}")));
        let path = Path::new(1).with(position, |draft| {
            draft.says.extensions.insert(0, basic_constraints(false, None));
        });
        cases.push(path.case(format!("extensions: and no authority, {whose}")));
    }
    for (position, whose) in POSITIONS {
        let path = Path::new(1).with(position, |draft| {
            draft.add(key_usage(&[0, 5]));
            draft.add(key_usage(&[0, 5]));
        });
        cases.push(path.case(format!("extensions: key usage twice, {whose}")));
        let path = Path::new(1).with(position, |draft| {
            draft.add(extension(KEY_USAGE, None, &tlv(INTEGER, &[5])));
        });
        cases.push(path.case(format!("extensions: a number as key usage, {whose}")));
        let path = Path::new(1).with(position, |draft| {
            let own = extension("1.3.6.1.4.1.99999.1", None, &[5, 0]);
            draft.add(own.clone());
            draft.add(own);
        });
        cases.push(path.case(format!("extensions: an unknown one twice, {whose}")));
    }
    let path = Path::new(1).with(1, |draft| {
        draft.remove(BASIC_CONSTRAINTS);
        draft.says.tail = tlv(0xa3, &[0x30, 0]);
    });
    cases.push(path.case("extensions: an empty list"));
    cases
}

/// Signs a server's certificate by the authority's key, with other algorithms inside and
/// outside, and with this done to the signature.
fn signed(path: &Path, inside: &[u8], outside: &[u8], change: Spoil) -> Vec<u8> {
    let mut says = path.leaf().says.clone();
    says.issuer = crate::chains::name("authority 1");
    let to_be_signed = says.to_be_signed(inside);
    let signature = sign(key(ROOT_KEY + 1), MessageDigest::sha256(), &to_be_signed);
    sequence(&[&to_be_signed, outside, &change(signature)])
}

/// Signatures, and the names of their algorithms.
fn signatures() -> Vec<Case> {
    let sha256 = MessageDigest::sha256;
    let ecdsa = algorithm(key(1), sha256());
    let with_null = sequence(&[&oid("1.2.840.10045.4.3.2"), &[5, 0]]);
    let sha384 = algorithm(key(1), MessageDigest::sha384());
    let bits: Spoil = |signature| bit_string(&signature);
    let path = Path::new(1);
    let mut cases = Vec::new();
    let mut push = |what: &str, server: Vec<u8>| {
        let mut all = path.signed();
        let case =
            path.of(format!("signature: {what}"), vec![all.remove(0)], vec![server, all.remove(0)]);
        cases.push(case);
    };
    push("as it should be", signed(&path, &ecdsa, &ecdsa, bits));
    push("other algorithms inside and outside", signed(&path, &ecdsa, &sha384, bits));
    push("with NULL as a parameter", signed(&path, &with_null, &with_null, bits));
    push("with NULL inside alone", signed(&path, &with_null, &ecdsa, bits));
    push("of another digest than it says", signed(&path, &sha384, &sha384, bits));
    push("none", signed(&path, &ecdsa, &ecdsa, |_| bit_string(&[])));
    push(
        "with a wrong bit",
        signed(&path, &ecdsa, &ecdsa, |mut signature| {
            let last = signature.len() - 1;
            signature[last] ^= 1;
            bit_string(&signature)
        }),
    );
    push(
        "with unused bits",
        signed(&path, &ecdsa, &ecdsa, |signature| {
            tlv(forge::BIT_STRING, &[&[1], &signature[..]].concat())
        }),
    );
    push(
        "with bytes behind it",
        signed(&path, &ecdsa, &ecdsa, |signature| bit_string(&[&signature[..], &[0]].concat())),
    );
    push(
        "with a long length",
        signed(&path, &ecdsa, &ecdsa, |signature| {
            bit_string(&tlv_with_long_length(SEQUENCE, &signature[2..]))
        }),
    );
    push(
        "with zeros in front",
        signed(&path, &ecdsa, &ecdsa, |signature| {
            let r_len = usize::from(signature[3]);
            let r = tlv(INTEGER, &[&[0, 0], &signature[4..4 + r_len]].concat());
            bit_string(&sequence(&[&r, &signature[4 + r_len..]]))
        }),
    );
    push(
        "zero and zero",
        signed(&path, &ecdsa, &ecdsa, |_| {
            bit_string(&sequence(&[&tlv(INTEGER, &[0]), &tlv(INTEGER, &[0])]))
        }),
    );
    let by_other = Path::new(1).with_leaf(|draft| draft.signer = Some(key(OTHER_KEY)));
    cases.push(by_other.case("signature: by another key"));
    let by_other = Path::new(1).with(1, |draft| draft.signer = Some(key(OTHER_KEY)));
    cases.push(by_other.case("signature: by another key, an authority's"));
    // The root's own proves nothing.
    let by_other = Path::new(1).with(0, |draft| draft.signer = Some(key(OTHER_KEY)));
    cases.push(by_other.case("signature: by another key, the root's"));
    cases
}
