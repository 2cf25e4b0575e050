//! Signs in: makes the requests, reads the replies, and sends or gives up the messages that
//! waited. `sign_in.rs` decides when.

use alloc::vec::Vec;

use iot_coap_time::{Duration, Instant};
use zeroize::{Zeroize, Zeroizing};

use super::Client;
use crate::auth::{ReplyError, parse_reply, write_request};
use crate::code::Code;
use crate::event::SignInError;
use crate::option::{OptionNumber, find_option};
use crate::request::SendError;
use crate::sign_in::{Action, Attempt, Pause};

impl<A> Client<A> {
    /// Whether there is an access token that the cloud is not known to refuse.
    pub const fn is_signed_in(&self) -> bool {
        self.credentials.has_access_token()
    }

    /// The current access token, which may be kept over a restart. It is a secret.
    pub fn access_token(&self) -> Option<&[u8]> {
        self.credentials.access_token()
    }

    /// How an attempt ended, or `None` while it is under way. It ends at its limit, even if
    /// the client continues to sign in for another attempt or a message.
    pub fn sign_in_outcome(
        &self,
        now: Instant,
        attempt: Attempt,
    ) -> Option<Result<(), SignInError>> {
        self.sign_in.outcome(now, attempt, self.is_signed_in())
    }

    /// Starts to sign in, or joins the sign-in that is under way. This attempt ends `limit`
    /// from now at the latest; [`sign_in_outcome`](Self::sign_in_outcome) returns how.
    ///
    /// An overloaded cloud may have asked for a pause (4.29, or 5.03 with Max-Age). This
    /// attempt then waits for the end of the pause, and fails if its limit comes first.
    ///
    /// A later answer still signs the client in, until 247 s after the request was sent
    /// (`EXCHANGE_LIFETIME`), unless a younger request was answered.
    pub fn sign_in(&mut self, now: Instant, limit: Duration) -> Attempt {
        let (attempt, may_ask) = self.sign_in.start(now, now + limit);
        // The timer of an outstanding request may have doubled a few times already, which
        // is too long to wait. A fresh request is kept: in symmetric mode each answer
        // brings a new key.
        if may_ask && !self.exchanges.is_sign_in_fresh() {
            self.end_sign_in_request(now);
            self.act(now, Action::Ask);
        }
        attempt
    }

    /// Cancels the sign-in that is under way, unless another attempt or a message waits for
    /// it, too.
    pub fn cancel_sign_in(&mut self, now: Instant) {
        if self.sign_in.is_of_one() {
            self.fail_sign_in(now, SignInError::Cancelled);
        }
    }

    /// Continues with an access token that was kept over a restart, as if it had just been
    /// granted. If the cloud refuses it, the client signs in. Returns whether the client
    /// can use the token. It cannot in symmetric mode, whose key is lost, if the token is
    /// empty or longer than [`MAX_ACCESS_TOKEN_LEN`](crate::MAX_ACCESS_TOKEN_LEN), or if
    /// the heap is exhausted.
    pub fn restore_access_token(&mut self, now: Instant, access_token: &[u8]) -> bool {
        let lifetime = self.access_token_lifetime;
        let is_stored = self.credentials.restore(access_token, now + lifetime);
        if is_stored {
            self.sign_in.access_token_stored(now, lifetime, self.random.next());
        }
        is_stored
    }

    /// Another process goes on with a copy of this client. In symmetric mode, both would
    /// use the same sequence numbers under one key, so this client signs in before it sends
    /// any message.
    pub fn handle_fork(&mut self, now: Instant) {
        if self.credentials.is_symmetric() {
            self.credentials.forget();
            if self.exchanges.abandon_credentials(now, &self.credentials) {
                self.ensure_signing_in(now);
            }
        }
    }

    /// Starts a sign-in for messages that wait for one, unless one is under way.
    pub(super) fn ensure_signing_in(&mut self, now: Instant) {
        let action = self.sign_in.start_if_idle(now);
        self.act(now, action);
    }

    pub(super) fn act(&mut self, now: Instant, action: Action) {
        let error = match action {
            Action::Nothing => return,
            Action::Ask => match self.ask(now, &[]) {
                Ok(()) => return,
                Err(error) => SignInError::NotSent(error),
            },
            Action::Fail(error) => error,
        };
        self.fail_sign_in(now, error);
    }

    /// Makes a request to `/auth`, with the Echo option that the cloud asked for, if any.
    pub(super) fn ask(&mut self, now: Instant, echo: &[u8]) -> Result<(), SendError> {
        let index = self.exchanges.free_place()?;
        let sequence = self.credentials.is_symmetric().then(|| u64::from(self.random.next() >> 8));
        let mut payload = Zeroizing::new(Vec::new());
        write_request(&mut payload, &self.device, &self.sign_in_options, sequence)?;
        let format = self.sign_in_options.encoding.content_format();
        let token = self.exchanges.next_token();
        self.exchanges.request_mut(index).encode_sign_in(format, token, echo, &payload)?;
        let id = self.allocate_message_id(now)?;
        self.exchanges.request_mut(index).set_id(id);
        self.exchanges.start(now, index, None, &mut self.random);
        if !echo.is_empty() {
            self.exchanges.set_echoing(index);
        }
        Ok(())
    }

