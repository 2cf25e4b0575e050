//! Formats numbers in decimal, without the machinery of `core::fmt` and without a division
//! of 64 bits, which 32-bit processors do in software.

/// The most decimal digits of a `u64`.
pub(crate) const MAX_DECIMAL_LEN: usize = 20;

/// Writes `number` in decimal to the end of `digits`.
pub(crate) fn decimal(mut number: u64, digits: &mut [u8; MAX_DECIMAL_LEN]) -> &str {
    let mut start = MAX_DECIMAL_LEN;
    loop {
        start -= 1;
        let digit;
        (number, digit) = divide_by_10(number);
        digits[start] = b'0' + digit;
        if number == 0 {
            break;
        }
    }
    core::str::from_utf8(&digits[start..]).unwrap_or_default()
}

/// `number / 10` and `number % 10`. A number of more than 32 bits is divided 16 bits at a
/// time, since small processors divide no more than 32 bits at once.
const fn divide_by_10(number: u64) -> (u64, u8) {
    if number <= u32::MAX as u64 {
        let number = number as u32;
        return ((number / 10) as u64, (number % 10) as u8);
    }
    let mut quotient = 0;
    let mut remainder = 0;
    let mut shift = u64::BITS;
    while shift > 0 {
        shift -= 16;
        let part = remainder << 16 | (number >> shift) as u32 & 0xFFFF;
        quotient = quotient << 16 | (part / 10) as u64;
        remainder = part % 10;
    }
    (quotient, remainder as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_decimal_are_those_of_the_standard_library() {
        let mut number = 1_u64;
        for _ in 0..2000 {
            for number in [number, number - 1, !number, number.rotate_left(32)] {
                let mut digits = [0; MAX_DECIMAL_LEN];
                assert_eq!(decimal(number, &mut digits), alloc::format!("{number}"));
            }
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(3).max(1);
        }
        for power in 0..64 {
            let mut digits = [0; MAX_DECIMAL_LEN];
            assert_eq!(decimal(1 << power, &mut digits), alloc::format!("{}", 1_u64 << power));
        }
    }
}
