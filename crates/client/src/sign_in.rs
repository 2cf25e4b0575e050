//! When to sign in, and how long to try. Says what is to be done; the requests
//! themselves are made in `client/signing_in.rs`.
//!
//! There is one sign-in at a time, whoever asked for it. Each time that the
//! application asks is an attempt, with the time limit that it names. The client asks too,
//! when its access token is refused or expires; its own limit is
//! [`BACKGROUND_LIMIT`]. The sign-in goes on until the last of these limits. After a
//! request to `/auth` that brought nothing there is a pause, which doubles each time.

use iot_coap_time::{Duration, Instant};

use crate::access_token::renewal_delay;
use crate::event::SignInError;
use crate::timing::NEVER;

/// How long a sign-in that the application asks for may take: as long as the
/// original SDK blocks.
pub const SIGN_IN_LIMIT: Duration = Duration::from_secs(10);

/// How long the client tries on its own behalf before it gives up the messages that
/// wait for an access token: `EXCHANGE_LIFETIME` of RFC 7252 section 4.8.2.
const BACKGROUND_LIMIT: Duration = Duration::from_secs(247);

/// The longest pause between two requests to `/auth`.
const MAX_PAUSE: Duration = Duration::from_secs(300);

/// How often the pause doubles at the most.
const MAX_DOUBLINGS: u32 = 8;

/// Names a sign-in, so that whoever started it can ask how it ended, and knows for how
/// long to wait for that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counts sign-ins.
    sign_in: u32,
    until: Instant,
}

/// What the client has to do for a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Action {
    Nothing,
    /// Make a request to `/auth`.
    Ask,
    /// End the sign-in with this error.
    Fail(SignInError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// No sign-in is under way.
    Idle,
    /// A request to `/auth` is outstanding.
    Asking,
    /// The next request is made at this time.
    Pausing(Instant),
}

/// The state of signing in.
#[derive(Debug)]
pub(crate) struct SignIn {
    stage: Stage,
    /// Counts sign-ins.
    sign_in: u32,
    /// When the sign-in that is under way ends: when nobody waits for it any more.
    until: Instant,
    /// More than one attempt, or the client itself, waits for it.
    is_shared: bool,
    /// What the last request brought, if that is why the stage is a pause.
    error: SignInError,
    /// How the last sign-in ended; `None` while one is under way.
    outcome: Option<Result<(), SignInError>>,
    /// An outcome that the application is yet to be told.
    announcement: Option<Result<(), SignInError>>,
    /// How many requests in a row brought nothing of use.
    fruitless: u32,
    /// Before this time the client does not ask on its own behalf.
    not_before: Instant,
    has_ever_succeeded: bool,
    /// When the client asks for another access token, while this one is good.
    renew_at: Instant,
}

impl SignIn {
    pub(crate) const fn new() -> Self {
        Self {
            stage: Stage::Idle,
            sign_in: 0,
            until: NEVER,
            is_shared: false,
            error: SignInError::NotAnswered,
            outcome: None,
            announcement: None,
            fruitless: 0,
            not_before: Instant::from_millis(0),
            has_ever_succeeded: false,
            renew_at: NEVER,
        }
    }

    /// Whether there ever was an access token.
    pub(crate) const fn has_ever_succeeded(&self) -> bool {
        self.has_ever_succeeded
    }

    pub(crate) const fn is_under_way(&self) -> bool {
        !matches!(self.stage, Stage::Idle)
    }

    /// Whether one is under way that a single attempt waits for.
    pub(crate) const fn is_of_one(&self) -> bool {
        self.is_under_way() && !self.is_shared
    }

    pub(crate) const fn has_announcement(&self) -> bool {
        self.announcement.is_some()
    }

    pub(crate) const fn take_announcement(&mut self) -> Option<Result<(), SignInError>> {
        self.announcement.take()
    }

    /// How an attempt ended, or `None` while it is under way. It ends at its own limit,
    /// also if the sign-in goes on for others.
    pub(crate) fn outcome(
        &self,
        now: Instant,
        attempt: Attempt,
        has_access_token: bool,
    ) -> Option<Result<(), SignInError>> {
        if attempt.sign_in == self.sign_in {
            return match self.stage {
                Stage::Pausing(at) if at >= attempt.until => Some(Err(self.error)),
                Stage::Asking | Stage::Pausing(_) if now >= attempt.until => {
                    Some(Err(SignInError::NotAnswered))
                }
                _ => self.outcome,
            };
        }
        // Another one followed, so it is over; it succeeded if there is a token.
        Some(match self.outcome {
            _ if has_access_token => Ok(()),
            Some(Err(error)) => Err(error),
            _ => Err(SignInError::NotAnswered),
        })
    }

