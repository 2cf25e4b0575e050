//! Handles the reads of a link: datagrams, and failures.

use core::ops::Range;

use iot_coap_client::Instant;

use super::Link;
#[cfg(feature = "dtls-psk")]
use super::Transport;
use super::candidate::Candidate;
use super::cause::Cause;
use super::reading::Side;
use super::reopening::Coarse;
use crate::log::{Queue, log_later};
use crate::port::IoError;

impl Link {
    /// Handles a datagram, or the rest of one. Returns where in it the next decrypted CoAP
    /// message is, and where the rest begins; `None` once everything is read.
    pub(crate) fn handle_datagram(
        &mut self,
        now: Instant,
        side: Side,
        datagram: &mut [u8],
        log: &mut Queue,
    ) -> Option<(Range<usize>, usize)> {
        // The candidate's session has just become the transport, so the rest of the
        // datagram with its Finished is for the transport.
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

    /// A record was dropped. Another session is opened before too many are forged.
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

    /// There is no memory for the candidate's datagrams. The candidate would wait in vain
    /// until its time is over, and hold memory meanwhile.
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
        self.health.note_refusal()
    }

    fn handle_sign_of_life(&mut self) {
        self.health.handle_sign_of_life();
        self.give_up_at = Coarse::NEVER;
    }
}
