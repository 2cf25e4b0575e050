//! One device and its cloud on one simulated link: signs in, then posts messages in three
//! ways, and counts what that took.

use std::collections::HashMap;

use iot_coap_client::{ContentFormat, Duration, Event, Instant, Request};
use iot_coap_dtls::Config as SessionConfig;
use iot_coap_test_support::network::{Direction, Profile, SimulatedLink};
use openssl::ssl::SslContext;

use crate::cloud::Cloud;
use crate::device::{Device, PATH, Settings};
use crate::server::Server;

/// The payload of each message.
const PAYLOAD: [u8; 200] = [b'7'; 200];

/// How many messages a device posts in each way.
pub(crate) const MESSAGES: u64 = 10;

const MINUTE: Duration = Duration::from_secs(60);

/// No run takes longer, in milliseconds, or something is wrong.
const LIMIT: u64 = 24 * 60 * 60_000;

/// What a part of a run took, both directions together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) datagrams: usize,
    pub(crate) bytes: usize,
    /// Sent again while an earlier copy, or the answer to one, was on its way.
    pub(crate) needless: usize,
    /// Messages that were given up.
    pub(crate) lost: usize,
    /// How long each answer took, in milliseconds; for a sign-in, the whole of it.
    pub(crate) took: Vec<u64>,
}

/// What a run took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Run {
    /// The handshake alone.
    pub(crate) connected: Cost,
    /// Until the device has its access token.
    pub(crate) signed_in: Cost,
    /// One message a minute.
    pub(crate) each_minute: Cost,
    /// Each message as soon as the one before it was answered.
    pub(crate) back_to_back: Cost,
    /// All messages at once.
    pub(crate) at_once: Cost,
}

/// What DTLS needs on both sides.
pub(crate) struct Secured<'a> {
    pub(crate) context: &'a SslContext,
    pub(crate) config: SessionConfig,
}

/// The copies of one message, as the link knows them.
#[derive(Default)]
struct Copies {
    /// When each arrives that does.
    arrivals: Vec<Instant>,
    /// When each answer arrives that does.
    answers: Vec<Instant>,
}

impl Copies {
    /// Whether an answer would come without another copy.
    fn are_under_way(&self, now: Instant) -> bool {
        self.arrivals.iter().any(|arrival| *arrival > now)
            || self.answers.iter().any(|arrival| *arrival >= now)
    }
}

/// When the next message is posted.
#[derive(Clone, Copy)]
enum Pace {
    EachMinute,
    BackToBack,
    AtOnce,
}

struct Simulation {
    now: Instant,
    link: SimulatedLink,
    device: Device,
    server: Option<Server>,
    cloud: Cloud,
    /// By message id. No id is used twice within a run.
    copies: HashMap<u16, Copies>,
    /// Since [`take_cost`](Simulation::take_cost) was called last.
    cost: Cost,
    /// When each message was posted that has not ended.
    posted: HashMap<usize, Instant>,
    next_message: usize,
}

/// What a device does after it has signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Nothing,
    /// Ten messages at once.
    AtOnce,
    /// Ten messages in each way.
    Everything,
}

/// Runs one device. `None` if the machine was too busy for it.
pub(crate) fn run(
    profile: &Profile,
    seed: u64,
    settings: &Settings,
    secured: Option<Secured<'_>>,
    plan: Plan,
) -> Option<Run> {
    let mut simulation = Simulation::on(profile.link(seed), seed, settings, secured);
    let mut run = Run {
        connected: simulation.connect(),
        signed_in: simulation.sign_in(settings.sign_in_limit),
        ..Run::default()
    };
    if plan == Plan::Everything {
        run.each_minute = simulation.post(Pace::EachMinute);
        run.back_to_back = simulation.post(Pace::BackToBack);
    }
    if plan != Plan::Nothing {
        run.at_once = simulation.post(Pace::AtOnce);
    }
    let was_held_up = simulation.server.is_some_and(|server| server.was_held_up());
    (!was_held_up).then_some(run)
}

