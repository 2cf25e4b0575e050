//! Handles further cookies for a ClientHello that already has one. A server that has
//! changed its key asks again, a server that receives a ClientHello twice may ask twice,
//! and anybody can ask in its name. The first cookie is used until the ClientHello with it
//! was not answered in time.

use super::server_hello::read_cookie;
use super::{Flight, Handshake};
use crate::error::Error;
use crate::memory::copy;

impl Handshake {
    /// Notes that the server asks for a cookie again, in a message with this body.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn note_other_cookie(&mut self, body: &[u8]) -> Result<(), Error> {
        match read_cookie(body) {
            Ok(cookie) if self.negotiated.is_none() && cookie != self.cookie => {
                self.other_cookie = copy(cookie)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Notes that the ClientHello was not answered in time. Returns whether there was
    /// another cookie; if so, the flight now has a ClientHello with it.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`].
    pub(crate) fn try_other_cookie(&mut self, flight: &mut Flight) -> Result<bool, Error> {
        if self.other_cookie.is_empty() || self.negotiated.is_some() {
            return Ok(false);
        }
        core::mem::swap(&mut self.cookie, &mut self.other_cookie);
        self.next_message_seq -= 1;
        self.write_client_hello(flight)?;
        Ok(true)
    }
}
