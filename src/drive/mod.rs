//! Drives a client: hands it datagrams and time, sends its datagrams, waits for answers
//! and calls the program.
//!
//! The rules:
//!
//! - The lock is held while the client and the link decide, and while a datagram is handed
//!   to the port. It is never held during a callback, a log line, a write to the store or a
//!   wait.
//! - One thread at a time reads, or opens a transport (`State::is_io_claimed`). Other
//!   threads that wait check every few milliseconds whether they can.
//! - If the transport cannot be written while it is read, a message is left for the
//!   reading thread, which reads in short slices once it knows of another thread.
//! - If it can, the message is sent at once, but the reading thread has to notice its
//!   timers: no read is longer than the shortest timer of a message that another thread may
//!   send meanwhile.
//! - Datagrams come before time: when a timer has ended, everything that has arrived is
//!   handled first, so that a program that slept does not retransmit a message that was
//!   answered.

mod notify;
mod progress;
mod reading;
mod receive;
mod sent;
mod step;
mod stores;
#[cfg(test)]
pub(crate) mod trip;
mod wait;

use iot_coap_client::{
    Attempt, Client, Duration, ExchangeId, Instant, Request, SendError, SignInError,
};

use crate::context::{Context, Recipient, State};
use crate::link::{Link, PORT_QUESTION, Unwritten};
use crate::lock::Guard;
use crate::log::{Level, is_enabled, log_later};
use crate::port::Replies;
use sent::log_sent;
pub(crate) use wait::wait;

/// The goal of a wait.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// For `IOT_CoAP_Yield`: the program was called, the pace allows a return, and
    /// everything that had arrived is handled.
    Called,
    /// Everything that had arrived is handled.
    #[cfg(feature = "extension")]
    Drained,
    /// The end of a sign-in.
    SignedIn(Attempt),
    /// The end of a sign-in, or the network refuses to send and no other way is left.
    SignedInOrRefused(Attempt),
    /// No message is outstanding.
    NothingOutstanding,
    /// The first transport is open, or has failed.
    Connected,
}

impl Until {
    fn is_met(self, now: Instant, client: &Client<Recipient>, link: &Link) -> bool {
        match self {
            Self::Called => false,
            #[cfg(feature = "extension")]
            Self::Drained => true,
            Self::SignedIn(attempt) => client.sign_in_outcome(now, attempt).is_some(),
            Self::SignedInOrRefused(attempt) => {
                link.is_refusing() || client.sign_in_outcome(now, attempt).is_some()
            }
            Self::NothingOutstanding => client.outstanding() == 0,
            Self::Connected => link.is_connected().is_some(),
        }
    }
}

/// Why a message was not sent.
pub(crate) enum Unsent {
    Refused(SendError),
    /// Another thread is ending the context.
    Ending,
    Network,
    /// It is longer than the server and the option `max_fragment` allow.
    #[cfg(feature = "dtls-psk")]
    TooLong,
}

/// What happened to the datagrams that were due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transmitted {
    Sent,
    /// They were left for the thread that reads or opens a transport.
    Left,
    Refused,
    /// The peer has agreed to shorter datagrams only. Another try does not change that.
    #[cfg(feature = "dtls-psk")]
    TooLong,
}

impl From<Unwritten> for Transmitted {
    fn from(error: Unwritten) -> Self {
        match error {
            #[cfg(feature = "dtls-psk")]
            Unwritten::TooLong => Self::TooLong,
            _ => Self::Refused,
        }
    }
}

/// How a sign-in began.
pub(crate) enum SigningIn {
    /// It is not needed: an access token was kept over a restart.
    Done,
    /// The network refused the request. While the program waits for the attempt, another
    /// way is tried.
    Refused(Attempt),
    Started(Attempt),
}

impl Context {
    /// How long a call that waits for datagrams takes at most.
    pub(crate) fn wait_time(&self) -> Duration {
        Duration::from_millis(self.wait_ms.into())
    }

    /// How long a sign-in may take while the program waits for it.
    pub(crate) fn sign_in_limit(&self) -> Duration {
        Duration::from_millis(self.sign_in_limit_ms.into())
    }

