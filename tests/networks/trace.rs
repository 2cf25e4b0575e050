//! What went over a network, datagram by datagram, as somebody sees it who has no keys.

use iot_coap_test_support::network::{Direction, Passed};

/// Content types of records (RFC 5246, section 6.2.1; RFC 9146, section 4).
const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CONNECTION_ID: u8 = 25;

/// Of a DTLS record: what stands before its content, and where in it the epoch is.
const RECORD_HEADER: usize = 13;
const EPOCH: std::ops::Range<usize> = 3..5;

/// Over what messages go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Over {
    Udp,
    Dtls,
}

impl Over {
    pub(crate) const ALL: [Self; 2] = [Self::Udp, Self::Dtls];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Dtls => "DTLS",
        }
    }

    /// What a datagram is.
    pub(crate) fn kind(self, datagram: &[u8]) -> &'static str {
        match self {
            Self::Udp => coap_kind(datagram),
            Self::Dtls => record_kind(datagram),
        }
    }
}

/// RFC 7252, section 3.
fn coap_kind(datagram: &[u8]) -> &'static str {
    match datagram {
        [first, 0, ..] if first >> 4 & 3 == 2 => "ACK",
        [first, ..] => ["CON", "NON", "ACK with answer", "RST"][usize::from(first >> 4 & 3)],
        [] => "nothing",
    }
}

/// By its first record.
fn record_kind(datagram: &[u8]) -> &'static str {
    match datagram.first() {
        Some(&HANDSHAKE) if datagram[EPOCH] != [0, 0] => "Finished",
        Some(&HANDSHAKE) => match datagram.get(RECORD_HEADER) {
            Some(1) => "ClientHello",
            Some(2) => "ServerHello",
            Some(3) => "HelloVerifyRequest",
            Some(4) => "NewSessionTicket",
            Some(11) => "Certificate",
            Some(12) => "ServerKeyExchange",
            Some(14) => "ServerHelloDone",
            Some(16) => "ClientKeyExchange",
            _ => "handshake",
        },
        Some(&CHANGE_CIPHER_SPEC) => "ChangeCipherSpec",
        Some(&ALERT) => "alert",
        Some(&APPLICATION_DATA | &CONNECTION_ID) => "message",
        _ => "unknown",
    }
}

/// What one run sent.
pub(crate) struct Trace {
    pub(crate) over: Over,
    pub(crate) passed: Vec<Passed>,
}

impl Trace {
    /// Datagrams and bytes in one direction.
    pub(crate) fn sum(&self, direction: Direction) -> (usize, usize) {
        let those = self.passed.iter().filter(|each| each.direction == direction);
        those.fold((0, 0), |(count, bytes), each| (count + 1, bytes + each.datagram.len()))
    }

    /// When the first answer to a message arrived, in milliseconds since the first datagram.
    pub(crate) fn answered(&self) -> Option<u64> {
        let start = self.passed.first()?.at;
        let answers = self.passed.iter().filter(|each| {
            let kind = self.over.kind(&each.datagram);
            each.direction == Direction::ToClient && ["ACK with answer", "message"].contains(&kind)
        });
        answers.filter_map(|each| each.arrival).map(|at| (at - start).as_millis()).min()
    }

    /// A line for each datagram.
    pub(crate) fn lines(&self) -> Vec<String> {
        let start = self.passed.first().map(|first| first.at);
        let line = |each: &Passed| {
            let at = start.map_or(0, |start| (each.at - start).as_millis());
            let way = if each.direction == Direction::ToServer { "->" } else { "<-" };
            let lost = if each.arrival.is_none() { ", lost" } else { "" };
            let kind = self.over.kind(&each.datagram);
            let (seconds, bytes) = (at / 1000, each.datagram.len());
            format!("{seconds:>3}.{:03} s {way} {bytes:>4} {kind}{lost}", at % 1000)
        };
        self.passed.iter().map(line).collect()
    }
}
