//! Messages that the broker may have though their devices were told that it has not. If the
//! device posts the same again, the copy goes under the same id: a consumer drops it.

use std::time::Instant;

use openssl::sha::Sha256;

use super::Accepted;
use super::publication::{add_part, new_id};
use crate::access_token::TokenId;
use crate::bounded::BoundedMap;
use crate::events::Message;
use crate::replies::EXCHANGE_LIFETIME;

/// Messages remembered; a few megabytes of them.
const REMEMBERED: usize = 16_384;

/// What makes a message the same one to its device.
type Digest = [u8; 32];

/// The ids of such messages.
pub(super) struct Copies {
    /// `None` where the id is under way again.
    ids: BoundedMap<Digest, Option<(String, Instant)>>,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { ids: BoundedMap::new(REMEMBERED) }
    }

    /// The id that a message is published under.
    pub(super) fn id_of(&mut self, now: Instant, token: &TokenId, message: &Message) -> String {
        // As a rule nothing is late, and no digest is needed.
        if self.ids.is_empty() {
            return new_id(token, message);
        }
        let known = self.ids.get_mut(&digest(message)).and_then(Option::take);
        match known {
            Some((id, since)) if now.saturating_duration_since(since) < EXCHANGE_LIFETIME => id,
            _ => new_id(token, message),
        }
    }

    /// A device was told that its message did not arrive; but it may have, now or as
    /// the message that it is a copy of.
    pub(super) fn refused(&mut self, now: Instant, accepted: &Accepted, may_have_arrived: bool) {
        let Accepted { id, token, message, .. } = accepted;
        if may_have_arrived || *id != new_id(token, message) {
            self.ids.insert(digest(message), Some((id.clone(), now)));
        }
    }
}

fn digest(message: &Message) -> Digest {
    let mut digest = Sha256::new();
    let format = message.content_format.map_or(u32::MAX, u32::from);
    digest.update(&format.to_be_bytes());
    let Message { product_key, device_name, topic, payload, .. } = message;
    for part in [product_key.as_bytes(), device_name.as_bytes(), topic.as_bytes(), payload] {
        add_part(&mut digest, part);
    }
    digest.finish()
}