impl Simulation {
    /// A device that has not said anything yet.
    fn on(
        link: SimulatedLink,
        seed: u64,
        settings: &Settings,
        secured: Option<Secured<'_>>,
    ) -> Self {
        let (context, config) = match secured {
            Some(Secured { context, config }) => (Some(context), Some(config)),
            None => (None, None),
        };
        Self {
            now: Instant::from_millis(0),
            link,
            device: Device::new(seed, settings, config),
            server: context.map(Server::new),
            cloud: Cloud::default(),
            copies: HashMap::new(),
            cost: Cost::default(),
            posted: HashMap::new(),
            next_message: 0,
        }
    }

    fn connect(&mut self) -> Cost {
        self.transmit();
        while !self.device.is_connected() {
            self.step(None);
        }
        self.device.learn(self.now);
        self.take_cost(Instant::from_millis(0))
    }

    /// As a program does that asks again when its sign-in takes too long.
    fn sign_in(&mut self, limit: Duration) -> Cost {
        let start = self.now;
        let mut until = start;
        while !self.device.client.is_signed_in() {
            if self.now >= until {
                until = self.now + limit;
                self.device.client.sign_in(self.now, limit);
            }
            self.transmit();
            self.step(Some(until));
        }
        self.take_cost(start)
    }

    fn post(&mut self, pace: Pace) -> Cost {
        let start = self.now;
        let mut sent = 0;
        loop {
            let due = match pace {
                Pace::EachMinute => start + MINUTE.saturating_mul(sent),
                Pace::BackToBack if !self.posted.is_empty() => Instant::from_millis(u64::MAX),
                Pace::BackToBack | Pace::AtOnce => start,
            };
            if sent == MESSAGES && self.posted.is_empty() {
                return self.take_cost(start);
            }
            if sent < MESSAGES && due <= self.now {
                sent += 1;
                self.post_one();
                continue;
            }
            self.transmit();
            self.step((sent < MESSAGES).then_some(due));
        }
    }

    fn post_one(&mut self) {
        let request = Request {
            confirmable: true,
            path: PATH,
            content_format: ContentFormat::Json,
            payload: &PAYLOAD,
        };
        let message = self.next_message;
        self.next_message += 1;
        self.device.client.send(self.now, &request, message).expect("a few messages");
        self.posted.insert(message, self.now);
    }

    /// Lets time pass until something happens, or until `wake`.
    fn step(&mut self, wake: Option<Instant>) {
        let times = [
            wake,
            self.link.next_arrival(),
            self.device.next_timeout(),
            self.server.as_ref().and_then(Server::next_timeout),
        ];
        let next = times.into_iter().flatten().min().expect("something is to happen");
        assert!(next.as_millis() < LIMIT, "nothing ends");
        self.now = next.max(self.now);
        while let Some((direction, datagram)) = self.link.arrived(self.now) {
            match direction {
                Direction::ToServer => self.serve(datagram),
                Direction::ToClient => {
                    for message in self.device.handle_datagram(self.now, datagram) {
                        let posted = self.posted.remove(&message).expect("it was posted");
                        self.cost.took.push((self.now - posted).as_millis());
                    }
                }
            }
            self.transmit();
        }
        if let Some(server) = &mut self.server {
            server.handle_timeout(self.now);
        }
        self.device.handle_timeout(self.now);
        while let Some(event) = self.device.client.poll_event() {
            if let Event::GaveUp { application, .. } = event {
                self.posted.remove(&application);
                self.cost.lost += 1;
            }
        }
        self.transmit();
    }

    /// Gives the link what either side has to send, but for answers.
    fn transmit(&mut self) {
        while let Some(datagram) = self.device.poll_handshake() {
            self.send(Direction::ToServer, &datagram);
        }
        while let Some((message, datagram)) = self.device.poll_message(self.now) {
            let arrival = self.send(Direction::ToServer, &datagram);
            let copies = self.copies.entry(message_id(&message)).or_default();
            if copies.are_under_way(self.now) {
                self.cost.needless += 1;
            }
            copies.arrivals.extend(arrival);
        }
        while let Some(datagram) = self.server.as_mut().and_then(Server::poll_transmit) {
            self.send(Direction::ToClient, &datagram);
        }
    }

