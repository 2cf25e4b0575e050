//! Random chains. Most certificates are well formed and correctly signed, and several
//! things are odd at once. CERTIFICATE_CHAINS sets the number of chains.

use std::borrow::ToOwned;
use std::format;
use std::string::String;
use std::sync::LazyLock;
use std::vec;
use std::vec::Vec;

use iot_coap_test_support::certificates::{ec_key_on, rsa_key};
use iot_coap_test_support::chains::{
    ANY, BASIC_CONSTRAINTS, CLIENT, CRITICAL, Case, DAY, Draft, HOST, NOW, Path, SERVER,
    SUBJECT_ALT_NAME, When, alt_names, basic_constraints, directory, dns, extended_key_usage, ip,
    key, key_usage, mail, name, name_constraints, uri,
};
use iot_coap_test_support::forge::{OCTET_STRING, extension, tlv};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};

use super::assert_all_agree;
use super::mutated::Random;

/// Names of hosts, as they occur in certificates and constraints.
const NAMES: [&str; 20] = [
    HOST,
    HOST,
    HOST,
    "SERVER.example",
    "example",
    ".example",
    "*.example",
    "*.server.example",
    "a.server.example",
    "b.a.server.example",
    "*.a.server.example",
    "erver.example",
    "xserver.example",
    "test",
    "a.test",
    "*.test",
    "*",
    "",
    ".",
    "a-b_c.example",
];

static KEYS: LazyLock<[PKey<Private>; 2]> =
    LazyLock::new(|| [rsa_key(), ec_key_on(Nid::SECP384R1)]);

impl Random {
    /// True once in `times` times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn address(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[self.below(3) as u8]].concat(),
            _ => vec![192, 0, 2, self.below(3) as u8],
        }
    }

    /// Usually an address and a mask.
    fn network(&mut self) -> Vec<u8> {
        let address = self.address();
        let bits = self.below(8 * address.len() + 1);
        let mut mask: Vec<u8> = (0..address.len())
            .map(|at| !(0xff_u32 >> bits.saturating_sub(8 * at).min(8)) as u8)
            .collect();
        if self.once_in(20) {
            *self.one_mut(&mut mask) = self.byte();
        }
        let masked = address.iter().zip(&mask).map(|(address, mask)| address & mask);
        let network: Vec<u8> = if self.once_in(4) { address } else { masked.collect() };
        [network, mask].concat()
    }

    fn general_name(&mut self, is_constraint: bool) -> Vec<u8> {
        match self.below(24) {
            0 => mail("a@example"),
            1 => uri("coap://server.example/"),
            2 => directory(&name("the server")),
            3 => tlv(0x88, &[0x2a, 3]),
            4..=7 if is_constraint => ip(&self.network()),
            4..=7 => ip(&self.address()),
            _ => dns(NAMES[self.below(NAMES.len())]),
        }
    }

    fn general_names(&mut self, max: usize, is_constraint: bool) -> Vec<Vec<u8>> {
        (0..self.below(max + 1)).map(|_| self.general_name(is_constraint)).collect()
    }

    /// Changes a part that the certificates of authorities and of servers both have.
    fn change(&mut self, draft: &mut Draft) {
        if self.once_in(10) {
            let bits: Vec<usize> = (0..9).filter(|_| self.once_in(2)).collect();
            draft.add(key_usage(&bits));
        }
        if self.once_in(10) {
            let usages: Vec<&str> =
                [SERVER, CLIENT, ANY].into_iter().filter(|_| self.once_in(2)).collect();
            draft.add(extended_key_usage(None, &usages));
        }
        if self.once_in(12) {
            let from = self.below(80) as i64 - 60;
            draft.set_dates(from * DAY, (from + self.below(60) as i64) * DAY);
        }
        if self.once_in(15) {
            let critical = if self.once_in(4) { CRITICAL } else { None };
            // Policies, and an extension that nobody knows.
            let id = ["2.5.29.32", "2.5.29.36", "1.3.6.1.5.5.7.1.24", "1.3.6.1.4.1.99999.1"];
            draft.add(extension(id[self.below(4)], critical, &tlv(OCTET_STRING, &[1])));
        }
        if self.once_in(12) {
            let (permitted, excluded) = (self.general_names(4, true), self.general_names(2, true));
            draft.add(name_constraints(&permitted, &excluded));
        }
        if self.once_in(25) {
            draft.set_key(match self.below(12) {
                0 => &KEYS[0],
                1..=4 => &KEYS[1],
                number => key(number),
            });
        }
        if self.once_in(25) {
            draft.digest = MessageDigest::sha384;
        }
        if self.once_in(80) {
            draft.digest = MessageDigest::sha1;
        }
        if self.once_in(60) {
            draft.signer = Some(key(self.below(6)));
        }
        if self.once_in(60) {
            draft.issuer = Some(name("nobody"));
        }
        if self.once_in(100) {
            draft.spoil = |mut der| {
                if let Some(last) = der.last_mut() {
                    *last ^= 1;
                }
                der
            };
        }
        if self.once_in(100) {
            draft.says.version = *self.one_of(&[None, Some(1), Some(3)]);
        }
        if self.once_in(100) && draft.says.extensions.len() > 1 {
            let again = self.one_of(&draft.says.extensions).clone();
            draft.add(again);
        }
    }

    fn change_authority(&mut self, draft: &mut Draft) {
        if self.once_in(6) {
            let len = (!self.once_in(3)).then(|| self.below(4) as u8);
            draft.set(BASIC_CONSTRAINTS, basic_constraints(!self.once_in(8), len));
        }
        if self.once_in(80) {
            draft.remove(BASIC_CONSTRAINTS);
        }
        if self.once_in(30) {
            draft.says.subject = name(&format!("authority {}", self.below(5)));
        }
        self.change(draft);
    }

    fn change_server(&mut self, draft: &mut Draft) {
        if self.once_in(2) {
            let mut names = self.general_names(3, false);
            if !self.once_in(6) {
                names.push(dns(HOST));
            }
            draft.set(SUBJECT_ALT_NAME, alt_names(&names));
        }
        if self.once_in(60) {
            draft.add(basic_constraints(self.once_in(2), None));
        }
        if self.once_in(60) {
            draft.remove(SUBJECT_ALT_NAME);
        }
        self.change(draft);
    }

    /// A host that one of the names stands for, or an address.
    fn host(&mut self) -> String {
        match self.below(10) {
            0 => "192.0.2.1".to_owned(),
            1 => "2001:db8::1".to_owned(),
            2 => (*self.one_of(&NAMES)).to_owned(),
            _ => HOST.to_owned(),
        }
    }
}

