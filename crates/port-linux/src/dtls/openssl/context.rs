//! How OpenSSL is set up: what is offered, and what is verified.

use std::net::IpAddr;

use openssl::error::ErrorStack;
use openssl::ssl::{
    Ssl, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion,
};
use openssl::x509::X509;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509CheckFlags, X509VerifyFlags};

use iot_coap_port::dtls::{Failure, Peer};

use super::cannot;
use crate::log::{Level, log};

/// With forward secrecy, authenticated encryption first.
const CIPHERS: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
                       ECDHE-RSA-AES128-SHA256";

/// The last resort: all that the original's own clients offer.
const STATIC_RSA_CIPHERS: &str = ":AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA";

const GROUPS: &str = "X25519:P-256";

/// No RSA key below 2048 bits and no SHA-1 signature, except the one of an
/// anchor over itself, which nobody has to believe: what is trusted is its key.
const SECURITY_LEVEL: u32 = 2;

/// The smallest MTU of IPv6 without its header and UDP's: arrives everywhere.
const MTU: u32 = 1280 - 40 - 8;

/// A client session for the peer, before its first flight.
pub(super) fn client(peer: &Peer<'_>) -> Result<Ssl, Failure> {
    let authorities = authorities(peer)?;
    new_client(peer, authorities).map_err(|error| cannot(&error))
}

fn authorities(peer: &Peer<'_>) -> Result<X509Store, Failure> {
    let refuse = |reason: &dyn core::fmt::Display| {
        log(
            Level::Error,
            format_args!("the certificates to trust for {} cannot be used: {reason}", peer.host),
        );
        Failure::Create
    };
    let certificates = X509::stack_from_pem(peer.authorities_pem).map_err(|e| refuse(&e))?;
    if certificates.is_empty() {
        return Err(refuse(&"there is none in the text"));
    }
    let mut store = X509StoreBuilder::new().map_err(|e| refuse(&e))?;
    for certificate in certificates {
        store.add_cert(certificate).map_err(|e| refuse(&e))?;
    }
    Ok(store.build())
}

fn new_client(peer: &Peer<'_>, authorities: X509Store) -> Result<Ssl, ErrorStack> {
    let mut builder = SslContextBuilder::new(SslMethod::dtls_client())?;
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_max_proto_version(Some(SslVersion::DTLS1_2))?;
    builder.set_security_level(SECURITY_LEVEL);
    let last_resort = if peer.may_use_static_rsa { STATIC_RSA_CIPHERS } else { "" };
    builder.set_cipher_list(&alloc::format!("{CIPHERS}{last_resort}"))?;
    builder.set_groups_list(GROUPS)?;
    // Without NO_QUERY_MTU OpenSSL asks the queue for an MTU, gets none, and
    // cuts the ClientHello at 256 bytes.
    builder.set_options(SslOptions::NO_QUERY_MTU | SslOptions::NO_RENEGOTIATION);
    // `resumption` keeps the sessions, beyond this context's life.
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    builder.set_cert_store(authorities);
    builder.set_verify(SslVerifyMode::PEER);

    let mut ssl = Ssl::new(&builder.build())?;
    ssl.set_mtu(MTU)?;
    let verification = ssl.param_mut();
    // Any certificate of the bundle is an anchor, self-signed or not.
    verification.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
    verification.set_hostflags(X509CheckFlags::NO_PARTIAL_WILDCARDS);
    if let Ok(address) = peer.host.parse::<IpAddr>() {
        verification.set_ip(address)?;
    } else {
        verification.set_host(peer.host)?;
        // RFC 6066, section 3: names only.
        ssl.set_hostname(peer.host)?;
    }
    Ok(ssl)
}
