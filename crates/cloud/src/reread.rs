//! What SIGHUP has a server read again: the files that its command line names. A certificate
//! of its own is made anew each day, so that it never expires.

use std::path::PathBuf;
use std::time::Duration;

use iot_coap_cloud::{Cloud, Device};
use tokio::signal::unix::Signal;

const DAY: Duration = Duration::from_hours(24);

/// The files.
pub(crate) struct Reread {
    /// The command line names one at all. Without, SIGHUP ends the server as it would any
    /// program, since it comes of a terminal that is closed.
    pub(crate) is_given: bool,
    /// Those of the state folder, too.
    pub(crate) keys: Option<PathBuf>,
    /// And the devices that the command line names besides.
    pub(crate) devices: Option<(PathBuf, Vec<Device>)>,
    pub(crate) certificate: bool,
}

impl Reread {
    fn read(&self, cloud: &Cloud) {
        // First, so that the others' outcome stands in the new file.
        cloud.reopen_log();
        if let Some((file, given)) = &self.devices {
            cloud.reload_devices(file, given);
        }
        if let Some(keys) = &self.keys {
            cloud.reload_keys(keys);
        }
        if self.certificate {
            cloud.renew_certificate();
        }
    }

    /// Reads at each signal, and renews the certificate each day.
    pub(crate) async fn keep_reading(&self, cloud: &Cloud, mut hangup: Option<Signal>) {
        let mut day = tokio::time::interval_at(tokio::time::Instant::now() + DAY, DAY);
        loop {
            let told = async {
                match &mut hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = told => self.read(cloud),
                _ = day.tick() => cloud.renew_certificate(),
            }
        }
    }
}
