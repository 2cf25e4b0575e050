//! The console: a page for the developer of a device, which shows what happens
//! and switches faults.
//!
//! It runs on a thread of its own and reads the event log at its own pace, so that
//! no browser can hold up the server or make it grow. It changes nothing itself:
//! it asks the server, as every handle does.

mod capture;
mod dashboard;
mod details;
mod device;
mod exchange;
mod files;
mod guard;
mod guesses;
mod mask;
mod notation;
mod options;
mod password;
mod payload;
mod routes;
mod row;
mod sessions;
mod stream;
mod take_away;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use crate::commands::{self, Command, Commands, Done};
use crate::devices::Device;
use crate::events::EventLog;
use crate::random;
use crate::seen::Seen;
use crate::sign::hex;
use crate::web::{Bound, Site};
use dashboard::Dashboard;
use guesses::Guesses;
use mask::Mask;

pub use password::Password;

/// Events that the dashboard takes before it lets others run.
const AT_ONCE: usize = 512;

/// How often the page is told of devices, rates and faults.
const TICK: Duration = Duration::from_secs(1);

/// Where the console is served, and to whom.
#[derive(Clone, Debug)]
pub struct ConsoleConfig {
    pub(crate) address: SocketAddr,
    password: Option<Password>,
}

impl ConsoleConfig {
    /// A console at this address, where port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// Other machines could reach it, and no password is set.
    pub fn new(address: SocketAddr, password: Option<Password>) -> io::Result<Self> {
        if !address.ip().is_loopback() && password.is_none() {
            let text = format!(
                "other machines could reach the console at {address}: set a password (of \
                 {} bytes or more, in the file of --console-password-file or in \
                 IOT_COAP_CLOUD_CONSOLE_PASSWORD), or listen on 127.0.0.1:{}",
                Password::LEAST_BYTES,
                address.port()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        Ok(Self { address, password })
    }
}

/// What the page is told of the server once and for all.
struct Facts {
    urls: Vec<String>,
    root: Option<String>,
    product_key: String,
    device_name: String,
    sample: bool,
}

/// The server as the console reaches it.
pub(crate) struct Reach {
    pub(crate) commands: Commands,
    pub(crate) events: Arc<EventLog>,
    pub(crate) seen: Arc<Seen>,
    /// Those of the server's sockets.
    pub(crate) addresses: Vec<SocketAddr>,
}

/// What the console's tasks share.
struct Shared {
    /// Tells the events of this server from those of one that was here before.
    server: String,
    facts: Facts,
    reach: Reach,
    password: Option<Password>,
    guesses: Arc<Guesses>,
    mask: Arc<Mask>,
    dashboard: Mutex<Dashboard>,
    /// How many events the dashboard has taken.
    taken: watch::Sender<usize>,
    /// Counts ticks.
    ticks: watch::Sender<u64>,
}

impl Shared {
    fn dashboard(&self) -> MutexGuard<'_, Dashboard> {
        self.dashboard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the server do something between two datagrams; `None` if it is gone.
    async fn change(&self, command: Command) -> Option<()> {
        self.reach.commands.send(command).ok()?;
        self.ask(Command::Tell).await.map(drop)
    }

    /// Asks the server something between two datagrams; `None` if it is gone.
    async fn ask<T: Send + 'static>(&self, command: impl FnOnce(Done<T>) -> Command) -> Option<T> {
        commands::ask(&self.reach.commands, command).await
    }

    /// Waits until the dashboard has taken every event that there is by now; says how many there are.
    async fn caught_up(&self) -> usize {
        let count = self.reach.events.count();
        // It cannot be gone: it is here.
        let _ = self.taken.subscribe().wait_for(|taken| *taken >= count).await;
        count
    }

    /// Has the dashboard know what no event tells; `None` if the server is gone.
    async fn ask_for_board(&self) -> Option<()> {
        let status = self.ask(Command::Tell).await?;
        self.dashboard().set_server(status);
        Some(())
    }
}

/// A console being served; dropping it ends it and its connections.
pub(crate) struct Console {
    site: Site,
    mask: Arc<Mask>,
}

impl Console {
    pub(crate) fn start(
        config: ConsoleConfig,
        bound: Bound,
        reach: Reach,
        devices: &[Device],
        urls: Vec<String>,
        root: Option<&Path>,
    ) -> io::Result<Self> {
        let (sample, first) = (Device::sample(), devices.first());
        let facts = Facts {
            urls,
            root: root.map(|path| path.display().to_string()),
            product_key: first.map(|device| device.product_key.clone()).unwrap_or_default(),
            device_name: first.map(|device| device.device_name.clone()).unwrap_or_default(),
            sample: first == Some(&sample),
        };
        let mask = Arc::new(Mask::default());
        mask.add_secrets(devices);
        let shared = Arc::new(Shared {
            server: hex(&random::unpredictable::<8>()),
            password: config.password,
            guesses: Arc::default(),
            mask: Arc::clone(&mask),
            dashboard: Mutex::default(),
            taken: watch::Sender::new(0),
            ticks: watch::Sender::new(0),
            facts,
            reach,
        });
        let router = routes::router(Arc::clone(&shared));
        // The server is gone: a page that still answered would lie.
        let gone = async move { watch_server(&shared).await };
        let site = Site::start("iot-coap-console", bound, router, gone)?;
        Ok(Self { site, mask })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.site.address
    }

    /// Keeps the secrets of devices that were registered later out of the page.
    pub(crate) fn add_secrets<'a>(&self, devices: impl IntoIterator<Item = &'a Device>) {
        self.mask.add_secrets(devices);
    }
}

/// Keeps the dashboard up to date until the server is gone.
async fn watch_server(shared: &Shared) {
    let mut count = shared.reach.events.watch();
    let mut tick = tokio::time::interval(TICK);
    let mut next = 0;
    loop {
        tokio::select! {
            changed = count.changed() => if changed.is_err() { return },
            _ = tick.tick() => {
                if shared.ticks.receiver_count() > 0 && shared.ask_for_board().await.is_none() {
                    return;
                }
                shared.ticks.send_modify(|ticks| *ticks += 1);
            }
            () = shared.reach.commands.closed() => return,
        }
        loop {
            let events = shared.reach.events.read(next, AT_ONCE);
            let Some(last) = events.last() else { break };
            next = last.number + 1;
            // What somebody switched is seen at once.
            let switched = events.iter().any(|recorded| recorded.event.is_switch());
            {
                let mut dashboard = shared.dashboard();
                for recorded in &events {
                    dashboard.take(recorded);
                }
            }
            shared.taken.send_replace(next);
            if switched {
                shared.ticks.send_modify(|ticks| *ticks += 1);
            }
            tokio::task::yield_now().await;
        }
    }
}
