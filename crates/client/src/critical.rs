//! Finds the critical options that make a message unacceptable (RFC 7252 section 5.4):
//! unknown options, and known options with an invalid length or too many occurrences. The
//! caller lists the options that a message may carry.

use core::ops::RangeInclusive;

use crate::option::{OptionNumber, Options};

/// A critical option that a message may carry.
pub(crate) struct Known {
    number: OptionNumber,
    /// The lengths that its value may have, in bytes.
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

/// The first critical option that makes a message unacceptable: it is unknown, has an
/// invalid length (section 5.4.3), or occurs too often (section 5.4.5). The option `exempt`
/// is always acceptable.
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
