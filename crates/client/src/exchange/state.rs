//! The state of an exchange, its owner, and its end.

use crate::code::Code;
use crate::event::GiveUp;

/// How a request ended without an answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The cloud refused it, and signing in again did not help.
    Refused(Code),
    /// The client gave it up.
    GaveUp(GiveUp),
}

/// The owner of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Application,
    /// The client itself, to sign in.
    SignIn,
}

/// The state of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is no request: the place and its buffer can be reused.
    Free,
    /// It must be transmitted, for the first time or again.
    Due,
    /// Confirmable and transmitted, but neither acknowledged nor answered.
    AwaitingAck,
    /// Acknowledged, or Non-confirmable and transmitted; the answer is still awaited.
    AwaitingResponse,
    /// It will be transmitted once there is an access token.
    Parked,
    /// It ended without an answer, and the application was not told yet.
    Ended,
}

/// What an exchange needs when its time is over.
pub(crate) enum Overdue {
    /// Transmit it again.
    Resend,
    /// Give it up.
    GiveUp(GiveUp),
}
