//! What the log says of messages. One that is sent again has the same message id, and its
//! answer the same token.

use core::fmt;

use iot_coap_client::Code;

use crate::log::{Queue, log_later};

/// Out of the way of messages that nobody wants to see.
#[cold]
#[inline(never)]
pub(super) fn log_sent(log: &mut Queue, datagram: &[u8]) {
    log_later!(log, Debug, "{}", Sent(datagram));
}

/// A message that the client made (RFC 7252, section 3). The client's own tokens have four
/// bytes; an answer to a request of the server has the server's.
struct Sent<'m>(&'m [u8]);

impl fmt::Display for Sent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &[first, code, high, low] = self.0.first_chunk().unwrap_or(&[0; 4]);
        if first & 0x0F == 4
            && let Some(token) = self.0.get(4..).and_then(<[u8]>::first_chunk)
        {
            write!(f, "message {}: ", Token(u32::from_le_bytes(*token)))?;
        }
        let kind = ["CON", "NON", "ACK", "RST"][usize::from(first >> 4 & 3)];
        let id = u16::from_be_bytes([high, low]);
        write!(f, "sent {kind} {}, message id {id}, {} bytes", Code(code), self.0.len())
    }
}

/// A token of the client's own, as its four bytes stand in the datagram, and as the local cloud
/// and Wireshark show it.
pub(super) struct Token(pub(super) u32);

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0.swap_bytes())
    }
}
