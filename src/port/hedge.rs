//! Hedges the random numbers of a board, after the idea of RFC 8937: keys stay unknown to
//! whoever does not know the device's secret, and differ from start to start, even if
//! `HAL_Random` is weak or repeats itself.
//!
//! What the library draws is HMAC-SHA256 over the bytes of `HAL_Random`, the number of the
//! request and the time, under a key that comes from the DeviceSecret, every pre-shared key
//! that was used, the calendar, and a number that is raised in the store with each context
//! that uses DTLS: one write of eight bytes a start. Without a store and a clock, two
//! starts with the same numbers and the same uptime have the same keys, as without all
//! this.
//!
//! With our Linux port keys come from the kernel, and nothing here is built.

use core::sync::atomic::{AtomicU32, Ordering};

use hmac::{Hmac, KeyInit, Mac};
use iot_coap_client::{Device, Endpoint};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{calendar, store};
use crate::entry::Entry;

const LEN: usize = 32;

/// The key. Words that are loaded and stored one by one, which every core can: a key that is
/// mixed while another thread draws is as good as before or after.
static KEY: [AtomicU32; LEN / 4] = [const { AtomicU32::new(0) }; LEN / 4];

/// The number of the next request.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// HMAC over parts whose lengths are fixed or in another part.
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

/// Mixes the secret of a device into the key, and a number that no earlier start had, if there
/// is a store. Before anything is drawn.
pub(crate) fn start(device: &Device, endpoint: &Endpoint) {
    let entry = Entry::new(*b"start", device, endpoint);
    let mut starts = [0; 8];
    if store::get(entry.key(), &mut starts) != Some(starts.len()) {
        starts = [0; 8];
    }
    let mut starts = u64::from_be_bytes(starts).wrapping_add(1).to_be_bytes();
    // Where nothing can be kept, the rest must do.
    if !store::set(entry.key(), &starts) {
        starts = [0; 8];
    }
    // The name of the entry tells endpoints apart, whose numbers may be the same.
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

/// Replaces bytes of `HAL_Random`.
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

/// Wipes the key: no context is left that would use it.
pub(crate) fn forget() {
    replace_key(&[0; LEN]);
}
