//! What an event takes in memory.

use super::{Event, Message};

/// The texts of an event that are short whatever a peer says, and what the allocator takes.
const SMALL_TEXTS: usize = 100;

impl Event {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let texts = match self {
            Self::Message(message) => message.bytes(),
            Self::SignedIn { product_key, device_name, client_id, extras, .. } => {
                let of_extra = |extra: &String| size_of::<String>() + extra.len();
                let extras: usize = extras.iter().map(of_extra).sum();
                product_key.len() + device_name.len() + client_id.len() + extras
            }
            Self::SignInRefused { product_key, device_name, reason, remedy, .. } => {
                product_key.len() + device_name.len() + reason.len() + remedy.len()
            }
            Self::RequestRefused { path, product_key, device_name, reason, remedy, .. } => {
                let names = product_key.len() + device_name.len();
                path.len() + names + reason.len() + remedy.len()
            }
            Self::WrongPort { remedy, .. } => remedy.len(),
            Self::DtlsFailed { reason, remedy, .. } => reason.len() + remedy.len(),
            _ => 0,
        };
        size_of::<Self>() + SMALL_TEXTS + texts
    }
}

impl Message {
    fn bytes(&self) -> usize {
        let Self { product_key, device_name, topic, payload, reason, token, options, .. } = self;
        let texts = [product_key, device_name, topic, reason, token].map(String::len);
        let options: usize =
            options.iter().map(|option| size_of_val(option) + option.value.len()).sum();
        texts.iter().sum::<usize>() + payload.len() + options
    }
}
