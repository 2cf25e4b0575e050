//! Decides when to send a flight again (RFC 6347, section 4.2.4), and when to give up.

use iot_coap_time::{Duration, Instant};

use crate::error::{Error, Violation};

/// The most repetitions of the final flight with application data. If none of these
/// arrived, the server is gone.
const MAX_FINAL_FLIGHT_REPEATS: u8 = 4;

/// The retransmission timer of one side. The comments speak of a client and its server, but
/// apply to a server and its client as well.
///
/// Each flight uses what the previous one has shown of the network. A timer that was raised
/// before the server answered stays raised until a flight is answered that was sent only
/// once (RFC 6347, section 4.2.4.1), and it is never shorter than one and a half times the
/// time of the last answer. So on a slow link, only the first flight is sent more often
/// than necessary.
pub(crate) struct Retransmission {
    // Times are in milliseconds, as 32 bits: weeks are enough, and take half as many bytes.
    first_timeout: u32,
    max_timeout: u32,
    /// How long to wait for the answer to the latest transmission.
    timeout: u32,
    /// The `timeout` of the next flight.
    next_timeout: u32,
    deadline: Option<Instant>,
    /// When the flight first became due.
    started: Instant,
    /// When the flight last became due.
    due_since: Instant,
    /// How often the flight was sent again.
    repeats: u8,
    /// Part of the answer to the flight has arrived.
    is_answered: bool,
    /// How long after a transmission the server's repetitions cannot be a reaction to it.
    pause: u32,
    round_trip: Option<u32>,
    /// How often application data has been sent since the final flight.
    sends_after_final_flight: u8,
    unauthenticated_error: Option<UnauthenticatedError>,
}

/// An unprotected alert or unexpected message, which anybody may have sent. The handshake
/// goes on, and the flight is retransmitted once more. Only if that is not answered in time
/// either, the error counts.
///
/// So a server's refusal is reported within three times the current timeout, and nobody
/// else can end the handshake with a server that answers.
#[derive(Clone, Copy)]
struct UnauthenticatedError {
    error: Error,
    /// Whether the flight has been retransmitted since.
    retransmitted: bool,
}

impl Retransmission {
    /// A timer for a session without a handshake.
    pub(crate) fn idle() -> Self {
        Self {
            first_timeout: 0,
            max_timeout: 0,
            timeout: 0,
            next_timeout: 0,
            deadline: None,
            started: Instant::from_millis(0),
            due_since: Instant::from_millis(0),
            repeats: 0,
            is_answered: false,
            pause: 0,
            round_trip: None,
            sends_after_final_flight: 0,
            unauthenticated_error: None,
        }
    }

    /// A timer for a handshake whose first flight is due. The timeout is doubled for each
    /// retransmission, from `first_timeout` up to `max_timeout`.
    pub(crate) fn started(first_timeout: Duration, max_timeout: Duration, now: Instant) -> Self {
        let [first_timeout, max_timeout] =
            [first_timeout, max_timeout].map(Duration::as_millis_u32);
        let next_timeout = first_timeout;
        let mut retransmission = Self { first_timeout, max_timeout, next_timeout, ..Self::idle() };
        retransmission.pause = retransmission.shortest_pause();
        retransmission.start(now);
        retransmission
    }

    /// Notes that a new flight is due, which the server must answer.
    pub(crate) fn start(&mut self, now: Instant) {
        self.final_flight(now);
        self.timeout = self.next_timeout;
        self.deadline = Some(now + millis(self.timeout));
    }

    /// Notes that the client's final flight is due. It has no answer: the server asks for
    /// it again by retransmitting its own flight.
    pub(crate) fn final_flight(&mut self, now: Instant) {
        self.started = now;
        self.due_since = now;
        self.repeats = 0;
        self.is_answered = false;
    }

