//! An event as a line of the page's list. The page translates names; texts of the protocol stay
//! as they are.

use std::net::SocketAddr;

use serde::Serialize;

use super::dashboard::Dashboard;
use super::mask::Mask;
use super::payload;
use crate::events::{Event, Message, Recorded};
use crate::transport::Transport;

/// A line of the list, with all that its details need.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) number: usize,
    pub(super) unix_ms: u64,
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
    /// Of messages: confirmable or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    message_type: Option<&'static str>,
    /// How long after what it is about, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    after_ms: Option<u64>,
    /// The beginning of its payload, on one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    brief: String,
}

/// How the page writes a device.
pub(super) fn device_text((product_key, device_name): (&str, &str)) -> String {
    format!("{product_key}/{device_name}")
}

impl Row {
    pub(super) fn of(recorded: &Recorded, dashboard: &Dashboard, mask: &Mask) -> Self {
        let (transport, peer) = recorded.event.peer().unzip();
        let mut row = Self {
            number: recorded.number,
            unix_ms: recorded.unix_ms,
            kind: "",
            device: None,
            transport,
            peer,
            code: String::new(),
            subject: String::new(),
            reason: String::new(),
            message_type: None,
            after_ms: None,
            brief: String::new(),
        };
        row.device = recorded.event.device().map(device_text);
        row.fill(&recorded.event, mask);
        if let (None, Some(transport), Some(peer)) = (&row.device, row.transport, row.peer) {
            row.device = dashboard.device_at(transport, peer).map(device_text);
        }
        for text in [&mut row.subject, &mut row.reason].into_iter().chain(row.device.as_mut()) {
            *text = mask.text(text);
        }
        row
    }

    fn fill(&mut self, event: &Event, mask: &Mask) {
        match event {
            Event::Ready { urls, .. } => {
                self.kind = "ready";
                self.subject = urls.join(" ");
            }
            Event::Message(message) => self.fill_message(message, mask),
            Event::SignedIn { .. } => {
                self.kind = "signed_in";
                self.code = "2.05".into();
                self.subject = "/auth".into();
            }
            Event::SignInRefused { code, reason, .. } => {
                self.kind = "sign_in_refused";
                self.subject = "/auth".into();
                self.code.clone_from(code);
                self.reason.clone_from(reason);
            }
            Event::RequestRefused { path, code, reason, .. } => {
                self.kind = "request_refused";
                self.subject.clone_from(path);
                self.code.clone_from(code);
                self.reason.clone_from(reason);
            }
            Event::Limited { what, .. } => {
                self.kind = "limited";
                self.reason.clone_from(what);
            }
            Event::Duplicate { after_ms, .. } => {
                self.kind = "duplicate";
                self.after_ms = Some(*after_ms);
            }
            Event::Ping { .. } => self.kind = "ping",
            Event::Malformed { reason, .. } => {
                self.kind = "malformed";
                self.reason.clone_from(reason);
            }
            Event::NoDatagram { reason, .. } => {
                self.kind = "no_datagram";
                self.reason.clone_from(reason);
            }
            Event::WrongPort { what, remedy, .. } => {
                self.kind = "wrong_port";
                self.subject.clone_from(what);
                self.reason.clone_from(remedy);
            }
            Event::Answered { what, after_ms, .. } => {
                self.kind = "answered";
                self.subject.clone_from(what);
                self.after_ms = Some(*after_ms);
            }
            Event::SentAgain { what, .. } => {
                self.kind = "sent_again";
                self.subject.clone_from(what);
            }
            Event::Unanswered { what, .. } => {
                self.kind = "unanswered";
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
            Event::Datagram { what, .. } => {
                self.kind = "datagram";
                self.subject.clone_from(what);
            }
            Event::Fault { fault, peer, .. } => {
                self.kind = "fault";
                self.peer = Some(*peer);
                self.subject.clone_from(fault);
            }
        }
    }

    fn fill_broker(&mut self, event: &Event) {
        match event {
            Event::BrokerConnected { broker } => {
                self.kind = "broker_connected";
                self.subject.clone_from(broker);
            }
            Event::NoSubscriber { topic, reason, .. } => {
                self.kind = "no_subscriber";
                self.subject.clone_from(topic);
                self.reason.clone_from(reason);
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
            Event::DtlsOpened { cipher, .. } => {
                self.kind = "dtls_opened";
                self.subject.clone_from(cipher);
            }
            Event::DtlsMoved { .. } => self.kind = "dtls_moved",
            Event::DtlsRestored { error, .. } => {
                self.kind = "dtls_restored";
                self.reason.clone_from(error);
            }
            Event::DtlsSaved { error, .. } => {
                self.kind = "dtls_saved";
                self.reason.clone_from(error);
            }
            Event::DtlsFailed { reason, .. } => {
                self.kind = "dtls_failed";
                self.reason.clone_from(reason);
            }
            Event::DtlsClosed { reason, .. } => {
                self.kind = "dtls_closed";
                self.reason.clone_from(reason);
            }
            _ => {}
        }
    }

    fn fill_message(&mut self, message: &Message, mask: &Mask) {
        self.kind = "message";
        self.code.clone_from(&message.code);
        self.subject.clone_from(&message.topic);
        self.reason.clone_from(&message.reason);
        self.message_type = Some(message_type(message.confirmable));
        self.brief = payload::brief(&message.payload, message.content_format, mask);
    }
}

pub(super) fn message_type(confirmable: bool) -> &'static str {
    if confirmable { "CON" } else { "NON" }
}
