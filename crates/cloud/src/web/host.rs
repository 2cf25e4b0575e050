//! Names by which this machine is asked: another site can make its own name resolve to this
//! machine, to read what is answered (DNS rebinding), and it shows in `Host`.

use std::net::IpAddr;

use axum::http::header::HOST;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName};

/// The value of a header that is there once.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Whom a request is to, and whether that is a name or an address of this machine.
pub(crate) fn host(headers: &HeaderMap) -> Option<(&str, bool)> {
    let host = one(headers, &HOST)?;
    let authority: Authority = host.parse().ok()?;
    Some((host, is_here(authority.host())))
}

fn is_here(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
