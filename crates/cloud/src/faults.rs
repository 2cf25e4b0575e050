//! Faults on request: what goes wrong, how often, and from which seed.
//!
//! This file says what is asked for; `network_faults.rs` does it to datagrams and
//! `service.rs` to answers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::random;

/// The names of all faults, in the order of the help.
const NAMES: [&str; 13] = [
    "drop",
    "duplicate",
    "reorder",
    "delay",
    "delayed",
    "separate",
    "separate-non",
    "separate-delay",
    "auth-error",
    "server-error",
    "close",
    "forget",
    "seed",
];

/// What shall go wrong. Shares are of `0.0..=1.0`; the default is nothing.
///
/// Reads the text that `--faults` takes:
///
/// ```
/// use iot_coap_cloud::Faults;
/// let faults: Faults = "drop=0.2,delay=50..3000,seed=7".parse().unwrap();
/// assert_eq!((faults.drop, faults.seed), (0.2, 7));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// Share of datagrams that are lost, in each direction.
    pub drop: f64,
    /// Share of datagrams that arrive twice.
    pub duplicate: f64,
    /// Share of datagrams that are overtaken by the next one.
    pub reorder: f64,
    /// How long datagrams are held back.
    pub delay: Option<(Duration, Duration)>,
    /// Share of datagrams that `delay` holds back; all of them by default.
    pub delayed: f64,
    /// Share of requests answered by a separate confirmable response.
    pub separate: f64,
    /// Share of requests answered by a separate non-confirmable response.
    pub separate_non: f64,
    /// How long a separate response comes after the acknowledgement.
    pub separate_delay: Option<(Duration, Duration)>,
    /// Share of sign-ins answered 5.00.
    pub auth_error: f64,
    /// Share of topic messages answered 5.00, and not taken.
    pub server_error: f64,
    /// Share of DTLS messages after which some session is closed (`close_notify`).
    pub close: f64,
    /// Share of DTLS messages after which some session is forgotten silently.
    pub forget: f64,
    /// What decides; the same seed makes the same decisions in the same order.
    pub seed: u64,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            drop: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            delay: None,
            delayed: 1.0,
            separate: 0.0,
            separate_non: 0.0,
            separate_delay: None,
            auth_error: 0.0,
            server_error: 0.0,
            close: 0.0,
            forget: 0.0,
            seed: u64::from_be_bytes(random::unpredictable()),
        }
    }
}

impl FromStr for Faults {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut faults = Self::default();
        faults.update(text)?;
        Ok(faults)
    }
}

impl Faults {
    /// Nothing goes wrong.
    pub fn none() -> Self {
        Self::default()
    }

    /// Changes those that `text` names, as `--faults` takes them.
    ///
    /// # Errors
    ///
    /// A sentence about the first entry that is wrong; those before it are changed.
    pub fn update(&mut self, text: &str) -> Result<(), String> {
        let faults = self;
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let Some((name, value)) = entry.split_once('=') else {
                let text = format!("{entry:?} is not NAME=VALUE, such as drop=0.2");
                return Err(if NAMES.contains(&entry) { text } else { unknown(&text) });
            };
            match name {
                "drop" => faults.drop = share(name, value)?,
                "duplicate" => faults.duplicate = share(name, value)?,
                "reorder" => faults.reorder = share(name, value)?,
                "delay" => faults.delay = Some(milliseconds(name, value)?),
                "delayed" => faults.delayed = share(name, value)?,
                "separate" => faults.separate = share(name, value)?,
                "separate-non" => faults.separate_non = share(name, value)?,
                "separate-delay" => faults.separate_delay = Some(milliseconds(name, value)?),
                "auth-error" => faults.auth_error = share(name, value)?,
                "server-error" => faults.server_error = share(name, value)?,
                "close" => faults.close = share(name, value)?,
                "forget" => faults.forget = share(name, value)?,
                "seed" => {
                    faults.seed =
                        value.parse().map_err(|_| format!("seed={value} is not a whole number"))?;
                }
                _ => return Err(unknown(&format!("there is no fault named {name:?}"))),
            }
        }
        Ok(())
    }
}

