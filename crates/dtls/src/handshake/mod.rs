//! The handshake as a state machine over whole messages: it takes the server's
//! one after another and fills the flights that answer them. It knows no
//! records and keeps no time.

mod client_hello;
mod extension;
mod flight;
mod header;
mod key_exchange;
mod reassembly;
mod server_hello;
mod steps;

use alloc::vec::Vec;

use rand_core::TryCryptoRng;

use client_hello::ClientHello;
#[cfg(feature = "certificates")]
use key_exchange::ServerShare;
use reassembly::Reassembly;

pub(crate) use flight::{Flight, Piece};
pub(crate) use header::{FragmentHeader, HANDSHAKE_HEADER_LEN, MessageType};
pub(crate) use reassembly::Taken;

#[cfg(feature = "certificates")]
use crate::certificate::ServerKey;
use crate::cipher::Protection;
use crate::config::Config;
use crate::error::{Error, Violation};
use crate::key_schedule::{MasterSecret, RANDOM_LEN, Randoms, Transcript};
use crate::record::Connection;
use crate::saved_session::SavedSession;
use crate::suite::Suite;

/// What comes next from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    HelloVerifyRequestOrServerHello,
    ServerHello,
    #[cfg(feature = "certificates")]
    Certificate,
    #[cfg(feature = "certificates")]
    ServerKeyExchange,
    /// Of a pre-shared key, which may have no hint.
    ServerKeyExchangeOrDone,
    #[cfg(feature = "certificates")]
    CertificateRequestOrDone,
    ServerHelloDone,
    NewSessionTicket,
    Finished,
}

