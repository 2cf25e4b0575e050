//! Names of entries in the port's key/value store.

use core::ffi::CStr;

use iot_coap_client::{Device, Endpoint};

/// The name of an entry for one device and one endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Ends with NUL. Some stores in the field limit keys to 32 bytes.
    key: [u8; 32],
}

impl Entry {
    /// The entry for `what`: at most five letters, followed by NUL if there are fewer.
    pub(crate) fn new(what: [u8; 5], device: &Device, endpoint: &Endpoint) -> Self {
        let mut digest = FNV_OFFSET;
        for part in [device.product_key(), device.device_name(), &endpoint.host] {
            digest = hashed(hashed(digest, part.as_bytes()), &[0]);
        }
        digest = hashed(digest, &endpoint.port.to_be_bytes());
        let mut key = [0; 32];
        let mut places = key.iter_mut();
        let letters = what.iter().filter(|&&letter| letter != 0);
        for (byte, place) in b"iot-coap.".iter().chain(letters).chain(b".").zip(&mut places) {
            *place = *byte;
        }
        // One digit for each four bits, the highest first. The remaining bytes are NUL.
        for place in places.take(16) {
            digest = digest.rotate_left(4);
            *place = b"0123456789abcdef"[(digest & 0xF) as usize];
        }
        Self { key }
    }

    pub(crate) fn key(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.key).unwrap_or_default()
    }
}

/// Continues a hash over more bytes.
fn hashed(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

/// FNV-1a (Fowler, Noll, Vo). The hash only makes names; it protects nothing.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_named_after_device_and_endpoint() {
        let device = Device::new("pk", "dn", "", "secret").expect("sound");
        let endpoint = Endpoint::parse("coap://127.0.0.1").expect("sound");
        let name = |what| Entry::new(what, &device, &endpoint).key().to_str().map(str::to_owned);
        let token = name(*b"token").expect("ASCII");
        let session = name(*b"dtls\0").expect("ASCII");
        // FNV-1a of "pk\0dn\0127.0.0.1\0" and the port, computed by another program: the
        // next release must find the entries of this one.
        assert_eq!(token, "iot-coap.token.63c1941bb0430faa");
        assert_eq!(session.strip_prefix("iot-coap.dtls."), token.strip_prefix("iot-coap.token."));
    }
}
