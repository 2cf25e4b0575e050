//! What happened, in order: kept for tests to wait on, and written as one JSON
//! line an event. Secrets and whole access tokens never come here.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::config::Log;
use crate::sign::hex;
use crate::transport::Transport;

/// Events kept; the oldest make room.
const KEPT: usize = 131_072;

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
    /// The payload, decrypted in symmetric mode.
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
    },
    /// A DTLS handshake failed.
    DtlsFailed {
        /// The client.
        peer: SocketAddr,
        /// What OpenSSL says.
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

    /// Written to the log only when asked for.
    fn is_detail(&self) -> bool {
        matches!(self, Self::Fault { .. } | Self::Ping { .. } | Self::Answered { .. })
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

#[derive(Default)]
struct Kept {
    events: VecDeque<Event>,
    /// How many were dropped before the first one kept.
    dropped: usize,
}

/// A copy of the latest events.
struct News {
    /// Number of the first event still kept when they were copied.
    first: usize,
    events: Vec<Event>,
}

/// The events of one server.
pub(crate) struct EventLog {
    kept: Mutex<Kept>,
    changed: Condvar,
    sink: Option<Mutex<Box<dyn Write + Send>>>,
    verbose: bool,
}

impl EventLog {
    pub(crate) fn new(log: &Log, verbose: bool) -> io::Result<Self> {
        let sink: Option<Box<dyn Write + Send>> = match log {
            Log::None => None,
            Log::Stdout => Some(Box::new(io::stdout())),
            Log::Stderr => Some(Box::new(io::stderr())),
            Log::File(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                Some(Box::new(file.map_err(|error| {
                    let text = format!("cannot write the log {}: {error}", path.display());
                    io::Error::new(error.kind(), text)
                })?))
            }
        };
        Ok(Self {
            kept: Mutex::default(),
            changed: Condvar::new(),
            sink: sink.map(Mutex::new),
            verbose,
        })
    }

    pub(crate) fn record(&self, event: Event) {
        if self.verbose || !event.is_detail() {
            self.write(&event);
        }
        let mut kept = self.kept();
        kept.events.push_back(event);
        if kept.events.len() > KEPT {
            kept.events.pop_front();
            kept.dropped += 1;
        }
        drop(kept);
        self.changed.notify_all();
    }

    fn write(&self, event: &Event) {
        #[derive(Serialize)]
        struct Line<'a> {
            unix_ms: u64,
            #[serde(flatten)]
            event: &'a Event,
        }
        let Some(sink) = &self.sink else { return };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unix_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let Ok(mut line) = serde_json::to_vec(&Line { unix_ms, event }) else {
            return;
        };
        line.push(b'\n');
        let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader that went away (`iot-coap-cloud | head`) must not end the server.
        let _ = sink.write_all(&line).and_then(|()| sink.flush());
    }

    pub(crate) fn count(&self) -> usize {
        let kept = self.kept();
        kept.dropped + kept.events.len()
    }

    pub(crate) fn all(&self) -> Vec<Event> {
        self.kept().events.iter().cloned().collect()
    }

    /// The first event from number `from` on that fits, waiting for it if need be.
    pub(crate) fn wait_from(
        &self,
        from: usize,
        timeout: Duration,
        fits: impl Fn(&Event) -> bool,
    ) -> Option<Event> {
        let deadline = Instant::now() + timeout;
        let mut seen = from;
        loop {
            // Looked at without the lock: `fits` may ask the server itself.
            let news = self.news(seen, deadline)?;
            seen = seen.max(news.first) + news.events.len();
            if let Some(event) = news.events.into_iter().find(|event| fits(event)) {
                return Some(event);
            }
        }
    }

    /// The events from number `from` on, once there is one.
    fn news(&self, from: usize, deadline: Instant) -> Option<News> {
        let mut kept = self.kept();
        loop {
            let skip = from.saturating_sub(kept.dropped);
            let events: Vec<Event> = kept.events.iter().skip(skip).cloned().collect();
            if !events.is_empty() {
                let first = kept.dropped;
                return Some(News { first, events });
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            kept = self.changed.wait_timeout(kept, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
