//! A device without sockets: the client, and under it the DTLS engine or nothing.

use std::convert::Infallible;

use iot_coap_client::{
    Client, Config, Device as Identity, Endpoint, Instant, Received, TransmissionParameters,
};
use iot_coap_dtls::rand_core::{TryCryptoRng, TryRng};
use iot_coap_dtls::{Client as Session, Config as SessionConfig, Datagram, Duration, State};

/// The published sample's identity.
const PRODUCT_KEY: &str = "a1RP1qZfrEi";
const DEVICE_NAME: &str = "example1";
const DEVICE_SECRET: &str = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";

/// Where messages go.
pub(crate) const PATH: &[u8] = b"/topic/a1RP1qZfrEi/example1/update";

/// The longest time between two transmissions of a flight (RFC 6347, section 4.2.4.1).
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How a device is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Of the client.
    pub(crate) transmission: TransmissionParameters,
    /// How many messages may be in flight; 0 for any number.
    pub(crate) max_in_flight: u16,
    /// How long the DTLS engine waits for an answer at first.
    pub(crate) handshake_timeout: Duration,
    /// How long a program waits for a sign-in before it asks again.
    pub(crate) sign_in_limit: Duration,
}

/// Numbers that a seed gives. They are no secret, nor need they be.
pub(crate) struct SeededRandom(u64);

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| (number >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        // splitmix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(mixed ^ (mixed >> 31))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let Ok(number) = self.try_next_u64();
            chunk.copy_from_slice(&number.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for SeededRandom {}

/// The client and its session.
pub(crate) struct Device {
    pub(crate) client: Client<usize>,
    session: Option<Session<SeededRandom>>,
}

impl Device {
    /// A device that speaks CoAP over UDP, or DTLS by `session`.
    pub(crate) fn new(seed: u64, settings: &Settings, session: Option<SessionConfig>) -> Self {
        let identity = Identity::new(PRODUCT_KEY, DEVICE_NAME, "", DEVICE_SECRET);
        let endpoint = Endpoint::parse("coap://localhost").expect("a URL");
        let config = Config::new(identity.expect("it fits"), &endpoint, seed);
        let session = session.map(|config| {
            let config = config.timeouts(settings.handshake_timeout, LONGEST_TIMEOUT);
            let random = SeededRandom(seed);
            Session::new(config, random, Instant::from_millis(0)).expect("a session")
        });
        let config = config.transmission(settings.transmission);
        Self { client: Client::new(config.max_in_flight(settings.max_in_flight)), session }
    }

    /// Whether the client can send.
    pub(crate) fn is_connected(&self) -> bool {
        self.session.as_ref().is_none_or(|session| session.state() == State::Connected)
    }

    /// Has the client learn from the handshake, as the C library does.
    pub(crate) fn learn(&mut self, now: Instant) {
        if let Some(round_trip) = self.session.as_ref().and_then(Session::round_trip) {
            self.client.learn_round_trip(now, round_trip);
        }
    }

    /// A datagram of the session's own.
    pub(crate) fn poll_handshake(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 2048];
        let len = self.session.as_mut()?.poll_transmit(&mut buffer)?;
        Some(buffer[..len].to_vec())
    }

    /// A message of the client's, in clear and as it is sent.
    pub(crate) fn poll_message(&mut self, now: Instant) -> Option<(Vec<u8>, Vec<u8>)> {
        if !self.is_connected() {
            return None;
        }
        let message = self.client.poll_transmit(now)?.datagram.to_vec();
        let Some(session) = &mut self.session else {
            return Some((message.clone(), message));
        };
        let mut buffer = [0; 2048];
        let len = session.send(&message, &mut buffer).expect("it is connected");
        Some((message, buffer[..len].to_vec()))
    }

    /// Takes a datagram, and returns which messages it answers.
    pub(crate) fn handle_datagram(&mut self, now: Instant, mut datagram: Vec<u8>) -> Vec<usize> {
        let mut answered = Vec::new();
        let mut handle = |message: &mut [u8]| {
            if let Received::Response(response) = self.client.handle_datagram(now, message) {
                answered.push(response.application);
            }
        };
        let Some(session) = &mut self.session else {
            handle(&mut datagram);
            return answered;
        };
        let mut datagram = Datagram::new(&mut datagram);
        while let Some(plaintext) =
            session.handle_datagram(now, &mut datagram).expect("the server is no enemy")
        {
            handle(&mut plaintext.to_vec());
        }
        answered
    }

    /// When to call [`handle_timeout`](Self::handle_timeout).
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let session = self.session.as_ref().and_then(Session::next_timeout);
        session.into_iter().chain(self.client.next_timeout()).min()
    }

    /// Tells both what time it is.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_timeout(now).expect("the server is no enemy");
        }
        self.client.handle_timeout(now);
    }
}
