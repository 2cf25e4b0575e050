//! Driving a client: hands it time and datagrams, sends what it says, waits
//! for what comes and calls the application back.
//!
//! The rules. The lock is held while the client decides and while a datagram
//! is handed to the port, never over a callback or a wait. One thread at a
//! time waits in the port's read (`reading`); others that want to wait look in
//! again every few milliseconds. Where the port's link cannot be written while
//! it is read, a message sent meanwhile is left for the reading thread, which,
//! once it has seen that there is another, waits in short slices. Where it can
//! be, the message goes out, but its timers are for the reading thread to see:
//! where messages come from another thread, no read is longer than the time in
//! which the first of those timers can end. A thread that is alone reads for as
//! long as it is to wait.

use iot_coap_client::{
    Attempt, Client, ExchangeId, MAX_MESSAGE_LEN, Received, Request, Response, SIGN_IN_LIMIT_MS,
    SendError, SignInError,
};

use crate::context::{Application, Context, State};
use crate::extension::iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SESSION_RENEWED;
use crate::extension::iotx_coap_notice_t;
use crate::lock::Guard;
use crate::log::log;
use crate::port;
use crate::thread;
use crate::transport::Link;

/// How long a thread waits before it looks whether it can read.
const TURN_MS: u64 = 5;

/// How long a read waits at a time where another thread's messages wait for it.
const SLICE_MS: u64 = 20;

/// A DTLS peer from which nothing has come for so long, though it was sent to,
/// has forgotten the session: it cannot say so, and drops what it is sent.
const SILENCE_MS: u64 = 15_000;

/// How long to wait after a read that failed at once.
const FAILED_READ_MS: u64 = 10;

/// The first pause before a link is opened again; it doubles up to the longest.
const FIRST_PAUSE_MS: u64 = 1000;
const LONGEST_PAUSE_MS: u64 = 60_000;

/// What a thread waits for.
pub(crate) enum Until<'a> {
    /// A datagram that was handled, or the time.
    Datagram,
    /// This to be so, or the time.
    True(&'a dyn Fn(&Client<Application>) -> bool),
}

/// Why a message was not sent.
pub(crate) enum Unsent {
    Refused(SendError),
    Network,
}

impl Context {
    /// Handles what arrives, for as long as one wait.
    pub(crate) fn yield_once(&self) {
        self.wait(u64::from(self.wait_ms), &Until::Datagram);
    }

    /// Signs in, and waits for that to end. `None`: the network refused.
    pub(crate) fn sign_in(&self) -> Option<Result<(), SignInError>> {
        let mut state = self.state.lock();
        let limit_ms = SIGN_IN_LIMIT_MS.max(u64::from(self.wait_ms));
        let now = state.now();
        let Some((attempt, transmitted)) = self.begin_sign_in(&mut state, now, limit_ms) else {
            return Some(Ok(()));
        };
        // A DTLS session that ended is opened again, and the request sent.
        if transmitted == Transmitted::Refused && state.reopening().is_none() {
            state.client.cancel_sign_in(now);
            return None;
        }
        drop(state);
        // The client keeps the time limit; this one is for a clock that stands
        // still.
        self.wait(
            limit_ms.saturating_mul(2),
            &Until::True(&|client| client.sign_in_outcome(attempt).is_some()),
        );
        let state = self.state.lock();
        Some(state.client.sign_in_outcome(attempt).unwrap_or(Err(SignInError::NotAnswered)))
    }

    /// Starts to sign in, for `limit_ms` at most. Says whether that is under way,
    /// or not needed.
    #[cfg(feature = "extension")]
    pub(crate) fn start_sign_in(&self, limit_ms: u64) -> Result<bool, SignInError> {
        let mut state = self.state.lock();
        let now = state.now();
        let Some((attempt, _)) = self.begin_sign_in(&mut state, now, limit_ms) else {
            return Ok(false);
        };
        // Where the network refused the request there are further tries.
        state.client.sign_in_outcome(attempt).transpose().map(|_| true)
    }

    /// Starts to sign in and sends the request, unless an access token was kept
    /// over a restart: that is as good as a new one until the cloud says otherwise,
    /// which the first message tells.
    fn begin_sign_in(
        &self,
        state: &mut State,
        now: u64,
        limit_ms: u64,
    ) -> Option<(Attempt, Transmitted)> {
        if core::mem::take(&mut state.restored) && state.client.is_signed_in() {
            return None;
        }
        state.sender = Some(thread::current());
        let attempt = state.client.sign_in(now, limit_ms);
        Some((attempt, self.transmit(state, now, None)))
    }

