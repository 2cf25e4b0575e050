//! Addresses as the command line takes them. What is none is answered with one that is.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

/// An address to listen on.
pub(super) fn ip(text: &str) -> Result<IpAddr, String> {
    let example = "expected an address such as 127.0.0.1, ::1 or 0.0.0.0 (all of this machine's)";
    text.parse().map_err(|_| {
        if text.parse::<SocketAddr>().is_ok() {
            return format!(
                "{example}, without a port: ports are --udp-port, --dtls-port and --symmetric-port"
            );
        }
        format!("{example}; names are not looked up")
    })
}

/// Says which of these addresses is none of this machine's.
pub(super) fn check_are_here(addresses: &[IpAddr]) -> io::Result<()> {
    for address in addresses {
        let kind = UdpSocket::bind((*address, 0)).err().map(|error| error.kind());
        if kind == Some(io::ErrorKind::AddrNotAvailable) {
            let text = format!(
                "cannot listen on {address}: --bind takes an address of this machine, or 0.0.0.0 \
                 for all"
            );
            return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, text));
        }
    }
    Ok(())
}

/// An address with a port, for a site.
pub(super) fn with_port(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let example = "expected an address and a port, such as 127.0.0.1:8080 or [::1]:8080";
        if let Ok(ip) = text.parse::<IpAddr>() {
            return format!("{example}; here {}", SocketAddr::new(ip, 8080));
        }
        match text.trim_start_matches(':').parse::<u16>() {
            Ok(port) => format!("{example}; for this machine alone 127.0.0.1:{port}"),
            Err(_) => format!("{example}; names are not looked up"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_answered_with_one() {
        assert_eq!(ip("::1"), Ok("::1".parse().expect("an address")));
        for (text, says) in [
            ("localhost", "127.0.0.1"),
            ("127.0.0.1:5683", "--udp-port"),
            ("1.2.3", "such as 127.0.0.1"),
            ("", "such as 127.0.0.1"),
        ] {
            let error = ip(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(with_port("[::1]:0"), Ok("[::1]:0".parse().expect("an address")));
        for (text, says) in [
            ("localhost:8080", "names are not looked up"),
            ("9000", "127.0.0.1:9000"),
            (":9000", "127.0.0.1:9000"),
            ("10.0.0.1", "here 10.0.0.1:8080"),
            ("::1", "here [::1]:8080"),
            ("127.0.0.1:70000", "such as 127.0.0.1:8080"),
        ] {
            let error = with_port(text).expect_err(text);
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
