//! Where a request stands, whose it is, and how it ends.

use crate::code::Code;
use crate::event::GiveUp;

/// How a request ended without an answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The cloud refused it, and signing in again did not help.
    Refused(Code),
    /// The client no longer waits for its answer.
    GaveUp(GiveUp),
}

/// Whose request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    Application,
    /// The client itself, to sign in.
    SignIn,
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// No request: the place and its buffer can be used.
    Free,
    /// To be transmitted, for the first time or again.
    Due,
    /// Confirmable and transmitted, but neither acknowledged nor answered.
    AwaitingAck,
    /// Acknowledged, or Non-confirmable and transmitted: an answer is still to come.
    AwaitingResponse,
    /// To be transmitted once there is an access token.
    Parked,
    /// Over without an answer to deliver; the application is yet to be told.
    Ended,
}

/// What the passing of time does to an exchange.
pub(crate) enum Overdue {
    /// It is to be transmitted again.
    Resend,
    /// It is to be given up.
    GiveUp(GiveUp),
}
