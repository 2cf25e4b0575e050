//! What is published of a message: its topic, its payload and the properties
//! that tell a consumer the rest.

use std::time::{SystemTime, UNIX_EPOCH};

use openssl::sha::Sha256;

use crate::access_token::TokenId;
use crate::events::Message;
use crate::payload::media_type;
use crate::sign::hex;

/// A message on its way to the broker.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    /// The media type of the payload, if it is known.
    pub(crate) content_type: Option<&'static str>,
    pub(crate) user_properties: Vec<(String, String)>,
}

impl Publication {
    /// The publication of a message under this id.
    pub(crate) fn new(id: String, received: SystemTime, message: &Message) -> Self {
        let since = received.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut user_properties = vec![
            ("id".to_owned(), id),
            ("product-key".to_owned(), message.product_key.clone()),
            ("device-name".to_owned(), message.device_name.clone()),
            ("transport".to_owned(), message.transport.scheme().to_owned()),
            ("received-ms".to_owned(), since.as_millis().to_string()),
        ];
        if let Some(format) = message.content_format {
            user_properties.push(("content-format".to_owned(), format.to_string()));
        }
        Self {
            topic: message.topic.clone(),
            payload: message.payload.clone(),
            content_type: message.content_format.and_then(media_type),
            user_properties,
        }
    }

    /// No less than its packet has bytes.
    pub(crate) fn size(&self) -> usize {
        /// Fixed header, packet id, three lengths of four bytes at most.
        const FRAME: usize = 32;
        /// Kind and two lengths.
        const PROPERTY: usize = 5;
        let properties: usize = self
            .user_properties
            .iter()
            .map(|(name, value)| PROPERTY + name.len() + value.len())
            .sum();
        let content_type = self.content_type.map_or(0, str::len);
        FRAME + PROPERTY + self.topic.len() + self.payload.len() + properties + content_type
    }
}

/// What a consumer knows a message by that it may see more than once: the same
/// for a retransmission, whichever server it reached and however often it was
/// published; another for every other message of the device for as long as its
/// message ids are not used again (RFC 7252 section 4.8.2).
pub(super) fn new_id(token: &TokenId, message: &Message) -> String {
    let mut digest = Sha256::new();
    digest.update(token);
    digest.update(&message.message_id.to_be_bytes());
    let format = message.content_format.map_or(u32::MAX, u32::from);
    digest.update(&format.to_be_bytes());
    for part in [message.token.as_bytes(), message.topic.as_bytes(), &message.payload] {
        add_part(&mut digest, part);
    }
    hex(&digest.finish()[..16])
}

/// Adds a part to a digest of several; its length keeps it apart from the next.
pub(super) fn add_part(digest: &mut Sha256, part: &[u8]) {
    digest.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
    digest.update(part);
}

/// Whether a topic can be published to. Wildcards and U+0000 are forbidden (MQTT
/// 5 section 4.7), and a broker may close the connection for control characters
/// and noncharacters (section 1.5.4): one device's topic would then hold up
/// everybody's messages.
pub(crate) fn is_publishable(topic: &str) -> bool {
    let harmless = |each: char| {
        let code = u32::from(each);
        let noncharacter = (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE;
        // A path that is not UTF-8 comes here with U+FFFD, and names nothing.
        !(matches!(each, '+' | '#' | '\u{FFFD}') || each.is_control() || noncharacter)
    };
    topic.chars().all(harmless)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::transport::Transport;

    pub(crate) fn message() -> Message {
        Message {
            number: 0,
            product_key: "pk".into(),
            device_name: "dn".into(),
            topic: "/pk/dn/user/update".into(),
            content_format: Some(50),
            accept: None,
            payload: b"{}".to_vec(),
            token_option: Some(61),
            sequence: None,
            code: String::new(),
            reason: String::new(),
            as_asked: false,
            transport: Transport::Udp,
            peer: ([127, 0, 0, 1], 1).into(),
            confirmable: true,
            message_id: 7,
            token: "01020304".into(),
            duplicate: false,
            options: Vec::new(),
        }
    }

    #[test]
    fn an_id_is_of_the_message_and_not_of_its_way() {
        let own = new_id(&[1; 24], &message());
        let by_another_way =
            Message { peer: ([10, 0, 0, 1], 9).into(), transport: Transport::Dtls, ..message() };
        assert_eq!(own, new_id(&[1; 24], &by_another_way));
        assert_ne!(own, new_id(&[2; 24], &message()));
        for other in [
            Message { message_id: 8, ..message() },
            Message { token: "01020305".into(), ..message() },
            Message { topic: "/pk/dn/user/updat".into(), payload: b"e{}".to_vec(), ..message() },
            Message { content_format: Some(60), ..message() },
            Message { content_format: None, ..message() },
        ] {
            assert_ne!(own, new_id(&[1; 24], &other), "{other:?}");
        }
    }

    #[test]
    fn topics_that_harm_the_connection_are_known() {
        for fine in ["/pk/dn/user/update", "/pk/dn/温度", "/pk/dn/a b/$x"] {
            assert!(is_publishable(fine), "{fine}");
        }
        for harmful in [
            "/+",
            "/#",
            "/\0",
            "/\u{1}",
            "/\u{7f}",
            "/\u{9f}",
            "/\u{fdd0}",
            "/\u{1ffff}",
            "/\u{fffd}",
        ] {
            assert!(!is_publishable(harmful), "{harmful:?}");
        }
    }
}
