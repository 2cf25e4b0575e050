//! The part of the command line that is about metrics.

use std::io;
use std::net::SocketAddr;

use clap::Args;
use iot_coap_cloud::MetricsConfig;

#[derive(Args)]
pub(super) struct Metrics {
    /// Serve figures at /metrics, in the text format of Prometheus
    ///
    /// Without ADDRESS at 127.0.0.1:9684. Other machines reach them through a proxy.
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, help_heading = "Metrics",
          default_missing_value = "127.0.0.1:9684", value_parser = super::addresses::with_port)]
    metrics: Option<SocketAddr>,
}

impl Metrics {
    pub(super) fn into_metrics(self) -> io::Result<Option<MetricsConfig>> {
        self.metrics.map(MetricsConfig::new).transpose()
    }
}