impl Expect {
    /// Whether a message of this kind may come now.
    fn admits(self, kind: MessageType) -> bool {
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

/// What a message led to.
#[derive(Default)]
pub(crate) struct Step {
    /// The message was dropped: it was not expected, and anybody may have sent
    /// it.
    pub(crate) doubt: Option<Violation>,
    /// The flight was filled anew and is due.
    pub(crate) flight: bool,
    /// From now on records are protected with these.
    pub(crate) keys: Option<Keys>,
    /// The handshake is done.
    pub(crate) done: bool,
}

/// Both directions' protection and the connection ids in use.
pub(crate) struct Keys {
    pub(crate) write: Protection,
    pub(crate) read: Protection,
    /// In records to the server.
    pub(crate) peer_id: Connection,
    /// In records from the server.
    pub(crate) own_id: Connection,
    pub(crate) secrets: Secrets,
}

/// What the keys were made of, kept so that they can be made again after sleep.
#[derive(Clone)]
pub(crate) struct Secrets {
    pub(crate) suite: &'static Suite,
    pub(crate) master_secret: MasterSecret,
    pub(crate) randoms: Randoms,
    pub(crate) encrypt_then_mac: bool,
}

impl Secrets {
    pub(crate) fn keys(self, peer_id: Connection, own_id: Connection) -> Option<Keys> {
        let (write, read) = self.master_secret.protections(
            self.suite.algorithm,
            &self.randoms,
            self.encrypt_then_mac,
        )?;
        Some(Keys { write, read, peer_id, own_id, secrets: self })
    }
}

/// What was agreed upon by the two hellos.
#[expect(clippy::struct_excessive_bools, reason = "each stands for an extension")]
struct Agreement {
    suite: &'static Suite,
    extended_master_secret: bool,
    encrypt_then_mac: bool,
    session_id: Vec<u8>,
    peer_id: Connection,
    own_id: Connection,
    resumed: bool,
    ticket: bool,
}

/// A handshake under way.
pub(crate) struct Handshake {
    config: Config,
    randoms: Randoms,
    transcript: Transcript,
    pub(crate) reassembly: Reassembly,
    expect: Expect,
    /// What comes next instead if the server has taken the ticket. With an empty
    /// id in the ClientHello only that message tells (RFC 5077, section 3.4); an
    /// id of our own making would cost 96 bytes.
    if_resumed: Option<Expect>,
    next_message_seq: u16,
    /// The id under which a session is to be resumed; empty where there is a
    /// ticket.
    session_id: Vec<u8>,
    cookies: u8,
    agreement: Option<Agreement>,
    #[cfg(feature = "certificates")]
    server_key: Option<ServerKey>,
    #[cfg(feature = "certificates")]
    server_share: Option<ServerShare>,
    certificate_requested: bool,
    master_secret: Option<MasterSecret>,
    new_ticket: Vec<u8>,
}

impl Handshake {
    /// Fills `flight` with the first ClientHello.
    pub(crate) fn start<R: TryCryptoRng>(
        mut config: Config,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Self, Error> {
        if config.policy().suites().next().is_none() {
            return Err(Error::Configuration("no cipher suite is left to offer"));
        }
        let mut randoms = Randoms { client: [0; RANDOM_LEN], server: [0; RANDOM_LEN] };
        random.try_fill_bytes(&mut randoms.client).map_err(|_| Error::Random)?;
        // A server does not get past a session whose suite is not offered with
        // it (RFC 5246, section 7.4.1.2), as after a change of configuration.
        let policy = config.policy();
        config.resume.take_if(|session| policy.suite(session.suite.id).is_none());
        let mut session_id = Vec::new();
        if let Some(session) = config.resume.as_ref().filter(|session| session.ticket.is_empty()) {
            session_id = crate::config::copy(&session.id)?;
        }
        let mut handshake = Self {
            reassembly: Reassembly::new(config.longest_message),
            config,
            randoms,
            transcript: Transcript::default(),
            expect: Expect::HelloVerifyRequestOrServerHello,
            if_resumed: None,
            next_message_seq: 0,
            session_id,
            cookies: 0,
            agreement: None,
            #[cfg(feature = "certificates")]
            server_key: None,
            #[cfg(feature = "certificates")]
            server_share: None,
            certificate_requested: false,
            master_secret: None,
            new_ticket: Vec::new(),
        };
        handshake.write_client_hello(&[], flight)?;
        Ok(handshake)
    }

    fn write_client_hello(&mut self, cookie: &[u8], flight: &mut Flight) -> Result<(), Error> {
        let Self { config, randoms, transcript, next_message_seq, session_id, .. } = self;
        let ticket = config.resume.as_ref().map_or(&[][..], |session| &session.ticket);
        let hello = ClientHello { random: &randoms.client, session_id, cookie, ticket };
        flight.clear();
        let (header, body) = flight
            .add(MessageType::CLIENT_HELLO, *next_message_seq, |out| hello.write(config, out))?;
        // Neither a HelloVerifyRequest nor the hello that it answers is part of
        // the transcript (RFC 6347, section 4.2.1).
        *transcript = Transcript::default();
        transcript.add(&header);
        transcript.add(body);
        *next_message_seq += 1;
        Ok(())
    }

    /// Adds a message of ours to the flight and to the transcript.
    fn write_message(
        &mut self,
        flight: &mut Flight,
        kind: MessageType,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (header, body) = flight.add(kind, self.next_message_seq, write)?;
        self.add_own_to_transcript(&header, body);
        Ok(())
    }

    fn add_own_to_transcript(&mut self, header: &[u8], body: &[u8]) {
        self.transcript.add(header);
        self.transcript.add(body);
        self.next_message_seq += 1;
    }

    /// What to keep for the next connection, once this one is made; `None`
    /// where the server gave nothing, or where it would not be safe.
    pub(crate) fn saved_session(&mut self) -> Option<SavedSession> {
        let agreement = self.agreement.as_mut()?;
        if !agreement.extended_master_secret {
            return None;
        }
        let mut ticket = core::mem::take(&mut self.new_ticket);
        let mut id = core::mem::take(&mut agreement.session_id);
        if agreement.resumed && ticket.is_empty() {
            let before = self.config.resume.take()?;
            (ticket, id) = (before.ticket, before.id);
        } else if !ticket.is_empty() {
            id.clear();
        }
        if ticket.is_empty() && id.is_empty() {
            return None;
        }
        let master_secret = self.master_secret.clone()?;
        Some(SavedSession { suite: agreement.suite, master_secret, id, ticket })
    }

    pub(crate) fn was_resumed(&self) -> bool {
        self.agreement.as_ref().is_some_and(|agreement| agreement.resumed)
    }
}
