//! When to send a flight again (RFC 6347, section 4.2.4), and when to give up.

use iot_coap_time::{Duration, Instant};

use crate::error::Error;

/// How often the final flight is repeated along with application data. A server that
/// received none of these is gone.
const MAX_FINAL_FLIGHT_REPEATS: u8 = 4;

/// The retransmission timer of a client.
pub(super) struct Retransmission {
    first_timeout: Duration,
    max_timeout: Duration,
    timer: Option<Timer>,
    /// When the flight last became due.
    due_since: Instant,
    /// How often application data has been sent since the final flight.
    sends_after_final_flight: u8,
    unauthenticated_error: Option<UnauthenticatedError>,
}

struct Timer {
    deadline: Instant,
    timeout: Duration,
}

/// An alert or an unexpected message that came without protection, so that anybody may
/// have sent it. The handshake goes on and the flight is retransmitted once more. Only if
/// that is not answered in time either, the error counts.
///
/// So a server's refusal is reported within three times the first timeout, and nobody else
/// can end the handshake with a server that answers.
#[derive(Clone, Copy)]
struct UnauthenticatedError {
    error: Error,
    /// Whether the flight has been retransmitted since.
    retransmitted: bool,
}

impl Retransmission {
    /// For a session without a handshake.
    pub(super) fn idle() -> Self {
        Self {
            first_timeout: Duration::ZERO,
            max_timeout: Duration::ZERO,
            timer: None,
            due_since: Instant::from_millis(0),
            sends_after_final_flight: 0,
            unauthenticated_error: None,
        }
    }

    /// For a handshake whose first flight is due. The timeout is doubled for each
    /// retransmission, from `first_timeout` up to `max_timeout`.
    pub(super) fn started(first_timeout: Duration, max_timeout: Duration, now: Instant) -> Self {
        let mut retransmission = Self { first_timeout, max_timeout, ..Self::idle() };
        retransmission.start(now);
        retransmission
    }

    /// A new flight is due, to which the server must answer.
    pub(super) fn start(&mut self, now: Instant) {
        let timeout = self.first_timeout;
        self.due_since = now;
        self.timer = Some(Timer { deadline: now + timeout, timeout });
    }

    /// The final flight of the client is due. There is no answer to wait for: the server
    /// asks for it by retransmitting its own flight.
    pub(super) fn final_flight(&mut self, now: Instant) {
        self.due_since = now;
    }

    /// No answer is awaited any more.
    pub(super) fn stop(&mut self) {
        self.timer = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timer.as_ref().map(|timer| timer.deadline)
    }

    /// Whether the timer has expired, so that the flight must be sent again.
    ///
    /// # Errors
    ///
    /// The error that came without protection, if it counts now.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Result<bool, Error> {
        let Some(timer) = &mut self.timer else { return Ok(false) };
        if now < timer.deadline {
            return Ok(false);
        }
        match &mut self.unauthenticated_error {
            Some(UnauthenticatedError { error, retransmitted: true }) => return Err(*error),
            Some(pending) => pending.retransmitted = true,
            None => {}
        }
        timer.timeout = (timer.timeout + timer.timeout).min(self.max_timeout);
        timer.deadline = now + timer.timeout;
        self.due_since = now;
        Ok(true)
    }

    /// Remembers an error that may be forged. The first one counts.
    pub(super) fn note_unauthenticated_error(&mut self, error: Error) {
        let error = UnauthenticatedError { error, retransmitted: false };
        self.unauthenticated_error.get_or_insert(error);
    }

    /// An expected message has come, so the server is still there.
    pub(super) fn server_answered(&mut self) {
        self.unauthenticated_error = None;
    }

    /// The server retransmits its flight, so it has not received the answer (RFC 6347,
    /// section 4.2.4). Whether to send the answer again: at most four times in each first
    /// timeout, or two sides that answer each other's retransmissions would flood the
    /// network.
    pub(super) fn server_retransmits(&mut self, now: Instant) -> bool {
        let pause = Duration::from_millis((self.first_timeout.as_millis() / 4).max(1));
        let is_due = now >= self.due_since + pause;
        if is_due {
            self.due_since = now;
        }
        is_due
    }

    /// Application data was sent, and the final flight may have been lost. Whether to send
    /// the flight again.
    ///
    /// Nothing but application data from the server proves that it has the client's final
    /// flight. A server that waits for it may treat other records as a reason not to
    /// retransmit its own flight; GnuTLS does.
    pub(super) fn sent_after_final_flight(&mut self) -> bool {
        let is_due = (1..=MAX_FINAL_FLIGHT_REPEATS).contains(&self.sends_after_final_flight);
        self.sends_after_final_flight = self.sends_after_final_flight.saturating_add(1);
        is_due
    }
}
