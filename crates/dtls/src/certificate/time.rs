//! Dates of certificates.

use crate::der::{Der, GENERALIZED_TIME, UTC_TIME};

/// Reads a Time, in seconds since 1970. Both forms have seconds without fractions, and end
/// with Z (RFC 5280, section 4.1.2.5). Returns `None` also for dates before 1970.
#[inline(never)]
pub(super) fn time(der: &mut Der<'_>) -> Option<u64> {
    let (tag, text) = der.any()?;
    let mut digits = text.strip_suffix(b"Z")?;
    let mut pair = |range: core::ops::RangeInclusive<u32>| {
        let ([tens, ones], rest) = digits.split_first_chunk()?;
        digits = rest;
        let digit = |byte: u8| char::from(byte).to_digit(10);
        Some(10 * digit(*tens)? + digit(*ones)?).filter(|number| range.contains(number))
    };
    let century = match tag {
        UTC_TIME => None,
        GENERALIZED_TIME => Some(pair(19..=99)?),
        _ => return None,
    };
    let year = pair(0..=99)?;
    let year = 100 * century.unwrap_or(if year < 50 { 20 } else { 19 }) + year;
    let month = pair(1..=12)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let day = pair(
        1..=match month {
            2 => 28 + u32::from(is_leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        },
    )?;
    let seconds = 3600 * pair(0..=23)? + 60 * pair(0..=59)? + pair(0..=59)?;
    if !digits.is_empty() {
        return None;
    }
    // If years begin on the 1st of March, they end with the leap day, and any five months
    // have 153 days. There are 719,468 days up to 1970.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(86_400 * u64::from(days.checked_sub(719_468)?) + u64::from(seconds))
}
