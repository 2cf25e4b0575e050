//! The access token kept over restarts, through the port's key/value store.
//! What is kept is a secret: the store must be the device's own.

use alloc::ffi::CString;
use alloc::format;

use iot_coap_client::{ACCESS_TOKEN_MAX_LEN, Client, Device, Endpoint};
use zeroize::Zeroize;

use crate::context::Application;
use crate::log::log;
use crate::port::store;

/// Where one device's token for one endpoint is kept.
pub(crate) struct TokenStore {
    key: CString,
}

impl TokenStore {
    /// The store of `device` at `endpoint`. `None` if their names hold a NUL,
    /// which cannot be.
    pub(crate) fn new(device: &Device, endpoint: &Endpoint) -> Option<Self> {
        entry("token", device, endpoint).map(|key| Self { key })
    }

    /// Lets `client` go on with the token that is kept; says whether one is.
    pub(crate) fn restore(&self, now: u64, client: &mut Client<Application>) -> bool {
        let mut value = [0; ACCESS_TOKEN_MAX_LEN];
        let restored = store::get(&self.key, &mut value)
            .is_some_and(|len| client.restore_access_token(now, &value[..len]));
        value.zeroize();
        if restored {
            log!(Info, "goes on with the access token that was kept");
        }
        restored
    }

    /// Keeps the token that `client` has got, or forgets the one that it has
    /// lost.
    pub(crate) fn update(&self, client: &Client<Application>) {
        match client.access_token() {
            Some(token) => {
                if !store::set(&self.key, token) {
                    log!(Warning, "the board port did not keep the access token");
                }
            }
            None => store::delete(&self.key),
        }
    }
}

/// The name under which something of `device` at `endpoint` is kept.
pub(crate) fn entry(what: &str, device: &Device, endpoint: &Endpoint) -> Option<CString> {
    let identity = [device.product_key(), device.device_name(), &endpoint.host];
    let digest = identity
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .chain(endpoint.port.to_be_bytes())
        .fold(FNV_OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
    // Stores in the field take keys of 32 bytes and no more.
    CString::new(format!("iot-coap.{what}.{digest:016x}")).ok()
}

/// FNV-1a (Fowler, Noll, Vo): names files, protects nothing.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;
