//! Whose doing an event is.

use std::net::SocketAddr;

use super::{Event, Message};
use crate::transport::Transport;

impl Event {
    /// The device that it names, as whoever sent it says.
    pub(crate) fn device(&self) -> Option<(&str, &str)> {
        match self {
            Self::SignedIn { product_key, device_name, .. }
            | Self::Message(Message { product_key, device_name, .. }) => {
                Some((product_key, device_name))
            }
            Self::SignInRefused { product_key, device_name, .. }
            | Self::RequestRefused { product_key, device_name, .. }
                if !(product_key.is_empty() && device_name.is_empty()) =>
            {
                Some((product_key, device_name))
            }
            _ => None,
        }
    }

    /// The address that it is about, and the transport.
    pub(crate) fn peer(&self) -> Option<(Transport, SocketAddr)> {
        match self {
            Self::SignedIn { transport, peer, .. }
            | Self::SignInRefused { transport, peer, .. }
            | Self::Message(Message { transport, peer, .. })
            | Self::RequestRefused { transport, peer, .. }
            | Self::Limited { transport, peer, .. }
            | Self::Duplicate { transport, peer, .. }
            | Self::Ping { transport, peer }
            | Self::Malformed { transport, peer, .. }
            | Self::WrongPort { transport, peer, .. }
            | Self::Answered { transport, peer, .. }
            | Self::SentAgain { transport, peer, .. }
            | Self::Unanswered { transport, peer, .. }
            | Self::Datagram { transport, peer, .. } => Some((*transport, *peer)),
            Self::DtlsOpened { peer, .. }
            | Self::DtlsMoved { peer, .. }
            | Self::DtlsFailed { peer, .. }
            | Self::DtlsClosed { peer, .. } => Some((Transport::Dtls, *peer)),
            // A fault does not say of which transport it was.
            Self::Fault { .. }
            | Self::NoDatagram { .. }
            | Self::Ready { .. }
            | Self::DtlsRestored { .. }
            | Self::DtlsSaved { .. }
            | Self::TokensExpired
            | Self::StateNotKept { .. }
            | Self::FaultsChanged { .. }
            | Self::BrokerConnected { .. }
            | Self::BrokerLost { .. }
            | Self::NoSubscriber { .. }
            | Self::ReadAgain { .. } => None,
        }
    }
}
