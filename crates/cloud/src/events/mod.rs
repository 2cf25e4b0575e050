//! What can happen, as the log tells it. Secrets and whole access tokens never come
//! here.

mod journal;
mod line;
mod log;
mod mask;
mod noise;
mod sink;
mod size;
#[cfg(feature = "console")]
mod whose;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::sign::hex;
use crate::transport::Transport;
pub(crate) use journal::Journal;
#[cfg(feature = "console")]
pub(crate) use line::line;
pub(crate) use log::EventLog;
pub use log::Log;
#[cfg(feature = "console")]
pub(crate) use log::Recorded;
pub(crate) use log::unix_ms;
#[cfg(feature = "console")]
pub(crate) use mask::is_secret;
pub(crate) use mask::masked_value;

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

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The server answers from here on.
    Ready {
        /// Its addresses.
        urls: Vec<String>,
        /// The root that DTLS clients shall trust.
        root: Option<PathBuf>,
        /// The names and addresses in the certificate that it has made up for DTLS.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        names: Vec<String>,
        /// The URL of the console.
        #[serde(skip_serializing_if = "Option::is_none")]
        console: Option<String>,
        /// The URL of the metrics.
        #[serde(skip_serializing_if = "Option::is_none")]
        metrics: Option<String>,
    },
    /// A device was given an access token.
    SignedIn {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// The product.
        product_key: String,
        /// The device.
        device_name: String,
        /// What the client calls itself.
        client_id: String,
        /// `hmacmd5` or `hmacsha1`.
        sign_method: String,
        /// The request's Content-Format.
        content_format: u16,
        /// Its names and values beyond the needed ones.
        extras: Vec<String>,
        /// The CoAP message id.
        message_id: u16,
        /// The access token, abbreviated.
        access_token: String,
        /// When the access token expires, in seconds since 1970.
        expires: u64,
    },
    /// A sign-in was answered with an error.
    SignInRefused {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// The response code, e.g. `4.01`.
        code: String,
        /// Why.
        reason: String,
        /// The CoAP message id.
        message_id: u16,
    },
    /// A topic message was taken or refused.
    Message(Message),
    /// A request outside `/auth` and `/topic`, or of no valid form.
    RequestRefused {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// The path asked for.
        path: String,
        /// The response code, e.g. `4.04`.
        code: String,
        /// Why.
        reason: String,
    },
    /// Of an address there was more than [`Limits`](crate::Limits) allows. It is told again
    /// when it was less for a while.
    Limited {
        /// How it came.
        transport: Transport,
        /// Where the last of it came from.
        peer: SocketAddr,
        /// What there was too much of.
        what: String,
    },
    /// A request came again and was answered from the cache.
    Duplicate {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// The CoAP message id.
        message_id: u16,
        /// It was confirmable, so the cached reply was sent again.
        confirmable: bool,
        /// How long after its first copy it came.
        after_ms: u64,
    },
    /// A CoAP ping was answered with a reset.
    Ping {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
    },
    /// A datagram that is no CoAP message.
    Malformed {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// A peer answered a message that the server had sent on its own account
    /// or as a separate response.
    Answered {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// What was answered: `ping`, `request` or `separate response`.
        what: String,
        /// How: `acknowledgement`, `reset` or a response code.
        by: String,
        /// How long after it was first sent.
        after_ms: u64,
        /// How many times it had been sent by then.
        sent: u32,
    },
    /// A confirmable message of the server was sent again, for want of an answer.
    SentAgain {
        /// How it was sent.
        transport: Transport,
        /// To whom.
        peer: SocketAddr,
        /// `ping`, `request` or `separate response`.
        what: String,
    },
    /// A confirmable message of the server was never answered.
    Unanswered {
        /// How it was sent.
        transport: Transport,
        /// To whom.
        peer: SocketAddr,
        /// `ping`, `request` or `separate response`.
        what: String,
    },
    /// A DTLS handshake was completed.
    DtlsOpened {
        /// The client.
        peer: SocketAddr,
        /// The session's number.
        session: u64,
        /// By an abbreviated handshake.
        resumed: bool,
        /// The suite agreed on.
        cipher: String,
        /// The connection id in the client's records, in hexadecimal; empty without one.
        #[serde(skip_serializing_if = "String::is_empty")]
        connection_id: String,
    },
    /// A DTLS client goes on with its session from another address.
    DtlsMoved {
        /// Where it is now.
        peer: SocketAddr,
        /// The session's number.
        session: u64,
        /// Where it was before.
        from: SocketAddr,
    },
    /// The server goes on with DTLS sessions that were saved when it stopped.
    DtlsRestored {
        /// How many.
        sessions: usize,
        /// Why there are no more; empty if these are all.
        #[serde(skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// The server has stopped, and saved its DTLS sessions.
    DtlsSaved {
        /// How many.
        sessions: usize,
        /// Why they could not be saved; empty if they are.
        #[serde(skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// A DTLS handshake failed.
    DtlsFailed {
        /// The client.
        peer: SocketAddr,
        /// Why.
        reason: String,
    },
    /// A DTLS session ended.
    DtlsClosed {
        /// The client.
        peer: SocketAddr,
        /// The session's number.
        session: u64,
        /// Why: `closed by client`, `closed by server`, `forgotten`, `idle`,
        /// `replaced`, `too many sessions`, or an error.
        reason: String,
    },
    /// Every access token issued so far is refused from here on.
    TokensExpired,
    /// What should outlive the server could not be written.
    StateNotKept {
        /// Why.
        error: String,
    },
    /// Other faults are asked for from here on.
    FaultsChanged {
        /// Which, as `--faults` takes them.
        faults: String,
    },
    /// The broker that messages are forwarded to was connected to.
    BrokerConnected {
        /// Its address.
        broker: String,
    },
    /// The connection to the broker was lost, or could not be made; until the next
    /// [`Event::BrokerConnected`] messages are answered 5.03.
    BrokerLost {
        /// Its address.
        broker: String,
        /// Why.
        reason: String,
    },
    /// The broker has no subscriber for a topic, and keeps its messages for nobody; told
    /// once a connection.
    NoSubscriber {
        /// Its address.
        broker: String,
        /// The topic.
        topic: String,
        /// What that means, in words.
        reason: String,
    },
    /// A file was read again, or opened again for writing: of keys, devices or certificates,
    /// or the log.
    ReadAgain {
        /// Which.
        file: PathBuf,
        /// Why what was known before is still used; empty if it went well.
        #[serde(skip_serializing_if = "String::is_empty")]
        error: String,
    },
    /// A datagram came or went, if [`Config::datagrams`](crate::Config::datagrams) asks for
    /// them.
    Datagram {
        /// Of which transport it is.
        transport: Transport,
        /// The peer.
        peer: SocketAddr,
        /// `in` or `out` of the server.
        direction: String,
        /// Its length, without the headers of UDP and IP.
        bytes: usize,
        /// What can be seen of it, e.g. `ClientHello`.
        what: String,
    },
    /// A fault was applied.
    Fault {
        /// Which.
        fault: String,
        /// `in` or `out` of the server, for datagrams.
        direction: Option<String>,
        /// The peer whose datagram it was.
        peer: SocketAddr,
    },
}

impl Event {
    /// The message, if this is one.
    pub fn message(&self) -> Option<&Message> {
        match self {
            Self::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Something that was switched, rather than happened.
    pub(crate) fn is_switch(&self) -> bool {
        matches!(self, Self::TokensExpired | Self::FaultsChanged { .. })
    }

    /// Written to the log only when asked for.
    fn is_detail(&self) -> bool {
        matches!(
            self,
            Self::Fault { .. } | Self::Ping { .. } | Self::Answered { .. } | Self::SentAgain { .. }
        )
    }
}

fn text_or_hex<S: Serializer>(payload: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    match std::str::from_utf8(payload) {
        Ok(text) => map.serialize_entry("text", text)?,
        Err(_) => map.serialize_entry("hex", &hex(payload))?,
    }
    map.end()
}
