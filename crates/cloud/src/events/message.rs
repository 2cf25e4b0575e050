//! A topic message, as the log tells it.

use std::net::SocketAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::sign::hex;
use crate::transport::Transport;

/// An option of a request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestOption {
    /// Its number.
    pub number: u16,
    /// Its value; of an access token an abbreviation.
    pub value: Vec<u8>,
}

/// A topic message, taken or refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message {
    /// Its number among the messages taken, from 1; 0 if it was refused.
    pub number: u64,
    /// The product it was published under.
    pub product_key: String,
    /// The device it was published under.
    pub device_name: String,
    /// The whole topic, `/<productKey>/<deviceName>/…`.
    pub topic: String,
    /// The request's Content-Format.
    pub content_format: Option<u16>,
    /// The request's Accept.
    pub accept: Option<u16>,
    /// The payload, decrypted in symmetric mode; of a message that was refused, its first
    /// kilobyte, and the names above are cut as well.
    #[serde(serialize_with = "text_or_hex")]
    pub payload: Vec<u8>,
    /// The option that the access token came by.
    pub token_option: Option<u16>,
    /// The sequence number of symmetric mode.
    pub sequence: Option<u64>,
    /// The response code, e.g. `2.05`.
    pub code: String,
    /// Why it was refused; empty if it was taken.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// It was refused as somebody had asked: by a fault, or since its access token had expired
    /// or no use left.
    #[serde(skip)]
    pub as_asked: bool,
    /// How it came.
    pub transport: Transport,
    /// Where it came from.
    pub peer: SocketAddr,
    /// It was confirmable.
    pub confirmable: bool,
    /// The CoAP message id.
    pub message_id: u16,
    /// The CoAP token, in hexadecimal.
    pub token: String,
    /// A message from the same address with the same token, topic and payload
    /// was taken before, under another message id: the application sees it twice.
    pub duplicate: bool,
    /// All its options, in order, if the server has a console. The log has those that
    /// it names above.
    #[serde(skip)]
    pub options: Vec<RequestOption>,
}

fn text_or_hex<S: Serializer>(payload: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    match std::str::from_utf8(payload) {
        Ok(text) => map.serialize_entry("text", text)?,
        Err(_) => map.serialize_entry("hex", &hex(payload))?,
    }
    map.end()
}