    /// When [`handle_timeout`](Self::handle_timeout) has something to do.
    pub(crate) fn next_timeout(&self) -> Instant {
        match self.stage {
            Stage::Asking => self.until,
            Stage::Pausing(at) => at.min(self.until),
            Stage::Idle => self.renew_at,
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Action {
        match self.stage {
            Stage::Pausing(at) if now >= at => self.ask(),
            Stage::Asking | Stage::Pausing(_) if now >= self.until => {
                Action::Fail(SignInError::NotAnswered)
            }
            Stage::Idle if now >= self.renew_at => {
                self.renew_at = NEVER;
                self.start_if_idle(now)
            }
            _ => Action::Nothing,
        }
    }

    /// The application asks for a sign-in, and waits until `until` at the latest: starts
    /// one, or joins the one that is under way. The client makes a request, unless a
    /// fresh one is outstanding.
    pub(crate) fn start(&mut self, until: Instant) -> Attempt {
        match self.stage {
            Stage::Idle => self.begin(until),
            Stage::Asking | Stage::Pausing(_) => {
                self.until = self.until.max(until);
                self.is_shared = true;
            }
        }
        self.stage = Stage::Asking;
        Attempt { sign_in: self.sign_in, until }
    }

    /// Messages need an access token: starts a sign-in, unless one is under way.
    pub(crate) fn start_if_idle(&mut self, now: Instant) -> Action {
        if self.is_under_way() {
            self.is_shared = true;
            return Action::Nothing;
        }
        // The limit counts from the first request: a long pause must leave the cloud
        // time to answer it.
        let start = now.max(self.not_before);
        self.begin(start + BACKGROUND_LIMIT);
        self.is_shared = true;
        if now < start {
            self.stage = Stage::Pausing(start);
            self.error = SignInError::NotAnswered;
            return Action::Nothing;
        }
        self.ask()
    }

    const fn begin(&mut self, until: Instant) {
        self.sign_in = self.sign_in.wrapping_add(1);
        self.is_shared = false;
        self.outcome = None;
        self.until = until;
    }

    const fn ask(&mut self) -> Action {
        self.stage = Stage::Asking;
        Action::Ask
    }

    /// The cloud granted an access token of this lifetime, or one was restored.
    pub(crate) fn access_token_stored(&mut self, now: Instant, lifetime: Duration) {
        self.renew_at = now + renewal_delay(lifetime);
        self.has_ever_succeeded = true;
    }

    /// The cloud accepted a message with its access token. If the last sign-in
    /// brought that token, it was of use. If a renewal failed, this says nothing.
    pub(crate) const fn access_token_accepted(&mut self) {
        if matches!(self.outcome, Some(Ok(()))) {
            self.fruitless = 0;
            self.not_before = Instant::from_millis(0);
        }
    }

    /// The cloud refused the current access token. Once is no reason to wait, but a
    /// cloud that refuses fresh ones must not see sign-in after sign-in.
    pub(crate) fn access_token_refused(&mut self, now: Instant, first_pause: Duration) {
        self.renew_at = NEVER;
        if self.fruitless == 0 {
            self.fruitless = 1;
        } else {
            self.postpone(now, first_pause);
        }
    }

    /// A request brought nothing, but another one may: pauses before it, unless the
    /// sign-in's time is then over.
    pub(crate) fn retry(
        &mut self,
        now: Instant,
        first_pause: Duration,
        error: SignInError,
    ) -> Option<SignInError> {
        self.postpone(now, first_pause);
        if self.not_before >= self.until {
            return Some(error);
        }
        self.stage = Stage::Pausing(self.not_before);
        self.error = error;
        None
    }

    /// Puts off the next request that the client makes on its own behalf by a pause:
    /// `first_pause`, doubled for each request in a row that brought nothing.
    pub(crate) fn postpone(&mut self, now: Instant, first_pause: Duration) {
        let pause = first_pause.saturating_mul(1 << self.fruitless.min(MAX_DOUBLINGS));
        self.fruitless = self.fruitless.saturating_add(1);
        self.not_before = now + pause.min(MAX_PAUSE);
    }

    /// The sign-in is over. While there is an access token, another one follows a
    /// failure.
    pub(crate) fn finish(&mut self, outcome: Result<(), SignInError>, has_access_token: bool) {
        self.stage = Stage::Idle;
        self.outcome = Some(outcome);
        self.announcement = Some(outcome);
        if outcome.is_err() && has_access_token {
            self.renew_at = self.not_before;
        }
    }
}
