//! Processes the server's handshake messages.

use alloc::vec::Vec;

use rand_core::TryCryptoRng;

use super::header::MessageType;
use super::key_exchange;
#[cfg(feature = "certificates")]
use super::key_exchange::ServerShare;
use super::premaster::Premaster;
use super::reassembly::{Message, NextMessage};
use super::server_hello::{ServerHello, read_cookie};
use super::{Expected, Flight, Handshake, Negotiated, Progress};
#[cfg(feature = "certificates")]
use crate::certificate::ServerKey;
use crate::config::Authentication;
use crate::error::{Error, Violation};
use crate::key_schedule::{MasterSecret, Side};
use crate::keys::{Keys, Secrets};
use crate::memory::copy;
use crate::record::EPOCH_PROTECTED;
use crate::saved_session::MAX_TICKET_LEN;
use crate::suite::KeyExchange;
use crate::wire::Reader;

/// The most HelloVerifyRequests that are answered. A hostile server could send them
/// forever.
const MAX_COOKIES: u8 = 4;

// Functions with expensive computations are not inlined, so that their stack frames do not
// add up on a small stack.
impl Handshake {
    /// Processes the next message, if it is complete.
    ///
    /// A message that is neither expected nor protected is dropped, so that the genuine
    /// one can still come (RFC 6347, section 4.1.2.7). Dropping it changes neither the
    /// transcript nor the next message number.
    ///
    /// # Errors
    ///
    /// Any error ends the session.
    pub(crate) fn process_next_message<R: TryCryptoRng>(
        &mut self,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Option<Progress>, Error> {
        let (expected, if_resumed) = (self.expected, self.expected_if_resumed);
        // Finished is the only protected message.
        let is_expected = |kind, epoch| {
            (expected.allows(kind) || if_resumed.is_some_and(|expected| expected.allows(kind)))
                && (kind == MessageType::FINISHED) == (epoch == EPOCH_PROTECTED)
        };
        let message = match self.reassembly.next_message(is_expected) {
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
        self.detect_resumption(message.kind);
        // A Finished covers the messages before it, not itself.
        if message.kind != MessageType::FINISHED {
            self.add_to_transcript(&message);
        }
        self.process(&message, flight, random).map(Some)
    }

    /// After a ServerHello that answers a ticket, the next message shows whether the
    /// session is resumed.
    fn detect_resumption(&mut self, kind: MessageType) {
        match self.expected_if_resumed.take() {
            Some(expected) if expected.allows(kind) => {
                self.expected = expected;
                if let Some(negotiated) = &mut self.negotiated {
                    negotiated.resumed = true;
                }
            }
            // The server does a full handshake, with a new secret.
            Some(_) => self.master_secret = None,
            None => {}
        }
    }

    pub(super) fn add_to_transcript(&mut self, message: &Message) {
        message.add_to(&mut self.transcript);
    }

    fn process<R: TryCryptoRng>(
        &mut self,
        message: &Message,
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Progress, Error> {
        let body = &message.body[..];
        match message.kind {
            MessageType::HELLO_VERIFY_REQUEST => {
                self.cookies += 1;
                if self.cookies == MAX_COOKIES {
                    self.expected = Expected::ServerHello;
                }
                self.cookie = copy(read_cookie(body)?)?;
                self.other_cookie = Vec::new();
                // The server has not seen the ClientHello that it must answer.
                self.reassembly.clear();
                self.write_client_hello(flight)?;
                return Ok(Progress { new_flight: true, ..Progress::default() });
            }
            MessageType::SERVER_HELLO => return self.server_hello(message),
            #[cfg(feature = "certificates")]
            MessageType::CERTIFICATE => self.certificate(body)?,
            #[cfg(feature = "certificates")]
            MessageType::SERVER_KEY_EXCHANGE if self.expected == Expected::ServerKeyExchange => {
                self.server_key_exchange(body)?;
            }
            MessageType::SERVER_KEY_EXCHANGE => {
                key_exchange::check_identity_hint(body)?;
                self.expected = Expected::ServerHelloDone;
            }
            #[cfg(feature = "certificates")]
            MessageType::CERTIFICATE_REQUEST => {
                self.certificate_requested = true;
                self.expected = Expected::ServerHelloDone;
            }
            MessageType::SERVER_HELLO_DONE => return self.server_hello_done(body, flight, random),
            MessageType::NEW_SESSION_TICKET => {
                (self.lifetime_hint, self.new_ticket) = read_ticket(body)?;
                self.expected = Expected::Finished;
            }
            MessageType::FINISHED => return self.finished(message, flight),
            kind => return Err(Violation::Unexpected(kind.name()).into()),
        }
        Ok(Progress::default())
    }

    fn server_hello(&mut self, message: &Message) -> Result<Progress, Error> {
        let hello = ServerHello::read(&message.body, &self.config)?;
        self.randoms.server = hello.random;
        let resumed = !self.session_id.is_empty() && hello.session_id == self.session_id;
        let own_id = self.config.connection_id.filter(|_| hello.connection_id.is_some());
        self.negotiated = Some(Negotiated {
            suite: hello.suite,
            extended_master_secret: hello.extended_master_secret,
            encrypt_then_mac: hello.encrypt_then_mac,
            renegotiation_info: hello.renegotiation_info,
            max_fragment: hello.max_fragment,
            session_id: copy(hello.session_id)?,
            peer_id: hello.connection_id.unwrap_or_default(),
            own_id: own_id.unwrap_or_default(),
            resumed,
            ticket: hello.ticket,
        });
        let expected_if_resumed =
            if hello.ticket { Expected::NewSessionTicket } else { Expected::Finished };
        self.expected = match hello.suite.key_exchange {
            KeyExchange::Psk => Expected::ServerKeyExchangeOrDone,
            #[cfg(feature = "certificates")]
            _ => Expected::Certificate,
        };
        // Only sessions with an extended master secret are saved, so a server that
        // resumes one must use it too (RFC 7627, section 5.3).
        let session = self
            .config
            .resume
            .as_ref()
            .filter(|session| session.suite == hello.suite && hello.extended_master_secret);
        let Some(session) = session.filter(|session| resumed || !session.ticket.is_empty()) else {
            return if resumed {
                Err(Violation::Resumption.into())
            } else {
                Ok(Progress::default())
            };
        };
        self.master_secret = Some(MasterSecret::boxed(session.master_secret.as_bytes())?);
        if resumed {
            self.expected = expected_if_resumed;
        } else {
            self.expected_if_resumed = Some(expected_if_resumed);
        }
        Ok(Progress { has_keys: true, ..Progress::default() })
    }

    #[cfg(feature = "certificates")]
    #[inline(never)]
    fn certificate(&mut self, body: &[u8]) -> Result<(), Error> {
        let key_exchange = self.negotiated()?.suite.key_exchange;
        let Authentication::Certificate { host, anchors, time } = &self.config.authentication
        else {
            return Err(Violation::Unexpected("Certificate").into());
        };
        let key = ServerKey::verify(body, anchors, host, *time, key_exchange)?;
        self.validity.not_after = key.not_after();
        self.server_key = Some(key);
        self.expected = match key_exchange {
            #[cfg(feature = "static-rsa")]
            KeyExchange::Rsa => Expected::CertificateRequestOrDone,
            _ => Expected::ServerKeyExchange,
        };
        Ok(())
    }

    #[cfg(feature = "certificates")]
    #[inline(never)]
    fn server_key_exchange(&mut self, body: &[u8]) -> Result<(), Error> {
        let ecdsa = self.negotiated()?.suite.key_exchange == KeyExchange::EcdheEcdsa;
        let key = self.server_key.as_ref().ok_or(Violation::Unexpected("ServerKeyExchange"))?;
        self.server_share = Some(ServerShare::read(body, &self.randoms, key, ecdsa)?);
        self.expected = Expected::CertificateRequestOrDone;
        Ok(())
    }

    #[inline(never)]
    fn server_hello_done<R: TryCryptoRng>(
        &mut self,
        body: &[u8],
        flight: &mut Flight,
        random: &mut R,
    ) -> Result<Progress, Error> {
        if !body.is_empty() {
            return Err(Violation::Malformed("ServerHelloDone").into());
        }
        flight.clear();
        if self.certificate_requested {
            // An empty list, since the client has no certificate (RFC 5246, section 7.4.6).
            self.write_message(flight, MessageType::CERTIFICATE, |out| {
                out.try_reserve(3).map_err(|_| Error::OutOfMemory)?;
                out.extend_from_slice(&[0; 3]);
                Ok(())
            })?;
        }
        let mut premaster = Premaster::default();
        let (header, written) =
            flight.add(MessageType::CLIENT_KEY_EXCHANGE, self.next_message_seq, |out| {
                premaster = self.exchange_keys(random, out)?;
                Ok(())
            })?;
        self.add_sent_to_transcript(&header, written);
        let secret = if self.negotiated()?.extended_master_secret {
            MasterSecret::derive_extended(&premaster, &self.transcript.hash())
        } else {
            MasterSecret::derive(&premaster, &self.randoms)
        };
        self.master_secret = Some(MasterSecret::boxed(secret.as_bytes())?);
        self.write_finished(flight)?;
        self.expected =
            if self.negotiated()?.ticket { Expected::NewSessionTicket } else { Expected::Finished };
        Ok(Progress { new_flight: true, has_keys: true, ..Progress::default() })
    }

    fn exchange_keys<R: TryCryptoRng>(
        &self,
        random: &mut R,
        out: &mut Vec<u8>,
    ) -> Result<Premaster, Error> {
        #[cfg(not(feature = "certificates"))]
        let _ = random;
        match (&self.config.authentication, self.negotiated()?.suite.key_exchange) {
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

    /// The server's Finished proves that both sides saw the same messages.
    #[inline(never)]
    fn finished(&mut self, message: &Message, flight: &mut Flight) -> Result<Progress, Error> {
        let secret = self.master_secret()?;
        let expected = secret.verify_data(Side::Server, &self.transcript);
        let is_valid: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], &message.body).into();
        if !is_valid {
            return Err(Violation::Finished.into());
        }
        let mut progress = Progress { done: true, ..Progress::default() };
        if self.was_resumed() {
            self.add_to_transcript(message);
            flight.clear();
            self.write_finished(flight)?;
            progress.new_flight = true;
        }
        Ok(progress)
    }

    fn write_finished(&mut self, flight: &mut Flight) -> Result<(), Error> {
        flight.add_change_cipher_spec()?;
        let data = self.master_secret()?.verify_data(Side::Client, &self.transcript);
        self.write_message(flight, MessageType::FINISHED, |out| {
            out.try_reserve(data.len()).map_err(|_| Error::OutOfMemory)?;
            out.extend_from_slice(&data);
            Ok(())
        })
    }

    /// Derives the keys for the records of the protected epoch.
    ///
    /// # Errors
    ///
    /// Some, if there are none.
    #[inline(never)]
    pub(crate) fn make_keys<'k>(&self, keys: &'k mut Option<Keys>) -> Result<&'k mut Keys, Error> {
        let negotiated = self.negotiated()?;
        let mut secrets = Secrets {
            suite: negotiated.suite,
            master_secret: self.master_secret()?.clone(),
            randoms: self.randoms,
            encrypt_then_mac: negotiated.encrypt_then_mac,
            max_fragment: negotiated.max_fragment,
        };
        // The limit also applies to resumed sessions, for which the server need not repeat
        // it (RFC 6066, section 4).
        let may_be_resumed = negotiated.resumed || self.expected_if_resumed.is_some();
        if let Some(session) = self.config.resume.as_ref().filter(|_| may_be_resumed)
            && secrets.max_fragment.is_none()
        {
            secrets.max_fragment = session.max_fragment;
        }
        let (peer_id, own_id) = (negotiated.peer_id, negotiated.own_id);
        secrets.derive_keys(peer_id, own_id, keys).ok_or(Error::BadLength)
    }

    fn negotiated(&self) -> Result<&Negotiated, Error> {
        self.negotiated.as_ref().ok_or(Violation::Unexpected("a message before ServerHello").into())
    }

    fn master_secret(&self) -> Result<&MasterSecret, Error> {
        self.master_secret.as_deref().ok_or(Violation::Unexpected("Finished").into())
    }
}

/// The lifetime hint and the ticket of a NewSessionTicket (RFC 5077, section 3.3). The ticket is
/// empty if the server decided not to issue one, or if it is too long to be kept.
fn read_ticket(body: &[u8]) -> Result<(u32, Vec<u8>), Error> {
    let malformed = Violation::Malformed("NewSessionTicket");
    let mut reader = Reader::new(body);
    let lifetime_hint = u32::from_be_bytes(reader.array().ok_or(malformed)?);
    let ticket = reader.vector16().filter(|_| reader.is_empty()).ok_or(malformed)?;
    let ticket = if ticket.len() > MAX_TICKET_LEN { Vec::new() } else { copy(ticket)? };
    Ok((lifetime_hint, ticket))
}
