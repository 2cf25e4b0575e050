//! The sites that a server has besides, where they were built in: its console and its metrics.

// What is not built in asks for nothing.
#![cfg_attr(
    not(all(feature = "console", feature = "metrics")),
    allow(unused_variables, clippy::unused_self, clippy::unnecessary_wraps)
)]

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use super::Cloud;
use crate::commands::Commands;
use crate::config::Config;
#[cfg(feature = "console")]
use crate::console::{Console, ConsoleConfig, Reach};
use crate::devices::Device;
use crate::events::EventLog;
use crate::exchange::AnswerTimes;
#[cfg(feature = "metrics")]
use crate::metrics::{self, Counts};
use crate::seen::Seen;
use crate::transport::Transport;
#[cfg(any(feature = "console", feature = "metrics"))]
use crate::web::Bound;
#[cfg(feature = "metrics")]
use crate::web::Site;

impl Cloud {
    /// The address of the console, if there is one.
    pub fn console_address(&self) -> Option<SocketAddr> {
        self.sites.as_ref().and_then(Sites::console_address)
    }

    /// The URL of the console, if there is one.
    pub fn console_url(&self) -> Option<String> {
        self.console_address().map(|address| format!("http://{address}/"))
    }

    /// The URL of the metrics, if they are served.
    pub fn metrics_url(&self) -> Option<String> {
        self.metrics_address().map(|address| format!("http://{address}/metrics"))
    }

    /// The address of the metrics, if they are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.sites.as_ref().and_then(Sites::metrics_address)
    }
}

/// Sites whose ports are taken, and which are not served yet.
pub(super) struct Bounds {
    #[cfg(feature = "console")]
    console: Option<(ConsoleConfig, Bound, Arc<Seen>)>,
    #[cfg(feature = "metrics")]
    metrics: Option<(Arc<Counts>, Bound)>,
}

/// Sites being served; dropping them ends them.
pub(super) struct Sites {
    #[cfg(feature = "console")]
    console: Option<Console>,
    #[cfg(feature = "metrics")]
    metrics: Option<Site>,
}

impl Bounds {
    pub(super) fn new(config: &Config) -> io::Result<Self> {
        #[cfg(feature = "forward")]
        let forwards = config.forward.is_some();
        #[cfg(not(feature = "forward"))]
        let forwards = false;
        Ok(Self {
            #[cfg(feature = "console")]
            console: match config.console.clone() {
                Some(console) => {
                    let bound = Bound::new("console", console.address)?;
                    Some((console, bound, Arc::new(Seen::new())))
                }
                None => None,
            },
            #[cfg(feature = "metrics")]
            metrics: match config.metrics {
                Some(metrics) => {
                    let counts = Arc::new(Counts::new(forwards));
                    Some((counts, Bound::new("metrics", metrics.address)?))
                }
                None => None,
            },
        })
    }

    /// Who keeps the messages that the console shows.
    pub(super) fn seen(&self) -> Option<Arc<Seen>> {
        #[cfg(feature = "console")]
        return self.console.as_ref().map(|(.., seen)| Arc::clone(seen));
        #[cfg(not(feature = "console"))]
        None
    }

    /// Who counts how long answers take.
    pub(super) fn answer_times(&self) -> Option<AnswerTimes> {
        #[cfg(feature = "metrics")]
        return self.metrics.as_ref().map(|(counts, _)| {
            let counts = Arc::clone(counts);
            Arc::new(move |took| counts.answered(took)) as AnswerTimes
        });
        #[cfg(not(feature = "metrics"))]
        None
    }

    /// Has the metrics told of each event.
    pub(super) fn watch(&self, events: EventLog) -> EventLog {
        #[cfg(feature = "metrics")]
        if let Some((counts, _)) = &self.metrics {
            let counts = Arc::clone(counts);
            return events.telling(move |event| counts.take(event));
        }
        events
    }

    /// Serves them. The console shows these devices, the server's addresses and its root.
    pub(super) fn serve(
        self,
        commands: &Commands,
        events: &Arc<EventLog>,
        devices: &[Device],
        addresses: &[(Transport, SocketAddr)],
        root: Option<&Path>,
    ) -> io::Result<Sites> {
        Ok(Sites {
            #[cfg(feature = "console")]
            console: match self.console {
                Some((config, bound, seen)) => {
                    let (commands, events) = (commands.clone(), Arc::clone(events));
                    let urls = addresses.iter().map(super::url).collect();
                    let addresses = addresses.iter().map(|(_, address)| *address).collect();
                    let reach = Reach { commands, events, seen, addresses };
                    Some(Console::start(config, bound, reach, devices, urls, root)?)
                }
                None => None,
            },
            #[cfg(feature = "metrics")]
            metrics: match self.metrics {
                Some((counts, bound)) => Some(metrics::serve(bound, counts, commands.clone())?),
                None => None,
            },
        })
    }
}

impl Sites {
    /// Keeps the secrets of devices that were registered later out of the console.
    pub(super) fn keep_secret(&self, devices: &[Device]) {
        #[cfg(feature = "console")]
        if let Some(console) = &self.console {
            console.add_secrets(devices);
        }
    }

    pub(super) fn console_address(&self) -> Option<SocketAddr> {
        #[cfg(feature = "console")]
        return self.console.as_ref().map(Console::address);
        #[cfg(not(feature = "console"))]
        None
    }

    pub(super) fn metrics_address(&self) -> Option<SocketAddr> {
        #[cfg(feature = "metrics")]
        return self.metrics.as_ref().map(|site| site.address);
        #[cfg(not(feature = "metrics"))]
        None
    }
}
