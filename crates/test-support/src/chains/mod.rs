//! Chains of certificates to be judged: a good one, of which a case changes what it is
//! about. [`cases`] has some hundred.

pub mod cases;

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::certificates::ec_key;
use crate::forge::{
    self, BIT_STRING, BOOLEAN, GENERALIZED_TIME, IA5_STRING, INTEGER, SEQUENCE, Says, UTC_TIME,
    UTF8_STRING, extension, oid, sequence, tlv,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};

/// Whom the good chain names.
pub const HOST: &str = "server.example";

/// In seconds.
pub const DAY: i64 = 24 * 60 * 60;

/// RFC 5280, section 4.2.1.3.
pub const KEY_USAGE: &str = "2.5.29.15";
/// RFC 5280, section 4.2.1.6.
pub const SUBJECT_ALT_NAME: &str = "2.5.29.17";
/// RFC 5280, section 4.2.1.9.
pub const BASIC_CONSTRAINTS: &str = "2.5.29.19";
/// RFC 5280, section 4.2.1.10.
pub const NAME_CONSTRAINTS: &str = "2.5.29.30";
/// RFC 5280, section 4.2.1.12.
pub const EXTENDED_KEY_USAGE: &str = "2.5.29.37";

/// For servers.
pub const SERVER: &str = "1.3.6.1.5.5.7.3.1";
/// For clients.
pub const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
/// For everything.
pub const ANY: &str = "2.5.29.37.0";

/// That an extension is critical.
pub const CRITICAL: Option<u8> = Some(0xff);

/// When the tests began, in seconds since 1970.
pub static NOW: LazyLock<i64> = LazyLock::new(|| {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.as_secs() as i64
});

/// A key on P-256, by its number. Keys are made once for all cases.
pub fn key(number: usize) -> &'static PKey<Private> {
    static KEYS: LazyLock<[PKey<Private>; 32]> =
        LazyLock::new(|| std::array::from_fn(|_| ec_key()));
    &KEYS[number]
}

/// Of the root; that of the authority below it is one more, and so on.
pub const ROOT_KEY: usize = 0;
/// Of the server.
pub const LEAF_KEY: usize = 20;
/// Of others.
pub const OTHER_KEY: usize = 21;

/// A certificate before it is signed.
#[derive(Clone)]
pub struct Draft {
    /// What it says.
    pub says: Says,
    /// Its own key.
    pub key: &'static PKey<Private>,
    /// How what it issues is signed, and a root itself.
    pub digest: fn() -> MessageDigest,
    /// Its issuer, if that is not the one before.
    pub issuer: Option<Vec<u8>>,
    /// Its issuer's key, if it is not that of the one before.
    pub signer: Option<&'static PKey<Private>>,
    /// Changes the certificate after it has been signed.
    pub spoil: fn(Vec<u8>) -> Vec<u8>,
}

impl Draft {
    fn new(subject: &str, key: &'static PKey<Private>) -> Self {
        let says = Says {
            version: Some(2),
            serial: vec![0x51, 7],
            issuer: Vec::new(),
            not_before: date(*NOW - 30 * DAY),
            not_after: date(*NOW + 30 * DAY),
            subject: name(subject),
            key: key.public_key_to_der().unwrap(),
            identifiers: Vec::new(),
            extensions: Vec::new(),
            tail: Vec::new(),
        };
        let digest = MessageDigest::sha256;
        Self { says, key, digest, issuer: None, signer: None, spoil: |der| der }
    }

    /// One of an authority.
    pub fn authority(subject: &str, key: &'static PKey<Private>) -> Self {
        let mut draft = Self::new(subject, key);
        draft.says.extensions.push(basic_constraints(true, None));
        draft
    }

    /// One of the server [`HOST`].
    pub fn server(key: &'static PKey<Private>) -> Self {
        let mut draft = Self::new("the server", key);
        draft.add(alt_names(&[dns(HOST)]));
        draft
    }

    /// Adds an extension.
    pub fn add(&mut self, extension: Vec<u8>) {
        self.says.extensions.push(extension);
    }

    /// Takes out the extensions of this kind.
    pub fn remove(&mut self, numbers: &str) {
        let id = oid(numbers);
        self.says.extensions.retain(|extension| !contains(extension, &id));
    }

