//! The handshake as a state machine over complete messages: it processes the server's
//! messages in order and writes the flights that answer them. It knows neither records
//! nor time.

mod client_hello;
mod cookie;
#[cfg(feature = "certificates")]
mod ephemeral;
mod expected;
pub(crate) mod extension;
mod flight;
mod header;
pub(crate) mod key_exchange;
pub(crate) mod premaster;
mod reassembly;
mod server_hello;
mod server_messages;

use alloc::vec::Vec;

use rand_core::TryCryptoRng;

use client_hello::ClientHello;
use expected::Expected;
#[cfg(feature = "certificates")]
use key_exchange::ServerShare;

#[cfg(all(feature = "certificates", feature = "server"))]
pub(crate) use ephemeral::Ephemeral;
pub(crate) use flight::{Flight, FlightRecord};
pub(crate) use header::{FragmentHeader, HANDSHAKE_HEADER_LEN, MessageType};
pub(crate) use reassembly::{Inserted, Reassembly};
#[cfg(feature = "server")]
pub(crate) use reassembly::{Message, NextMessage};

#[cfg(feature = "certificates")]
use crate::certificate::ServerKey;
use crate::config::Config;
use crate::error::{Error, Violation};
use crate::key_schedule::{MasterSecret, RANDOM_LEN, Randoms, Transcript};
use crate::memory::{Boxed, copy};
use crate::record::{ConnectionId, FragmentLength};
use crate::saved_session::SavedSession;
use crate::suite::Suite;
use crate::validity::Validity;

/// The result of processing a message.
#[derive(Default)]
pub(crate) struct Progress {
    /// The message was dropped: it was not expected, and since it was not protected, it
    /// may be forged.
    pub(crate) ignored: Option<Violation>,
    /// The flight has new messages, which are due.
    pub(crate) new_flight: bool,
    /// There are keys for the records of the protected epoch:
    /// [`Handshake::make_keys`].
    pub(crate) has_keys: bool,
    /// The handshake is complete.
    pub(crate) done: bool,
}

/// The result of the negotiation in the two hellos.
#[expect(clippy::struct_excessive_bools, reason = "each stands for an extension")]
struct Negotiated {
    suite: &'static Suite,
    extended_master_secret: bool,
    encrypt_then_mac: bool,
    renegotiation_info: bool,
    max_fragment: FragmentLength,
    session_id: Vec<u8>,
    peer_id: ConnectionId,
    own_id: ConnectionId,
    resumed: bool,
    /// Whether the server will send a NewSessionTicket.
    ticket: bool,
}

/// A handshake in progress.
pub(crate) struct Handshake {
    config: Config,
    randoms: Randoms,
    transcript: Transcript,
    pub(crate) reassembly: Reassembly,
    expected: Expected,
    /// The message that the server sends instead if it accepted the ticket. With an empty
    /// session id in the ClientHello, only that message shows it (RFC 5077, section 3.4). A
    /// session id made up by the client would cost 96 bytes.
    expected_if_resumed: Option<Expected>,
    next_message_seq: u16,
    /// The id of the session to resume; empty if there is a ticket or no session.
    session_id: Vec<u8>,
    /// The cookie in the latest ClientHello; empty if there is none.
    cookie: Vec<u8>,
    /// Another cookie that has arrived since, in case the server does not accept the first
    /// one.
    other_cookie: Vec<u8>,
    /// How many HelloVerifyRequests were answered.
    cookies: u8,
    negotiated: Option<Negotiated>,
    #[cfg(feature = "certificates")]
    server_key: Option<ServerKey>,
    #[cfg(feature = "certificates")]
    server_share: Option<ServerShare>,
    certificate_requested: bool,
    master_secret: Option<Boxed<MasterSecret>>,
    new_ticket: Vec<u8>,
    /// How long the server accepts the ticket, in seconds; 0 if it did not say.
    lifetime_hint: u32,
    /// The validity of the server's proof in this handshake.
    validity: Validity,
}

