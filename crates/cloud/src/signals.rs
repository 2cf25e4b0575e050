//! The signals that ask the program to end: a command that it runs is told of them, and decides.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// SIGINT, SIGTERM, and perhaps SIGHUP.
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hangup: Option<unix::Signal>,
}

impl Signals {
    /// Catches them from here on.
    pub(crate) fn catch(with_hangup: bool) -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hangup: with_hangup.then(|| unix::signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        let Self { interrupt, terminate, hangup } = self;
        let hangup = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => Signal::INT,
            _ = terminate.recv() => Signal::TERM,
            _ = hangup => Signal::HUP,
        }
    }
}

/// Whoever started the program has it ignore SIGHUP (nohup): it is not to be caught then, and a
/// command inherits that.
pub(crate) fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (Signal::HUP.as_raw() - 1) & 1 == 1)
}
