//! Chains that are mutated and then signed again by their issuers, so that the verdict does
//! not depend on the signature. CERTIFICATE_CHAINS sets the number of chains.

use std::borrow::ToOwned;
use std::collections::{BTreeMap, HashMap};
use std::vec::Vec;
use std::{format, vec};

use iot_coap_test_support::chains::{Case, HOST, NOW, When, cases, key};
use iot_coap_test_support::forge;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};

use super::assert_all_agree;
use crate::certificate::fields::Certificate;
use crate::der::Der;

/// Numbers that are the same each time (SplitMix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) % bound as u64) as usize
    }

    pub(super) fn one_of<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }
}

/// A value in DER, with the values inside it.
#[derive(Clone)]
struct Value {
    tag: u8,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Bytes(Vec<u8>),
    Values(Vec<Value>),
}

impl Value {
    /// Reads values one after another, and also the values inside an OCTET STRING, if it is
    /// DER.
    fn read_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let mut der = Der::new(bytes);
        let mut values = Vec::new();
        while !der.is_empty() {
            let (tag, bytes) = der.any()?;
            let is_nested = tag & 0x20 != 0 || tag == forge::OCTET_STRING && !bytes.is_empty();
            let nested = is_nested.then(|| Self::read_all(bytes)).flatten();
            let content = nested.map_or_else(|| Content::Bytes(bytes.to_vec()), Content::Values);
            values.push(Self { tag, content });
        }
        Some(values)
    }

    fn write(&self) -> Vec<u8> {
        forge::tlv(
            self.tag,
            &match &self.content {
                Content::Bytes(bytes) => bytes.clone(),
                Content::Values(values) => values.iter().flat_map(Self::write).collect(),
            },
        )
    }

    /// This value and all values inside it, in some order.
    fn all(&self) -> Vec<Self> {
        let mut all = vec![self.clone()];
        if let Content::Values(values) = &self.content {
            all.extend(values.iter().flat_map(Self::all));
        }
        all
    }

    fn mutate(&mut self, random: &mut Random, pool: &[Self]) {
        match &mut self.content {
            // Deeper, mostly.
            Content::Values(values) if !values.is_empty() && random.below(6) != 0 => {
                let at = random.below(values.len());
                values[at].mutate(random, pool);
            }
            Content::Values(values) => {
                let at = random.below(values.len().max(1));
                match random.below(5) {
                    0 if !values.is_empty() => drop(values.remove(at)),
                    1 if !values.is_empty() => values.insert(at, values[at].clone()),
                    2 if !values.is_empty() => {
                        let other = random.below(values.len());
                        values.swap(at, other);
                    }
                    3 => self.tag = random.one_of(pool).tag,
                    _ => values.insert(at, random.one_of(pool).clone()),
                }
            }
            Content::Bytes(bytes) => match random.below(8) {
                0 => self.tag = random.one_of(pool).tag,
                1 => self.content = random.one_of(pool).content.clone(),
                2 => *self = random.one_of(pool).clone(),
                3 => bytes.truncate(random.below(bytes.len() + 1)),
                4 => bytes.insert(random.below(bytes.len() + 1), random.byte()),
                5 => {
                    let odd = [&[][..], &[0], &[0xff], &[0x80], b".", b"*"];
                    *bytes = random.one_of(&odd).to_vec();
                }
                _ if bytes.is_empty() => bytes.push(random.byte()),
                6 => *random.one_mut(bytes) ^= 1 << random.below(8),
                _ => *random.one_mut(bytes) = random.byte(),
            },
        }
    }
}

impl Random {
    pub(super) fn one_mut<'t>(&mut self, bytes: &'t mut [u8]) -> &'t mut u8 {
        let at = self.below(bytes.len());
        &mut bytes[at]
    }
}

/// The values and keys to choose from.
pub(super) struct Stock {
    cases: Vec<Case>,
    /// Values of all certificates.
    pool: Vec<Value>,
    /// The content of a SubjectPublicKeyInfo, and the key.
    keys: HashMap<Vec<u8>, &'static PKey<Private>>,
}

impl Stock {
    pub(super) fn new() -> Self {
        let cases = cases::all();
        let certificates = || cases.iter().flat_map(|case| case.sent.iter().chain(&case.trusted));
        // Encoded, each once.
        let pool: BTreeMap<Vec<u8>, Value> = certificates()
            .filter_map(|der| Value::read_all(der))
            .flatten()
            .flat_map(|value| value.all())
            .map(|value| (value.write(), value))
            .filter(|(encoded, _)| encoded.len() < 300)
            .collect();
        let keys = (0..32).map(|number| {
            let info = key(number).public_key_to_der().expect("a key");
            let content = Der::new(&info).value(forge::SEQUENCE).expect("a SEQUENCE").to_vec();
            (content, key(number))
        });
        let keys = keys.collect();
        Self { pool: pool.into_values().collect(), keys, cases }
    }

