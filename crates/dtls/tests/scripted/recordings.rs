//! The recordings that are checked in.

use crate::recording::Recording;

pub(crate) fn all() -> [Recording; 6] {
    [
        &include_bytes!("../../recordings/ecdhe-ecdsa-gcm")[..],
        include_bytes!("../../recordings/ecdhe-rsa-cbc"),
        include_bytes!("../../recordings/rsa-cbc-sha"),
        include_bytes!("../../recordings/psk-gcm"),
        include_bytes!("../../recordings/psk-cbc-sha"),
        include_bytes!("../../recordings/resumed"),
    ]
    .map(Recording::from_bytes)
}
