//! Encoding messages and putting them on their way.

use alloc::vec::Vec;
use core::mem;

use zeroize::Zeroize;

use super::{Client, ExchangeId, GiveUp, Request, SendError};
use crate::auth::{DECIMAL_MAX_LEN, decimal};
use crate::code::Code;
use crate::encode::{EncodeError, Encoder};
use crate::exchange::{End, State};
use crate::message::{Kind, header};
use crate::option::{ContentFormat, OptionNumber};
use crate::symmetric::{SymmetricKey, UndecryptableError, encrypted_len};
use crate::{PATH_MAX_LEN, client::types::Config};

/// Room for header, token, formats and the heads of token and payload.
const OVERHEAD_LEN: usize = 32;

impl<A> Client<A> {
    /// Takes a message to post and returns its exchange's name. It is
    /// transmitted by the next [`Client::poll_transmit`] if there is an access
    /// token; otherwise once there is one.
    ///
    /// # Errors
    ///
    /// [`SendError`], with what the application tied to the message given
    /// back; nothing is then sent.
    pub fn send(
        &mut self,
        now: u64,
        request: &Request<'_>,
        application: A,
    ) -> Result<ExchangeId, (SendError, A)> {
        match self.try_send(now, request) {
            Ok(index) => {
                let exchange = &mut self.exchanges.list[index];
                exchange.application = Some(application);
                Ok(ExchangeId { index, token: exchange.token })
            }
            Err(error) => Err((error, application)),
        }
    }

    fn try_send(&mut self, now: u64, request: &Request<'_>) -> Result<usize, SendError> {
        if !self.sign_in.has_ever_succeeded() {
            return Err(SendError::NotSignedIn);
        }
        if request.path.len() > PATH_MAX_LEN {
            return Err(SendError::PathTooLong);
        }
        let displaced = self.room()?;
        let index = self.exchanges.free_place().map_err(|_| SendError::OutOfMemory)?;
        let lifetime_ms = self.config.transmission.exchange_lifetime_ms();
        self.drop_expired_access_token(now);

        let id = self
            .message_ids
            .allocate(now, lifetime_ms)
            .map_err(|_| SendError::MessageIdsExhausted)?;
        let token = self.tokens.allocate();
        let kind = if request.confirmable { Kind::Confirmable } else { Kind::NonConfirmable };
        let credentials = Credentials::of(
            &self.config,
            self.access_token.as_ref(),
            self.keys.current(),
            &mut self.last_sequence,
        );
        let exchange = &mut self.exchanges.list[index];
        let out: &mut Vec<u8> = &mut exchange.datagram;
        // Where the head ends with the access token.
        let is_plain = cfg!(feature = "template")
            && credentials.as_ref().is_some_and(|c| c.symmetric.is_none());
        let generation = self.generation;
        let begun = is_plain
            .then(|| self.template.begin(out, request, generation, kind, id, token))
            .flatten();
        self.path_was_new = begun.is_none();
        if let Some(head_len) = begun {
            exchange.head_len = head_len;
            exchange.payload_start = write_payload(out, request.payload)?;
        } else {
            let credentials_len = credentials.as_ref().map_or(0, Credentials::max_len);
            let capacity = request.path.len() + credentials_len + request.payload.len();
            let head_len = write_head(out, kind, id, token, request, capacity + OVERHEAD_LEN)?;
            exchange.head_len = head_len;
            exchange.payload_start =
                write_tail(out, OptionNumber::ACCEPT, credentials.as_ref(), request.payload)?;
            if is_plain {
                let marker = usize::from(!request.payload.is_empty());
                let head = out.get(..exchange.payload_start - marker).unwrap_or_default();
                self.template.take(head, head_len, request, generation);
            }
        }
        exchange.kind = kind;
        exchange.id = id;
        exchange.token = token;
        exchange.generation = self.generation;
        exchange.retransmissions = 0;
        exchange.made_at = now;
        exchange.timeout_ms = self.config.transmission.first_timeout_ms(self.random.next());
        if credentials.is_some() {
            exchange.state = State::Due;
        } else {
            exchange.state = State::Parked;
            self.ensure_signing_in(now);
        }
        if let Some(displaced) = displaced {
            self.exchanges.list[displaced].end(End::GaveUp(GiveUp::Displaced));
        }
        Ok(index)
    }