    /// Whether the context expects nothing and has nothing to send, to tell or to store.
    #[cfg(feature = "extension")]
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state.lock();
        state.client.is_idle()
            && state.link.is_idle()
            && !state.has_token_changed
            && !state.is_storing
            && !state.link.needs_saving()
    }

    /// How long the first connection may take to open.
    pub(crate) fn connect_limit(&self) -> Duration {
        self.state.lock().link.connect_limit()
    }

    /// Whether the network refuses to send, and no other way is left.
    pub(crate) fn is_refusing(&self) -> bool {
        self.state.lock().link.is_refusing()
    }

    /// Starts to sign in, and sends the request, unless an access token was kept over a
    /// restart: the client uses that token until the cloud refuses it.
    pub(crate) fn start_sign_in(&self, limit: Duration) -> SigningIn {
        let mut state = self.state.lock();
        if core::mem::take(&mut state.is_token_restored) && state.client.is_signed_in() {
            return SigningIn::Done;
        }
        let now = state.now();
        let attempt = state.client.sign_in(now, limit);
        let transmitted = transmit(&mut state, now, None);
        // If a session ended, another one is opened, and the request is sent there.
        let is_refused = transmitted == Transmitted::Refused && !self.connector.uses_dtls();
        self.finish(state);
        if is_refused { SigningIn::Refused(attempt) } else { SigningIn::Started(attempt) }
    }

    /// Cancels a sign-in whose request the network refused, unless other calls wait for it.
    pub(crate) fn cancel_sign_in(&self) {
        let mut state = self.state.lock();
        let now = state.now();
        state.client.cancel_sign_in(now);
    }

    /// How a sign-in ended.
    pub(crate) fn sign_in_outcome(&self, attempt: Attempt) -> Option<Result<(), SignInError>> {
        let mut state = self.state.lock();
        let now = state.now();
        state.client.sign_in_outcome(now, attempt)
    }

    /// Sends a message.
    pub(crate) fn send(&self, request: &Request<'_>, recipient: Recipient) -> Result<(), Unsent> {
        let mut state = self.state.lock();
        if state.closing {
            return Err(Unsent::Ending);
        }
        let now = state.now();
        let sent = state.client.send(now, request, recipient);
        let exchange = sent.map_err(|unsent| Unsent::Refused(unsent.error))?;
        if is_enabled(Level::Warning) && !state.query_logged && request.path.contains(&b'?') {
            state.query_logged = true;
            log_later!(
                state.log,
                Warning,
                "IOT_CoAP_SendMessage: a path has no query; its question mark is sent as a \
                 character of the topic, which the cloud answers with 4.04"
            );
        }
        let transmitted = transmit(&mut state, now, Some(&exchange));
        let unsent = match transmitted {
            // A Confirmable message is retransmitted; a Non-confirmable one is not.
            Transmitted::Refused if !request.confirmable => Some(Unsent::Network),
            #[cfg(feature = "dtls-psk")]
            Transmitted::TooLong => Some(Unsent::TooLong),
            _ => None,
        };
        if unsent.is_some() {
            state.client.cancel(exchange);
        } else {
            state.pace.handle_sent();
        }
        self.finish(state);
        unsent.map_or(Ok(()), Err)
    }

    /// The token that the next message will carry.
    pub(crate) fn next_token(&self) -> u32 {
        self.state.lock().client.next_token()
    }

    /// How long until a timer ends; zero if there is something to tell or to open. A
    /// program that asks has a pace of its own.
    #[cfg(feature = "extension")]
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let mut state = self.state.lock();
        state.pace.turn_off();
        let is_needed = state.link.is_deferred() && !state.client.is_idle();
        if state.client.has_event() || state.link.has_news() || state.link.is_due() || is_needed {
            return Some(Duration::ZERO);
        }
        let now = state.now();
        next_timeout(&state).map(|at| at - now)
    }

    /// Whether the first transport is open. Writes the queued log lines.
    pub(crate) fn settle(&self) -> bool {
        let mut state = self.state.lock();
        let is_connected = state.link.is_connected();
        if is_connected.is_none() {
            // A handshake that was started again would have more time of its own.
            log_later!(state.log, Error, "no connection: timed out");
            self.explain_silence(&mut state);
        }
        state.link.take_news();
        Self::unlock(state);
        is_connected == Some(true)
    }

    /// Logs what is wrong, or may be, where nothing has come from the peer.
    #[cold]
    fn explain_silence(&self, state: &mut State) {
        #[cfg(feature = "port-linux")]
        if state.link.has_only_been_refused() {
            return self.connector.explain_refusal(&mut state.log, "");
        }
        log_later!(state.log, Error, "{PORT_QUESTION}");
    }

    /// Writes to the store what is due, and unlocks. This is the last thing that a call
    /// does.
    fn finish(&self, state: Guard<'_, State>) {
        Self::unlock(self.write_stores(state));
    }
}

/// When the next timer ends.
#[inline]
fn next_timeout(state: &State) -> Option<Instant> {
    match (state.client.next_timeout(), state.link.next_timeout()) {
        (Some(client), Some(link)) => Some(client.min(link)),
        (client, link) => client.or(link),
    }
}

/// Sends all datagrams that are due. Returns [`Transmitted::Refused`] if the port refused
/// the datagram of `watched`, or any datagram if `watched` is `None`.
#[inline]
fn transmit(state: &mut State, now: Instant, watched: Option<&ExchangeId>) -> Transmitted {
    if state.client.has_transmit() { transmit_due(state, now, watched) } else { Transmitted::Sent }
}

/// [`transmit`] if there is something to transmit.
#[inline(never)]
fn transmit_due(state: &mut State, now: Instant, watched: Option<&ExchangeId>) -> Transmitted {
    if state.is_io_claimed {
        state.shared = true;
        if !state.link.is_full_duplex() {
            return Transmitted::Left;
        }
    }
    let State { client, link, log, .. } = state;
    let mut transmitted = Transmitted::Sent;
    loop {
        if !link.can_write() {
            return Transmitted::Left;
        }
        let awaited = if Replies::are_announced() { client.awaited() } else { 0 };
        let Some(transmit) = client.poll_transmit(now) else { break };
        let replies = Replies::from(awaited + usize::from(transmit.exchange.is_some()));
        match link.write(now, transmit.datagram, replies, log) {
            Ok(()) if is_enabled(Level::Debug) => log_sent(log, transmit.datagram),
            Err(error) if watched.is_none() || transmit.exchange.as_ref() == watched => {
                transmitted = error.into();
            }
            Ok(()) | Err(_) => {}
        }
        if !client.has_transmit() {
            break;
        }
    }
    transmitted
}
