//! What many runs took, in few numbers.

use crate::simulation::Cost;

/// What a part of many runs took.
pub(crate) struct Figures {
    /// In milliseconds, sorted.
    took: Vec<u64>,
    datagrams: usize,
    bytes: usize,
    needless: usize,
    lost: usize,
    /// Of what datagrams and bytes are told of each: sign-ins or messages.
    count: usize,
}

impl Figures {
    /// Of runs in each of which there were `each` sign-ins or messages.
    pub(crate) fn of(costs: impl IntoIterator<Item = Cost>, each: u64) -> Self {
        let none = Self { took: vec![], datagrams: 0, bytes: 0, needless: 0, lost: 0, count: 0 };
        let mut figures = costs.into_iter().fold(none, |mut figures, cost| {
            figures.took.extend(cost.took);
            figures.datagrams += cost.datagrams;
            figures.bytes += cost.bytes;
            figures.needless += cost.needless;
            figures.lost += cost.lost;
            figures.count += usize::try_from(each).expect("a few");
            figures
        });
        figures.took.sort_unstable();
        figures
    }

    /// The time in which so many of a hundred had ended, in seconds: the nearest rank.
    pub(crate) fn percentile(&self, percent: usize) -> String {
        let rank = (percent * self.took.len()).div_ceil(100).max(1);
        seconds(self.took[rank - 1])
    }

    /// Datagrams of each, both directions together.
    pub(crate) fn datagrams(&self) -> String {
        ratio(self.datagrams, self.count, 1)
    }

    /// Bytes of each, both directions together.
    pub(crate) fn bytes(&self) -> String {
        ratio(self.bytes, self.count, 0)
    }

    /// Datagrams of a hundred that were sent again needlessly.
    pub(crate) fn needless(&self) -> String {
        ratio(100 * self.needless, self.count, 1)
    }

    /// How many of a hundred were given up.
    pub(crate) fn lost(&self) -> String {
        ratio(100 * self.lost, self.count, 1)
    }
}

/// With two digits that count, and more where they are there.
fn seconds(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{}.{:03}", ms / 1000, ms % 1000),
        1_000..100_000 => {
            let tenths = (ms + 50) / 100;
            format!("{}.{}", tenths / 10, tenths % 10)
        }
        _ => format!("{}", (ms + 500) / 1000),
    }
}

/// A quotient, rounded by integers so that it is the same on every machine.
fn ratio(dividend: usize, divisor: usize, digits: u32) -> String {
    let scale = 10_usize.pow(digits);
    let scaled = (2 * scale * dividend + divisor) / (2 * divisor);
    if digits == 0 { scaled.to_string() } else { format!("{}.{}", scaled / scale, scaled % scale) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let cost = |took| Cost { took: vec![took], ..Cost::default() };
        let figures = Figures::of((1..=100).rev().map(|number| cost(1000 * number)), 1);
        assert_eq!(figures.percentile(50), "50.0");
        assert_eq!(figures.percentile(95), "95.0");
        assert_eq!(figures.percentile(100), "100");
        assert_eq!(Figures::of([cost(4)], 1).percentile(50), "0.004");
    }

    #[test]
    fn quotients_are_rounded() {
        let cost = Cost { datagrams: 25, bytes: 1005, needless: 1, lost: 3, took: vec![0] };
        let figures = Figures::of([cost], 10);
        assert_eq!((figures.datagrams(), figures.bytes()), ("2.5".into(), "101".into()));
        assert_eq!((figures.needless(), figures.lost()), ("10.0".into(), "30.0".into()));
    }
}
