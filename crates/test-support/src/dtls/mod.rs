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

/// The suites that a ClientHello offers, as the only message of a datagram; without the
/// signaling value (RFC 5746, section 3.3). `None` if the datagram begins with something else.
pub fn offered_suites_of(datagram: &[u8]) -> Option<Vec<u16>> {
    const RENEGOTIATION_INFO: u16 = 0x00ff;
    if datagram.first() != Some(&22) || datagram.get(13) != Some(&1) {
        return None;
    }
    // After the headers of record and message, version and random (RFC 6347, section
    // 4.2.1), session id and cookie come the suites.
    let mut rest = &datagram[13 + 12 + 2 + 32..];
    for _ in 0..2 {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let suites = rest[2..2 + len].chunks(2).map(|suite| u16::from_be_bytes([suite[0], suite[1]]));
    Some(suites.filter(|suite| *suite != RENEGOTIATION_INFO).collect())
}

/// The same of a datagram that is a ClientHello.
pub fn offered_suites(datagram: &[u8]) -> Vec<u16> {
    offered_suites_of(datagram).expect("a ClientHello")
}
