//! What a link makes of what is read for it: datagrams, and reads that failed.

use core::ops::Range;

use iot_coap_client::Instant;

use super::Link;
#[cfg(feature = "dtls-psk")]
use super::Transport;
use super::candidate::Candidate;
use super::health::Cause;
use super::reading::Side;
use super::reopening::Coarse;
use crate::log::{Queue, log_later};
use crate::port::IoError;

impl Link {
    /// Takes a datagram, or what is left of one, and returns where in it there is a
    /// CoAP message in clear, and where the rest begins; `None` once all is read.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        side: Side,
        datagram: &mut [u8],
        log: &mut Queue,
    ) -> Option<(Range<usize>, usize)> {
        // A session that was the candidate's a moment ago has the transport's place, and the rest
        // of what came with its Finished is for it.
        if side == Side::Candidate && !(self.candidate.is_none() && self.is_session()) {
            if self.probe().is_some() {
                self.take_candidate();
                self.handle_sign_of_life();
                return Some((0..datagram.len(), datagram.len()));
            }
            let found = self.candidate.as_mut()?.handle_datagram(now, datagram, log);
            self.judge_candidate(now);
            return found;
        }
        let found = match self.transport.as_mut()? {
            #[cfg(feature = "dtls-psk")]
            Transport::Session(session) => {
                let Ok(found) = session.handle_datagram(now, datagram, log) else {
                    log_later!(log, Info, "the session has ended");
                    self.end_session(now);
                    return None;
                };
                let Some(found) = found else {
                    self.judge_forgeries(now, log);
                    return None;
                };
                found
            }
            _ => (0..datagram.len(), datagram.len()),
        };
        self.handle_sign_of_life();
        if self.candidate.is_some() && !self.needs_renewal() {
            self.retire_candidate();
        }
        Some(found)
    }

    /// A record was dropped. Before too many were forged, another session is opened.
    #[cfg(feature = "dtls-psk")]
    fn judge_forgeries(&mut self, now: Instant, log: &mut Queue) {
        if self.candidate.is_none() && self.health.is_open() && self.needs_renewal() {
            log_later!(log, Warning, "many forged records; opening another session");
            self.suspect(now, false);
        }
    }

    /// A read failed.
    pub(crate) fn handle_read_error(
        &mut self,
        now: Instant,
        side: Side,
        error: IoError,
        log: &mut Queue,
    ) {
        match side {
            Side::Transport => {
                if self.health.is_open() {
                    let what = if error.is_unreachable() { "is refused" } else { "failed" };
                    log_later!(log, Info, "the connection {what} ({}); opening another", error.0);
                }
                if error.is_unreachable() || !self.is_session() {
                    self.suspect(now, !error.is_unreachable());
                } else {
                    self.end_session(now);
                }
            }
            Side::Candidate if self.candidate.as_mut().is_some_and(Candidate::outlasts_error) => {
                log_later!(log, Debug, "the handshake goes on after an error ({})", error.0);
            }
            Side::Candidate if self.candidate.is_some() => {
                log_later!(log, Info, "no connection: refused ({})", error.0);
                self.fail_candidate(now, Cause::Refused);
            }
            Side::Candidate => {}
        }
    }

    /// There is no memory to read into what comes for the candidate. It would wait in vain
    /// until it is too late, and hold memory meanwhile.
    #[cfg(feature = "dtls-psk")]
    pub(crate) fn handle_no_memory(&mut self, now: Instant, log: &mut Queue) {
        if self.candidate.is_some() {
            log_later!(log, Error, "no connection: out of memory");
            self.fail_candidate(now, Cause::Handshake);
        }
    }

    /// Notes that nobody listens at the peer's port. Returns whether that is news.
    #[cfg(feature = "port-linux")]
    pub(crate) const fn note_refusal(&mut self) -> bool {
        !core::mem::replace(&mut self.has_noted_refusal, true)
    }

    fn handle_sign_of_life(&mut self) {
        #[cfg(feature = "port-linux")]
        {
            self.has_noted_refusal = false;
        }
        self.health.handle_sign_of_life();
        self.give_up_at = Coarse::NEVER;
    }
}
