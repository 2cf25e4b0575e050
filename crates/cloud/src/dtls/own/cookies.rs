//! Cookies whose secret changes every minute, and how much is sent to an address whose
//! client has not proved itself.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use iot_coap_dtls::server::{Cookies, Greeting};

use crate::bounded::BoundedMap;
use crate::random;
use crate::transport::Route;

/// A cookie is valid for one to two of these.
const PERIOD: Duration = Duration::from_mins(1);

/// Bytes of handshakes that an address gets in a period without an answer by which its client
/// proves itself: four flights with a certificate. Whoever has received a cookie at an address
/// that is now another's cannot have more sent there.
const UNANSWERED: usize = 8_192;

/// Addresses with unanswered bytes; the oldest makes room.
const ADDRESSES: usize = 65_536;

/// The proof that a client is where it says, as it ages.
pub(super) struct FreshCookies {
    cookies: Cookies,
    rotation: Instant,
    unanswered: BoundedMap<Route, usize>,
}

impl FreshCookies {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            cookies: Cookies::new(random::unpredictable()),
            rotation: now + PERIOD,
            unanswered: BoundedMap::new(ADDRESSES),
        }
    }

    pub(super) fn examine(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> Greeting {
        if now >= self.rotation {
            self.unanswered.clear();
            self.cookies.rotate(random::unpredictable());
            if now >= self.rotation + PERIOD {
                // The secret before is too old as well.
                self.cookies.rotate(random::unpredictable());
            }
            self.rotation = now + PERIOD;
        }
        self.cookies.examine(&place(route), datagram)
    }

    /// Whether so many bytes may be sent there; then they count as unanswered.
    pub(super) fn permit(&mut self, route: Route, len: usize) -> bool {
        let sum = self.unanswered.get(&route).copied().unwrap_or(0) + len;
        let permitted = sum <= UNANSWERED;
        if permitted {
            self.unanswered.insert(route, sum);
        }
        permitted
    }

    /// The client has proved itself.
    pub(super) fn answered(&mut self, route: Route) {
        // Nothing is counted of an address that is not there.
        if let Some(sum) = self.unanswered.get_mut(&route) {
            *sum = 0;
        }
    }
}

/// A place as bytes, in the same way each time.
fn place(Route { socket, address }: Route) -> Vec<u8> {
    let mut bytes = socket.to_be_bytes().to_vec();
    bytes.extend(address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => bytes.extend(ip.octets()),
        IpAddr::V6(ip) => bytes.extend(ip.octets()),
    }
    if let SocketAddr::V6(address) = address {
        bytes.extend(address.scope_id().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use iot_coap_test_support::served::scripted_client::ScriptedClient;

    use super::*;

    fn route(port: u16) -> Route {
        Route { socket: 0, address: ([192, 0, 2, 1], port).into() }
    }

    /// A hello with a cookie that was handed out at `start`.
    fn with_cookie(cookies: &mut FreshCookies, start: Instant) -> Vec<u8> {
        let mut client = ScriptedClient::default();
        match cookies.examine(start, route(1), &mut client.hello()) {
            Greeting::Unverified(answer) => client.read_cookie(&answer),
            other => panic!("{other:?}"),
        }
        client.hello()
    }

    #[test]
    fn a_cookie_is_good_for_one_to_two_minutes() {
        for (age, good) in [(0, true), (59, true), (61, true), (119, true), (121, false)] {
            let start = Instant::now();
            let mut cookies = FreshCookies::new(start);
            let hello = with_cookie(&mut cookies, start);
            for second in (0..=age).step_by(20).chain([age]) {
                let now = start + Duration::from_secs(second);
                let greeting = cookies.examine(now, route(1), &mut hello.clone());
                if second == age {
                    assert_eq!(matches!(greeting, Greeting::Verified(_)), good, "{age} s");
                }
            }
        }
        // A server that hears nothing for long forgets both secrets all the same.
        let start = Instant::now();
        let mut cookies = FreshCookies::new(start);
        let mut hello = with_cookie(&mut cookies, start);
        let late = start + Duration::from_secs(150);
        assert!(matches!(cookies.examine(late, route(1), &mut hello), Greeting::Unverified(_)));
    }

    #[test]
    fn bytes_count_until_they_are_answered_or_a_minute_is_over() {
        let start = Instant::now();
        let mut cookies = FreshCookies::new(start);
        assert!(cookies.permit(route(1), UNANSWERED));
        assert!(!cookies.permit(route(1), 1));
        assert!(cookies.permit(route(2), 1), "another address");
        cookies.answered(route(1));
        assert!(cookies.permit(route(1), UNANSWERED));
        let _ = cookies.examine(start + PERIOD, route(3), &mut []);
        assert!(cookies.permit(route(1), 1));
    }
}