/// A chain by its number.
fn drawn(number: usize) -> Case {
    let mut random = Random(!(number as u64));
    let authorities = *random.one_of(&[0, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 6]);
    let mut path = Path::new(authorities).host(&random.host());
    for position in 0..=authorities {
        path = path.with(position, |draft| random.change_authority(draft));
    }
    path = path.with_leaf(|draft| random.change_server(draft));
    if random.once_in(6) {
        let other = When::At(*NOW + (random.below(80) as i64 - 40) * DAY);
        path = path.when(*random.one_of(&[When::Unknown, other]));
    }
    let mut signed = path.signed();
    // A second path that differs in one place, in addition to the first one or instead of
    // it.
    if random.once_in(5) {
        let position = random.below(authorities + 1);
        let other = path.clone().with(position, |draft| random.change_authority(draft)).signed();
        signed.splice(1..1, other.into_iter().take(authorities + 1));
    }
    let mut trusted = vec![signed.remove(0)];
    signed.reverse();
    if random.once_in(12) {
        trusted.push(random.one_of(&signed).clone());
    }
    if random.once_in(40) {
        trusted.remove(0);
        trusted.push(random.one_of(&signed).clone());
    }
    if signed.len() > 2 && random.once_in(5) {
        let (from, to) = (1 + random.below(signed.len() - 1), 1 + random.below(signed.len() - 1));
        signed.swap(from, to);
    }
    if signed.len() > 1 && random.once_in(40) {
        signed.remove(1 + random.below(signed.len() - 1));
    }
    path.of(format!("number {number}"), trusted, signed)
}

/// Whatever is wrong with a chain, both validators report the same error, except for the
/// order of malformed parts.
#[test]
fn chains_that_are_drawn_by_lot() {
    let kinds = assert_all_agree(drawn);
    let (believed, all) = kinds.iter().fold((0, 0), |(believed, all), ((ours, _), count)| {
        (believed + if ours == "believed" { *count } else { 0 }, all + count)
    });
    assert!(believed > all / 10 && believed < all / 2, "{believed} of {all}");
}
