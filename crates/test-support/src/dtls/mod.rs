//! Clients by the DTLS engine of this project, and what they and servers are started
//! with.

use iot_coap_dtls::{Config, PreSharedKey};

pub mod delayed;
pub mod in_memory;
pub mod link;
#[cfg(feature = "dtls-certificates")]
mod trusting;

#[cfg(feature = "dtls-certificates")]
pub use trusting::certificates;

/// The source of randomness of the system.
pub type SystemRandom = getrandom::SysRng;

/// Seconds since 1970.
pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Who a device is that has [`PSK`].
pub const IDENTITY: &str = "sensor-7";
/// A pre-shared key.
pub const PSK: &[u8] = b"0123456789abcdef";

/// For a server that knows [`PSK`].
pub fn pre_shared_key() -> Config {
    Config::with_pre_shared_key(PreSharedKey::new(IDENTITY.as_bytes(), PSK).unwrap())
}