    /// The key of a certificate's issuer, as identified by its name.
    fn signer(&self, case: &Case, der: &[u8]) -> Option<&'static PKey<Private>> {
        let issuer = Certificate::read_anchor(der).ok()?.issuer;
        let mut others = case.sent.iter().chain(&case.trusted);
        others.find_map(|other| {
            let other = Certificate::read_anchor(other).ok()?;
            self.keys.get(other.key).filter(|_| other.subject == issuer).copied()
        })
    }

    pub(super) fn mutated(&self, number: usize) -> Case {
        let mut random = Random(number as u64);
        let case = random.one_of(&self.cases);
        let mut mutant = Case {
            name: format!("number {number}, of {}", case.name),
            trusted: case.trusted.clone(),
            sent: case.sent.clone(),
            host: case.host.clone(),
            ..*case
        };
        for _ in 0..=random.below(2) {
            match random.below(12) {
                0 => {
                    let now = *NOW;
                    let other = When::At(now + random.below(80_000_000) as i64 - 40_000_000);
                    mutant.when = *random.one_of(&[When::Unknown, When::Now, other]);
                }
                1 => {
                    let hosts =
                        [HOST, "a.test", "b.a.test", "192.0.2.1", "::1", "x", "0x1", "a..b"];
                    (*random.one_of(&hosts)).clone_into(&mut mutant.host);
                }
                2 if mutant.sent.len() > 1 => {
                    let from = 1 + random.below(mutant.sent.len() - 1);
                    let to = 1 + random.below(mutant.sent.len() - 1);
                    mutant.sent.swap(from, to);
                }
                3 => {
                    let other = random.one_of(&self.cases);
                    mutant.sent.push(random.one_of(&other.sent).clone());
                }
                _ => self.mutate_certificate(&mut mutant, &mut random),
            }
        }
        mutant
    }

    fn mutate_certificate(&self, case: &mut Case, random: &mut Random) {
        // Few mutations leave an anchor valid, so anchors are mutated less often.
        let at = match random.below(16) {
            0 => case.sent.len() + random.below(case.trusted.len()),
            _ => random.below(case.sent.len()),
        };
        let der = case.sent.iter().chain(&case.trusted).nth(at).expect("one of them").clone();
        let signer = self.signer(case, &der);
        let mutated = self.mutate_der(&der, signer, random).unwrap_or(der);
        let place = case.sent.iter_mut().chain(&mut case.trusted).nth(at);
        *place.expect("one of them") = mutated;
    }

    fn mutate_der(
        &self,
        der: &[u8],
        signer: Option<&'static PKey<Private>>,
        random: &mut Random,
    ) -> Option<Vec<u8>> {
        let outer = Der::new(der).value(forge::SEQUENCE)?;
        let mut values = Value::read_all(outer)?;
        let (tbs, _) = values.split_first_mut()?;
        for _ in 0..=random.below(3) {
            tbs.mutate(random, &self.pool);
        }
        let mut signed = tbs.write();
        // Lengths as well.
        if random.below(10) == 0 {
            *random.one_mut(&mut signed) = random.byte();
        }
        let digest = MessageDigest::sha256();
        let signature = signer.map(|key| forge::sign(key, digest, &signed));
        let mut rest = values.split_off(1);
        if let (Some(signature), Some(place)) = (signature, rest.get_mut(1)) {
            *place = Value {
                tag: forge::BIT_STRING,
                content: Content::Bytes([&[0], &signature[..]].concat()),
            };
        }
        if random.below(20) == 0
            && let Some(value) = rest.get_mut(random.below(2))
        {
            value.mutate(random, &self.pool);
        }
        let rest = rest.iter().map(Value::write);
        let parts: Vec<u8> = core::iter::once(signed).chain(rest).flatten().collect();
        Some(forge::tlv(forge::SEQUENCE, &parts))
    }
}

/// Most mutations are malformed. The others are judged.
#[test]
fn chains_that_are_mutated_and_signed_anew() {
    let stock = Stock::new();
    let kinds = assert_all_agree(|number| stock.mutated(number));
    let all: usize = kinds.values().sum();
    let believed = kinds.iter().filter(|((ours, _), _)| ours == "believed").map(|(_, count)| count);
    assert!(believed.sum::<usize>() > all / 50, "most mutations must not be all that is judged");
    assert!(all < 20_000 || kinds.len() > 15, "{kinds:?}");
}
