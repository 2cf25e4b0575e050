//! Name constraints (RFC 5280, section 4.2.1.10): which names an authority may vouch for.
//! Those of DNS names and of IP addresses are understood. Where others limit a name that is
//! there, the certificate is refused; every certificate has a name of a directory, its
//! subject.

use super::names::{DNS_NAME, IP_ADDRESS, MAX_NAME_LEN, general_name, is_name, is_presented};
use super::reason::Reason;
use crate::der::{Der, SEQUENCE, context};

/// The number of a directoryName.
const DIRECTORY_NAME: u8 = 0xa4;
/// The number of a uniformResourceIdentifier.
const URI: u8 = 0x86;

/// The names that an authority may vouch for, and those that it may not.
#[derive(Clone, Copy)]
pub(super) struct Constraints<'c> {
    permitted: Der<'c>,
    excluded: Der<'c>,
}

impl<'c> Constraints<'c> {
    pub(super) fn read(constraints: &'c [u8]) -> Option<Self> {
        let mut constraints = Der::new(constraints);
        let mut subtrees = |number| match constraints.peek() {
            Some(tag) if tag == context(number) => constraints.enter(tag),
            _ => Some(Der::new(&[])),
        };
        let read = Self { permitted: subtrees(0)?, excluded: subtrees(1)? };
        constraints.finish()?;
        Some(read)
    }

    /// Verifies the names of a certificate, by its subjectAltName. `comparisons` is how many
    /// more there may be.
    pub(super) fn verify(self, names: Option<&[u8]>, comparisons: &mut u32) -> Result<(), Reason> {
        let mut names = Der::new(names.unwrap_or_default());
        while !names.is_empty() {
            let name = general_name(&mut names).ok_or(Reason::Malformed)?;
            self.verify_name(name, comparisons)?;
        }
        self.verify_name((DIRECTORY_NAME, &[]), comparisons)
    }

    fn verify_name(self, name: (u8, &[u8]), comparisons: &mut u32) -> Result<(), Reason> {
        for (mut subtrees, is_excluded) in [(self.permitted, false), (self.excluded, true)] {
            let (mut is_in_one, mut is_outside_one) = (false, false);
            while !subtrees.is_empty() {
                *comparisons = comparisons.checked_sub(1).ok_or(Reason::TooManySignatures)?;
                let mut subtree = subtrees.enter(SEQUENCE).ok_or(Reason::Malformed)?;
                let base = general_name(&mut subtree).ok_or(Reason::Malformed)?;
                // Neither minimum nor maximum.
                subtree.finish().ok_or(Reason::Malformed)?;
                if name.0 != base.0 {
                    continue;
                }
                let is_in = match name.0 {
                    DNS_NAME => is_name_in(name.1, base.1, is_excluded),
                    IP_ADDRESS => is_address_in(name.1, base.1),
                    DIRECTORY_NAME | URI => Some(is_excluded),
                    _ => return Err(Reason::WrongNames),
                };
                match is_in.ok_or(Reason::Malformed)? {
                    true if is_excluded => return Err(Reason::WrongNames),
                    true => is_in_one = true,
                    false => is_outside_one = true,
                }
            }
            if is_outside_one && !is_in_one && !is_excluded {
                return Err(Reason::WrongNames);
            }
        }
        Ok(())
    }
}

/// Whether a name is `base` or ends with it, from a label on. One with an asterisk is in no
/// permitted subtree that is longer than the rest of it, but in an excluded one if any of
/// the names that it stands for may be.
fn is_name_in(name: &[u8], base: &[u8], is_excluded: bool) -> Option<bool> {
    if !is_presented(name) || !is_constraint(base) {
        return None;
    }
    if base.is_empty() {
        return Some(true);
    }
    let (name, base) = if name.len() > base.len() {
        let (front, end) = name.split_at(name.len() - base.len());
        if !base.starts_with(b".") && !front.ends_with(b".") {
            return Some(false);
        }
        (end, base)
    } else if let Some(rest) = name.strip_prefix(b"*").filter(|_| is_excluded) {
        let dot = base.iter().skip(1).position(|byte| *byte == b'.');
        match dot.and_then(|dot| base.get(1 + dot..)) {
            Some(base) => (rest, base),
            None => return Some(false),
        }
    } else {
        (name, base)
    };
    Some(name.eq_ignore_ascii_case(base))
}

/// Whether it may be the dNSName of a name constraint: a name, one behind a dot, or nothing.
fn is_constraint(name: &[u8]) -> bool {
    name.len() <= MAX_NAME_LEN
        && (name.is_empty() || is_name(name.strip_prefix(b".").unwrap_or(name)))
}

/// Whether an address is in a network, which is an address and a mask.
fn is_address_in(address: &[u8], base: &[u8]) -> Option<bool> {
    let (network, mask) = match (address.len(), base.len()) {
        (4, 8) | (16, 32) => base.split_at(address.len()),
        (4, 32) | (16, 8) => return Some(false),
        _ => return None,
    };
    let mut is_over = false;
    for ((address, network), mask) in address.iter().zip(network).zip(mask) {
        // Ones, and then zeros.
        if mask.leading_ones() + mask.trailing_zeros() != 8 || is_over && *mask != 0 {
            return None;
        }
        is_over |= *mask != 0xff;
        if (address ^ network) & mask != 0 {
            return Some(false);
        }
    }
    Some(true)
}
