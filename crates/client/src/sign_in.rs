//! Decides when to sign in, and how long to try. `client/signing_in.rs` makes the requests.
//!
//! There is one sign-in at a time, whoever asked for it. Each time that the application
//! asks, it makes an attempt with a time limit. The client asks too, when its access token
//! is refused or expires; its own limit is [`MAX_BACKGROUND_TIME`]. The sign-in goes on
//! until the last of these limits. After a failed request to `/auth` there is a pause, by
//! [`Backoff`]. It delays only the client's own requests, not the application's. The cloud
//! may ask for another pause, which delays both (RFC 7252 section 5.9.3.4, RFC 8516).

use iot_coap_time::{Duration, Instant};

use crate::access_token::renewal_delay;
use crate::backoff::{Backoff, jittered};
use crate::event::SignInError;
use crate::timing::NEVER;

/// How long a sign-in may take by default if the application asks for it: as long as the
/// original SDK blocks.
pub const SIGN_IN_LIMIT: Duration = Duration::from_secs(10);

/// How long the client tries by itself before it gives up the messages that wait for an
/// access token: `EXCHANGE_LIFETIME` of RFC 7252 section 4.8.2.
const MAX_BACKGROUND_TIME: Duration = Duration::from_secs(247);

/// The longest pause between two requests that the client makes by itself. Pauses are
/// uniform up to this limit, so their mean is five minutes.
const MAX_PAUSE: Duration = Duration::from_secs(600);

/// The longest Max-Age that is honoured, in seconds: an hour. If the cloud once sent the
/// greatest Max-Age, the device could not sign in for years.
const MAX_MAX_AGE_S: u32 = 3600;

/// If a message that was transmitted more than once is refused, the cloud may have
/// restarted and lost its state. The requests of a fleet are then spread over this many
/// milliseconds.
const RETURN_SPREAD_MS: u32 = 30_000;

/// The smallest spread of a pause that the cloud asked for, in milliseconds.
const MIN_SPREAD_MS: u32 = 5000;

/// An attempt to sign in, with its time limit. The caller uses it to ask how the attempt
/// ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Counts sign-ins.
    sign_in: u32,
    until: Instant,
}

/// What the client must do for a sign-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Action {
    Nothing,
    /// Make a request to `/auth`.
    Ask,
    /// End the sign-in with this error.
    Fail(SignInError),
}