    /// What came to the server.
    fn serve(&mut self, datagram: Vec<u8>) {
        let messages = match &mut self.server {
            Some(server) => server.handle_datagram(self.now, datagram),
            None => vec![datagram],
        };
        self.transmit();
        for message in messages {
            let Some(answer) = self.cloud.answer(&message) else {
                continue;
            };
            let datagram = match &mut self.server {
                Some(server) => server.encrypt(&answer),
                None => answer,
            };
            let arrival = self.send(Direction::ToClient, &datagram);
            self.copies.entry(message_id(&message)).or_default().answers.extend(arrival);
        }
    }

    fn send(&mut self, direction: Direction, datagram: &[u8]) -> Option<Instant> {
        self.cost.datagrams += 1;
        self.cost.bytes += datagram.len();
        self.link.send(self.now, direction, datagram).arrival
    }

    /// What was counted since the last call. A part that posts nothing took as long as it
    /// lasted.
    fn take_cost(&mut self, start: Instant) -> Cost {
        let mut cost = std::mem::take(&mut self.cost);
        if cost.took.is_empty() && cost.lost == 0 {
            cost.took.push((self.now - start).as_millis());
        }
        cost
    }
}

/// RFC 7252, section 3.
fn message_id(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[2], message[3]])
}

#[cfg(test)]
mod tests {
    use iot_coap_client::TransmissionParameters;
    use iot_coap_test_support::network::{Conditions, Odds, losing};

    use super::*;

    fn settings() -> Settings {
        Settings {
            transmission: TransmissionParameters {
                learns_round_trips: false,
                ..TransmissionParameters::default()
            },
            max_in_flight: 0,
            handshake_timeout: Duration::from_secs(1),
            sign_in_limit: Duration::from_secs(60),
        }
    }

    fn delayed(one_way_ms: u64) -> Profile {
        let way = Conditions::delayed(Duration::from_millis(one_way_ms));
        Profile { name: "a test's", to_server: way, to_client: way, odds: Odds::default() }
    }

    #[test]
    fn each_message_is_a_request_and_an_answer() {
        let run = run(&delayed(50), 0, &settings(), None, Plan::Everything).expect("a run");
        for cost in [&run.each_minute, &run.back_to_back, &run.at_once] {
            assert_eq!((cost.datagrams, cost.needless, cost.lost), (20, 0, 0));
            assert_eq!(cost.took, [100; 10]);
        }
        assert_eq!((run.signed_in.datagrams, run.signed_in.took), (2, vec![100]));
    }

    /// The answer comes after 5 s; the timer of 2 to 3 s runs out once before, and once
    /// doubled after 6 s at the earliest.
    #[test]
    fn a_slow_network_has_each_message_sent_again_needlessly() {
        let run = run(&delayed(2500), 0, &settings(), None, Plan::Everything).expect("a run");
        for cost in [&run.each_minute, &run.back_to_back, &run.at_once] {
            assert_eq!((cost.needless, cost.lost), (10, 0));
            assert_eq!(cost.took, [5000; 10]);
        }
    }

    #[test]
    fn a_retransmission_of_what_is_lost_is_not_needless() {
        // A lost answer costs a request and an answer more, a lost request no answer.
        for (lost, datagrams) in [(Direction::ToServer, 21), (Direction::ToClient, 22)] {
            let way = Conditions::delayed(Duration::from_millis(50));
            let link = SimulatedLink::new(way, way, 0, losing(lost, [1]));
            let mut simulation = Simulation::on(link, 0, &settings(), None);
            simulation.sign_in(Duration::from_secs(60));
            let cost = simulation.post(Pace::AtOnce);
            assert_eq!((cost.datagrams, cost.needless, cost.lost), (datagrams, 0, 0));
            // 2 to 3 s, and the round trip.
            let last = cost.took.last().expect("ten answers");
            assert!((2100..=3100).contains(last), "{last}");
        }
    }

    /// RFC 6347, section 4.2.4, figure 1: three flights each way, with the cookie.
    #[test]
    fn a_handshake_takes_three_round_trips() {
        let (root, leaf) = iot_coap_test_support::certificates::rsa();
        let context = crate::server::context(&leaf);
        let config = iot_coap_test_support::dtls::certificates(&root);
        let secured = Secured { context: &context, config };
        let run = run(&delayed(50), 0, &settings(), Some(secured), Plan::Nothing);
        let run = run.expect("the machine is not that busy");
        assert_eq!((run.connected.took, run.signed_in.took), (vec![300], vec![100]));
    }
}