    /// Sends a message.
    pub(crate) fn send(
        &self,
        request: &Request<'_>,
        application: Application,
    ) -> Result<(), Unsent> {
        let mut state = self.state.lock();
        state.sender = Some(thread::current());
        let now = state.now();
        let sent = state.client.send(now, request, application);
        let exchange = sent.map_err(|(error, _)| Unsent::Refused(error))?;
        if !state.query_logged && state.client.path_was_new() && request.path.contains(&b'?') {
            state.query_logged = true;
            log!(
                Warning,
                "IOT_CoAP_SendMessage: a path has no query; its question mark is sent as a \
                 character of the topic, which the cloud answers with 4.04"
            );
        }
        let transmitted = self.transmit(&mut state, now, Some(exchange));
        // A Confirmable message has further tries; a Non-confirmable one not.
        if transmitted == Transmitted::Refused && !request.confirmable {
            state.client.cancel(exchange);
            return Err(Unsent::Network);
        }
        Ok(())
    }

    /// The token that the next message will carry.
    pub(crate) fn next_token(&self) -> u32 {
        self.state.lock().client.next_token()
    }

    /// Sends all that is due. Says whether the port refused the datagram of
    /// `watched`, or any where that is `None`.
    #[inline]
    fn transmit(&self, state: &mut State, now: u64, watched: Option<ExchangeId>) -> Transmitted {
        if state.client.has_transmit() {
            self.transmit_all(state, now, watched)
        } else {
            Transmitted::Sent
        }
    }

    fn transmit_all(
        &self,
        state: &mut State,
        now: u64,
        watched: Option<ExchangeId>,
    ) -> Transmitted {
        if state.reading {
            state.shared = true;
            if !self.full_duplex {
                return Transmitted::Left;
            }
        }
        let Some(link) = state.link.filter(|_| state.reopening().is_none()) else {
            return Transmitted::Left;
        };
        let mut transmitted = Transmitted::Sent;
        while let Some(transmit) = state.client.poll_transmit(now) {
            if transmit.exchange.is_some() && link.is_session() {
                state.silent_since.get_or_insert(now);
            }
            if let Err(error) = self.address.write(link, transmit.datagram) {
                log!(Warning, "sending failed ({}): {} bytes", error.0, transmit.datagram.len());
                if watched.is_none() || transmit.exchange == watched {
                    transmitted = Transmitted::Refused;
                }
                if link.is_session() {
                    state.reopen_at = Some(now);
                }
            }
        }
        transmitted
    }

    /// Waits, at most `most_ms`; meanwhile does all that a client needs.
    pub(crate) fn wait(&self, most_ms: u64, until: &Until<'_>) {
        // One more byte than a message may have, for the NUL after a payload.
        let mut buffer = [0; MAX_MESSAGE_LEN + 1];
        let mut state = self.state.lock();
        state.waiting += 1;
        let mut now = state.now();
        let mut end = now.saturating_add(most_ms);
        loop {
            self.transmit(&mut state, now, None);
            let deadline = state.client.deadline().unwrap_or(u64::MAX);
            if now >= deadline {
                // What is due then goes out at once: this round may be the last, and
                // what is not sent has no deadline that would bring on another call.
                state.client.tick(now);
                self.transmit(&mut state, now, None);
            }
            if state.reopening().is_none()
                && state.silent_since.is_some_and(|since| now.saturating_sub(since) >= SILENCE_MS)
                && state.client.awaits_acknowledgement()
            {
                log!(Info, "no sign of the peer for {SILENCE_MS} ms; opening another DTLS session");
                state.reopen_at = Some(now);
            }
            if core::mem::take(&mut state.session_renewed) {
                let kind = IOTX_COAP_NOTICE_SESSION_RENEWED;
                state = self.notify(state, &iotx_coap_notice_t::new(kind));
                now = state.now();
                continue;
            }
            if let Some(event) = state.client.poll_event() {
                state = self.tell(state, event);
                now = state.now();
                continue;
            }
            let enough = match until {
                Until::Datagram => false,
                Until::True(is_so) => is_so(&state.client),
            };
            if enough || now >= end || state.closing {
                break;
            }
            // A deadline that has just been served is found anew in a millisecond.
            let wait_ms = end.min(deadline).saturating_sub(now).max(1);
            if state.reading {
                state.shared = true;
                drop(state);
                port::sleep_ms(wait_ms.min(TURN_MS) as u32);
                state = self.state.lock();
                now = state.now();
                continue;
            }
            let handled;
            (state, handled) = self.read(state, wait_ms, &mut buffer);
            if handled && matches!(until, Until::Datagram) {
                if !(cfg!(feature = "extension") && state.client.has_event()) {
                    break;
                }
                // A program with a poll loop may not come back for hours: it is told
                // at once, in another round, which is the last.
                end = 0;
            }
            now = state.now();
        }
        state.waiting -= 1;
    }

