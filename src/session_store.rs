//! The DTLS session kept over restarts, through the port's key/value store: what
//! is kept is sealed with the device's secret, and never good for a second use.
//!
//! Two entries: the sealed session, and the smallest number that one may have to
//! be restored. That number is written first, so that whenever the power fails,
//! what is found is either the latest or refused; see `crates/dtls`, whose
//! `checkpoint` reserves the record numbers.

use alloc::string::String;
use core::ffi::CStr;
use core::fmt::Write;

use iot_coap_client::{Device, Endpoint};
use zeroize::Zeroizing;

use crate::log::log;
use crate::port::{Dtls, Keeping, store};
use crate::token_store::Entry;

/// Records between two writes to the store: each message is one, and a store in
/// flash is good for 10,000 writes and more.
const RESERVE: u32 = 256;

/// A session with a connection id takes about 230 bytes; one with a ticket as
/// many as the ticket has, and some.
const LONGEST_SESSION: usize = 1024;

/// Where one device's session with one endpoint is kept.
pub(crate) struct SessionStore {
    session: Entry,
    oldest: Entry,
    /// Ends with NUL.
    context: String,
    secret: Zeroizing<String>,
}

impl SessionStore {
    /// The store of `device` at `endpoint`; `None` where the heap is exhausted.
    pub(crate) fn new(device: &Device, endpoint: &Endpoint) -> Option<Self> {
        let (product, name) = (device.product_key(), device.device_name());
        let Endpoint { host, port, .. } = endpoint;
        let mut context = String::new();
        // Within what is reserved nothing is allocated: a port has five digits.
        context.try_reserve_exact(host.len() + product.len() + name.len() + 9).ok()?;
        write!(context, "{host}:{port}/{product}/{name}\0").ok()?;
        let mut secret = Zeroizing::new(String::new());
        secret.try_reserve_exact(device.device_secret().len()).ok()?;
        secret.push_str(device.device_secret());
        Some(Self {
            session: Entry::new(*b"dtls\0", device, endpoint),
            oldest: Entry::new(*b"dgen\0", device, endpoint),
            context,
            secret,
        })
    }

    /// The session that `restore` makes of what is kept, if it can be used.
    pub(crate) fn restore(
        &self,
        restore: impl FnOnce(&Keeping<'_>, &[u8]) -> Option<Dtls>,
    ) -> Option<Dtls> {
        let mut kept = [0; LONGEST_SESSION];
        let len = store::get(self.session.key(), &mut kept).filter(|&len| len > 0)?;
        let dtls = restore(&self.keeping(self.oldest(), 0), kept.get(..len)?)?;
        if self.keep(dtls, RESERVE) {
            return Some(dtls);
        }
        // It may not write what is not reserved.
        dtls.close();
        None
    }

    /// Keeps the session as it is, and some record numbers for it to go on with;
    /// says whether it is kept.
    pub(crate) fn keep_on(&self, dtls: Dtls) -> bool {
        self.keep(dtls, RESERVE)
    }

    /// Keeps the session for a restart; it may write no more.
    pub(crate) fn keep_for_sleep(&self, dtls: Dtls) -> bool {
        self.keep(dtls, 0)
    }

    fn keep(&self, dtls: Dtls, reserve: u32) -> bool {
        let generation = self.oldest().saturating_add(1);
        let mut blob = [0; LONGEST_SESSION];
        let Some(len) = dtls.save(&self.keeping(generation, reserve), &mut blob) else {
            store::delete(self.session.key());
            return false;
        };
        let blob = blob.get(..len).unwrap_or_default();
        let is_kept = store::set(self.oldest.key(), &generation.to_be_bytes())
            && store::set(self.session.key(), blob);
        if is_kept {
            dtls.is_saved();
        } else {
            log!(Warning, "the board port did not keep the DTLS session");
        }
        is_kept
    }

    fn oldest(&self) -> u64 {
        let mut value = [0; 8];
        match store::get(self.oldest.key(), &mut value) {
            Some(8) => u64::from_be_bytes(value),
            _ => 0,
        }
    }

    fn keeping(&self, generation: u64, reserve: u32) -> Keeping<'_> {
        let context = CStr::from_bytes_until_nul(self.context.as_bytes()).unwrap_or_default();
        Keeping { secret: self.secret.as_bytes(), context, generation, reserve }
    }
}