impl Handshake {
    /// Writes the first ClientHello into `flight`.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] if certificates are asked for in a build without a kind of
    /// keys for them, which leaves no cipher suite to offer; [`Error::Random`];
    /// [`Error::OutOfMemory`].
    #[inline(never)]
    pub(crate) fn start<R: TryCryptoRng>(
        mut config: Config,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Boxed<Self>, Error> {
        // In all other builds there always is one.
        if cfg!(not(any(feature = "p256", feature = "rsa")))
            && config.policy().suites().next().is_none()
        {
            return Err(Error::Configuration("certificates need the feature rsa or p256"));
        }
        let mut randoms = Randoms { client: [0; RANDOM_LEN], server: [0; RANDOM_LEN] };
        random.try_fill_bytes(&mut randoms.client).map_err(|_| Error::Random)?;
        // After a change of the configuration, the suite of the session may no longer be
        // offered. The record length belongs to the session as well (RFC 6066, section 4).
        let (policy, date, asked) = (config.policy(), config.date(), config.max_fragment);
        config.resume.take_if(|session| {
            policy.suite(session.suite.id).is_none()
                || !session.validity.allows(date)
                || !session.max_fragment.is_none() && session.max_fragment != asked
        });
        let validity = Validity::unlimited(config.checks_dates());
        let mut session_id = Vec::new();
        if let Some(session) = config.resume.as_ref().filter(|session| session.ticket.is_empty()) {
            session_id = copy(&session.id)?;
        }
        let mut handshake = Boxed::new(Self {
            reassembly: Reassembly::new(config.max_message_len),
            config,
            randoms,
            transcript: Transcript::default(),
            expected: Expected::HelloVerifyRequestOrServerHello,
            expected_if_resumed: None,
            next_message_seq: 0,
            session_id,
            cookie: Vec::new(),
            other_cookie: Vec::new(),
            cookies: 0,
            negotiated: None,
            #[cfg(feature = "certificates")]
            server_key: None,
            #[cfg(feature = "certificates")]
            server_share: None,
            certificate_requested: false,
            master_secret: None,
            new_ticket: Vec::new(),
            lifetime_hint: 0,
            validity,
        })?;
        handshake.write_client_hello(flight)?;
        Ok(handshake)
    }

    fn write_client_hello(&mut self, flight: &mut Flight) -> Result<(), Error> {
        let Self { config, randoms, transcript, next_message_seq, session_id, cookie, .. } = self;
        let ticket = config.resume.as_ref().map_or(&[][..], |session| &session.ticket);
        let hello = ClientHello { random: &randoms.client, session_id, cookie, ticket };
        flight.clear();
        let (header, body) = flight
            .add(MessageType::CLIENT_HELLO, *next_message_seq, |out| hello.write(config, out))?;
        // Neither a HelloVerifyRequest nor the ClientHello that it answers is part of the
        // transcript (RFC 6347, section 4.2.1).
        *transcript = Transcript::default();
        transcript.add(&header);
        transcript.add(body);
        *next_message_seq += 1;
        Ok(())
    }

    /// Adds a message to the flight and to the transcript.
    fn write_message(
        &mut self,
        flight: &mut Flight,
        kind: MessageType,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (header, body) = flight.add(kind, self.next_message_seq, write)?;
        self.add_sent_to_transcript(&header, body);
        Ok(())
    }

    fn add_sent_to_transcript(&mut self, header: &[u8], body: &[u8]) {
        self.transcript.add(header);
        self.transcript.add(body);
        self.next_message_seq += 1;
    }

    /// The session to resume later, once the handshake is done. `None` if the server gave
    /// neither a ticket nor a session id, or if resumption would be unsafe.
    pub(crate) fn saved_session(&mut self) -> Option<SavedSession> {
        let max_fragment = self.max_fragment();
        if !self.negotiated.as_ref()?.extended_master_secret {
            return None;
        }
        let validity = self.validity();
        let negotiated = self.negotiated.as_mut()?;
        let mut lifetime_hint = self.lifetime_hint;
        let mut ticket = core::mem::take(&mut self.new_ticket);
        let mut id = core::mem::take(&mut negotiated.session_id);
        if negotiated.resumed && ticket.is_empty() {
            let resumed = self.config.resume.take()?;
            (ticket, id) = (resumed.ticket, resumed.id);
            lifetime_hint = resumed.lifetime_hint;
        } else if !ticket.is_empty() {
            id.clear();
        }
        if ticket.is_empty() && id.is_empty() {
            return None;
        }
        let master_secret = self.master_secret.take()?;
        let suite = negotiated.suite;
        Some(SavedSession {
            suite,
            max_fragment,
            master_secret,
            validity,
            lifetime_hint,
            id,
            ticket,
        })
    }

    /// The negotiated length of records.
    pub(crate) fn max_fragment(&self) -> FragmentLength {
        match (&self.negotiated, &self.config.resume) {
            (Some(negotiated), Some(session))
                if negotiated.resumed && negotiated.max_fragment.is_none() =>
            {
                session.max_fragment
            }
            (Some(negotiated), _) => negotiated.max_fragment,
            (None, _) => FragmentLength::default(),
        }
    }

    /// Whether the due ClientHello is the first one.
    pub(crate) fn is_first_hello(&self) -> bool {
        self.cookie.is_empty() && self.negotiated.is_none()
    }

    /// Whether the server has chosen from the offer.
    pub(crate) fn has_server_hello(&self) -> bool {
        self.negotiated.is_some()
    }

    pub(crate) fn has_renegotiation_info(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.renegotiation_info)
    }

    /// The validity of the server's proof, in this handshake or in the one that a resumed
    /// session comes from.
    pub(crate) fn validity(&self) -> Validity {
        match &self.config.resume {
            Some(session) if self.was_resumed() => session.validity,
            _ => self.validity,
        }
    }

    pub(crate) fn was_resumed(&self) -> bool {
        self.negotiated.as_ref().is_some_and(|negotiated| negotiated.resumed)
    }
}
