//! An encoded request: its datagram, and the places of the parts that change after a
//! sign-in. All messages are encoded here.

use alloc::vec::Vec;

use zeroize::Zeroizing;

use crate::code::Code;
use crate::credentials::MessageCredentials;
use crate::decimal::{MAX_DECIMAL_LEN, decimal};
use crate::encode::{Encoder, MAX_MESSAGE_LEN, MAX_OPTION_HEAD_LEN};
use crate::format::Kind;
use crate::option::{ContentFormat, OptionNumber};
use crate::out_of_memory::OutOfMemory;
use crate::request::{Request, SendError};
use crate::symmetric::{SymmetricKey, UndecryptableError, encrypted_len};

/// The length of header, token, Content-Format and Accept of a post.
const OVERHEAD_LEN: usize = 4 + 4 + 2 + 2;

/// The length of these parts of a sign-in, with its path and the payload marker.
const SIGN_IN_OVERHEAD_LEN: usize = OVERHEAD_LEN + 5 + 1;

/// A request and its datagram. The buffer is reused for the next request.
pub(crate) struct EncodedRequest {
    kind: Kind,
    id: u16,
    token: u32,
    /// The number of its access token.
    token_number: u32,
    /// The datagram, and room for longer ones. It contains an access token, so it is wiped.
    buffer: Zeroizing<Vec<u8>>,
    /// The length of the datagram. This and the following lengths are [`MAX_MESSAGE_LEN`]
    /// at most.
    len: u16,
    /// Where the options up to Accept end and the credentials begin.
    head_len: u16,
    /// Where the payload begins, whether it is encrypted or not.
    payload_start: u16,
}

impl EncodedRequest {
    pub(crate) fn new() -> Self {
        Self {
            kind: Kind::Confirmable,
            id: 0,
            token: 0,
            token_number: 0,
            buffer: Zeroizing::new(Vec::new()),
            len: 0,
            head_len: 0,
            payload_start: 0,
        }
    }

    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) const fn id(&self) -> u16 {
        self.id
    }

    pub(crate) const fn token(&self) -> u32 {
        self.token
    }

    pub(crate) const fn token_number(&self) -> u32 {
        self.token_number
    }

    pub(crate) fn datagram(&self) -> &[u8] {
        self.buffer.get(..self.len.into()).unwrap_or_default()
    }

    /// Sets the message id. This is done last: a request that cannot be encoded must not
    /// use up an id.
    pub(crate) fn set_id(&mut self, id: u16) {
        self.id = id;
        if let [_, _, high, low, ..] = self.buffer.as_mut_slice() {
            [*high, *low] = id.to_be_bytes();
        }
    }

    /// Encodes a post. It has no credentials if it must wait for them.
    pub(crate) fn encode(
        &mut self,
        request: &Request<'_>,
        token: u32,
        credentials: Option<&MessageCredentials<'_>>,
    ) -> Result<(), SendError> {
        self.kind = if request.confirmable { Kind::Confirmable } else { Kind::NonConfirmable };
        self.token = token;
        let head_len = OVERHEAD_LEN + max_path_options_len(request.path);
        let max_len = head_len + max_tail_len(credentials, &[], request.payload);
        let buffer = with_room(&mut self.buffer, max_len)?;
        let mut encoder = Encoder::new(buffer, self.kind, Code::POST, 0, &token.to_le_bytes())?;
        let mut rest = request.path;
        while !rest.is_empty() {
            let len = rest.iter().take_while(|&&byte| byte != b'/').count();
            let (segment, tail) = rest.split_at(len);
            if !segment.is_empty() {
                encoder.option(OptionNumber::URI_PATH, segment)?;
            }
            rest = tail.get(1..).unwrap_or_default();
        }
        encoder.option(OptionNumber::CONTENT_FORMAT, &[request.content_format.number()])?;
        // Every release of the original accepts octet streams, whatever it sends itself.
        encoder.option(OptionNumber::ACCEPT, &[ContentFormat::OctetStream.number()])?;
        self.head_len = encoder.len() as u16;
        (self.payload_start, self.len) =
            write_tail::<false>(encoder, credentials, &[], request.payload)?;
        self.token_number = credentials.map_or(0, |credentials| credentials.token_number);
        Ok(())
    }

    /// Encodes a sign-in, whose request and reply are in `format`. `echo`: the Echo option
    /// that the cloud asked for; empty for none.
    pub(crate) fn encode_sign_in(
        &mut self,
        format: ContentFormat,
        token: u32,
        echo: &[u8],
        payload: &[u8],
    ) -> Result<(), SendError> {
        self.kind = Kind::Confirmable;
        self.token = token;
        let format = [format.number()];
        let max_len = SIGN_IN_OVERHEAD_LEN + max_echo_len(echo) + payload.len();
        let buffer = with_room(&mut self.buffer, max_len)?;
        let mut encoder = Encoder::new(buffer, self.kind, Code::POST, 0, &token.to_le_bytes())?;
        encoder.option(OptionNumber::URI_PATH, b"auth")?;
        encoder.option(OptionNumber::CONTENT_FORMAT, &format)?;
        encoder.option(OptionNumber::ACCEPT, &format)?;
        if !echo.is_empty() {
            encoder.option(OptionNumber::ECHO, echo)?;
        }
        self.len = encoder.payload(payload)? as u16;
        Ok(())
    }

    /// Decrypts the payload in place, for [`renewed`](Self::renewed).
    pub(crate) fn decrypt_payload(
        &mut self,
        key: Option<&SymmetricKey>,
    ) -> Result<(), UndecryptableError> {
        let range = self.payload_start.into()..self.len.into();
        let payload = self.buffer.get_mut(range).unwrap_or_default();
        if let Some(key) = key
            && !payload.is_empty()
        {
            self.len = self.payload_start + key.decrypt(payload)? as u16;
        }
        Ok(())
    }

    /// Encodes a request, whose payload is decrypted, again with other credentials or with
    /// an Echo option. `echo`: the Echo option that the cloud asked for; empty for none.
    pub(crate) fn renewed(
        &self,
        credentials: Option<&MessageCredentials<'_>>,
        echo: &[u8],
    ) -> Result<Self, SendError> {
        let head = self.datagram().get(..self.head_len.into()).unwrap_or_default();
        let payload = self.datagram().get(self.payload_start.into()..).unwrap_or_default();
        let mut buffer = Zeroizing::new(Vec::new());
        let max_len = head.len() + max_tail_len(credentials, echo, payload);
        let out = with_room(&mut buffer, max_len)?;
        out.get_mut(..head.len()).ok_or(SendError::MessageTooLong)?.copy_from_slice(head);
        let encoder = Encoder::resume(out, head.len(), OptionNumber::ACCEPT);
        let (payload_start, len) = if cfg!(feature = "echo") && !echo.is_empty() {
            write_tail::<true>(encoder, credentials, echo, payload)?
        } else {
            write_tail::<false>(encoder, credentials, &[], payload)?
        };
        let token_number = credentials.map_or(0, |credentials| credentials.token_number);
        Ok(Self { token_number, buffer, len, payload_start, ..*self })
    }
}

