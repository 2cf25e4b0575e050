//! The options of what one address or one device may take.

use clap::Args;
use iot_coap_cloud::Limits;

// The comments below are the help text, where backticks would be noise.
#[allow(clippy::doc_markdown)]
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitOptions {
    /// Answer 4.29 above this many topic messages a second and device; 0: no limit
    /// [default: 50, and none for devices on this machine]
    #[arg(long, value_name = "N")]
    pub(super) rate_limit: Option<u32>,

    /// Answer 4.29 above this many requests a second and address without a valid access token,
    /// in bursts of ten times as many; 0: no limit
    ///
    /// Sign-ins above all. An address is one of IPv4, or a network of 64 bits of IPv6. The
    /// default is made for a gateway or a carrier's NAT with 100,000 devices behind it that
    /// sign in once in two days, and all within the hour after an outage.
    #[arg(long, value_name = "N", default_value_t = Limits::default().strangers)]
    sign_in_limit: u32,

    /// The most DTLS handshakes with a signature a second and address, in bursts of ten times
    /// as many; hellos above that are not answered; 0: no limit
    ///
    /// Resumed sessions and pre-shared keys take no signature. The default is made for 70,000
    /// devices behind one address that all come back within the hour after an outage, and costs
    /// 1 % of a core with a key of RSA 2048. Not with OpenSSL's engine.
    #[arg(long, value_name = "N", default_value_t = Limits::default().handshakes)]
    handshake_limit: u32,

    /// The most sessions of one device that has signed in, over DTLS and in the symmetric
    /// mode; the oldest makes room; 0: no limit
    ///
    /// Not with OpenSSL's engine.
    #[arg(long, value_name = "N", default_value_t = Limits::default().sessions)]
    device_sessions: u32,

    /// Limit this machine's own addresses as well: where a proxy or a balancer on it passes on
    /// what comes from the network
    #[arg(long)]
    limit_loopback: bool,
}

impl LimitOptions {
    pub(super) fn into_limits(self) -> Limits {
        Limits {
            strangers: self.sign_in_limit,
            handshakes: self.handshake_limit,
            sessions: self.device_sessions,
            here: self.limit_loopback,
        }
    }
}
