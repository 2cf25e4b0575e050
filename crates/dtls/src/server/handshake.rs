//! The handshake as a state machine over complete messages: it processes the client's messages
//! in order and writes the flights that answer them. It knows neither records nor time.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::client_hello::ClientHello;
use super::config::Config;
#[cfg(feature = "certificates")]
use super::config::Signed;
use super::cookies::Hello;
use super::server_hello::Negotiated;
use super::ticket::Ticket;
use crate::config::PreSharedKey;
use crate::error::{Error, Violation};
#[cfg(feature = "certificates")]
use crate::handshake::Ephemeral;
use crate::handshake::key_exchange::pre_shared_premaster;
use crate::handshake::premaster::Premaster;
use crate::handshake::{Flight, Message, MessageType, NextMessage, Progress, Reassembly};
use crate::key_schedule::{MasterSecret, RANDOM_LEN, Randoms, Side, Transcript};
use crate::keys::{Keys, Secrets};
use crate::memory::{Boxed, copy};
use crate::record::{ConnectionId, EPOCH_PLAIN, EPOCH_PROTECTED, FragmentLength};
use crate::suite::KeyExchange;
use crate::wire::{Reader, Writer};

/// The length of the random key for an unknown identity, in bytes.
const NO_KEY_LEN: usize = 32;

/// The message that must come next from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    ClientHello,
    ClientKeyExchange,
    Finished,
}

impl Expected {
    /// Whether a message of this type may come now, in a record of this epoch.
    fn allows(self, kind: MessageType, epoch: u16) -> bool {
        let (expected, expected_epoch) = match self {
            Self::ClientHello => (MessageType::CLIENT_HELLO, EPOCH_PLAIN),
            Self::ClientKeyExchange => (MessageType::CLIENT_KEY_EXCHANGE, EPOCH_PLAIN),
            Self::Finished => (MessageType::FINISHED, EPOCH_PROTECTED),
        };
        (kind, epoch) == (expected, expected_epoch)
    }
}

/// A handshake in progress.
pub(super) struct Handshake {
    pub(super) config: Arc<Config>,
    pub(super) randoms: Randoms,
    transcript: Transcript,
    pub(super) reassembly: Reassembly,
    expected: Expected,
    /// The number of the ClientHello with the cookie.
    pub(super) first_message_seq: u16,
    next_message_seq: u16,
    own_id: Option<ConnectionId>,
    negotiated: Option<Negotiated>,
    /// This side's key for this handshake.
    #[cfg(feature = "certificates")]
    ephemeral: Option<Ephemeral>,
    master_secret: Option<MasterSecret>,
    /// The identity that the client claims. It is proved once the handshake is done.
    pub(super) identity: Vec<u8>,
    /// The session was resumed from a ticket.
    pub(super) was_resumed: bool,
}

impl Handshake {
    /// A handshake that waits for the ClientHello with the cookie.
    pub(super) fn start(
        config: Arc<Config>,
        hello: &Hello,
        own_id: Option<ConnectionId>,
    ) -> Result<Boxed<Self>, Error> {
        Boxed::new(Self {
            randoms: Randoms { client: hello.random, server: [0; RANDOM_LEN] },
            transcript: Transcript::default(),
            reassembly: Reassembly::starting_at(hello.message_seq, config.max_message_len),
            config,
            expected: Expected::ClientHello,
            first_message_seq: hello.message_seq,
            // The message that answers a ClientHello has the same number.
            next_message_seq: hello.message_seq,
            own_id,
            negotiated: None,
            #[cfg(feature = "certificates")]
            ephemeral: None,
            master_secret: None,
            identity: Vec::new(),
            was_resumed: false,
        })
    }

