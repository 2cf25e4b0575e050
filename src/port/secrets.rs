//! Provides our DTLS engine with random bytes and a pre-shared key.

use core::ffi::{CStr, c_char, c_int, c_uint};
use core::fmt;

use iot_coap_dtls::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

/// The longest identity and key that `HAL_DTLSSession_psk` may return: what every
/// implementation must accept (RFC 4279, section 5.3).
const MAX_IDENTITY_LEN: usize = 128;
const MAX_KEY_LEN: usize = 64;

/// How often in a row a random byte may be repeated. A good source returns eight equal
/// bytes in a row once in 2^56 draws.
#[cfg(not(feature = "port-linux"))]
const MAX_REPEATS: u32 = 7;

unsafe extern "C" {
    /// In `c/edges.c`. Returns 0, or another number if the program has no key for this
    /// host.
    fn iotx_port_dtls_psk(
        host: *const c_char,
        identity: *mut u8,
        identity_len: *mut c_uint,
        key: *mut u8,
        key_len: *mut c_uint,
    ) -> c_int;
}

/// The source of keys. With our Linux port it is the kernel's generator, even if a program
/// replaces `HAL_Random`. With a firmware's port it is that function, hedged.
pub(crate) struct Source;

/// The source of randomness repeats itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadSource;

impl fmt::Display for BadSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the source of randomness repeats itself")
    }
}

impl core::error::Error for BadSource {}

#[cfg(feature = "port-linux")]
#[allow(clippy::unnecessary_wraps, reason = "as on a board")]
fn fill(bytes: &mut [u8]) -> Result<(), BadSource> {
    iot_coap_port_linux::fill_random(bytes);
    Ok(())
}

/// Draws one byte at a time, since the numbers of some ports have 15 bits. Detects a port
/// that always returns the same number, such as a stub.
#[cfg(not(feature = "port-linux"))]
fn fill(bytes: &mut [u8]) -> Result<(), BadSource> {
    let mut repeats = 0;
    let mut last = None;
    for byte in &mut *bytes {
        // SAFETY: HAL_Random needs a region of at least 1.
        *byte = unsafe { super::HAL_Random(256) } as u8;
        repeats = if last == Some(*byte) { repeats + 1 } else { 0 };
        if repeats >= MAX_REPEATS {
            return Err(BadSource);
        }
        last = Some(*byte);
    }
    super::hedge::hedge(bytes);
    Ok(())
}

impl TryRng for Source {
    type Error = BadSource;

    fn try_next_u32(&mut self) -> Result<u32, BadSource> {
        let mut bytes = [0; 4];
        fill(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, BadSource> {
        let mut bytes = [0; 8];
        fill(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), BadSource> {
        fill(bytes)
    }
}

impl TryCryptoRng for Source {}

/// Room for the key that `HAL_DTLSSession_psk` returns.
pub(crate) struct PreSharedKey {
    identity: [u8; MAX_IDENTITY_LEN],
    key: Zeroizing<[u8; MAX_KEY_LEN]>,
}

impl PreSharedKey {
    pub(crate) fn new() -> Self {
        Self { identity: [0; MAX_IDENTITY_LEN], key: Zeroizing::new([0; MAX_KEY_LEN]) }
    }

    /// Asks the program or firmware for the identity and the key for this host.
    pub(crate) fn ask(&mut self, host: &CStr) -> Option<(&[u8], &[u8])> {
        let mut identity_len = self.identity.len() as c_uint;
        let mut key_len = self.key.len() as c_uint;
        // SAFETY: the host ends with NUL; each length is the length of its buffer.
        let status = unsafe {
            iotx_port_dtls_psk(
                host.as_ptr(),
                self.identity.as_mut_ptr(),
                &raw mut identity_len,
                self.key.as_mut_ptr(),
                &raw mut key_len,
            )
        };
        if status != 0 {
            return None;
        }
        let (identity_len, key_len) = (usize::try_from(identity_len), usize::try_from(key_len));
        Some((self.identity.get(..identity_len.ok()?)?, self.key.get(..key_len.ok()?)?))
    }
}
