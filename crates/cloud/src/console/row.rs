//! An event as the page shows it: what all events have, and the rest by name. The
//! page translates names; texts of the protocol stay as they are.

use std::net::SocketAddr;

use serde::Serialize;

use super::board::Board;
use super::mask::Mask;
use super::{options, payload};
use crate::events::{Event, Message, Recorded};
use crate::transport::Transport;

/// A line of the list, with all that its details need.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) number: usize,
    unix_ms: u64,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<Transport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<SocketAddr>,
    /// The response code.
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    /// A path, or what else the line says.
    #[serde(skip_serializing_if = "String::is_empty")]
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(&'static str, String)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    options: Vec<options::Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<payload::Shown>,
}

/// How the page writes a device.
fn device_text((product_key, device_name): (&str, &str)) -> String {
    format!("{product_key}/{device_name}")
}

impl Row {
    pub(super) fn of(recorded: &Recorded, board: &Board, mask: &Mask) -> Self {
        let mut row = Self {
            number: recorded.number,
            unix_ms: recorded.unix_ms,
            kind: "",
            device: None,
            transport: None,
            peer: None,
            code: String::new(),
            subject: String::new(),
            reason: String::new(),
            fields: Vec::new(),
            options: Vec::new(),
            payload: None,
        };
        row.fill(&recorded.event, mask);
        if let (None, Some(transport), Some(peer)) = (&row.device, row.transport, row.peer) {
            row.device = board.device_at(transport, peer).map(device_text);
        }
        for text in [&mut row.subject, &mut row.reason]
            .into_iter()
            .chain(row.device.as_mut())
            .chain(row.fields.iter_mut().map(|(_, value)| value))
        {
            *text = mask.text(text);
        }
        row
    }

    fn from(&mut self, kind: &'static str, transport: Transport, peer: SocketAddr) {
        self.kind = kind;
        self.transport = Some(transport);
        self.peer = Some(peer);
    }

    fn field(&mut self, name: &'static str, value: &(impl ToString + ?Sized)) {
        self.fields.push((name, value.to_string()));
    }

    fn fill(&mut self, event: &Event, mask: &Mask) {
        match event {
            Event::Ready { urls, .. } => {
                self.kind = "ready";
                self.subject = urls.join(" ");
            }
            Event::Message(message) => self.fill_message(message, mask),
            Event::SignedIn { transport, peer, .. } => {
                self.from("signed_in", *transport, *peer);
                self.fill_sign_in(event);
            }
            Event::SignInRefused { transport, peer, code, reason, message_id } => {
                self.from("sign_in_refused", *transport, *peer);
                self.subject = "/auth".into();
                self.code.clone_from(code);
                self.reason.clone_from(reason);
                self.field("message_id", message_id);
            }
            Event::RequestRefused { transport, peer, path, code, reason } => {
                self.from("request_refused", *transport, *peer);
                self.subject.clone_from(path);
                self.code.clone_from(code);
                self.reason.clone_from(reason);
            }
            Event::Limited { transport, peer, what } => {
                self.from("limited", *transport, *peer);
                self.reason.clone_from(what);
            }
            Event::Duplicate { transport, peer, message_id, confirmable, after_ms } => {
                self.from("duplicate", *transport, *peer);
                self.field("type", &message_type(*confirmable));
                self.field("message_id", message_id);
                self.field("after", &format!("{after_ms} ms"));
            }
            Event::Ping { transport, peer } => self.from("ping", *transport, *peer),
            Event::Malformed { transport, peer, reason } => {
                self.from("malformed", *transport, *peer);
                self.reason.clone_from(reason);
            }
            Event::Answered { transport, peer, what, by, after_ms, sent } => {
                self.from("answered", *transport, *peer);
                self.subject.clone_from(what);
                self.field("by", by);
                self.field("after", &format!("{after_ms} ms"));
                self.field("sent", sent);
            }
            Event::SentAgain { transport, peer, what } => {
                self.from("sent_again", *transport, *peer);
                self.subject.clone_from(what);
            }
            Event::Unanswered { transport, peer, what } => {
                self.from("unanswered", *transport, *peer);
                self.subject.clone_from(what);
            }
            Event::DtlsOpened { .. }
            | Event::DtlsMoved { .. }
            | Event::DtlsRestored { .. }
            | Event::DtlsSaved { .. }
            | Event::DtlsFailed { .. }
            | Event::DtlsClosed { .. } => self.fill_dtls(event),
            Event::TokensExpired => self.kind = "tokens_expired",
            Event::StateNotKept { error } => {
                self.kind = "state_not_kept";
                self.reason.clone_from(error);
            }
            Event::FaultsChanged { faults } => {
                self.kind = "faults_changed";
                self.subject.clone_from(faults);
            }
            Event::BrokerConnected { .. }
            | Event::NoSubscriber { .. }
            | Event::BrokerLost { .. } => {
                self.fill_broker(event);
            }
            Event::ReadAgain { file, error } => {
                self.kind = "read_again";
                self.subject = file.display().to_string();
                self.reason.clone_from(error);
            }
            Event::Datagram { transport, peer, direction, bytes, what } => {
                self.from("datagram", *transport, *peer);
                self.subject.clone_from(what);
                self.field("direction", direction);
                self.field("bytes", bytes);
            }
            Event::Fault { fault, direction, peer } => {
                self.kind = "fault";
                self.peer = Some(*peer);
                self.subject.clone_from(fault);
                if let Some(direction) = direction {
                    self.field("direction", direction);
                }
            }
        }
    }