/// The range and the random bits of a pause.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    /// The shortest pause.
    pub(crate) first: Duration,
    pub(crate) random: u32,
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
    /// When the current sign-in ends at the latest, since nobody waits for it any longer.
    until: Instant,
    /// More than one attempt, or the client itself, waits for it.
    is_shared: bool,
    /// The error of the last request, if the current pause follows it.
    error: SignInError,
    /// How the last sign-in ended; `None` while one is under way.
    outcome: Option<Result<(), SignInError>>,
    /// An outcome that the application was not told yet.
    announcement: Option<Result<(), SignInError>>,
    /// The pauses after failed requests.
    backoff: Backoff,
    /// Before this time the client does not ask by itself.
    not_before: Instant,
    /// Before this time no request is made, as the cloud asked.
    held_until: Instant,
    has_ever_succeeded: bool,
    /// When the client asks for another access token, while the current one is still valid.
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
            backoff: Backoff::new(),
            not_before: Instant::from_millis(0),
            held_until: Instant::from_millis(0),
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

    /// Whether a sign-in is under way, and only one attempt waits for it.
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
    /// even if the sign-in goes on for others, or earlier if the next request would come
    /// too late for it. While the cloud wants no requests, it does not end early: a program
    /// that tries again at once must not spin.
    pub(crate) fn outcome(
        &self,
        now: Instant,
        attempt: Attempt,
        has_access_token: bool,
    ) -> Option<Result<(), SignInError>> {
        if attempt.sign_in == self.sign_in {
            return match self.stage {
                Stage::Pausing(at)
                    if at >= attempt.until && now >= attempt.until.min(self.held_until) =>
                {
                    Some(Err(self.error))
                }
                Stage::Asking | Stage::Pausing(_) if now >= attempt.until => {
                    Some(Err(SignInError::NotAnswered))
                }
                _ => self.outcome,
            };
        }
        // Another sign-in followed, so this one is over. It succeeded if there is a token.
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
            Stage::Pausing(_) if now >= self.until => Action::Fail(self.error),
            Stage::Pausing(at) if now >= at => self.ask(),
            Stage::Asking if now >= self.until => Action::Fail(SignInError::NotAnswered),
            Stage::Idle if now >= self.renew_at => {
                self.renew_at = NEVER;
                self.start_if_idle(now)
            }
            _ => Action::Nothing,
        }
    }

    /// Starts a sign-in for the application, which waits until `until` at the latest, or
    /// joins the current one. Also returns whether the client may make a request now. It
    /// does so unless a fresh one is outstanding.
    pub(crate) fn start(&mut self, now: Instant, until: Instant) -> (Attempt, bool) {
        match self.stage {
            Stage::Idle => self.begin(until),
            Stage::Asking | Stage::Pausing(_) => {
                self.until = self.until.max(until);
                self.is_shared = true;
            }
        }
        let may_ask = now >= self.held_until;
        if may_ask {
            self.stage = Stage::Asking;
        } else if self.stage != Stage::Asking {
            self.stage = Stage::Pausing(self.held_until);
        }
        (Attempt { sign_in: self.sign_in, until }, may_ask)
    }

    /// Starts a sign-in, unless one is under way, since messages need an access token.
    pub(crate) fn start_if_idle(&mut self, now: Instant) -> Action {
        if self.is_under_way() {
            self.is_shared = true;
            return Action::Nothing;
        }
        // The limit counts from the first request: a long pause must leave the cloud
        // time to answer it.
        let start = now.max(self.next_request());
        self.begin(start + MAX_BACKGROUND_TIME);
        self.is_shared = true;
        if now < start {
            self.stage = Stage::Pausing(start);
            if now >= self.held_until {
                self.error = SignInError::NotAnswered;
            }
            return Action::Nothing;
        }
        self.ask()
    }

    /// When the client may ask by itself.
    fn next_request(&self) -> Instant {
        self.not_before.max(self.held_until)
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

    /// Notes that the cloud granted an access token of this lifetime, or one was restored.
    pub(crate) fn access_token_stored(&mut self, now: Instant, lifetime: Duration, random: u32) {
        self.renew_at = now + renewal_delay(lifetime, random);
        self.has_ever_succeeded = true;
    }

    /// Notes that the cloud accepted a message's access token. If that token is from the
    /// last sign-in, the sign-in was successful, and pauses start over. If a renewal failed
    /// since, nothing follows.
    pub(crate) const fn access_token_accepted(&mut self) {
        if matches!(self.outcome, Some(Ok(()))) {
            self.backoff.reset();
            self.not_before = Instant::from_millis(0);
        }
    }

    /// Notes that the cloud refused the current access token. A single refusal causes no
    /// pause, but a cloud that refuses fresh tokens must not get one sign-in after another.
    /// `was_sent_once`: whether the refused message was transmitted only once.
    pub(crate) fn access_token_refused(&mut self, now: Instant, was_sent_once: bool, pause: Pause) {
        self.renew_at = NEVER;
        if !self.backoff.is_reset() {
            return self.postpone(now, pause);
        }
        // It counts as a failed request, but without its pause.
        self.backoff.next_pause(pause.first, MAX_PAUSE, pause.random);
        if !was_sent_once {
            self.not_before = now + jittered(0, RETURN_SPREAD_MS, pause.random);
        }
    }

    /// Notes that the cloud answered a request with `error`, and wants no other before
    /// `max_age_s` seconds have passed. Adds up to a quarter of that, so that devices that
    /// were told so in the same second do not come back in the same second.
    pub(crate) fn hold(&mut self, now: Instant, max_age_s: u32, error: SignInError, random: u32) {
        let ms = max_age_s.min(MAX_MAX_AGE_S) * 1000;
        let pause = ms + random % ((ms / 4).max(MIN_SPREAD_MS) + 1);
        self.held_until = now + Duration::from_millis(pause.into());
        self.error = error;
    }

    /// A request failed, but another one may succeed: pauses before it, unless the
    /// sign-in's time is over by then.
    pub(crate) fn retry(
        &mut self,
        now: Instant,
        error: SignInError,
        pause: Pause,
    ) -> Option<SignInError> {
        self.postpone(now, pause);
        if self.next_request() >= self.until {
            return Some(error);
        }
        self.stage = Stage::Pausing(self.next_request());
        self.error = error;
        None
    }

    /// Postpones the next request that the client makes by itself, unless the cloud has
    /// postponed it: in that case, the sign-in that ends now may not even have made a
    /// request.
    pub(crate) fn postpone(&mut self, now: Instant, Pause { first, random }: Pause) {
        if now >= self.held_until {
            self.not_before = now + self.backoff.next_pause(first, MAX_PAUSE, random);
        }
    }

    /// Ends the sign-in. If it failed while there is an access token, another one follows.
    pub(crate) fn finish(&mut self, outcome: Result<(), SignInError>, has_access_token: bool) {
        self.stage = Stage::Idle;
        self.outcome = Some(outcome);
        self.announcement = Some(outcome);
        if outcome.is_err() && has_access_token {
            self.renew_at = self.next_request();
        }
    }
}