    /// Whether one more message may be outstanding, and which must then give
    /// way: a Non-confirmable one promises nothing, so the oldest.
    fn room(&self) -> Result<Option<usize>, SendError> {
        if self.exchanges.outstanding() < self.config.max_outstanding {
            return Ok(None);
        }
        let candidates = self.exchanges.list.iter().enumerate();
        candidates
            .filter(|(_, exchange)| {
                exchange.kind == Kind::NonConfirmable && exchange.state == State::AwaitingResponse
            })
            .min_by_key(|(_, exchange)| exchange.first_sent)
            .map(|(index, _)| Some(index))
            .ok_or(SendError::TooManyOutstanding)
    }

    /// Turns a message that was refused into one that waits for an access
    /// token: with its payload in clear. The options that a sign-in makes anew
    /// stay where they are, between `head_len` and the payload.
    pub(super) fn park(&mut self, index: usize) -> Result<(), UndecryptableError> {
        let symmetric = self.is_symmetric();
        let exchange = &mut self.exchanges.list[index];
        let payload_start = exchange.payload_start;
        let payload = exchange.datagram.get_mut(payload_start..).unwrap_or_default();
        let payload_len = if symmetric && !payload.is_empty() {
            let key = self.keys.of(exchange.generation).ok_or(UndecryptableError)?;
            key.decrypt(payload)?
        } else {
            payload.len()
        };
        exchange.datagram.truncate(payload_start + payload_len);
        exchange.state = State::Parked;
        exchange.deadline = u64::MAX;
        Ok(())
    }

    /// Sends every message that waits for an access token, oldest first.
    pub(super) fn unpark_all(&mut self, now: u64) {
        while let Some(index) = self.oldest(State::Parked) {
            if let Err(error) = self.unpark(now, index) {
                let exchange = &mut self.exchanges.list[index];
                exchange.end(match exchange.refused {
                    Some(code) => End::Refused(code),
                    None => End::GaveUp(GiveUp::Unsendable(error)),
                });
            }
        }
    }

    /// Encodes a parked message anew, with a message id of its own: it is a
    /// new message to the peer, which answered the one before it.
    fn unpark(&mut self, now: u64, index: usize) -> Result<(), SendError> {
        let lifetime_ms = self.config.transmission.exchange_lifetime_ms();
        let id = self
            .message_ids
            .allocate(now, lifetime_ms)
            .map_err(|_| SendError::MessageIdsExhausted)?;
        let credentials = Credentials::of(
            &self.config,
            self.access_token.as_ref(),
            self.keys.current(),
            &mut self.last_sequence,
        );
        let exchange = &mut self.exchanges.list[index];
        let credentials_len = credentials.as_ref().map_or(0, Credentials::max_len);
        let out: &mut Vec<u8> = &mut self.scratch;
        out.clear();
        out.try_reserve(
            exchange.head_len + exchange.payload().len() + credentials_len + OVERHEAD_LEN,
        )
        .map_err(|_| SendError::OutOfMemory)?;
        let head = exchange.datagram.get(..exchange.head_len).unwrap_or_default();
        out.extend_from_slice(head);
        // A head begins with a header and a token of 4 bytes.
        out[..4].copy_from_slice(&header(exchange.kind, 4, Code::POST, id));
        exchange.payload_start =
            write_tail(out, OptionNumber::ACCEPT, credentials.as_ref(), exchange.payload())?;
        mem::swap(&mut exchange.datagram, &mut self.scratch);
        self.scratch.zeroize();
        exchange.id = id;
        exchange.generation = self.generation;
        exchange.retransmissions = 0;
        exchange.made_at = now;
        exchange.timeout_ms = self.config.transmission.first_timeout_ms(self.random.next());
        exchange.state = State::Due;
        Ok(())
    }
}

