//! Powers of large numbers modulo an odd number, by Montgomery's multiplication. The base
//! may be secret: no branch and no index depends on it, only on the modulus and the
//! exponent. On processors whose multiplication takes longer for larger numbers, such as
//! the Cortex-M3, the time still depends on the base.

use subtle::{Choice, ConditionallySelectable as _};
use zeroize::Zeroizing;

#[cfg(target_pointer_width = "64")]
type Limb = u64;
#[cfg(target_pointer_width = "64")]
type Wide = u128;
#[cfg(not(target_pointer_width = "64"))]
type Limb = u32;
#[cfg(not(target_pointer_width = "64"))]
type Wide = u64;

const LIMB_LEN: usize = size_of::<Limb>();

/// The longest modulus, in bytes: 4096 bits.
pub(super) const MAX_MODULUS_LEN: usize = 512;
const MAX_LIMBS: usize = MAX_MODULUS_LEN / LIMB_LEN;

/// How often a power of two is squared to get the square of Montgomery's radix.
const RADIX_SQUARINGS: u32 = 5;

/// A number as limbs, the least significant one first.
type Number = [Limb; MAX_LIMBS];

/// An odd modulus, and room to compute in.
struct Montgomery<'m> {
    /// The modulus, whose number of limbs all numbers have.
    modulus: &'m [Limb],
    /// The negated inverse of the modulus, modulo 2 to the number of bits in a limb.
    negated_inverse: Limb,
    /// Twice as many limbs. The upper half is the latest product.
    product: Zeroizing<[Limb; 2 * MAX_LIMBS]>,
}

/// Writes `base` to the power of `exponent`, modulo `modulus`, to `out`. All three are
/// big-endian and equally long. `None` if the modulus is even, has leading zeros or
/// more than [`MAX_MODULUS_LEN`] bytes, if the base is not smaller, or if the exponent is
/// even or below 3.
pub(super) fn power(modulus: &[u8], base: &[u8], exponent: u64, out: &mut [u8]) -> Option<()> {
    let len = modulus.len();
    let is_odd = |byte: &u8| byte % 2 == 1;
    let is_valid = (1..=MAX_MODULUS_LEN).contains(&len)
        && modulus.first().is_some_and(|first| *first != 0)
        && modulus.last().is_some_and(is_odd)
        && exponent >= 3
        && exponent % 2 == 1
        && (base.len(), out.len()) == (len, len);
    if !is_valid {
        return None;
    }
    let mut limbs = [0; MAX_LIMBS];
    let modulus = read(modulus, &mut limbs)?;
    let mut limbs = Zeroizing::new([0; MAX_LIMBS]);
    let base = read(base, &mut limbs)?;
    let mut field = Montgomery::new(modulus);
    if field.subtract_from(base) == 0 {
        return None;
    }
    field.power(base, exponent, out)
}

/// Reads a big-endian number into the limbs that it needs.
fn read<'l>(bytes: &[u8], limbs: &'l mut Number) -> Option<&'l [Limb]> {
    for (limb, bytes) in limbs.iter_mut().zip(bytes.rchunks(LIMB_LEN)) {
        *limb = bytes.iter().fold(0, |limb, byte| limb << 8 | Limb::from(*byte));
    }
    limbs.get(..bytes.len().div_ceil(LIMB_LEN))
}

/// Adds two numbers, each times its digit, to `sum`, in one pass over all three. Returns
/// the carry.
fn add_products(sum: &mut [Limb], numbers: [&[Limb]; 2], digits: [Limb; 2]) -> Wide {
    let ([first, second], [digit, other_digit]) = (numbers, digits);
    let [mut carry, mut other_carry] = [0; 2];
    for (sum, (first, second)) in sum.iter_mut().zip(first.iter().zip(second)) {
        (*sum, carry) = multiply_and_add(*first, digit, *sum, carry);
        (*sum, other_carry) = multiply_and_add(*second, other_digit, *sum, other_carry);
    }
    Wide::from(carry) + Wide::from(other_carry)
}

/// The lower and the upper half of `number * digit + first + second`.
fn multiply_and_add(number: Limb, digit: Limb, first: Limb, second: Limb) -> (Limb, Limb) {
    let added = Wide::from(first) + Wide::from(second);
    let wide = Wide::from(number) * Wide::from(digit) + added;
    (wide as Limb, (wide >> Limb::BITS) as Limb)
}

