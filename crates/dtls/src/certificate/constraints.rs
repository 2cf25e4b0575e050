//! Name constraints (RFC 5280, section 4.2.1.10) limit the names that an authority may
//! certify. Constraints on DNS names and IP addresses are understood. If another kind of
//! constraint applies to a name of the certificate, the certificate is refused. Every
//! certificate has a directory name: its subject.

use super::names::{DNS_NAME, IP_ADDRESS, MAX_NAME_LEN, general_name, is_name, is_presented};
use super::reason::Reason;
use crate::der::{Der, SEQUENCE, context};

/// The tag of a directoryName.
const DIRECTORY_NAME: u8 = 0xa4;
/// The tag of a uniformResourceIdentifier.
const URI: u8 = 0x86;

/// The names that an authority may certify, and the names that it may not.
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

    /// Verifies the names in the subjectAltName of a certificate. `comparisons` is how many
    /// more comparisons are allowed.
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
                // There must be no minimum and no maximum.
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

/// Whether a name is `base`, or ends with it at a label's start. A name with an asterisk is
/// not in a permitted subtree that is longer than the rest of the name, but it is in an
/// excluded subtree if any name that it matches may be.
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

/// Whether it may be the dNSName of a name constraint: a name, a name behind a dot, or an
/// empty string.
fn is_constraint(name: &[u8]) -> bool {
    name.len() <= MAX_NAME_LEN
        && (name.is_empty() || is_name(name.strip_prefix(b".").unwrap_or(name)))
}

/// Whether an address is in a network, which is encoded as an address and a mask.
fn is_address_in(address: &[u8], base: &[u8]) -> Option<bool> {
    let (network, mask) = match (address.len(), base.len()) {
        (4, 8) | (16, 32) => base.split_at(address.len()),
        (4, 32) | (16, 8) => return Some(false),
        _ => return None,
    };
    let mut is_over = false;
    for ((address, network), mask) in address.iter().zip(network).zip(mask) {
        // A mask has ones first, and then zeros.
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