/// What a message needs of the sign-in.
struct Credentials<'a> {
    access_token_option: OptionNumber,
    access_token: &'a [u8],
    symmetric: Option<(&'a SymmetricKey, u64)>,
}

impl<'a> Credentials<'a> {
    /// `None` without an access token. In symmetric mode, takes the next
    /// sequence number.
    fn of(
        config: &Config,
        access_token: Option<&'a crate::access_token::AccessToken>,
        key: Option<&'a SymmetricKey>,
        last_sequence: &mut u64,
    ) -> Option<Self> {
        let access_token = access_token?.bytes();
        let symmetric = key.map(|key| {
            *last_sequence = last_sequence.saturating_add(1);
            (key, *last_sequence)
        });
        Some(Self { access_token_option: config.access_token_option, access_token, symmetric })
    }

    /// The most bytes that they add to a message.
    fn max_len(&self) -> usize {
        let symmetric_len = match self.symmetric {
            // Sequence number and padding.
            Some(_) => encrypted_len(DECIMAL_MAX_LEN) + encrypted_len(0),
            None => 0,
        };
        self.access_token.len() + symmetric_len
    }
}

/// Encodes a message up to and with its Accept option; returns its length.
fn write_head(
    out: &mut Vec<u8>,
    kind: Kind,
    id: u16,
    token: u32,
    request: &Request<'_>,
    capacity: usize,
) -> Result<usize, EncodeError> {
    let mut encoder = Encoder::new(out, capacity, kind, Code::POST, id, &token.to_le_bytes())?;
    for segment in request.path.split(|&byte| byte == b'/') {
        if !segment.is_empty() {
            encoder.option(OptionNumber::URI_PATH, segment)?;
        }
    }
    encoder.option(OptionNumber::CONTENT_FORMAT, &[request.content_format.number()])?;
    // Every release of the original accepts octet streams, whatever it sends.
    encoder.option(OptionNumber::ACCEPT, &[ContentFormat::OctetStream.number()])?;
    Ok(out.len())
}

/// Appends a payload to a message whose options are complete; returns where it
/// starts.
fn write_payload(out: &mut Vec<u8>, payload: &[u8]) -> Result<usize, EncodeError> {
    Encoder::resume(out, OptionNumber(u16::MAX)).payload(payload)?;
    Ok(out.len() - payload.len())
}

/// Appends access token, sequence number and payload to a message whose
/// options end with `last_option`; returns where the payload starts.
fn write_tail(
    out: &mut Vec<u8>,
    last_option: OptionNumber,
    credentials: Option<&Credentials<'_>>,
    payload: &[u8],
) -> Result<usize, EncodeError> {
    let mut encoder = Encoder::resume(out, last_option);
    let symmetric = match credentials {
        None => None,
        Some(credentials) => {
            encoder.option(credentials.access_token_option, credentials.access_token)?;
            credentials.symmetric
        }
    };
    let payload_len = if let Some((key, sequence)) = symmetric {
        let mut digits = [0; DECIMAL_MAX_LEN];
        let digits = decimal(sequence, &mut digits).as_bytes();
        let mut encrypted = [0; encrypted_len(DECIMAL_MAX_LEN)];
        encrypted[..digits.len()].copy_from_slice(digits);
        let padded_len = encrypted_len(digits.len());
        let encrypted = key
            .encrypt_in_place(&mut encrypted[..padded_len], digits.len())
            .ok_or(EncodeError::TooLong)?;
        encoder.option(OptionNumber::SEQUENCE, encrypted)?;
        if payload.is_empty() {
            0
        } else {
            let len = encrypted_len(payload.len());
            key.encrypt(payload, encoder.begin_payload(len)?)?;
            len
        }
    } else {
        encoder.payload(payload)?;
        payload.len()
    };
    Ok(out.len() - payload_len)
}
