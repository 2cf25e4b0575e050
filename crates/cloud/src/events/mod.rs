//! What can happen, as the log tells it. Secrets and whole access tokens never come
//! here.

mod journal;
mod line;
mod log;
mod mask;
mod message;
mod noise;
mod sink;
mod size;
mod trouble;
#[cfg(feature = "console")]
mod whose;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

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
pub use message::{Message, RequestOption};
pub(crate) use trouble::AUTH_ERROR;

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
        /// The product that it named, if that could be read. Nobody has proved it, and what is a
        /// secret or a signature by mistake is masked.
        #[serde(skip_serializing_if = "String::is_empty")]
        product_key: String,
        /// The device that it named, likewise.
        #[serde(skip_serializing_if = "String::is_empty")]
        device_name: String,
        /// The response code, e.g. `4.01`.
        code: String,
        /// Why, as the client was told.
        reason: String,
        /// The check that failed, which the client is not always told: `method`,
        /// `content_format`, `accept`, `payload`, `device`, `signature`, `disabled`, or the fault
        /// `auth-error`.
        check: String,
        /// What to do about it.
        remedy: String,
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
        /// The product that it named, as in [`Event::SignInRefused`].
        #[serde(skip_serializing_if = "String::is_empty")]
        product_key: String,
        /// The device that it named, likewise.
        #[serde(skip_serializing_if = "String::is_empty")]
        device_name: String,
        /// The response code, e.g. `4.04`.
        code: String,
        /// Why.
        reason: String,
        /// What to do about it.
        remedy: String,
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
    /// A datagram that is no CoAP message, or no record of DTLS.
    Malformed {
        /// How it came.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// A command has ended, and no datagram has come to any port.
    NoDatagram {
        /// That none came.
        reason: String,
        /// What to look at.
        remedy: String,
    },
    /// CoAP without DTLS came to the port of `coaps://`, or a DTLS record to another; told once
    /// for each peer, whatever else comes from it.
    WrongPort {
        /// What the port serves.
        transport: Transport,
        /// Where it came from.
        peer: SocketAddr,
        /// `CoAP without DTLS` or `a DTLS record`.
        what: String,
        /// What to do about it.
        remedy: String,
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
    /// A DTLS handshake failed, or the client's alert or pre-shared key shows that it will.
    DtlsFailed {
        /// The client.
        peer: SocketAddr,
        /// Why.
        reason: String,
        /// What to do about it; empty where nothing is known.
        #[serde(skip_serializing_if = "String::is_empty")]
        remedy: String,
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
