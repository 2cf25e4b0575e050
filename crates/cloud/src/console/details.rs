//! What the details of a line have besides the line itself: its fields by name, options, payload,
//! and the messages that were exchanged.

use serde::Serialize;

use super::dashboard::Dashboard;
use super::exchange::{self, Exchanged};
use super::mask::Mask;
use super::row::{Row, message_type};
use super::{options, payload};
use crate::events::{Event, Message, Recorded};
use crate::seen::Seen;

/// A line with all that is known of its event.
#[derive(Serialize)]
pub(super) struct Details {
    #[serde(flatten)]
    row: Row,
    fields: Fields,
    options: Vec<options::Shown>,
    payload: Option<payload::Shown>,
    /// The messages that belong to it, as they were without DTLS.
    datagrams: Vec<Exchanged>,
}

impl Details {
    /// `shown` is how the messages that belong to it are.
    pub(super) fn of(
        recorded: &Recorded,
        dashboard: &Dashboard,
        seen: &Seen,
        mask: &Mask,
        shown: exchange::Form,
    ) -> Self {
        let message = recorded.event.message();
        let options = message.map_or(&[][..], |message| &message.options[..]);
        let exchanged = recorded.cause.map(|cause| seen.exchange(cause)).unwrap_or_default();
        let shown = |each| Exchanged::of(each, mask, shown);
        let mut fields = fields(&recorded.event);
        for (_, value) in &mut fields {
            *value = mask.text(value);
        }
        Self {
            row: Row::of(recorded, dashboard, mask),
            fields,
            options: options.iter().map(|each| options::shown(each, mask)).collect(),
            payload: message.and_then(|Message { payload, content_format, .. }| {
                payload::shown(payload, *content_format, mask)
            }),
            datagrams: exchanged.iter().map(shown).collect(),
        }
    }
}

/// Names and values.
type Fields = Vec<(&'static str, String)>;

fn fields(event: &Event) -> Fields {
    let mut fields = Fields::new();
    let mut add = |name, value: &dyn ToString| fields.push((name, value.to_string()));
    match event {
        Event::Message(message) => return of_message(message),
        Event::SignedIn { .. } => return of_sign_in(event),
        Event::SignInRefused { message_id, .. } => add("message_id", message_id),
        Event::Duplicate { message_id, confirmable, after_ms, .. } => {
            add("type", &message_type(*confirmable));
            add("message_id", message_id);
            add("after", &format!("{after_ms} ms"));
        }
        Event::Answered { by, after_ms, sent, .. } => {
            add("by", by);
            add("after", &format!("{after_ms} ms"));
            add("sent", sent);
        }
        Event::NoSubscriber { broker, .. } => add("broker", broker),
        Event::Datagram { direction, bytes, .. } => {
            add("direction", direction);
            add("bytes", bytes);
        }
        Event::Fault { direction: Some(direction), .. } => add("direction", direction),
        Event::DtlsOpened { session, resumed, connection_id, .. } => {
            add("session", session);
            add("resumed", resumed);
            if !connection_id.is_empty() {
                add("connection_id", connection_id);
            }
        }
        Event::DtlsMoved { session, from, .. } => {
            add("session", session);
            add("from", from);
        }
        Event::DtlsRestored { sessions, .. } | Event::DtlsSaved { sessions, .. } => {
            add("sessions", sessions);
        }
        Event::DtlsClosed { session, .. } => add("session", session),
        _ => {}
    }
    fields
}

fn of_message(message: &Message) -> Fields {
    let mut fields = Fields::new();
    let mut add = |name, value: &dyn ToString| fields.push((name, value.to_string()));
    if message.number > 0 {
        add("number", &message.number);
    }
    add("type", &message_type(message.confirmable));
    add("message_id", &message.message_id);
    add("token", &message.token);
    if let Some(sequence) = message.sequence {
        add("sequence", &sequence);
    }
    if message.duplicate {
        add("twice", &true);
    }
    fields
}

fn of_sign_in(event: &Event) -> Fields {
    let Event::SignedIn {
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
        return Fields::new();
    };
    let mut fields = Fields::new();
    let mut add = |name, value: &dyn ToString| fields.push((name, value.to_string()));
    add("message_id", message_id);
    add("client_id", client_id);
    add("sign_method", sign_method);
    add("content_format", &options::content_format(u64::from(*content_format)));
    for extra in extras {
        add("extra", extra);
    }
    add("access_token", access_token);
    add("expires", expires);
    fields
}
