//! What a server that refuses the first ClientHello is offered: block ciphers and key exchange
//! by static RSA too, see [`Config::strong_first`].
//!
//! The alert by which a server refuses can be forged, so the server may as well be about to
//! answer the first ClientHello. Therefore the second one begins the same handshake again:
//! with the same random bytes, the first message number and without a cookie. A server that
//! refused has forgotten the first one and answers the second, perhaps by asking for a cookie
//! again. One that did not refuse takes the second for a retransmission and answers the
//! first. Which one it was shows in the suite.
//!
//! [`Config::strong_first`]: crate::Config::strong_first

use alloc::vec::Vec;

use super::reassembly::Message;
use super::server_messages::MAX_COOKIES;
use super::{Flight, Handshake};
use crate::error::Error;
use crate::memory::copy;
use crate::suite::Suite;

/// What to do when the server refuses, or somebody says so in its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nothing more can be offered.
    Final,
    /// Ask again: a server that refuses says so again.
    First,
    /// Offer everything.
    Repeated,
}

/// Which offers the server may answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    /// The first one, of which there is no other.
    #[default]
    First,
    /// The same, after a refusal.
    Refused,
    Both,
    Second,
}

/// The offers that were made.
#[derive(Default)]
pub(super) struct Offers {
    open: Open,
    /// The cookie that was sent with the first offer; empty if there was none.
    cookie: Vec<u8>,
    /// The number of the latest ClientHello with the first offer.
    message_seq: u16,
}

impl Offers {
    /// The server has asked for a cookie, which was sent with the latest offer only.
    pub(super) fn note_cookie(&mut self) {
        if self.open == Open::Both {
            self.open = Open::Second;
        }
    }
}

impl Handshake {
    /// The server refuses what was offered, as it seems.
    pub(crate) fn note_refusal(&mut self) -> Refusal {
        if !self.can_offer_more() {
            return Refusal::Final;
        }
        // Without the cookie, nobody would have got so far. A server that keeps its state while
        // it asks for one could not take the message with this number again.
        if self.offers.open == Open::First && self.cookie.is_empty() {
            self.offers.open = Open::Refused;
            return Refusal::First;
        }
        Refusal::Repeated
    }

    /// Whether a second ClientHello may offer more.
    pub(crate) fn can_offer_more(&self) -> bool {
        self.config.strong_first && self.config.cbc && self.negotiated.is_none()
    }

    /// Writes a ClientHello that offers everything into `flight`. `may_answer_first`: the
    /// server may yet answer the first one.
    pub(crate) fn offer_everything(
        &mut self,
        may_answer_first: bool,
        flight: &mut Flight,
    ) -> Result<(), Error> {
        self.config.strong_first = false;
        self.offers.open = if may_answer_first { Open::Both } else { Open::Second };
        self.offers.message_seq = self.next_message_seq - 1;
        self.offers.cookie = core::mem::take(&mut self.cookie);
        self.other_cookie = Vec::new();
        self.next_message_seq = 0;
        self.write_client_hello(flight)
    }

    /// The server asks for a cookie again. If it asks because of the second offer, writes that
    /// with the cookie, and returns true.
    pub(super) fn answer_cookie_again(
        &mut self,
        cookie: &[u8],
        flight: &mut Flight,
    ) -> Result<bool, Error> {
        let is_open = matches!(self.offers.open, Open::Both | Open::Second);
        if !is_open || self.cookies >= 2 * MAX_COOKIES {
            return Ok(false);
        }
        // A server that was about to answer the first offer would not ask.
        self.offers.open = Open::Second;
        self.cookies += 1;
        self.next_message_seq = 1;
        self.cookie = copy(cookie)?;
        self.write_client_hello(flight)?;
        Ok(true)
    }

    /// The ServerHello has come, and is in the transcript behind the latest ClientHello. If
    /// its suite was in the first offer, the server did not refuse that, and has seen the
    /// first ClientHello: that one belongs into the transcript.
    pub(super) fn find_answered_offer(
        &mut self,
        suite: &Suite,
        hello: &Message,
    ) -> Result<(), Error> {
        if self.offers.open == Open::Both && !suite.algorithm.is_cbc() {
            self.config.strong_first = true;
            self.next_message_seq = self.offers.message_seq;
            self.cookie = core::mem::take(&mut self.offers.cookie);
            self.write_client_hello(&mut Flight::default())?;
            self.add_to_transcript(hello);
        }
        Ok(())
    }
}
