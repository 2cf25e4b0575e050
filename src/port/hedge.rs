//! Hedges the random numbers of a board, following RFC 8937: even if `HAL_Random` is weak
//! or repeats itself, keys differ from start to start, and stay unknown to an attacker
//! without the device's secret.
//!
//! The library's random bytes are HMAC-SHA256 over the bytes of `HAL_Random`, the number of
//! the request and the time. The HMAC's key is derived from the DeviceSecret, every
//! pre-shared key that was used, the calendar, and a counter in the store. Each context
//! that uses DTLS increments the counter, which is one write of eight bytes at each start.
//! Without a store and a clock, two starts with the same random numbers and the same uptime
//! have the same keys, as they would without hedging.
//!
//! With our Linux port, keys come from the kernel, and this module is not built.

use core::sync::atomic::{AtomicU32, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use iot_coap_client::{Device, Endpoint};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{calendar, store};
use crate::entry::Entry;

const LEN: usize = 32;

/// The key. Its words are loaded and stored one by one, which every core can do. If one
/// thread mixes the key while another draws, the mixture of both keys is as good as either.
static KEY: [AtomicU32; LEN / 4] = [const { AtomicU32::new(0) }; LEN / 4];

/// The number of the next request.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// HMAC over parts. The length of each part is fixed or given in another part.
fn hmac(parts: &[&[u8]]) -> Option<Zeroizing<[u8; LEN]>> {
    let mut key = Zeroizing::new([0; LEN]);
    for (bytes, word) in key.chunks_exact_mut(4).zip(&KEY) {
        bytes.copy_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&*key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(Zeroizing::new(mac.finalize().into_bytes().into()))
}

fn replace_key(key: &[u8; LEN]) {
    for (bytes, word) in key.chunks_exact(4).zip(&KEY) {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        word.store(u32::from_ne_bytes(bytes), Ordering::Relaxed);
    }
}

/// Mixes the secret of a device into the key, and, if there is a store, a number that no
/// earlier start had. Called before anything is drawn.
pub(crate) fn start(device: &Device, endpoint: &Endpoint) {
    let entry = Entry::new(*b"start", device, endpoint);
    let mut starts = [0; 8];
    if store::get(entry.key(), &mut starts) != Some(starts.len()) {
        starts = [0; 8];
    }
    let mut starts = u64::from_be_bytes(starts).wrapping_add(1).to_be_bytes();
    // If the store keeps nothing, the other inputs must suffice.
    if !store::set(entry.key(), &starts) {
        starts = [0; 8];
    }
    // The name of the entry distinguishes endpoints, whose counters may be equal.
    let name = entry.key().to_bytes();
    mix_all(device.device_secret().as_bytes(), name, starts);
}

/// Mixes a pre-shared key into the key.
pub(crate) fn mix(secret: &[u8]) {
    mix_all(secret, &[], [0; 8]);
}

fn mix_all(secret: &[u8], name: &[u8], starts: [u8; 8]) {
    let time = calendar::unchecked_calendar_ms().to_be_bytes();
    let len = (secret.len() as u64).to_be_bytes();
    if let Some(key) = hmac(&[b"iot-coap mixes", &len, secret, &time, &starts, name]) {
        replace_key(&key);
    }
}

/// Replaces bytes of `HAL_Random` by hedged ones.
pub(super) fn hedge(bytes: &mut [u8]) {
    let uptime = super::uptime_ms().to_be_bytes();
    for bytes in bytes.chunks_mut(LEN) {
        let request = REQUESTS.load(Ordering::Relaxed);
        REQUESTS.store(request.wrapping_add(1), Ordering::Relaxed);
        let Some(hedged) = hmac(&[b"iot-coap draws", &request.to_be_bytes(), &uptime, bytes])
        else {
            continue;
        };
        for (byte, hedged) in bytes.iter_mut().zip(hedged.iter()) {
            *byte = *hedged;
        }
    }
}

/// Wipes the key, since no context is left that uses it.
pub(crate) fn forget() {
    replace_key(&[0; LEN]);
}
