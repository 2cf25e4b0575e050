//! The recordings that are checked in.

use super::recording::Recording;

/// Reads each of them.
pub fn all() -> [Recording; 6] {
    [
        &include_bytes!("../../../dtls/recordings/ecdhe-ecdsa-gcm")[..],
        include_bytes!("../../../dtls/recordings/ecdhe-rsa-cbc"),
        include_bytes!("../../../dtls/recordings/rsa-cbc-sha"),
        include_bytes!("../../../dtls/recordings/psk-gcm"),
        include_bytes!("../../../dtls/recordings/psk-cbc-sha"),
        include_bytes!("../../../dtls/recordings/resumed"),
    ]
    .map(Recording::from_bytes)
}
