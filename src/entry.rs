//! Names of entries in the port's key/value store.

use core::ffi::CStr;

use iot_coap_client::{Device, Endpoint};

/// Where one thing of a device and an endpoint is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Ends with NUL. Some stores in the field take no keys of more than 32 bytes.
    key: [u8; 32],
}

impl Entry {
    /// The entry for `what`: at most five letters, followed by NUL if there are fewer.
    pub(crate) fn new(what: [u8; 5], device: &Device, endpoint: &Endpoint) -> Self {
        let identity = [device.product_key(), device.device_name(), &endpoint.host];
        let digest = identity
            .iter()
            .flat_map(|part| part.bytes().chain([0]))
            .chain(endpoint.port.to_be_bytes())
            .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        let digits = (0..16).rev().map(|place| {
            let nibble = (digest >> (4 * place)) as u32 & 0xF;
            char::from_digit(nibble, 16).map_or(b'0', |digit| digit as u8)
        });
        let what = what.into_iter().filter(|&letter| letter != 0);
        let text = b"iot-coap.".iter().copied().chain(what).chain(*b".").chain(digits);
        let mut key = [0; 32];
        for (place, byte) in key.iter_mut().zip(text) {
            *place = byte;
        }
        Self { key }
    }

    pub(crate) fn key(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.key).unwrap_or_default()
    }
}

/// FNV-1a (Fowler, Noll, Vo). It makes names and protects nothing.
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
        assert_eq!(token.len(), 31);
        assert_eq!(session.strip_prefix("iot-coap.dtls."), token.strip_prefix("iot-coap.token."));
    }
}
