//! Which critical options make a message unacceptable (RFC 7252 section 5.4): those
//! that the client does not know, and those that it knows with a length or a number
//! of times that they cannot have. Which options a message may carry is for others
//! to say.

use core::ops::RangeInclusive;

use crate::option::{OptionNumber, Options};

/// A critical option that a message may carry.
pub(crate) struct Known {
    number: OptionNumber,
    /// How long its value may be, in bytes.
    len: RangeInclusive<usize>,
    is_repeatable: bool,
}

impl Known {
    pub(crate) const fn once(number: OptionNumber, shortest: usize, longest: usize) -> Self {
        Self { number, len: shortest..=longest, is_repeatable: false }
    }

    pub(crate) const fn repeatable(number: OptionNumber, longest: usize) -> Self {
        Self { number, len: 0..=longest, is_repeatable: true }
    }
}

/// The first critical option that makes a message unacceptable: unknown, of a length
/// that it cannot have (section 5.4.3), or once too often (section 5.4.5). Of the
/// option `exempt` anything is acceptable.
pub(crate) fn unacceptable(
    options: Options<'_>,
    known: &[Known],
    exempt: Option<OptionNumber>,
) -> Option<OptionNumber> {
    let mut last = None;
    for option in options.filter(|option| option.number.is_critical()) {
        let is_first = last.replace(option.number) != Some(option.number);
        let is_sound = known.iter().any(|known| {
            known.number == option.number
                && known.len.contains(&option.value.len())
                && (is_first || known.is_repeatable)
        });
        if !is_sound && Some(option.number) != exempt {
            return Some(option.number);
        }
    }
    None
}
