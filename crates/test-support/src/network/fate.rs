//! What becomes of one datagram, and who decides it: a test, or a seed.

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

impl Direction {
    /// Where this direction is in a pair, of which the first is the way to the server.
    pub(super) fn index(self) -> usize {
        usize::from(self == Self::ToClient)
    }
}

/// What becomes of one datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// How often it arrives.
    pub(super) copies: usize,
    /// It arrives so late that the next ones overtake it.
    pub(super) late: bool,
    /// It arrives in one datagram with the next one, before it.
    pub(super) joined: bool,
    /// The server sees it, and what follows, come from another port.
    pub(super) rebound: bool,
}

impl Fate {
    /// It arrives once, in its turn.
    pub const ARRIVES: Self = Self::times(1);
    /// It never arrives.
    pub const LOST: Self = Self::times(0);

    /// It arrives so often.
    pub const fn times(copies: usize) -> Self {
        Self { copies, late: false, joined: false, rebound: false }
    }

    /// The same, but overtaken by those that follow soon.
    #[must_use]
    pub const fn late(self) -> Self {
        Self { late: true, ..self }
    }

    /// The same, but in one datagram with the next one, as DTLS allows (RFC 6347, section
    /// 4.1.1).
    #[must_use]
    pub const fn joined(self) -> Self {
        Self { joined: true, ..self }
    }

    /// The same, but from another port, which the server sees from now on. Without a
    /// [`Proxy`](super::Proxy) there are no ports, and it changes nothing.
    #[must_use]
    pub const fn rebound(self) -> Self {
        Self { rebound: true, ..self }
    }
}

/// Decides for the nth datagram (from 0) of a direction.
pub trait Decide: FnMut(Direction, usize) -> Fate + Send + 'static {}

impl<F: FnMut(Direction, usize) -> Fate + Send + 'static> Decide for F {}

/// How many of a thousand datagrams meet which fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Odds {
    /// So many are lost.
    pub lost: u64,
    /// So many arrive twice.
    pub doubled: u64,
    /// So many are overtaken.
    pub late: u64,
}

impl Odds {
    /// What a number from 0 to 999 comes to.
    fn fate(self, draw: u64) -> Fate {
        let Self { lost, doubled, late } = self;
        match draw {
            _ if draw < lost => Fate::LOST,
            _ if draw < lost + doubled => Fate::times(2),
            _ if draw < lost + doubled + late => Fate::ARRIVES.late(),
            _ => Fate::ARRIVES,
        }
    }
}

/// Decides by chance. The same seed decides the same for the nth datagram of a direction,
/// whatever went the other way.
pub fn by_odds(seed: u64, odds: Odds) -> impl Decide {
    move |direction, number| odds.fate(chance(seed, direction, number) % 1000)
}

/// Loses so many of a hundred datagrams, repeats half as many, and lets as many
/// again be overtaken. The same seed decides the same.
pub fn by_seed(seed: u64, lost_percent: u64) -> impl Decide {
    let odds = Odds { lost: 10 * lost_percent, doubled: 5 * lost_percent, late: 5 * lost_percent };
    // Steps of half a percent: seeds that tests know go on meaning what they meant.
    move |direction, number| odds.fate(5 * (chance(seed, direction, number) % 200))
}

/// Loses the nth datagrams (from 0) of a direction, and no others.
pub fn losing(direction: Direction, lost: impl Into<Vec<usize>>) -> impl Decide {
    let lost = lost.into();
    move |to, number| Fate::times(usize::from(to != direction || !lost.contains(&number)))
}

/// A number that a seed gives to the nth datagram of a direction.
pub(super) fn chance(seed: u64, direction: Direction, number: usize) -> u64 {
    let side = u64::from(direction == Direction::ToServer);
    mix(mix(seed) ^ mix(2 * number as u64 + side))
}

/// Spreads a number over all bits (the finalizer of splitmix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
