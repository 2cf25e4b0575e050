//! A network with faults between one client and a server. There is one model of it,
//! [`SimulatedLink`], which reads no clock and knows no socket: tests and benches drive it
//! in virtual time. [`Proxy`] puts the same model between real sockets.

mod fate;
mod link;
mod profile;
mod proxy;

pub use fate::{Decide, Direction, Fate, Odds, by_odds, by_seed, losing};
pub use link::{Conditions, Counters, HEADERS, Sent, SimulatedLink, Tally};
pub use profile::{GPRS, LAN, LTE_M, NB_IOT_GOOD, NB_IOT_POOR, PROFILES, Profile};
pub use proxy::{Passed, Proxy};