    /// Waits up to `wait_ms` for a datagram and handles it. Says whether there
    /// was one that meant something.
    fn read<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        wait_ms: u64,
        buffer: &mut [u8; MAX_MESSAGE_LEN + 1],
    ) -> (Guard<'s, State>, bool) {
        state.reading = true;
        let (mut state, link) = self.usable_link(state, wait_ms);
        let Some(link) = link else {
            state.reading = false;
            return (state, false);
        };
        let read_ms = wait_ms.min(self.longest_read_ms(&state));
        drop(state);
        let read = link.read(&mut buffer[..MAX_MESSAGE_LEN], read_ms as u32);
        let mut state = self.state.lock();
        state.reading = false;
        match read {
            Ok(0) => (state, false),
            Ok(len) => self.receive(state, buffer, len),
            Err(error) => {
                let now = state.now();
                if link.is_session() {
                    log!(Info, "the DTLS session ended ({:#x}); opening another", error.0);
                    state.reopen_at = Some(now);
                } else {
                    drop(state);
                    port::sleep_ms(wait_ms.min(FAILED_READ_MS) as u32);
                    state = self.state.lock();
                }
                (state, false)
            }
        }
    }

    /// How long this thread may read at a time, for the sake of others: their
    /// messages wait for it to transmit them, or for it to see their timers.
    fn longest_read_ms(&self, state: &State) -> u64 {
        if state.shared && !self.full_duplex {
            SLICE_MS
        } else if state.shared || state.sender.is_some_and(|sender| sender != thread::current()) {
            // What is sent while the read lasts is due again no sooner than
            // this after.
            u64::from(state.client.ack_timeout_ms())
        } else {
            u64::MAX
        }
    }

    /// Hands a datagram to the client and its answer to the application.
    fn receive<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        buffer: &mut [u8; MAX_MESSAGE_LEN + 1],
        len: usize,
    ) -> (Guard<'s, State>, bool) {
        let now = state.now();
        state.silent_since = None;
        let had_token = state.client.is_signed_in();
        let received = state.client.receive(now, &mut buffer[..len]);
        if had_token
            && !state.client.is_signed_in()
            && let Some(store) = self.store()
        {
            store.update(&state.client);
        }
        // An acknowledgement goes out before the callback runs.
        self.transmit(&mut state, now, None);
        match received {
            Received::Handled => (state, true),
            Received::Dropped(reason) => {
                log!(Debug, "dropped a datagram of {len} bytes: {reason}");
                (state, false)
            }
            Received::Response(Response { application, code, payload, token }) => {
                log!(Debug, "message {token:08x}: {code}, {} bytes", payload.len());
                // The byte after the payload is padding of it, or the spare one.
                buffer[payload.end] = 0;
                let payload = &mut buffer[payload];
                (self.call_back(state, application, code, token, payload), true)
            }
        }
    }

    /// The link to read from, opened anew where that is due. The caller has
    /// set `reading`, so no other thread touches the link meanwhile.
    fn usable_link<'s>(
        &'s self,
        mut state: Guard<'s, State>,
        wait_ms: u64,
    ) -> (Guard<'s, State>, Option<Link>) {
        let Some(reopen_at) = state.reopening() else {
            let link = state.link;
            return (state, link);
        };
        let old = state.link.take();
        let now = state.now();
        drop(state);
        if let Some(old) = old {
            old.close();
        }
        if now < reopen_at {
            port::sleep_ms(wait_ms.min(reopen_at - now) as u32);
            return (self.state.lock(), None);
        }
        let link = self.address.connect();
        let mut state = self.state.lock();
        state.link = link;
        if link.is_some() {
            state.reopen_at = None;
            state.failed_openings = 0;
            state.silent_since = None;
            let now = state.now();
            state.client.session_renewed(now);
            state.session_renewed = true;
        } else {
            let pause_ms = FIRST_PAUSE_MS << state.failed_openings.min(6);
            state.failed_openings = state.failed_openings.saturating_add(1);
            let now = state.now();
            state.reopen_at = Some(now.saturating_add(pause_ms.min(LONGEST_PAUSE_MS)));
        }
        // The application is told, and what waits is sent, before it is read.
        (state, None)
    }
}

/// What became of the datagrams that were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transmitted {
    Sent,
    /// For the thread that reads, or opens a link, to send.
    Left,
    Refused,
}