    /// Notes that part of the answer to the flight has arrived. The first part shows the
    /// speed of the network; the rest may be lost and sent again.
    ///
    /// For a repeated flight, it is unknown which transmission was answered, so the answer
    /// gives no round trip (Karn's algorithm), but limits it.
    pub(crate) fn answer_begins(&mut self, now: Instant) {
        if self.is_answered {
            return;
        }
        self.is_answered = true;
        let took = (now - self.started).as_millis_u32();
        let took_at_least = (now - self.due_since).as_millis_u32();
        let mut timeout = self.timeout;
        if self.repeats == 0 {
            self.round_trip = Some(took);
            timeout = self.first_timeout;
        }
        self.next_timeout = timeout.max(took.saturating_add(took / 2)).min(self.max_timeout);
        // If the answer came soon after a transmission, it probably answers that one, and
        // the earlier ones were lost. A slow answer would hardly arrive just then.
        self.pause = self.shortest_pause();
        if took_at_least > self.pause {
            self.pause = took;
        }
    }

    /// Stops the timer, since no answer is awaited any more.
    pub(crate) fn stop(&mut self) {
        self.deadline = None;
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// How often the flight was sent again.
    pub(crate) fn repeats(&self) -> u8 {
        self.repeats
    }

    /// How long the latest answer to a flight that was sent only once took to begin.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.map(millis)
    }

    /// Whether the timer has expired, so that the flight must be sent again.
    ///
    /// # Errors
    ///
    /// The unprotected error, if it counts now.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Result<bool, Error> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return Ok(false);
        }
        match &mut self.unauthenticated_error {
            Some(UnauthenticatedError { error, retransmitted: true }) => return Err(*error),
            Some(pending) => pending.retransmitted = true,
            None => {}
        }
        self.timeout = self.timeout.saturating_mul(2).min(self.max_timeout);
        self.deadline = Some(now + millis(self.timeout));
        self.repeat(now);
        Ok(true)
    }

    /// The shortest time between two answers to the server's retransmissions, which allows
    /// four in each first timeout.
    fn shortest_pause(&self) -> u32 {
        (self.first_timeout / 4).max(1)
    }

    /// Makes the flight due again.
    pub(crate) fn repeat(&mut self, now: Instant) {
        self.due_since = now;
        self.repeats = self.repeats.saturating_add(1);
    }

    /// Remembers an error that may be forged. The first one counts.
    pub(crate) fn note_unauthenticated_error(&mut self, error: Error) {
        let error = UnauthenticatedError { error, retransmitted: false };
        self.unauthenticated_error.get_or_insert(error);
    }

    /// The error that may be forged, and does not count yet.
    #[cfg(feature = "server")]
    pub(crate) fn unauthenticated_error(&self) -> Option<Error> {
        self.unauthenticated_error.map(|pending| pending.error)
    }

    /// Notes that an expected message has arrived, so the server is still there. A
    /// contradiction still counts, but the next flight may be lost once as well.
    pub(crate) fn server_answered(&mut self) {
        self.unauthenticated_error = self.unauthenticated_error.take().and_then(|pending| {
            let is_contradiction =
                matches!(pending.error, Error::Protocol(Violation::Contradiction));
            is_contradiction.then_some(UnauthenticatedError { retransmitted: false, ..pending })
        });
    }

    /// Handles a retransmission of the server's flight, which shows that the server has not
    /// received the answer (RFC 6347, section 4.2.4). Returns whether to send the answer
    /// again: at most four times in each first timeout, or two sides that answer each
    /// other's retransmissions would flood the network.
    ///
    /// On a slow network, the answer is not sent again before the server can have received
    /// it. Earlier retransmissions only show that the server's timer is short, or that it
    /// answers each transmission of this side's last flight.
    pub(crate) fn peer_retransmits(&mut self, now: Instant) -> bool {
        let is_due = now >= self.due_since + millis(self.pause);
        if is_due {
            self.repeat(now);
        }
        is_due
    }

    /// Returns whether to send the final flight again, now that application data was sent:
    /// the flight may have been lost.
    ///
    /// Only application data from the server proves that it has the client's final flight.
    /// A server that waits for the flight may stop retransmitting its own flight when other
    /// records arrive; GnuTLS does.
    pub(crate) fn sent_after_final_flight(&mut self) -> bool {
        let is_due = (1..=MAX_FINAL_FLIGHT_REPEATS).contains(&self.sends_after_final_flight);
        self.sends_after_final_flight = self.sends_after_final_flight.saturating_add(1);
        is_due
    }
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}
