//! A request on its way to its answer, and the message that answers it. What is kept is what
//! the answer needs, so that a request is read once, however long its answer takes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use coap_lite::{CoapOption, MessageType};

use crate::answer::Answer;
use crate::message;
use crate::replies::{Key, Owner};
use crate::request::MESSAGE_ID_2090;
use crate::seen::Cause;
use crate::transport::Peer;

const CONTENT_FORMAT: u16 = 12;
const MAX_AGE: u16 = 14;

/// Who counts how long answers took, from a request's arrival until its answer was made.
pub(crate) type AnswerTimes = Arc<dyn Fn(Duration) + Send + Sync>;

/// A request that is to be answered.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) peer: Peer,
    /// When its datagram came to its socket.
    pub(crate) came: Instant,
    pub(crate) message_id: u16,
    pub(crate) confirmable: bool,
    pub(crate) coap_token: Vec<u8>,
    /// What its duplicates are known by.
    pub(crate) key: Key,
    /// Whose share of the replies its own is.
    pub(crate) owner: Owner,
    /// How many bytes may be sent at once in answer.
    pub(crate) room: usize,
    /// It may be sent as often as it takes; otherwise `room` is for all of its sendings.
    pub(crate) may_repeat: bool,
    /// What all its messages have in common, where there is a console.
    pub(crate) cause: Option<Arc<Cause>>,
}

impl Exchange {
    /// A response of at most `room` bytes: where it would be longer, it goes without what it
    /// says besides its code.
    pub(crate) fn response(
        &self,
        kind: MessageType,
        message_id: u16,
        answer: &Answer,
        room: usize,
    ) -> Vec<u8> {
        let mut packet = message::message(kind, answer.code, message_id);
        packet.set_token(self.coap_token.clone());
        if let Some(seconds) = answer.retry_after {
            message::add_integer(&mut packet, MAX_AGE, seconds);
        }
        let short = packet.clone();
        if let Some(format) = answer.content_format {
            message::add_integer(&mut packet, CONTENT_FORMAT, format);
        }
        if let Some(id) = &answer.cloud_message_id {
            packet.add_option(CoapOption::from(MESSAGE_ID_2090), id.clone().into_bytes());
        }
        packet.payload.clone_from(&answer.payload);
        let whole = message::encode(&packet);
        if whole.len() <= room { whole } else { message::encode(&short) }
    }
}
