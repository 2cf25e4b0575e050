//! The credentials that a sign-in returns and every message carries: the access token and,
//! in symmetric mode, the key and the sequence numbers. `sign_in.rs` decides when to sign
//! in.

use alloc::vec::Vec;

use iot_coap_time::Instant;
use zeroize::Zeroizing;

use crate::access_token::{AccessToken, MAX_ACCESS_TOKEN_LEN};
use crate::auth::SignInReply;
use crate::endpoint::Security;
use crate::event::SignInError;
use crate::option::OptionNumber;
use crate::symmetric::{Keys, SymmetricKey, UndecryptableError};

/// The greatest sequence offset that is accepted. Above it, there might be too few greater
/// numbers.
const MAX_SEQUENCE_OFFSET: u64 = u64::MAX / 2;

/// The credentials of a client.
pub(crate) struct Credentials {
    is_symmetric: bool,
    option: OptionNumber,
    access_token: Option<AccessToken>,
    /// How many access tokens there were so far. Each message remembers this number for its
    /// own token.
    token_number: u32,
    keys: Keys,
    /// The last sequence number used in symmetric mode. It never starts over, not even with
    /// a new sign-in.
    last_sequence: u64,
}

/// The credentials of one message.
pub(crate) struct MessageCredentials<'a> {
    pub(crate) option: OptionNumber,
    pub(crate) access_token: &'a [u8],
    pub(crate) token_number: u32,
    /// In symmetric mode, the key and the sequence number.
    pub(crate) symmetric: Option<(&'a SymmetricKey, u64)>,
}

impl Credentials {
    pub(crate) fn new(security: Security, option: OptionNumber) -> Self {
        Self {
            is_symmetric: security == Security::Symmetric,
            option,
            access_token: None,
            token_number: 0,
            keys: Keys::default(),
            last_sequence: 0,
        }
    }

    pub(crate) const fn is_symmetric(&self) -> bool {
        cfg!(feature = "symmetric") && self.is_symmetric
    }

    /// The option of the access token.
    pub(crate) const fn option(&self) -> OptionNumber {
        self.option
    }

    /// Whether that option comes after Accept and, in symmetric mode, before the sequence
    /// number, as it must.
    pub(crate) fn option_is_in_order(&self) -> bool {
        self.option > OptionNumber::ACCEPT
            && (!self.is_symmetric() || self.option < OptionNumber::SEQUENCE)
    }

    pub(crate) const fn has_access_token(&self) -> bool {
        self.access_token.is_some()
    }

    pub(crate) fn access_token(&self) -> Option<&[u8]> {
        self.access_token.as_ref().map(AccessToken::bytes)
    }

    /// Takes the result of a sign-in.
    ///
    /// # Errors
    ///
    /// [`SignInError::BadReply`] if the reply lacks something that symmetric mode needs.
    pub(crate) fn renew(
        &mut self,
        reply: SignInReply,
        device_secret: &str,
        expires_at: Instant,
    ) -> Result<(), SignInError> {
        if self.is_symmetric() {
            let (Some(random), Some(offset @ ..=MAX_SEQUENCE_OFFSET)) =
                (&reply.random, reply.sequence_offset)
            else {
                return Err(SignInError::BadReply);
            };
            self.keys.renew(device_secret, random, self.token_number.wrapping_add(1));
            self.last_sequence = self.last_sequence.max(offset);
        }
        self.store_access_token(reply.access_token, expires_at);
        Ok(())
    }

    /// Takes an access token that was kept over a restart. Returns whether it can be used.
    /// It cannot in symmetric mode, whose key is lost, if its length is invalid, or if the
    /// heap is exhausted.
    pub(crate) fn restore(&mut self, value: &[u8], expires_at: Instant) -> bool {
        if self.is_symmetric() || value.is_empty() || value.len() > MAX_ACCESS_TOKEN_LEN {
            return false;
        }
        let mut copy = Zeroizing::new(Vec::new());
        if copy.try_reserve_exact(value.len()).is_err() {
            return false;
        }
        copy.extend_from_slice(value);
        self.store_access_token(copy, expires_at);
        true
    }

    fn store_access_token(&mut self, value: Zeroizing<Vec<u8>>, expires_at: Instant) {
        self.access_token = Some(AccessToken::new(value, expires_at));
        self.token_number = self.token_number.wrapping_add(1);
    }

    /// Drops the access token of `token_number`, which the cloud refused. Returns whether it
    /// was the current one and had not been dropped before.
    pub(crate) fn revoke(&mut self, token_number: u32) -> bool {
        token_number == self.token_number && self.access_token.take().is_some()
    }

    /// Drops the access token.
    pub(crate) fn forget(&mut self) {
        self.access_token = None;
    }

    /// Drops an access token that has expired.
    pub(crate) fn drop_expired(&mut self, now: Instant) {
        if self.access_token.as_ref().is_some_and(|token| token.has_expired(now)) {
            self.access_token = None;
        }
    }

    /// The key for the payloads of an exchange that carries the access token of
    /// `token_number`; none outside symmetric mode.
    ///
    /// # Errors
    ///
    /// [`UndecryptableError`] if the key is older than the last two.
    pub(crate) fn key_of(
        &self,
        token_number: u32,
    ) -> Result<Option<&SymmetricKey>, UndecryptableError> {
        if !self.is_symmetric() {
            return Ok(None);
        }
        self.keys.of(token_number).map(Some).ok_or(UndecryptableError)
    }

    /// The credentials of the next message; `None` without an access token. In
    /// symmetric mode, uses up a sequence number.
    pub(crate) fn for_message(&mut self) -> Option<MessageCredentials<'_>> {
        let access_token = self.access_token.as_ref()?.bytes();
        let symmetric = self.keys.current().map(|key| {
            self.last_sequence = self.last_sequence.saturating_add(1);
            (key, self.last_sequence)
        });
        let Self { option, token_number, .. } = *self;
        Some(MessageCredentials { option, access_token, token_number, symmetric })
    }
}
