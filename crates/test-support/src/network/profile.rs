//! Networks as devices meet them. Round trips, rates and their spread are of the order that
//! was published for each; how much is lost depends on the place more than on the kind of
//! network, so that the losses are choices: few where the radio is good, many at the edge
//! of a cell. RRC set-up and sleep (eDRX, PSM) are not modelled.

use iot_coap_time::{Duration, Instant};

use super::fate::{Direction, Fate, Odds, by_odds};
use super::link::{Conditions, SimulatedLink};

/// A kind of network.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// What it is called.
    pub name: &'static str,
    /// From the device.
    pub to_server: Conditions,
    /// To the device.
    pub to_client: Conditions,
    /// The faults of both directions.
    pub odds: Odds,
}

impl Profile {
    /// A link of this kind.
    pub fn link(&self, seed: u64) -> SimulatedLink {
        let decide = by_odds(seed, self.odds);
        SimulatedLink::new(self.to_server, self.to_client, seed, decide)
    }

    /// The shortest round trip of a datagram with `payload` bytes and an answer with
    /// `answer` bytes, without jitter.
    pub fn round_trip(&self, payload: usize, answer: usize) -> Duration {
        let mut link = SimulatedLink::new(
            Conditions { jitter: Duration::ZERO, ..self.to_server },
            Conditions { jitter: Duration::ZERO, ..self.to_client },
            0,
            |_, _| Fate::ARRIVES,
        );
        let start = Instant::from_millis(0);
        let request = link.send(start, Direction::ToServer, &vec![0; payload]);
        let there = request.arrival.unwrap_or(start);
        let response = link.send(there, Direction::ToClient, &vec![0; answer]);
        response.arrival.unwrap_or(there) - start
    }
}

const fn conditions(delay: u64, jitter: u64, bits_per_second: u64, queue: usize) -> Conditions {
    Conditions {
        delay: Duration::from_millis(delay),
        jitter: Duration::from_millis(jitter),
        bits_per_second: Some(bits_per_second),
        queue,
        mtu: 1500,
        // Twice what a datagram may be delayed by, so that one that follows does overtake.
        late: Duration::from_millis(2 * (delay + jitter)),
    }
}

/// An office network: 100 Mbit/s Ethernet (IEEE 802.3u, MTU 1500) and some switches.
pub const LAN: Profile = Profile {
    name: "LAN",
    to_server: conditions(1, 0, 100_000_000, 1 << 20),
    to_client: conditions(1, 0, 100_000_000, 1 << 20),
    odds: Odds { lost: 0, doubled: 0, late: 0 },
};

/// LTE-M (LTE Cat M1, half duplex). 3GPP Release 13 has peaks of 375 kbit/s up and 300
/// down in half duplex (TS 36.306); modems in the field are pinged in 100 to 200 ms.
pub const LTE_M: Profile = Profile {
    name: "LTE-M",
    to_server: conditions(75, 20, 300_000, 32_000),
    to_client: conditions(75, 20, 300_000, 32_000),
    odds: Odds { lost: 10, doubled: 1, late: 1 },
};

/// GPRS. RFC 3481, sections 2.1 and 2.2: round trips of a few hundred milliseconds to one
/// second, 10 to 20 kbit/s up and 10 to 40 down; section 2.4: delays that jump.
pub const GPRS: Profile = Profile {
    name: "2G",
    to_server: conditions(350, 300, 20_000, 10_000),
    to_client: conditions(350, 300, 40_000, 20_000),
    odds: Odds { lost: 20, doubled: 2, late: 2 },
};

/// NB-IoT (LTE Cat NB1) with good coverage. Single-tone uplinks have 20 kbit/s, the
/// downlink 26 (TS 36.306); latency is given as 1.6 to 10 s (S. Ugwuanyi et al., Electronics
/// 2021, 10, 2224, measured 0.84 s at its best; A. Matz et al., Sensors 2020, 20, 1636, has
/// it grow with each repetition on the air).
pub const NB_IOT_GOOD: Profile = Profile {
    name: "NB-IoT good",
    to_server: conditions(700, 500, 20_000, 5_000),
    to_client: conditions(700, 500, 26_000, 10_000),
    odds: Odds { lost: 10, doubled: 1, late: 1 },
};

/// NB-IoT at the edge of a cell, with many repetitions. 3GPP TR 45.820, section 4.1, asks
/// for 160 bit/s at 164 dB and for exception reports within 10 s; at 154 dB there is about
/// 1 kbit/s. The round trip is one of those 10 s: 8 for a short datagram, 11 for a message.
pub const NB_IOT_POOR: Profile = Profile {
    name: "NB-IoT poor",
    to_server: conditions(2500, 2500, 1_000, 2_000),
    to_client: conditions(2500, 2500, 2_000, 4_000),
    odds: Odds { lost: 100, doubled: 5, late: 5 },
};

/// All of them, the quickest first.
pub const PROFILES: [&Profile; 5] = [&LAN, &LTE_M, &GPRS, &NB_IOT_GOOD, &NB_IOT_POOR];
