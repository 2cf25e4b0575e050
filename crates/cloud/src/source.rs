//! Where datagrams come from, as far as shares and limits go by it.

use std::net::{IpAddr, SocketAddr};

/// An IPv4 address, or an IPv6 network of 64 bits, which is what one subscriber has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Source {
    V4(u32),
    V6(u64),
}

impl Source {
    pub(crate) fn of(address: SocketAddr) -> Self {
        match address.ip().to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.into()),
            IpAddr::V6(ip) => Self::V6((u128::from(ip) >> 64) as u64),
        }
    }

    /// The network that it is part of, which one customer is likely to have as a whole: 24 bits
    /// of IPv4, 48 of IPv6.
    pub(crate) fn network(self) -> Self {
        match self {
            Self::V4(ip) => Self::V4(ip & !0xFF),
            Self::V6(network) => Self::V6(network & !0xFFFF),
        }
    }
}

/// Whether an address is this machine's own: no datagram from the network has it.
pub(crate) fn is_here(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::of(text.parse().expect("an address"))
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        assert_eq!(source("[2001:db8::1]:5"), source("[2001:db8::ffff:1]:6"));
        assert_ne!(source("[2001:db8::1]:5"), source("[2001:db8:0:1::1]:5"));
        assert_eq!(source("[::ffff:192.0.2.1]:5"), source("192.0.2.1:7"));
    }

    #[test]
    fn neighbours_share_a_network() {
        let network = |text| source(text).network();
        assert_eq!(network("192.0.2.1:5"), network("192.0.2.254:5"));
        assert_ne!(network("192.0.2.1:5"), network("192.0.3.1:5"));
        assert_eq!(network("[2001:db8:0:1::1]:5"), network("[2001:db8:0:2::1]:5"));
        assert_ne!(network("[2001:db8:0:1::1]:5"), network("[2001:db8:1:1::1]:5"));
    }

    #[test]
    fn this_machine_is_known() {
        for (text, here) in
            [("127.8.0.1:5", true), ("[::1]:5", true), ("[::ffff:127.0.0.1]:5", true)]
        {
            assert_eq!(is_here(text.parse().expect("an address")), here, "{text}");
        }
        assert!(!is_here("192.0.2.1:5".parse().expect("an address")));
    }
}