impl<'m> Montgomery<'m> {
    fn new(modulus: &'m [Limb]) -> Self {
        let lowest = modulus.first().copied().unwrap_or(1);
        // The lowest three bits are correct. Each step of Newton's method doubles the
        // number of correct bits.
        let mut inverse = lowest;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(Limb::wrapping_sub(2, lowest.wrapping_mul(inverse)));
        }
        let product = Zeroizing::new([0; 2 * MAX_LIMBS]);
        Self { modulus, negated_inverse: inverse.wrapping_neg(), product }
    }

    fn len(&self) -> usize {
        self.modulus.len()
    }

    /// Writes `minuend` less the modulus to the lower half of the product, and returns 1 if
    /// that is negative.
    fn subtract_from(&mut self, minuend: &[Limb]) -> Limb {
        let mut borrow = 0;
        let numbers = minuend.iter().zip(self.modulus);
        for (difference, (minuend, subtrahend)) in self.product.iter_mut().zip(numbers) {
            let (partial, first) = minuend.overflowing_sub(*subtrahend);
            let (rest, second) = partial.overflowing_sub(borrow);
            *difference = rest;
            borrow = Limb::from(first | second);
        }
        borrow
    }

    /// Reduces `number`, with `carry` above it, modulo the modulus. It must be less than
    /// twice the modulus.
    fn reduce(&mut self, number: &mut [Limb], carry: Limb) {
        let borrow = self.subtract_from(number);
        let is_negative = borrow & (carry ^ 1);
        let is_reduced = Choice::from(is_negative as u8 ^ 1);
        for (limb, difference) in number.iter_mut().zip(&*self.product) {
            limb.conditional_assign(difference, is_reduced);
        }
    }

    /// Doubles a number modulo the modulus.
    fn double(&mut self, number: &mut [Limb]) {
        let mut carry = 0;
        for limb in &mut *number {
            (*limb, carry) = (*limb << 1 | carry, *limb >> (Limb::BITS - 1));
        }
        self.reduce(number, carry);
    }

    /// Multiplies `factor`, and divides by Montgomery's radix: 2 to the number of bits in
    /// all limbs.
    fn multiply(&mut self, factor: &mut [Limb], by: Option<&[Limb]>) {
        let len = self.len();
        self.product.fill(0);
        let mut carry = 0;
        let by = by.unwrap_or(factor);
        for (at, digit) in by.iter().enumerate() {
            let Some((sum, above)) =
                self.product.get_mut(at..).and_then(|rest| rest.split_at_mut_checked(len))
            else {
                return;
            };
            // Adding the modulus this many times makes the lowest limb 0.
            let lowest = |number: &[Limb]| number.first().copied().unwrap_or(0);
            let product = lowest(factor).wrapping_mul(*digit);
            let times = lowest(sum).wrapping_add(product).wrapping_mul(self.negated_inverse);
            let carried = add_products(sum, [factor, self.modulus], [*digit, times]);
            let wide = carried + Wide::from(carry);
            if let Some(above) = above.first_mut() {
                *above = wide as Limb;
            }
            carry = (wide >> Limb::BITS) as Limb;
        }
        for (limb, product) in factor.iter_mut().zip(self.product.iter().skip(len)) {
            *limb = *product;
        }
        self.reduce(factor, carry);
    }

    /// The square of Montgomery's radix. The highest power of two below the modulus is
    /// doubled until it is the radix times a 32nd root of the radix, and then squared
    /// [`RADIX_SQUARINGS`] times.
    fn squared_radix(&mut self, number: &mut [Limb]) {
        let radix = Limb::BITS as usize * self.len();
        let spare = self.modulus.last().map_or(0, |limb| limb.leading_zeros());
        let highest = Limb::BITS - 1 - spare;
        number.fill(0);
        if let Some(last) = number.last_mut() {
            *last = 1 << highest;
        }
        for _ in 0..(radix >> RADIX_SQUARINGS) + 1 + spare as usize {
            self.double(number);
        }
        for _ in 0..RADIX_SQUARINGS {
            self.multiply(number, None);
        }
    }

    fn power(&mut self, base: &[Limb], exponent: u64, out: &mut [u8]) -> Option<()> {
        let mut result = Zeroizing::new([0; MAX_LIMBS]);
        let result = result.get_mut(..self.len())?;
        self.squared_radix(result);
        // The base times the radix; each power has the radix as a factor, too.
        self.multiply(result, Some(base));
        let mut raised = Zeroizing::new([0; MAX_LIMBS]);
        let raised = raised.get_mut(..self.len())?;
        raised.copy_from_slice(result);
        let mut bits = exponent.ilog2();
        while bits > 1 {
            bits -= 1;
            self.multiply(result, None);
            if exponent >> bits & 1 == 1 {
                self.multiply(result, Some(raised));
            }
        }
        // The exponent is odd. Multiplying by the base itself removes the radix from the
        // result.
        self.multiply(result, None);
        self.multiply(result, Some(base));
        for (bytes, limb) in out.rchunks_mut(LIMB_LEN).zip(&*result) {
            for (byte, shift) in bytes.iter_mut().rev().zip((0..Limb::BITS).step_by(8)) {
                *byte = (limb >> shift) as u8;
            }
        }
        Some(())
    }
}
