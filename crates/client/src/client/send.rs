//! Encoding messages and putting them on their way.

use alloc::vec::Vec;
use core::mem;

use zeroize::Zeroizing;

use super::{Client, ExchangeId, GiveUp, HeadName, Request, SendError};
use crate::auth::{DECIMAL_MAX_LEN, decimal};
use crate::code::Code;
use crate::encode::{EncodeError, Encoder, append_payload, begin_payload, make_room};
use crate::exchange::{End, State};
use crate::message::{Kind, header};
use crate::option::{ContentFormat, OptionNumber};
use crate::symmetric::{SymmetricKey, UndecryptableError, encrypted_len};
use crate::{PATH_MAX_LEN, client::types::Config};

/// Header, token, Content-Format and Accept.
const OVERHEAD_LEN: usize = 4 + 4 + 2 + 2;

/// The longest head of an option.
const HEAD_MAX_LEN: usize = 5;

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
                self.exchanges.tie(index, application);
                Ok(ExchangeId { index, token: self.exchanges.list[index].token })
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
        let exchange = &mut self.exchanges.list[index];
        let out: &mut Vec<u8> = &mut exchange.datagram;
        let has_credentials = self.access_token.is_some();
        // Symmetric mode encodes the whole message anew.
        let is_plain = cfg!(feature = "fast") && has_credentials && self.keys.current().is_none();
        let head = if is_plain { self.template.find(request) } else { HeadName::default() };
        // A buffer that is left half written has no head.
        let kept = mem::take(&mut exchange.head);
        let is_kept = head.is_some() && kept == head && exchange.generation == self.generation;
        self.path_was_new = !head.is_some();
        if is_kept {
            out.truncate(exchange.options_len);
            overwrite_header(out, kind, id, token);
            append_payload(out, request.payload)?;
            exchange.payload_start = out.len() - request.payload.len();
            exchange.head = head;
        } else {
            let credentials = Credentials::of(
                &self.config,
                self.access_token.as_ref(),
                self.keys.current(),
                &mut self.last_sequence,
            );
            let options_len = path_options_max_len(request.path)
                + credentials.as_ref().map_or(0, Credentials::max_len)
                + OVERHEAD_LEN;
            make_room(out, options_len + 1 + request.payload.len())?;
            let mut encoder = write_head(out, kind, id, token, request)?;
            exchange.head_len = encoder.len();
            write_credentials(&mut encoder, credentials.as_ref())?;
            exchange.options_len = encoder.finish();
            out.truncate(exchange.options_len);
            exchange.payload_start = write_payload(out, credentials.as_ref(), request.payload)?;
            exchange.head =
                if is_plain && !head.is_some() { self.template.take(request) } else { head };
        }
        exchange.kind = kind;
        exchange.id = id;
        exchange.token = token;
        exchange.generation = self.generation;
        exchange.retransmissions = 0;
        exchange.made_at = now;
        exchange.timeout_ms = self.config.transmission.first_timeout_ms(self.random.next());
        if has_credentials {
            self.exchanges.set_state(index, State::Due);
        } else {
            self.exchanges.set_state(index, State::Parked);
            self.ensure_signing_in(now);
        }
        if let Some(displaced) = displaced {
            self.exchanges.end(displaced, End::GaveUp(GiveUp::Displaced));
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
                exchange.kind == Kind::NonConfirmable && exchange.state() == State::AwaitingResponse
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
        self.exchanges.set_state(index, State::Parked);
        Ok(())
    }

    /// Sends every message that waits for an access token, oldest first.
    pub(super) fn unpark_all(&mut self, now: u64) {
        while let Some(index) = self.oldest(State::Parked) {
            if let Err(error) = self.unpark(now, index) {
                self.exchanges.end_unsent(index, GiveUp::Unsendable(error));
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
        let mut message = Zeroizing::new(Vec::new());
        let out: &mut Vec<u8> = &mut message;
        let payload = exchange.payload();
        let head = exchange.datagram.get(..exchange.head_len).unwrap_or_default();
        let credentials_len = credentials.as_ref().map_or(0, Credentials::max_len);
        make_room(out, head.len() + credentials_len + 1 + payload.len())?;
        out.get_mut(..head.len()).ok_or(EncodeError::TooLong)?.copy_from_slice(head);
        overwrite_header(out, exchange.kind, id, exchange.token);
        let mut encoder = Encoder::resume(out, head.len(), OptionNumber::ACCEPT)?;
        write_credentials(&mut encoder, credentials.as_ref())?;
        let options_len = encoder.finish();
        out.truncate(options_len);
        let payload_start = write_payload(out, credentials.as_ref(), payload)?;
        exchange.options_len = options_len;
        exchange.payload_start = payload_start;
        exchange.datagram = message;
        exchange.head = HeadName::default();
        exchange.id = id;
        exchange.generation = self.generation;
        exchange.retransmissions = 0;
        exchange.made_at = now;
        exchange.timeout_ms = self.config.transmission.first_timeout_ms(self.random.next());
        self.exchanges.set_state(index, State::Due);
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

    /// The most bytes that they add to a message, heads of options included.
    fn max_len(&self) -> usize {
        let symmetric_len = match self.symmetric {
            // Sequence number, and the padding of the payload.
            Some(_) => HEAD_MAX_LEN + encrypted_len(DECIMAL_MAX_LEN) + encrypted_len(0),
            None => 0,
        };
        HEAD_MAX_LEN + self.access_token.len() + symmetric_len
    }
}

/// As many bytes as the options of `path` may take, and a few more: a head in the
/// place of each slash, and an extension of it for each segment of 13 bytes and more.
const fn path_options_max_len(path: &[u8]) -> usize {
    path.len() + 1 + path.len() / 8
}

/// Encodes a message up to and with its Accept option.
fn write_head<'b>(
    buffer: &'b mut [u8],
    kind: Kind,
    id: u16,
    token: u32,
    request: &Request<'_>,
) -> Result<Encoder<'b>, EncodeError> {
    let mut encoder = Encoder::new(buffer, kind, Code::POST, id, &token.to_le_bytes())?;
    for segment in request.path.split(|&byte| byte == b'/') {
        if !segment.is_empty() {
            encoder.option(OptionNumber::URI_PATH, segment)?;
        }
    }
    encoder.option(OptionNumber::CONTENT_FORMAT, &[request.content_format.number()])?;
    // Every release of the original accepts octet streams, whatever it sends.
    encoder.option(OptionNumber::ACCEPT, &[ContentFormat::OctetStream.number()])?;
    Ok(encoder)
}

