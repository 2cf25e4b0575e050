//! Which message the server may send next.

use super::header::MessageType;

/// The message, or one of two messages, that must come next from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    HelloVerifyRequestOrServerHello,
    ServerHello,
    #[cfg(feature = "certificates")]
    Certificate,
    #[cfg(feature = "certificates")]
    ServerKeyExchange,
    /// With a pre-shared key, a server without an identity hint sends no
    /// ServerKeyExchange.
    ServerKeyExchangeOrDone,
    #[cfg(feature = "certificates")]
    CertificateRequestOrDone,
    ServerHelloDone,
    NewSessionTicket,
    Finished,
}

impl Expected {
    /// Whether a message of this type may come now.
    pub(super) fn allows(self, kind: MessageType) -> bool {
        match self {
            Self::HelloVerifyRequestOrServerHello => {
                matches!(kind, MessageType::HELLO_VERIFY_REQUEST | MessageType::SERVER_HELLO)
            }
            Self::ServerHello => kind == MessageType::SERVER_HELLO,
            #[cfg(feature = "certificates")]
            Self::Certificate => kind == MessageType::CERTIFICATE,
            #[cfg(feature = "certificates")]
            Self::ServerKeyExchange => kind == MessageType::SERVER_KEY_EXCHANGE,
            Self::ServerKeyExchangeOrDone => {
                matches!(kind, MessageType::SERVER_KEY_EXCHANGE | MessageType::SERVER_HELLO_DONE)
            }
            #[cfg(feature = "certificates")]
            Self::CertificateRequestOrDone => {
                matches!(kind, MessageType::CERTIFICATE_REQUEST | MessageType::SERVER_HELLO_DONE)
            }
            Self::ServerHelloDone => kind == MessageType::SERVER_HELLO_DONE,
            Self::NewSessionTicket => kind == MessageType::NEW_SESSION_TICKET,
            Self::Finished => kind == MessageType::FINISHED,
        }
    }
}
