//! Random numbers of two kinds: unpredictable ones for what peers must not
//! guess, and a repeatable sequence for faults. The second never serves the
//! first's purpose.

/// Unpredictable bytes.
pub(crate) fn unpredictable<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    openssl::rand::rand_bytes(&mut bytes).expect("OpenSSL's generator is seeded by the system");
    bytes
}

/// `SplitMix64`: a sequence that its seed decides.
#[derive(Clone, Debug)]
pub(crate) struct Sequence(u64);

impl Sequence {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// True in `share` of the calls. Always draws, so that changing one share
    /// leaves the other decisions of a seed as they are.
    pub(crate) fn chance(&mut self, share: f64) -> bool {
        // 32 bits are exact in an f64.
        let draw = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(draw) / 4_294_967_296.0 < share
    }

    /// A number of `0..end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let draw = u128::from(self.next());
        // The upper half of the product: no worse than a remainder, and never too great.
        usize::try_from((draw * end as u128) >> 64).unwrap_or(0)
    }

    /// A number of `low..=high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        let draw = self.next();
        match (high.saturating_sub(low)).checked_add(1) {
            Some(span) => low + draw % span,
            None => draw,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn a_seed_repeats_and_shares_hold() {
        let decisions = |seed| {
            let mut sequence = Sequence::new(seed);
            (0..10_000).map(|_| sequence.chance(0.2)).collect::<Vec<_>>()
        };
        assert_eq!(decisions(7), decisions(7));
        assert_ne!(decisions(7), decisions(8));
        let hits = decisions(7).into_iter().filter(|hit| *hit).count();
        assert!((1_900..2_100).contains(&hits), "{hits}");
        let mut sequence = Sequence::new(1);
        assert!((0..100).all(|_| sequence.chance(1.0)));
        assert!(!(0..100).any(|_| sequence.chance(0.0)));
        assert!((0..100).all(|_| (50..=60).contains(&sequence.between(50, 60))));
        assert!((0..100).all(|_| sequence.below(3) < 3));
        assert_eq!(sequence.below(0), 0);
    }
}