    fn fill_broker(&mut self, event: &Event) {
        match event {
            Event::BrokerConnected { broker } => {
                self.kind = "broker_connected";
                self.subject.clone_from(broker);
            }
            Event::NoSubscriber { broker, topic, reason } => {
                self.kind = "no_subscriber";
                self.subject.clone_from(topic);
                self.reason.clone_from(reason);
                self.field("broker", broker);
            }
            Event::BrokerLost { broker, reason } => {
                self.kind = "broker_lost";
                self.subject.clone_from(broker);
                self.reason.clone_from(reason);
            }
            _ => {}
        }
    }

    fn fill_dtls(&mut self, event: &Event) {
        match event {
            Event::DtlsOpened { peer, session, resumed, cipher, connection_id } => {
                self.from("dtls_opened", Transport::Dtls, *peer);
                self.subject.clone_from(cipher);
                self.field("session", session);
                self.field("resumed", resumed);
                if !connection_id.is_empty() {
                    self.field("connection_id", connection_id);
                }
            }
            Event::DtlsMoved { peer, session, from } => {
                self.from("dtls_moved", Transport::Dtls, *peer);
                self.field("session", session);
                self.field("from", from);
            }
            Event::DtlsRestored { sessions, error } => {
                self.kind = "dtls_restored";
                self.reason.clone_from(error);
                self.field("sessions", sessions);
            }
            Event::DtlsSaved { sessions, error } => {
                self.kind = "dtls_saved";
                self.reason.clone_from(error);
                self.field("sessions", sessions);
            }
            Event::DtlsFailed { peer, reason } => {
                self.from("dtls_failed", Transport::Dtls, *peer);
                self.reason.clone_from(reason);
            }
            Event::DtlsClosed { peer, session, reason } => {
                self.from("dtls_closed", Transport::Dtls, *peer);
                self.reason.clone_from(reason);
                self.field("session", session);
            }
            _ => {}
        }
    }

    fn fill_message(&mut self, message: &Message, mask: &Mask) {
        self.from("message", message.transport, message.peer);
        self.device = Some(device_text((&message.product_key, &message.device_name)));
        self.code.clone_from(&message.code);
        self.subject.clone_from(&message.topic);
        self.reason.clone_from(&message.reason);
        if message.number > 0 {
            self.field("number", &message.number);
        }
        self.field("type", &message_type(message.confirmable));
        self.field("message_id", &message.message_id);
        self.field("token", &message.token);
        if let Some(sequence) = message.sequence {
            self.field("sequence", &sequence);
        }
        if message.duplicate {
            self.field("twice", &true);
        }
        self.options = message.options.iter().map(|each| options::shown(each, mask)).collect();
        self.payload = payload::shown(&message.payload, message.content_format, mask);
    }

    fn fill_sign_in(&mut self, event: &Event) {
        let Event::SignedIn {
            product_key,
            device_name,
            client_id,
            sign_method,
            content_format,
            extras,
            message_id,
            access_token,
            expires,
            ..
        } = event
        else {
            return;
        };
        self.device = Some(device_text((product_key, device_name)));
        self.code = "2.05".into();
        self.subject = "/auth".into();
        self.field("message_id", message_id);
        self.field("client_id", client_id);
        self.field("sign_method", sign_method);
        self.field("content_format", &options::content_format(u64::from(*content_format)));
        for extra in extras {
            self.field("extra", extra);
        }
        self.field("access_token", access_token);
        self.field("expires", expires);
    }
}

fn message_type(confirmable: bool) -> &'static str {
    if confirmable { "CON" } else { "NON" }
}