/// Gives a message that is complete up to its options another header and token.
fn overwrite_header(message: &mut [u8], kind: Kind, id: u16, token: u32) {
    if let Some((start, rest)) = message.split_first_chunk_mut() {
        *start = header(kind, 4, Code::POST, id);
        if let Some(start) = rest.first_chunk_mut() {
            *start = token.to_le_bytes();
        }
    }
}

/// Adds the access token, and in symmetric mode the sequence number.
fn write_credentials(
    encoder: &mut Encoder<'_>,
    credentials: Option<&Credentials<'_>>,
) -> Result<(), EncodeError> {
    let Some(credentials) = credentials else { return Ok(()) };
    encoder.option(credentials.access_token_option, credentials.access_token)?;
    let Some((key, sequence)) = credentials.symmetric else { return Ok(()) };
    let mut digits = [0; DECIMAL_MAX_LEN];
    let digits = decimal(sequence, &mut digits).as_bytes();
    let mut encrypted = [0; encrypted_len(DECIMAL_MAX_LEN)];
    encrypted[..digits.len()].copy_from_slice(digits);
    let padded_len = encrypted_len(digits.len());
    let encrypted = key
        .encrypt_in_place(&mut encrypted[..padded_len], digits.len())
        .ok_or(EncodeError::TooLong)?;
    encoder.option(OptionNumber::SEQUENCE, encrypted)
}

/// Ends a message whose options are complete with its payload, encrypted in
/// symmetric mode; returns where that starts.
fn write_payload(
    message: &mut Vec<u8>,
    credentials: Option<&Credentials<'_>>,
    payload: &[u8],
) -> Result<usize, EncodeError> {
    match credentials.and_then(|credentials| credentials.symmetric) {
        Some((key, _)) if !payload.is_empty() => {
            begin_payload(message, encrypted_len(payload.len()))?;
            let start = message.len();
            key.encrypt(payload, message)?;
            Ok(start)
        }
        _ => {
            append_payload(message, payload)?;
            Ok(message.len() - payload.len())
        }
    }
}
