//! The header of a handshake message or a fragment of one (RFC 6347, section 4.2.2),
//! and the types of messages.

use crate::wire::Reader;

pub(crate) const HANDSHAKE_HEADER_LEN: usize = 12;

/// A type of handshake message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageType(pub(crate) u8);

impl MessageType {
    pub(crate) const HELLO_REQUEST: Self = Self(0);
    pub(crate) const CLIENT_HELLO: Self = Self(1);
    pub(crate) const SERVER_HELLO: Self = Self(2);
    pub(crate) const HELLO_VERIFY_REQUEST: Self = Self(3);
    pub(crate) const NEW_SESSION_TICKET: Self = Self(4);
    pub(crate) const CERTIFICATE: Self = Self(11);
    pub(crate) const SERVER_KEY_EXCHANGE: Self = Self(12);
    pub(crate) const CERTIFICATE_REQUEST: Self = Self(13);
    pub(crate) const SERVER_HELLO_DONE: Self = Self(14);
    pub(crate) const CLIENT_KEY_EXCHANGE: Self = Self(16);
    pub(crate) const FINISHED: Self = Self(20);

    /// The name, for error messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HELLO_REQUEST => "HelloRequest",
            #[cfg(feature = "server")]
            Self::CLIENT_HELLO => "ClientHello",
            #[cfg(feature = "server")]
            Self::CLIENT_KEY_EXCHANGE => "ClientKeyExchange",
            Self::SERVER_HELLO => "ServerHello",
            Self::HELLO_VERIFY_REQUEST => "HelloVerifyRequest",
            Self::NEW_SESSION_TICKET => "NewSessionTicket",
            Self::CERTIFICATE => "Certificate",
            Self::SERVER_KEY_EXCHANGE => "ServerKeyExchange",
            Self::CERTIFICATE_REQUEST => "CertificateRequest",
            Self::SERVER_HELLO_DONE => "ServerHelloDone",
            Self::FINISHED => "Finished",
            _ => "a handshake message of another type",
        }
    }
}

/// The header of a fragment, without the length of the fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FragmentHeader {
    pub(crate) kind: MessageType,
    /// The length of the whole message.
    pub(crate) message_len: usize,
    pub(crate) message_seq: u16,
    pub(crate) offset: usize,
}

impl FragmentHeader {
    /// Reads the next fragment in the content of a record; `None` if it does not parse or
    /// extends beyond its message.
    pub(crate) fn read<'m>(reader: &mut Reader<'m>) -> Option<(Self, &'m [u8])> {
        let kind = MessageType(reader.u8()?);
        let message_len = reader.u24()?;
        let message_seq = reader.u16()?;
        let offset = reader.u24()?;
        let fragment = reader.vector24()?;
        if offset + fragment.len() > message_len {
            return None;
        }
        Some((Self { kind, message_len, message_seq, offset }, fragment))
    }

    pub(crate) fn encode(&self, fragment_len: usize) -> [u8; HANDSHAKE_HEADER_LEN] {
        let u24 = |value: usize| {
            let [_, a, b, c] = (value as u32).to_be_bytes();
            [a, b, c]
        };
        let mut out = [0; HANDSHAKE_HEADER_LEN];
        out[0] = self.kind.0;
        out[1..4].copy_from_slice(&u24(self.message_len));
        out[4..6].copy_from_slice(&self.message_seq.to_be_bytes());
        out[6..9].copy_from_slice(&u24(self.offset));
        out[9..].copy_from_slice(&u24(fragment_len));
        out
    }

    /// The header of an unfragmented message. It also enters the transcript, however the
    /// message was fragmented (RFC 6347, section 4.2.6).
    pub(crate) fn of_message(kind: MessageType, message_seq: u16, len: usize) -> Self {
        Self { kind, message_len: len, message_seq, offset: 0 }
    }
}
