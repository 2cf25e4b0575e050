//! Which events say that something is wrong: with the set-up, or with a device that did not get
//! in. They are what somebody is told who looks at no log.

use super::{Event, Message};

/// The check of a sign-in that fails by a fault that was asked for.
pub(crate) const AUTH_ERROR: &str = "auth-error";

impl Event {
    /// Something is wrong, and nobody asked for it: neither by a fault nor by a switch.
    pub(super) fn is_trouble(&self) -> bool {
        match self {
            Self::SignInRefused { check, .. } => check != AUTH_ERROR,
            Self::Message(Message { number, as_asked, .. }) => *number == 0 && !as_asked,
            Self::RequestRefused { .. }
            | Self::Limited { .. }
            | Self::Malformed { .. }
            | Self::NoDatagram { .. }
            | Self::WrongPort { .. }
            | Self::DtlsFailed { .. }
            | Self::StateNotKept { .. }
            | Self::BrokerLost { .. }
            | Self::NoSubscriber { .. } => true,
            Self::DtlsRestored { error, .. }
            | Self::DtlsSaved { error, .. }
            | Self::ReadAgain { error, .. } => !error.is_empty(),
            // A device that is silent, or whose session ended, did get in.
            Self::Ready { .. }
            | Self::SignedIn { .. }
            | Self::Duplicate { .. }
            | Self::Ping { .. }
            | Self::Answered { .. }
            | Self::SentAgain { .. }
            | Self::Unanswered { .. }
            | Self::DtlsOpened { .. }
            | Self::DtlsMoved { .. }
            | Self::DtlsClosed { .. }
            | Self::TokensExpired
            | Self::FaultsChanged { .. }
            | Self::BrokerConnected { .. }
            | Self::Datagram { .. }
            | Self::Fault { .. } => false,
        }
    }
}