    /// Handles the answer to a request to `/auth`. Wipes `payload`.
    pub(super) fn handle_sign_in_answer(&mut self, now: Instant, code: Code, payload: &mut [u8]) {
        if code.class() == 2 {
            let outcome = self.store_reply(now, payload);
            payload.zeroize();
            match outcome {
                Ok(()) => {
                    self.late_answers.forget_until(None);
                    self.finish_sign_in(now, Ok(()));
                }
                Err(error) => self.fail_sign_in(now, error),
            }
        } else if code.class() == 5 || code == Code::TOO_MANY_REQUESTS {
            self.retry_sign_in(now, SignInError::Refused(code));
        } else {
            self.fail_sign_in(now, SignInError::Refused(code));
        }
    }

    /// Handles the answer to a request to `/auth` for which nobody waits any more. Ignores
    /// an answer without an access token. Wipes `payload`.
    pub(super) fn handle_late_sign_in_answer(
        &mut self,
        now: Instant,
        token: u32,
        code: Code,
        payload: &mut [u8],
    ) {
        let is_of_use = code.class() == 2 && self.store_reply(now, payload).is_ok();
        payload.zeroize();
        if is_of_use {
            self.late_answers.forget_until(Some(token));
            self.finish_sign_in(now, Ok(()));
        } else {
            self.late_answers.forget(token);
        }
    }

    /// If the answer to a request to `/auth` reports for how long the cloud is overloaded
    /// (RFC 7252 section 5.9.3.4, RFC 8516), makes no other request before that time is
    /// over.
    pub(super) fn hold_sign_in(&mut self, now: Instant, code: Code, options: Option<&[u8]>) {
        if !matches!(code, Code::SERVICE_UNAVAILABLE | Code::TOO_MANY_REQUESTS) {
            return;
        }
        let value = find_option(options.unwrap_or_default(), OptionNumber::MAX_AGE, 0);
        // An integer of at most four bytes, without leading zeros (section 5.10).
        if let Some(value) = value
            && value.len() <= 4
        {
            let max_age_s = value.iter().fold(0, |number, byte| number << 8 | u32::from(*byte));
            let error = SignInError::Refused(code);
            self.sign_in.hold(now, max_age_s, error, self.random.next());
        }
    }

    /// The request to `/auth` was given up.
    pub(super) fn handle_sign_in_unanswered(&mut self, now: Instant) {
        self.end_sign_in_request(now);
        self.retry_sign_in(now, SignInError::NotAnswered);
    }

    /// The cloud refused the current access token. `was_sent_once`: whether the message was
    /// transmitted only once.
    pub(super) fn handle_access_token_refused(&mut self, now: Instant, was_sent_once: bool) {
        let pause = self.pause();
        self.sign_in.access_token_refused(now, was_sent_once, pause);
    }

    fn store_reply(&mut self, now: Instant, payload: &[u8]) -> Result<(), SignInError> {
        let reply =
            parse_reply(payload, self.sign_in_options.encoding).map_err(|error| match error {
                ReplyError::Bad => SignInError::BadReply,
                ReplyError::OutOfMemory => SignInError::OutOfMemory,
            })?;
        let lifetime = self.access_token_lifetime;
        let secret = self.device.device_secret();
        self.credentials.renew(reply, secret, now + lifetime)?;
        self.sign_in.access_token_stored(now, lifetime, self.random.next());
        Ok(())
    }

    fn retry_sign_in(&mut self, now: Instant, error: SignInError) {
        let pause = self.pause();
        if let Some(error) = self.sign_in.retry(now, error, pause) {
            self.finish_sign_in(now, Err(error));
        }
    }

    pub(super) fn fail_sign_in(&mut self, now: Instant, error: SignInError) {
        let pause = self.pause();
        self.sign_in.postpone(now, pause);
        self.finish_sign_in(now, Err(error));
    }

    fn finish_sign_in(&mut self, now: Instant, outcome: Result<(), SignInError>) {
        self.sign_in.finish(outcome, self.is_signed_in());
        self.end_sign_in_request(now);
        // If a renewal failed, the cloud may still accept the old access token.
        if self.is_signed_in() {
            self.send_parked(now);
        } else {
            self.exchanges.give_up_parked();
        }
    }

    /// Ends the exchange of the request to `/auth`, if there is one. Its answer still
    /// counts.
    fn end_sign_in_request(&mut self, now: Instant) {
        if let Some(asked) = self.exchanges.release_sign_in() {
            self.late_answers.expect(now, asked);
        }
    }

    /// The range and the random bits of the next pause.
    fn pause(&mut self) -> Pause {
        Pause { first: self.exchanges.timing().ack_timeout(), random: self.random.next() }
    }
}
