//! Clients that believe a certificate: not in every build.

use iot_coap_dtls::{Config, TrustAnchors};

use super::now;
use crate::certificates::Identity;

/// For a server that proves to be `localhost` by a certificate under `root`.
pub fn certificates(root: &Identity) -> Config {
    let anchors = TrustAnchors::from_pem(root.pem().as_bytes()).unwrap();
    Config::with_certificates("localhost", anchors, Some(now())).unwrap()
}