    /// Processes the next message, if it is complete. A message that is neither expected
    /// nor protected is dropped, so that the genuine one can still arrive (RFC 6347,
    /// section 4.1.2.7).
    ///
    /// # Errors
    ///
    /// Any error ends the connection.
    pub(super) fn process_next_message<R: TryCryptoRng>(
        &mut self,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Option<Progress>, Error> {
        let expected = self.expected;
        let message = match self.reassembly.next_message(|kind, epoch| expected.allows(kind, epoch))
        {
            NextMessage::Incomplete => return Ok(None),
            NextMessage::Complete(message) => message,
            NextMessage::Unexpected(kind, epoch) => {
                let violation = Violation::Unexpected(kind.name());
                if epoch == EPOCH_PROTECTED {
                    return Err(violation.into());
                }
                return Ok(Some(Progress { ignored: Some(violation), ..Progress::default() }));
            }
        };
        match expected {
            Expected::ClientHello => self.client_hello(&message, flight, random),
            Expected::ClientKeyExchange => self.client_key_exchange(&message, random),
            Expected::Finished => self.finished(&message, flight, random),
        }
        .map(Some)
    }

    fn client_hello<R: TryCryptoRng>(
        &mut self,
        message: &Message,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Progress, Error> {
        message.add_to(&mut self.transcript);
        let hello = ClientHello::read(&message.body)?;
        // It was assembled from fragments of another ClientHello than the one with the
        // cookie.
        if hello.random != self.randoms.client {
            return Err(Violation::Contradiction.into());
        }
        random.try_fill_bytes(&mut self.randoms.server).map_err(|_| Error::Random)?;
        flight.clear();
        if let Some(ticket) = self.config.resume(&hello)? {
            return self.resume(ticket, &hello, flight);
        }
        let choice = self.config.choose(&hello)?;
        let mut negotiated = Negotiated::new(&hello, choice.suite, self.own_id);
        if self.config.ticket_key().is_some() {
            negotiated = negotiated.with_ticket(&hello);
        }
        self.write_server_hello(&negotiated, flight)?;
        // With a pre-shared key and without an identity hint there is no ServerKeyExchange (RFC
        // 4279, section 2).
        #[cfg(feature = "certificates")]
        if let Some(signed) = choice.signed {
            self.prove(&signed, flight, random)?;
        }
        self.write_message(flight, MessageType::SERVER_HELLO_DONE, |_| Ok(()))?;
        self.negotiated = Some(negotiated);
        self.expected = Expected::ClientKeyExchange;
        Ok(Progress { new_flight: true, ..Progress::default() })
    }

    fn write_server_hello(
        &mut self,
        negotiated: &Negotiated,
        flight: &mut Flight,
    ) -> Result<(), Error> {
        let random = self.randoms.server;
        self.write_message(flight, MessageType::SERVER_HELLO, |out| negotiated.write(&random, out))
    }

    /// Resumes the session of a ticket: this side's Finished comes first.
    fn resume(
        &mut self,
        ticket: Ticket,
        hello: &ClientHello<'_>,
        flight: &mut Flight,
    ) -> Result<Progress, Error> {
        let negotiated = Negotiated::new(hello, ticket.suite, self.own_id);
        let negotiated = negotiated.resumed(hello.session_id)?;
        self.write_server_hello(&negotiated, flight)?;
        self.negotiated = Some(negotiated);
        self.master_secret = Some(ticket.master_secret);
        self.identity = ticket.identity;
        self.was_resumed = true;
        self.write_finished(flight)?;
        self.expected = Expected::Finished;
        Ok(Progress { new_flight: true, has_keys: true, ..Progress::default() })
    }

    /// Sends the certificate, and an ephemeral key that the certificate's key has signed.
    #[cfg(feature = "certificates")]
    fn prove<R: TryCryptoRng>(
        &mut self,
        signed: &Signed,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<(), Error> {
        let Signed { identity, scheme, group } = signed;
        let config = Arc::clone(&self.config);
        let Some(identity) = config.identities.get(*identity) else { return Ok(()) };
        if !identity.signer.may_sign() {
            return Err(Error::Signature);
        }
        self.write_message(flight, MessageType::CERTIFICATE, |out| {
            out.try_reserve(identity.certificates.len()).map_err(|_| Error::OutOfMemory)?;
            out.extend_from_slice(&identity.certificates);
            Ok(())
        })?;
        let ephemeral = Ephemeral::generate(*group, random)?;
        let randoms = self.randoms;
        self.write_message(flight, MessageType::SERVER_KEY_EXCHANGE, |out| {
            identity.write_key_exchange(*scheme, *group, &ephemeral, &randoms, out)
        })?;
        self.ephemeral = Some(ephemeral);
        Ok(())
    }

    /// Computes the secret from this side's and the client's ephemeral keys (RFC 8422,
    /// section 5.7). This works only once.
    #[cfg(feature = "certificates")]
    fn agree(&mut self, body: &[u8]) -> Result<Premaster, Error> {
        let mut reader = Reader::new(body);
        let theirs = reader.vector8().filter(|_| reader.is_empty());
        let theirs = theirs.ok_or(Violation::Malformed("ClientKeyExchange"))?;
        let ephemeral = self.ephemeral.take();
        ephemeral.ok_or(Violation::Unexpected("ClientKeyExchange"))?.agree(theirs)
    }

    fn client_key_exchange<R: TryCryptoRng>(
        &mut self,
        message: &Message,
        random: &mut R,
    ) -> Result<Progress, Error> {
        message.add_to(&mut self.transcript);
        let premaster = match self.negotiated()?.suite.key_exchange {
            KeyExchange::Psk => self.pre_shared(&message.body, random)?,
            #[cfg(feature = "certificates")]
            _ => self.agree(&message.body)?,
        };
        self.master_secret = Some(if self.negotiated()?.extended_master_secret {
            MasterSecret::derive_extended(&premaster, &self.transcript.hash())
        } else {
            MasterSecret::derive(&premaster, &self.randoms)
        });
        self.expected = Expected::Finished;
        Ok(Progress { has_keys: true, ..Progress::default() })
    }

    /// The secret from the client's pre-shared key. If the client has none, the secret is
    /// random, so the client does not know it.
    fn pre_shared<R: TryCryptoRng>(
        &mut self,
        body: &[u8],
        random: &mut R,
    ) -> Result<Premaster, Error> {
        let mut reader = Reader::new(body);
        let identity = reader.vector16().filter(|_| reader.is_empty());
        let identity = identity.ok_or(Violation::Malformed("ClientKeyExchange"))?;
        let mut no_key = Zeroizing::new([0; NO_KEY_LEN]);
        random.try_fill_bytes(&mut *no_key).map_err(|_| Error::Random)?;
        let found = self.config.pre_shared_key(identity)?;
        self.identity = copy(identity)?;
        pre_shared_premaster(&match found {
            Some(key) => key,
            None => PreSharedKey::new(b"", &no_key[..])?,
        })
    }

    /// The client's Finished proves that it has the key, and that both sides saw the same
    /// messages.
    fn finished<R: TryCryptoRng>(
        &mut self,
        message: &Message,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Progress, Error> {
        let expected = self.master_secret()?.verify_data(Side::Client, &self.transcript);
        let is_valid: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], &message.body).into();
        if !is_valid {
            return Err(Violation::Finished.into());
        }
        if self.was_resumed {
            return Ok(Progress { done: true, ..Progress::default() });
        }
        message.add_to(&mut self.transcript);
        flight.clear();
        if self.negotiated()?.ticket {
            self.write_ticket(flight, random)?;
        }
        self.write_finished(flight)?;
        Ok(Progress { new_flight: true, done: true, ..Progress::default() })
    }

    /// Writes a NewSessionTicket (RFC 5077, section 3.3).
    fn write_ticket<R: TryCryptoRng>(
        &mut self,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<(), Error> {
        let config = Arc::clone(&self.config);
        let Some(key) = config.ticket_key() else { return Ok(()) };
        let negotiated = self.negotiated()?;
        let ticket = Ticket {
            suite: negotiated.suite,
            max_fragment: negotiated.max_fragment,
            master_secret: self.master_secret()?.clone(),
            identity: copy(&self.identity)?,
        };
        let sealed = ticket.seal(key, random)?;
        self.write_message(flight, MessageType::NEW_SESSION_TICKET, |out| {
            let mut writer = Writer::new(out);
            writer.bytes(&config.ticket_lifetime.to_be_bytes());
            writer.vector16(|writer| writer.bytes(&sealed));
            writer.finish()
        })
    }

    fn write_finished(&mut self, flight: &mut Flight) -> Result<(), Error> {
        flight.add_change_cipher_spec()?;
        let data = self.master_secret()?.verify_data(Side::Server, &self.transcript);
        self.write_message(flight, MessageType::FINISHED, |out| {
            out.try_reserve(data.len()).map_err(|_| Error::OutOfMemory)?;
            out.extend_from_slice(&data);
            Ok(())
        })
    }

    /// Adds a message to the flight and to the transcript.
    fn write_message(
        &mut self,
        flight: &mut Flight,
        kind: MessageType,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (header, body) = flight.add(kind, self.next_message_seq, write)?;
        self.transcript.add(&header);
        self.transcript.add(body);
        self.next_message_seq += 1;
        Ok(())
    }

    /// Derives the keys for the records of the protected epoch.
    ///
    /// # Errors
    ///
    /// Some, if there are none.
    pub(super) fn make_keys<'k>(&self, keys: &'k mut Option<Keys>) -> Result<&'k mut Keys, Error> {
        let negotiated = self.negotiated()?;
        let secrets = Secrets {
            suite: negotiated.suite,
            master_secret: self.master_secret()?.clone(),
            randoms: self.randoms,
            encrypt_then_mac: negotiated.encrypt_then_mac,
            max_fragment: negotiated.max_fragment,
        };
        let (peer_id, own_id) = (negotiated.peer_id, negotiated.own_id);
        let keys = secrets.derive_keys(peer_id, own_id, keys).ok_or(Error::BadLength)?;
        keys.swap_directions();
        Ok(keys)
    }

    /// The negotiated length of records.
    pub(super) fn max_fragment(&self) -> FragmentLength {
        self.negotiated.as_ref().map_or(FragmentLength::default(), |agreed| agreed.max_fragment)
    }

    fn negotiated(&self) -> Result<&Negotiated, Error> {
        self.negotiated.as_ref().ok_or(Violation::Unexpected("a message before ClientHello").into())
    }

    fn master_secret(&self) -> Result<&MasterSecret, Error> {
        self.master_secret.as_ref().ok_or(Violation::Unexpected("Finished").into())
    }
}
