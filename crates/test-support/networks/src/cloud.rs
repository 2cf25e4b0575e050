//! The cloud, as far as a message needs it: hands out an access token of the published
//! length, and answers every message in its acknowledgement, as the local cloud does.

use std::collections::HashMap;

use iot_coap_client::{Code, Encoder, Kind, Message, OptionNumber};

/// As long as the cloud's (`crates/cloud`, `access_token.rs`).
const ACCESS_TOKEN_LEN: usize = 147;

/// 2.05.
const CONTENT: Code = Code(2 * 32 + 5);

/// A server without a socket.
#[derive(Default)]
pub(crate) struct Cloud {
    /// What was answered, by message id: a duplicate gets the same answer (RFC 7252,
    /// section 4.5).
    answers: HashMap<u16, Vec<u8>>,
}

impl Cloud {
    /// The answer to a datagram.
    pub(crate) fn answer(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        let request = Message::parse(datagram).ok()?;
        if request.kind != Kind::Confirmable {
            return None;
        }
        let answer = || {
            let is_sign_in = request
                .options
                .clone()
                .any(|option| option.number == OptionNumber::URI_PATH && option.value == b"auth");
            let payload = if is_sign_in {
                format!(r#"{{"token":"{}"}}"#, "t".repeat(ACCESS_TOKEN_LEN))
            } else {
                String::new()
            };
            let mut buffer = [0; 512];
            let encoder = Encoder::new(
                &mut buffer,
                Kind::Acknowledgement,
                CONTENT,
                request.id,
                request.token,
            );
            let len = encoder.and_then(|encoder| encoder.payload(payload.as_bytes()));
            buffer[..len.expect("it fits")].to_vec()
        };
        Some(self.answers.entry(request.id).or_insert_with(answer).clone())
    }
}
