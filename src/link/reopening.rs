//! Opens a link anew: when, after how long a pause, and what replaces the transport.

use core::task::Poll;

use iot_coap_client::{Duration, Instant};

use super::candidate::{Candidate, Progress};
use super::connector::Opened;
use super::transport::Transport;
use super::{Link, State};
use crate::log::Queue;
use crate::port::Udp;

/// The first pause before a link is opened again; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What has to be done with no lock held.
pub(crate) enum Work {
    /// Open a transport, by [`Connector::reopen`](super::Connector::reopen).
    Open,
    /// Go on with a socket that is connected, by
    /// [`Connector::open_over`](super::Connector::open_over).
    OpenOver(Udp),
}

impl Link {
    /// What is to be done with no lock held; [`open`](Self::open) takes the result.
    pub(crate) fn work(&mut self, now: Instant) -> Option<Work> {
        match (&mut self.candidate, self.state) {
            (Some(candidate), _) => {
                let Poll::Ready(socket) = candidate.poll_socket() else { return None };
                self.candidate = None;
                if socket.is_none() {
                    self.fail_candidate(now);
                }
                socket.map(Work::OpenOver)
            }
            (None, State::BackingOff { until }) if now < until => None,
            (None, State::Open) => None,
            (None, State::Suspect | State::BackingOff { .. }) => Some(Work::Open),
        }
    }

    /// Takes what was opened, or that nothing was.
    pub(crate) fn open(&mut self, now: Instant, opened: Option<Opened>, log: &mut Queue) {
        match opened {
            Some(Opened::Ready(transport)) => self.renew(transport),
            Some(Opened::Candidate(mut candidate)) => {
                candidate.start(now, log);
                self.state = State::Suspect;
                self.candidate = Some(candidate);
                self.watch();
                // If it goes on with a kept session, it is ready at once.
                self.judge_candidate(now);
            }
            None => self.fail_candidate(now),
        }
    }

    /// Leaves everything that is open to the process that this one was forked off from, and
    /// opens a transport anew.
    #[cfg(feature = "std")]
    pub(crate) fn leave_to_parent(&mut self) {
        // Before others take their places, and are closed.
        core::mem::take(&mut self.retired).leave_to_parent();
        self.retire_candidate();
        self.retire_transport();
        core::mem::take(&mut self.retired).leave_to_parent();
        // Two owners of one kept session would use the same record numbers.
        self.store = None;
        self.is_renewed = false;
        self.fruitless = 0;
        self.state = State::Suspect;
        self.renew_descriptor();
    }

    /// The transport failed. It is used until another one replaces it.
    pub(super) fn suspect(&mut self, now: Instant) {
        if self.state != State::Open {
            return;
        }
        self.state = if self.fruitless == 0 {
            State::Suspect
        } else {
            State::BackingOff { until: now + self.pause() }
        };
        self.fruitless = self.fruitless.saturating_add(1);
    }

    pub(super) fn fail_candidate(&mut self, now: Instant) {
        self.retire_candidate();
        self.state = State::BackingOff { until: now + self.pause() };
        self.fruitless = self.fruitless.saturating_add(1);
    }

    fn pause(&self) -> Duration {
        FIRST_PAUSE.saturating_mul(1 << self.fruitless.min(6)).min(MAX_PAUSE)
    }

    /// Checks what has become of the candidate.
    pub(super) fn judge_candidate(&mut self, now: Instant) {
        match self.candidate.as_ref().map(|candidate| candidate.progress(now)) {
            Some(Progress::Ready) => {
                if let Some(transport) = self.candidate.take().and_then(Candidate::into_transport) {
                    self.renew(transport);
                }
            }
            Some(Progress::Failed) => self.fail_candidate(now),
            Some(Progress::Waiting) | None => {}
        }
    }

    /// Replaces the transport.
    fn renew(&mut self, transport: Transport) {
        let is_proven = transport.is_session();
        self.retire_transport();
        self.transport = Some(transport);
        self.state = State::Open;
        // Over UDP a message's own timers send it again.
        self.is_renewed = is_proven;
        self.serial = self.serial.wrapping_add(1);
        if is_proven {
            self.fruitless = 0;
        }
        self.watch();
    }
}