/// All that are not as by default, and the seed: parses to the same faults.
impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, share) in [
            ("drop", self.drop),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("separate", self.separate),
            ("separate-non", self.separate_non),
            ("auth-error", self.auth_error),
            ("server-error", self.server_error),
            ("close", self.close),
            ("forget", self.forget),
        ] {
            if share > 0.0 {
                write!(formatter, "{name}={share},")?;
            }
        }
        if self.delayed < 1.0 {
            write!(formatter, "delayed={},", self.delayed)?;
        }
        for (name, range) in [("delay", self.delay), ("separate-delay", self.separate_delay)] {
            if let Some((low, high)) = range {
                write!(formatter, "{name}={}..{},", low.as_millis(), high.as_millis())?;
            }
        }
        write!(formatter, "seed={}", self.seed)
    }
}

fn unknown(what: &str) -> String {
    format!("{what}; faults are {}", NAMES.join(", "))
}

fn share(name: &str, value: &str) -> Result<f64, String> {
    value
        .parse()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("{name}={value} is not a share of 0 to 1, such as {name}=0.2"))
}

fn milliseconds(name: &str, value: &str) -> Result<(Duration, Duration), String> {
    let (low, high) = value.split_once("..").unwrap_or((value, value));
    match (low.parse::<u64>(), high.parse::<u64>()) {
        (Ok(low), Ok(high)) if low <= high => {
            Ok((Duration::from_millis(low), Duration::from_millis(high)))
        }
        (Ok(low), Ok(high)) => Err(format!(
            "{name}={value} is reversed: the lower bound comes first, {name}={high}..{low}"
        )),
        _ => Err(format!(
            "{name}={value} is not a number of milliseconds, nor LOW..HIGH, such as {name}=50..800"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_a_name() {
        let faults: Faults = "drop=0.2, duplicate=0.1,delay=50..3000,delayed=0.5,reorder=0.1,\
             separate=0.3,separate-non=0.1,separate-delay=20,auth-error=0.1,server-error=0.4,\
             close=0.01,forget=1,seed=7"
            .parse()
            .expect("all of them are known");
        let expected = Faults {
            drop: 0.2,
            duplicate: 0.1,
            reorder: 0.1,
            delay: Some((Duration::from_millis(50), Duration::from_secs(3))),
            delayed: 0.5,
            separate: 0.3,
            separate_non: 0.1,
            separate_delay: Some((Duration::from_millis(20), Duration::from_millis(20))),
            auth_error: 0.1,
            server_error: 0.4,
            close: 0.01,
            forget: 1.0,
            seed: 7,
        };
        assert_eq!(faults, expected);
        assert_eq!(faults.to_string().parse(), Ok(expected));
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_that_there_are() {
        let error = "dorp=1".parse::<Faults>().expect_err("unknown");
        for name in NAMES {
            assert!(error.contains(name), "{error}");
            let value = if name.ends_with("delay") { "1..2" } else { "1" };
            format!("{name}={value}").parse::<Faults>().expect(name);
        }
    }

    #[test]
    fn an_update_keeps_the_rest() {
        let mut faults: Faults = "drop=0.2,delay=5..9,seed=7".parse().expect("valid");
        faults.update("drop=0,separate=1").expect("valid");
        assert_eq!(faults.to_string(), "separate=1,delay=5..9,seed=7");
        assert_eq!(Faults { seed: 3, ..Faults::none() }.to_string(), "seed=3");
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, named) in [
            ("dorp=0.1", "dorp"),
            ("dorp", "faults are drop, duplicate"),
            ("delay=x..2", "such as delay=50..800"),
            ("drop=2", "drop=2"),
            ("drop=NaN", "drop=NaN"),
            ("drop", "NAME=VALUE"),
            ("delay=30..2", "delay=30..2 is reversed: the lower bound comes first, delay=2..30"),
            ("separate-delay=9..8", "separate-delay=8..9"),
            ("seed=x", "seed=x"),
        ] {
            let error = text.parse::<Faults>().expect_err(text);
            assert!(error.contains(named), "{error}");
        }
    }
}
