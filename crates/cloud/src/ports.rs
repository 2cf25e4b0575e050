//! Which transport each of the server's ports serves, and what comes to the wrong one: CoAP
//! without DTLS to the port of `coaps://`, and DTLS to another. Neither is answered, so that the
//! log alone can tell; once for each peer, and of so many.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::bounded::BoundedMap;
use crate::datagram::{NO_RECORD, is_record};
use crate::events::{Event, EventLog};
use crate::message;
use crate::transport::{Route, Transport};

/// Peers that are remembered.
const PEERS: usize = 4_096;

/// The ports, in the order of their sockets.
pub(crate) struct Ports {
    addresses: Vec<(Transport, SocketAddr)>,
    told: BoundedMap<Route, ()>,
    events: Arc<EventLog>,
}

impl Ports {
    pub(crate) fn new(addresses: Vec<(Transport, SocketAddr)>, events: Arc<EventLog>) -> Self {
        Self { addresses, told: BoundedMap::new(PEERS), events }
    }

    /// The transport that a socket serves.
    pub(crate) fn transport(&self, socket: usize) -> Option<Transport> {
        self.addresses.get(socket).map(|(transport, _)| *transport)
    }

    /// Whether a datagram is for the port that it has come to. If it is not, that is told.
    pub(crate) fn admit(&mut self, transport: Transport, route: Route, datagram: &[u8]) -> bool {
        let what = match (transport, is_record(datagram)) {
            (Transport::Dtls, true) | (Transport::Udp | Transport::Symmetric, false) => {
                return true;
            }
            (Transport::Udp | Transport::Symmetric, true) => "a DTLS record",
            (Transport::Dtls, false) if message::decode(datagram).is_ok() => "CoAP without DTLS",
            (Transport::Dtls, false) => {
                let (peer, reason) = (route.address, NO_RECORD.to_owned());
                self.events.record(Event::Malformed { transport, peer, reason });
                return true;
            }
        };
        if self.told.get(&route).is_none() {
            self.told.insert(route, ());
            self.events.record(Event::WrongPort {
                transport,
                peer: route.address,
                what: what.to_owned(),
                remedy: self.remedy(transport, route.socket),
            });
        }
        false
    }

    /// Where it should have gone: to the port of a transport of the other kind.
    fn remedy(&self, transport: Transport, socket: usize) -> String {
        let here = self.addresses.get(socket).map(|(_, address)| address.ip());
        let others = self.addresses.iter().filter(|(other, address)| {
            let is_other = (*other == Transport::Dtls) != (transport == Transport::Dtls);
            is_other && Some(address.ip()) == here
        });
        let urls: Vec<String> = others.map(url).collect();
        let scheme = transport.scheme();
        if !urls.is_empty() {
            return format!("this is the port of {scheme}://; use {}", urls.join(" or "));
        }
        match transport {
            Transport::Dtls => format!(
                "this is the port of {scheme}://; use DTLS, or have coap:// served by --udp-port"
            ),
            Transport::Udp | Transport::Symmetric => format!(
                "this is the port of {scheme}://; leave out DTLS, or have coaps:// served by \
                 --dtls-port"
            ),
        }
    }
}

/// As a device has to be told it.
fn url((transport, address): &(Transport, SocketAddr)) -> String {
    let scheme = transport.scheme();
    if address.ip().is_unspecified() {
        // What others call this machine, it does not know.
        return format!("{scheme}://HOST:{}", address.port());
    }
    format!("{scheme}://{address}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Log;

    #[test]
    fn a_remedy_names_what_is_served_at_the_same_address() {
        let at = |text: &str| text.parse().expect("an address");
        let ports = |addresses: &[(Transport, &str)]| {
            let addresses = addresses.iter().map(|(transport, text)| (*transport, at(text)));
            let events = EventLog::new(&Log::None, false, 10).expect("nothing is opened");
            Ports::new(addresses.collect(), Arc::new(events))
        };
        let all = ports(&[
            (Transport::Udp, "127.0.0.1:1"),
            (Transport::Udp, "[::1]:2"),
            (Transport::Dtls, "127.0.0.1:3"),
            (Transport::Symmetric, "127.0.0.1:4"),
        ]);
        let said = all.remedy(Transport::Dtls, 2);
        assert!(said.ends_with("use coap://127.0.0.1:1 or coap-psk://127.0.0.1:4"), "{said}");
        assert!(all.remedy(Transport::Udp, 0).ends_with("use coaps://127.0.0.1:3"));
        assert!(all.remedy(Transport::Udp, 1).contains("--dtls-port"));
        let open = ports(&[(Transport::Udp, "0.0.0.0:1"), (Transport::Dtls, "0.0.0.0:3")]);
        assert!(open.remedy(Transport::Udp, 0).ends_with("use coaps://HOST:3"));
        let alone = ports(&[(Transport::Dtls, "127.0.0.1:3")]);
        assert!(alone.remedy(Transport::Dtls, 0).contains("--udp-port"));
    }
}
