//! The server's messages, one by one, and what each leads to.

use alloc::vec::Vec;

use rand_core::TryCryptoRng;

use super::header::{FragmentHeader, MessageType};
use super::key_exchange;
#[cfg(feature = "certificates")]
use super::key_exchange::ServerShare;
use super::reassembly::{Message, Next};
use super::server_hello::{ServerHello, read_cookie};
use super::{Agreement, Expect, Flight, Handshake, Secrets, Step};
#[cfg(feature = "certificates")]
use crate::certificate::ServerKey;
use crate::config::{Authentication, copy};
use crate::error::{Error, Violation};
use crate::key_schedule::{MasterSecret, Side};
use crate::record::{Connection, EPOCH_PROTECTED};
use crate::saved_session::LONGEST_TICKET;
use crate::suite::KeyExchange;
use crate::wire::Reader;

/// A server that answers every hello with another cookie is not to be followed
/// for ever.
const MOST_COOKIES: u8 = 4;

// Each step that computes much is a function of its own, not inlined: on a small
// stack their needs must not add up.
impl Handshake {
    /// Takes the next message that is whole, if there is one.
    ///
    /// What is not expected and not protected is dropped, so that the true
    /// message can still come (RFC 6347, section 4.1.2.7). That skips nothing:
    /// the transcript, the next number and what is expected stay as they are.
    pub(crate) fn next_step<R: TryCryptoRng>(
        &mut self,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Option<Step>, Error> {
        let (expect, if_resumed) = (self.expect, self.if_resumed);
        // Finished is the only message under the keys.
        let is_expected = |kind, epoch| {
            (expect.admits(kind) || if_resumed.is_some_and(|expect| expect.admits(kind)))
                && (kind == MessageType::FINISHED) == (epoch == EPOCH_PROTECTED)
        };
        let message = match self.reassembly.next_message(is_expected) {
            Next::Partial => return Ok(None),
            Next::Whole(message) => message,
            Next::Unexpected(kind, epoch) => {
                let violation = Violation::Unexpected(kind.name());
                if epoch == EPOCH_PROTECTED {
                    return Err(violation.into());
                }
                return Ok(Some(Step { doubt: Some(violation), ..Step::default() }));
            }
        };
        self.learn_whether_resumed(message.kind);
        // What Finished proves is everything before it.
        if message.kind != MessageType::FINISHED {
            self.add_to_transcript(&message);
        }
        self.step(&message, flight, random).map(Some)
    }

    /// The first message after a ServerHello that answers a ticket.
    fn learn_whether_resumed(&mut self, kind: MessageType) {
        match self.if_resumed.take() {
            Some(expect) if expect.admits(kind) => {
                self.expect = expect;
                if let Some(agreement) = &mut self.agreement {
                    agreement.resumed = true;
                }
            }
            // The saved secret is none of this handshake.
            Some(_) => self.master_secret = None,
            None => {}
        }
    }

    fn add_to_transcript(&mut self, message: &Message) {
        let len = message.body.len();
        let header = FragmentHeader::of_whole(message.kind, message.message_seq, len);
        self.transcript.add(&header.encode(len));
        self.transcript.add(&message.body);
    }

    fn step<R: TryCryptoRng>(
        &mut self,
        message: &Message,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Step, Error> {
        let body = &message.body[..];
        match message.kind {
            MessageType::HELLO_VERIFY_REQUEST => {
                self.cookies += 1;
                if self.cookies == MOST_COOKIES {
                    self.expect = Expect::ServerHello;
                }
                self.write_client_hello(read_cookie(body)?, flight)?;
                return Ok(Step { flight: true, ..Step::default() });
            }
            MessageType::SERVER_HELLO => return self.server_hello(body),
            #[cfg(feature = "certificates")]
            MessageType::CERTIFICATE => self.certificate(body)?,
            #[cfg(feature = "certificates")]
            MessageType::SERVER_KEY_EXCHANGE if self.expect == Expect::ServerKeyExchange => {
                self.server_key_exchange(body)?;
            }
            MessageType::SERVER_KEY_EXCHANGE => {
                key_exchange::check_hint(body)?;
                self.expect = Expect::ServerHelloDone;
            }
            #[cfg(feature = "certificates")]
            MessageType::CERTIFICATE_REQUEST => {
                self.certificate_requested = true;
                self.expect = Expect::ServerHelloDone;
            }
            MessageType::SERVER_HELLO_DONE => return self.server_hello_done(body, flight, random),
            MessageType::NEW_SESSION_TICKET => {
                self.new_ticket = read_ticket(body)?;
                self.expect = Expect::Finished;
            }
            MessageType::FINISHED => return self.finished(message, flight),
            kind => return Err(Violation::Unexpected(kind.name()).into()),
        }
        Ok(Step::default())
    }

    fn server_hello(&mut self, body: &[u8]) -> Result<Step, Error> {
        let hello = ServerHello::read(body, &self.config)?;
        self.randoms.server = hello.random;
        let resumed = !self.session_id.is_empty() && hello.session_id == self.session_id;
        let own_id = self.config.connection_id.filter(|_| hello.connection_id.is_some());
        self.agreement = Some(Agreement {
            suite: hello.suite,
            extended_master_secret: hello.extended_master_secret,
            encrypt_then_mac: hello.encrypt_then_mac,
            session_id: copy(hello.session_id)?,
            peer_id: hello.connection_id.unwrap_or_default(),
            own_id: own_id.unwrap_or_default(),
            resumed,
            ticket: hello.ticket,
        });
        let if_resumed = if hello.ticket { Expect::NewSessionTicket } else { Expect::Finished };
        self.expect = match hello.suite.key_exchange {
            KeyExchange::Psk => Expect::ServerKeyExchangeOrDone,
            #[cfg(feature = "certificates")]
            _ => Expect::Certificate,
        };
        // Only sessions with an extended master secret are saved, so a server
        // that resumes one must know it, too (RFC 7627, section 5.3).
        let session = self
            .config
            .resume
            .as_ref()
            .filter(|session| session.suite == hello.suite && hello.extended_master_secret);
        let Some(session) = session.filter(|session| resumed || !session.ticket.is_empty()) else {
            return if resumed { Err(Violation::Resumption.into()) } else { Ok(Step::default()) };
        };
        self.master_secret = Some(session.master_secret.clone());
        if resumed {
            self.expect = if_resumed;
        } else {
            self.if_resumed = Some(if_resumed);
        }
        Ok(Step { keys: Some(self.make_keys()?), ..Step::default() })
    }

    #[cfg(feature = "certificates")]
    #[inline(never)]
    fn certificate(&mut self, body: &[u8]) -> Result<(), Error> {
        let key_exchange = self.agreement()?.suite.key_exchange;
        let Authentication::Certificate { host, anchors, time } = &self.config.authentication
        else {
            return Err(Violation::Unexpected("Certificate").into());
        };
        let key = ServerKey::verify(body, anchors, host, *time, key_exchange)?;
        self.server_key = Some(key);
        self.expect = match key_exchange {
            #[cfg(feature = "static-rsa")]
            KeyExchange::Rsa => Expect::CertificateRequestOrDone,
            _ => Expect::ServerKeyExchange,
        };
        Ok(())
    }

    #[cfg(feature = "certificates")]
    #[inline(never)]
    fn server_key_exchange(&mut self, body: &[u8]) -> Result<(), Error> {
        let ecdsa = self.agreement()?.suite.key_exchange == KeyExchange::EcdheEcdsa;
        let key = self.server_key.as_ref().ok_or(Violation::Unexpected("ServerKeyExchange"))?;
        self.server_share = Some(ServerShare::read(body, &self.randoms, key, ecdsa)?);
        self.expect = Expect::CertificateRequestOrDone;
        Ok(())
    }

    #[inline(never)]
    fn server_hello_done<R: TryCryptoRng>(
        &mut self,
        body: &[u8],
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Step, Error> {
        if !body.is_empty() {
            return Err(Violation::Malformed("ServerHelloDone").into());
        }
        flight.clear();
        if self.certificate_requested {
            // None: an empty list (RFC 5246, section 7.4.6).
            self.write_message(flight, MessageType::CERTIFICATE, |out| {
                out.try_reserve(3).map_err(|_| Error::OutOfMemory)?;
                out.extend_from_slice(&[0; 3]);
                Ok(())
            })?;
        }
        let mut premaster = key_exchange::Premaster::default();
        let (header, written) =
            flight.add(MessageType::CLIENT_KEY_EXCHANGE, self.next_message_seq, |out| {
                premaster = self.exchange_keys(random, out)?;
                Ok(())
            })?;
        self.add_own_to_transcript(&header, written);
        let secret = if self.agreement()?.extended_master_secret {
            MasterSecret::derive_extended(&premaster, &self.transcript.hash())
        } else {
            MasterSecret::derive(&premaster, &self.randoms)
        };
        self.master_secret = Some(secret);
        let keys = self.make_keys()?;
        self.write_finished(flight)?;
        self.expect =
            if self.agreement()?.ticket { Expect::NewSessionTicket } else { Expect::Finished };
        Ok(Step { flight: true, keys: Some(keys), ..Step::default() })
    }

    fn exchange_keys<R: TryCryptoRng>(
        &self,
        random: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<key_exchange::Premaster, Error> {
        #[cfg(not(feature = "certificates"))]
        let _ = random;
        match (&self.config.authentication, self.agreement()?.suite.key_exchange) {
            (Authentication::PreSharedKey(key), KeyExchange::Psk) => {
                key_exchange::pre_shared(key, out)
            }
            #[cfg(feature = "static-rsa")]
            (_, KeyExchange::Rsa) => {
                let key = self.server_key.as_ref();
                let key = key.ok_or(Violation::Unexpected("ServerHelloDone"))?;
                key_exchange::static_rsa(key, random, out)
            }
            #[cfg(feature = "certificates")]
            _ => {
                let share = self.server_share.as_ref();
                share.ok_or(Violation::Unexpected("ServerHelloDone"))?.agree(random, out)
            }
        }
    }

    /// The server's Finished: it proves that both sides saw the same messages.
    #[inline(never)]
    fn finished(&mut self, message: &Message, flight: &mut Flight) -> Result<Step, Error> {
        let secret = self.master_secret()?;
        let expected = secret.verify_data(Side::Server, &self.transcript);
        let is_good: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], &message.body).into();
        if !is_good {
            return Err(Violation::Finished.into());
        }
        let mut step = Step { done: true, ..Step::default() };
        if self.was_resumed() {
            self.add_to_transcript(message);
            flight.clear();
            self.write_finished(flight)?;
            step.flight = true;
        }
        Ok(step)
    }

    fn write_finished(&mut self, flight: &mut Flight) -> Result<(), Error> {
        flight.change_cipher_spec()?;
        let data = self.master_secret()?.verify_data(Side::Client, &self.transcript);
        self.write_message(flight, MessageType::FINISHED, |out| {
            out.try_reserve(data.len()).map_err(|_| Error::OutOfMemory)?;
            out.extend_from_slice(&data);
            Ok(())
        })
    }

    fn make_keys(&self) -> Result<super::Keys, Error> {
        let agreement = self.agreement()?;
        let secrets = Secrets {
            suite: agreement.suite,
            master_secret: self.master_secret()?.clone(),
            randoms: self.randoms,
            encrypt_then_mac: agreement.encrypt_then_mac,
        };
        let (peer_id, own_id): (Connection, Connection) = (agreement.peer_id, agreement.own_id);
        secrets.keys(peer_id, own_id).ok_or(Error::BadLength)
    }

    fn agreement(&self) -> Result<&Agreement, Error> {
        self.agreement.as_ref().ok_or(Violation::Unexpected("a message before ServerHello").into())
    }

    fn master_secret(&self) -> Result<&MasterSecret, Error> {
        self.master_secret.as_ref().ok_or(Violation::Unexpected("Finished").into())
    }
}

/// The ticket of a NewSessionTicket (RFC 5077, section 3.3); empty where the
/// server has changed its mind, or where it is too long to be given back.
fn read_ticket(body: &[u8]) -> Result<Vec<u8>, Error> {
    let malformed = Violation::Malformed("NewSessionTicket");
    let mut reader = Reader::new(body);
    reader.bytes(4).ok_or(malformed)?;
    let ticket = reader.vector16().filter(|_| reader.is_empty()).ok_or(malformed)?;
    if ticket.len() > LONGEST_TICKET { Ok(Vec::new()) } else { copy(ticket) }
}