/// Makes a buffer at least `len` bytes long, but not longer than a message may be, and
/// returns that part of it.
fn with_room(buffer: &mut Vec<u8>, len: usize) -> Result<&mut [u8], OutOfMemory> {
    let len = len.min(MAX_MESSAGE_LEN);
    if let Some(missing) = len.checked_sub(buffer.len()) {
        buffer.try_reserve_exact(missing)?;
        buffer.resize(len, 0);
    }
    Ok(buffer.get_mut(..len).unwrap_or_default())
}

/// The most bytes that the options of a path can take: a head instead of each slash, and an
/// extension of the head for each segment of 13 bytes or more.
const fn max_path_options_len(path: &[u8]) -> usize {
    path.len() + 1 + path.len() / 8
}

/// The most bytes that the Echo option can take.
const fn max_echo_len(echo: &[u8]) -> usize {
    if echo.is_empty() { 0 } else { MAX_OPTION_HEAD_LEN + echo.len() }
}

/// The most bytes that [`write_tail`] can take.
fn max_tail_len(
    credentials: Option<&MessageCredentials<'_>>,
    echo: &[u8],
    payload: &[u8],
) -> usize {
    let mut len = 1 + payload.len() + max_echo_len(echo);
    if let Some(credentials) = credentials {
        len += MAX_OPTION_HEAD_LEN + credentials.access_token.len();
        if cfg!(feature = "symmetric") && credentials.symmetric.is_some() {
            // Room for the sequence number, and for the padding of the payload.
            len += MAX_OPTION_HEAD_LEN + encrypted_len(MAX_DECIMAL_LEN) + encrypted_len(0);
        }
    }
    len
}

/// Writes everything after the Accept option, in the order of the options' numbers: the
/// access token and the Echo option, in symmetric mode the sequence number, and then the
/// payload. Returns where the payload begins and ends. (Messages without Echo are not
/// slowed by it, since `HAS_ECHO` is a constant.)
fn write_tail<const HAS_ECHO: bool>(
    mut encoder: Encoder<'_>,
    credentials: Option<&MessageCredentials<'_>>,
    echo: &[u8],
    payload: &[u8],
) -> Result<(u16, u16), SendError> {
    let mut payload_key = None;
    if let Some(credentials) = credentials {
        let is_echo_first = credentials.option > OptionNumber::ECHO;
        if HAS_ECHO && is_echo_first {
            encoder.option(OptionNumber::ECHO, echo)?;
        }
        encoder.option(credentials.option, credentials.access_token)?;
        if HAS_ECHO && !is_echo_first {
            encoder.option(OptionNumber::ECHO, echo)?;
        }
        if cfg!(feature = "symmetric")
            && let Some((key, sequence)) = credentials.symmetric
        {
            write_sequence(&mut encoder, key, sequence)?;
            payload_key = Some(key).filter(|_| !payload.is_empty());
        }
    }
    let len = payload_key.map_or(payload.len(), |_| encrypted_len(payload.len()));
    let place = encoder.payload_place(len)?;
    if let Some((start, _)) = place.split_at_mut_checked(payload.len()) {
        start.copy_from_slice(payload);
    }
    if let Some(key) = payload_key {
        key.encrypt(place, payload.len());
    }
    let end = encoder.finish();
    Ok(((end - len) as u16, end as u16))
}

/// Adds the sequence number of symmetric mode: encrypted decimal digits.
fn write_sequence(
    encoder: &mut Encoder<'_>,
    key: &SymmetricKey,
    sequence: u64,
) -> Result<(), SendError> {
    let mut digits = [0; MAX_DECIMAL_LEN];
    let digits = decimal(sequence, &mut digits).as_bytes();
    let mut buffer = [0; encrypted_len(MAX_DECIMAL_LEN)];
    buffer[..digits.len()].copy_from_slice(digits);
    let encrypted = &mut buffer[..encrypted_len(digits.len())];
    key.encrypt(encrypted, digits.len());
    Ok(encoder.option(OptionNumber::SEQUENCE, encrypted)?)
}