    /// Adds an extension instead of all of its kind.
    pub fn set(&mut self, numbers: &str, extension: Vec<u8>) {
        self.remove(numbers);
        self.add(extension);
    }

    /// Changes the key.
    pub fn set_key(&mut self, key: &'static PKey<Private>) {
        self.key = key;
        self.says.key = key.public_key_to_der().unwrap();
    }

    /// Is valid from and until so many seconds from now.
    pub fn set_dates(&mut self, from: i64, until: i64) {
        self.says.not_before = date(*NOW + from);
        self.says.not_after = date(*NOW + until);
    }

    /// The certificate as its issuer makes it.
    pub fn sign(&self, issuer: &Draft) -> Vec<u8> {
        let mut says = self.says.clone();
        if says.issuer.is_empty() {
            says.issuer = self.issuer.clone().unwrap_or_else(|| issuer.says.subject.clone());
        }
        let signer = self.signer.unwrap_or(issuer.key);
        (self.spoil)(says.sign(signer, (issuer.digest)()))
    }

    /// The certificate as it signs itself.
    pub fn sign_itself(&self) -> Vec<u8> {
        self.sign(self)
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A root, authorities below it and a server's certificate.
#[derive(Clone)]
pub struct Path {
    /// From the root to the server.
    drafts: Vec<Draft>,
    /// Whom the client wants to talk to.
    pub host: String,
    /// When it does.
    pub when: When,
}

impl Path {
    /// A good one, with so many authorities below the root.
    pub fn new(authorities: usize) -> Self {
        let mut drafts = vec![Draft::authority("the root", key(ROOT_KEY))];
        for number in 1..=authorities {
            drafts.push(Draft::authority(&format!("authority {number}"), key(number)));
        }
        drafts.push(Draft::server(key(LEAF_KEY)));
        Self { drafts, host: HOST.to_owned(), when: When::Now }
    }

    /// Changes the certificate so far below the root.
    #[must_use]
    pub fn with(mut self, position: usize, change: impl FnOnce(&mut Draft)) -> Self {
        change(&mut self.drafts[position]);
        self
    }

    /// Changes the server's certificate.
    #[must_use]
    pub fn with_leaf(self, change: impl FnOnce(&mut Draft)) -> Self {
        let last = self.drafts.len() - 1;
        self.with(last, change)
    }

    /// The server's certificate.
    pub fn leaf(&self) -> &Draft {
        self.drafts.last().unwrap()
    }

    /// Changes the host.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// Changes the date.
    #[must_use]
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// The certificates, from the root to the server's.
    pub fn signed(&self) -> Vec<Vec<u8>> {
        let root = self.drafts[0].sign_itself();
        let others = self.drafts.windows(2).map(|pair| pair[1].sign(&pair[0]));
        std::iter::once(root).chain(others).collect()
    }

    /// The root is trusted, and the others are sent.
    pub fn case(&self, name: impl Into<String>) -> Case {
        let mut signed = self.signed();
        let root = signed.remove(0);
        signed.reverse();
        self.of(name, vec![root], signed)
    }

    /// These are trusted, and those are sent, the server's first.
    pub fn of(&self, name: impl Into<String>, trusted: Vec<Vec<u8>>, sent: Vec<Vec<u8>>) -> Case {
        let (host, when) = (self.host.clone(), self.when);
        let key = self.leaf().key;
        Case { name: name.into(), trusted, sent, host, when, key }
    }
}

/// The date of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// [`NOW`].
    Now,
    /// In seconds since 1970.
    At(i64),
    /// There is no clock.
    Unknown,
}

/// What the engines judge.
pub struct Case {
    /// Of its own, which begins with its kind.
    pub name: String,
    /// The trust anchors.
    pub trusted: Vec<Vec<u8>>,
    /// The server's first.
    pub sent: Vec<Vec<u8>>,
    /// Whom the client wants to talk to.
    pub host: String,
    /// When it does.
    pub when: When,
    /// The server's key.
    pub key: &'static PKey<Private>,
}

/// A name with this common name.
pub fn name(common: &str) -> Vec<u8> {
    forge::name(UTF8_STRING, common.as_bytes())
}

/// A date as it shall be written: until 2049 as UTCTime (RFC 5280, section 4.1.2.5).
pub fn date(seconds: i64) -> Vec<u8> {
    let text = generalized(seconds);
    if ("1950".."2050").contains(&&text[..4]) {
        tlv(UTC_TIME, &text.as_bytes()[2..])
    } else {
        tlv(GENERALIZED_TIME, text.as_bytes())
    }
}

/// A date as a GeneralizedTime has it.
pub fn generalized(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    // Days from the 1st of March of the year 0; then years begin in March.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}Z")
}

/// With `cA`, which is left out where it is false (it is the default).
pub fn basic_constraints(is_authority: bool, max_path_len: Option<u8>) -> Vec<u8> {
    let authority = if is_authority { tlv(BOOLEAN, &[0xff]) } else { Vec::new() };
    let len = max_path_len.map_or(Vec::new(), |len| tlv(INTEGER, &[len]));
    extension(BASIC_CONSTRAINTS, CRITICAL, &sequence(&[&authority, &len]))
}

/// By the numbers of its bits.
pub fn key_usage(bits: &[usize]) -> Vec<u8> {
    let mut bytes = vec![0_u8; bits.iter().max().map_or(0, |highest| highest / 8 + 1)];
    for bit in bits {
        bytes[bit / 8] |= 0x80 >> (bit % 8);
    }
    let unused = bytes.last().map_or(0, |last| last.trailing_zeros() as u8);
    let value = tlv(BIT_STRING, &[&[unused], &bytes[..]].concat());
    extension(KEY_USAGE, CRITICAL, &value)
}

/// By the object identifiers of the usages.
pub fn extended_key_usage(critical: Option<u8>, usages: &[&str]) -> Vec<u8> {
    let usages: Vec<_> = usages.iter().map(|numbers| oid(numbers)).collect();
    extension(EXTENDED_KEY_USAGE, critical, &tlv(SEQUENCE, &usages.concat()))
}

/// A GeneralName.
pub fn dns(name: &str) -> Vec<u8> {
    tlv(0x82, name.as_bytes())
}

/// An address; or a network, as its address and its mask.
pub fn ip(bytes: &[u8]) -> Vec<u8> {
    tlv(0x87, bytes)
}

/// The names of the certificate.
pub fn alt_names(names: &[Vec<u8>]) -> Vec<u8> {
    extension(SUBJECT_ALT_NAME, None, &tlv(SEQUENCE, &names.concat()))
}

/// A GeneralName of another kind that the server's certificate may have.
pub fn mail(name: &str) -> Vec<u8> {
    tlv(0x81, name.as_bytes())
}

/// Another.
pub fn uri(name: &str) -> Vec<u8> {
    tlv(0x86, name.as_bytes())
}

/// Another, by the content of a name.
pub fn directory(name: &[u8]) -> Vec<u8> {
    tlv(0xa4, name)
}

/// By GeneralNames.
pub fn name_constraints(permitted: &[Vec<u8>], excluded: &[Vec<u8>]) -> Vec<u8> {
    let subtrees = |tag, names: &[Vec<u8>]| {
        let trees: Vec<_> = names.iter().map(|name| tlv(SEQUENCE, name)).collect();
        if trees.is_empty() { Vec::new() } else { tlv(tag, &trees.concat()) }
    };
    let value = sequence(&[&subtrees(0xa0, permitted), &subtrees(0xa1, excluded)]);
    extension(NAME_CONSTRAINTS, CRITICAL, &value)
}

/// The same as [`name`], as a string of another type.
pub fn name_as(string_type: u8, common: &str) -> Vec<u8> {
    let bytes = match string_type {
        forge::BMP_STRING => common.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        forge::UNIVERSAL_STRING => common.chars().flat_map(|c| (c as u32).to_be_bytes()).collect(),
        _ => common.as_bytes().to_vec(),
    };
    forge::name(string_type, &bytes)
}

/// The string types of names.
pub const STRING_TYPES: [(&str, u8); 6] = [
    ("UTF8String", UTF8_STRING),
    ("PrintableString", forge::PRINTABLE_STRING),
    ("TeletexString", forge::TELETEX_STRING),
    ("IA5String", IA5_STRING),
    ("UniversalString", forge::UNIVERSAL_STRING),
    ("BMPString", forge::BMP_STRING),
];
