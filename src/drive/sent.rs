//! What the log says of a message that is sent, at the level of debugging. A message that is
//! sent again has the same message id, and its answer the same token.

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
            write!(f, "message {:08x}: ", u32::from_be_bytes(*token))?;
        }
        let kind = ["CON", "NON", "ACK", "RST"][usize::from(first >> 4 & 3)];
        let id = u16::from_be_bytes([high, low]);
        write!(f, "sent {kind} {}, message id {id}, {} bytes", Code(code), self.0.len())
    }
}
