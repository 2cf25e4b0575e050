//! What was seen, to be taken away: JSON lines of the event log, and a capture of the messages.
//! Both are made as they are read, a part at a time.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Shared;
use super::capture::Capture;
use super::details::Details;
use super::device::Filter;
use super::exchange::Form;
use crate::events::line;

/// Events or messages of a part.
const PART: usize = 256;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Product key and device name, with a slash between.
    device: Option<String>,
}

impl Wanted {
    /// No product key has a slash.
    fn filter(self, shared: &Shared) -> Option<Filter> {
        let device = self.device?;
        let (product_key, device_name) = device.split_once('/').unwrap_or((&device, ""));
        Some(Filter::new((product_key.to_owned(), device_name.to_owned()), &shared.dashboard()))
    }
}

/// Everything that the event log remembers by now.
pub(super) async fn lines(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Response {
    let end = shared.caught_up().await;
    let filter = wanted.filter(&shared);
    let parts = futures_util::stream::unfold(0, move |next| {
        let part = (next < end).then(|| part_of_lines(&shared, filter.as_ref(), next, end));
        async {
            // Others have their turn between two parts.
            tokio::task::yield_now().await;
            part.map(|(lines, next)| (Ok::<_, Infallible>(lines), next))
        }
    });
    taken_away("application/jsonl", "iot-coap-cloud-seen.jsonl", Body::from_stream(parts))
}

fn part_of_lines(
    shared: &Shared,
    filter: Option<&Filter>,
    from: usize,
    end: usize,
) -> (Vec<u8>, usize) {
    let reach = &shared.reach;
    let (events, next) =
        reach.events.read_those(from, PART, |event| filter.is_none_or(|filter| filter.fits(event)));
    let mut lines = Vec::new();
    for recorded in events.iter().filter(|recorded| recorded.number < end) {
        let details = {
            let dashboard = shared.dashboard();
            Details::of(recorded, &dashboard, &reach.seen, &shared.mask, Form::Hex)
        };
        lines.extend(line(&details).unwrap_or_default());
    }
    // There is nothing left.
    (lines, if next == from { end } else { next })
}

/// All messages that are kept by now.
pub(super) async fn capture(
    State(shared): State<Arc<Shared>>,
    Query(wanted): Query<Wanted>,
) -> Response {
    shared.caught_up().await;
    let filter = wanted.filter(&shared);
    let Ok(capture) = Capture::new(shared.reach.addresses.clone()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let end = shared.reach.seen.total();
    let parts = futures_util::stream::unfold(Some((capture, 0)), move |state| {
        let part = state.map(|(mut capture, from)| {
            let next = part_of_capture(&shared, filter.as_ref(), &mut capture, from);
            let part = capture.take();
            (Ok::<_, Infallible>(part), next.filter(|next| *next < end).map(|next| (capture, next)))
        });
        async {
            tokio::task::yield_now().await;
            part
        }
    });
    let name = "iot-coap-cloud-seen.pcapng";
    taken_away("application/x-pcapng", name, Body::from_stream(parts))
}

/// Adds a part; says where the next one begins, if there is one.
fn part_of_capture(
    shared: &Shared,
    filter: Option<&Filter>,
    capture: &mut Capture,
    from: u64,
) -> Option<u64> {
    let (messages, next) = shared.reach.seen.read(from, PART);
    let is_wanted = |message: &&crate::seen::Message| {
        filter.is_none_or(|filter| filter.has_address(message.transport, message.peer))
    };
    for message in messages.iter().filter(is_wanted) {
        // Into memory: it cannot fail.
        capture.add(message, &shared.mask).ok()?;
    }
    (!messages.is_empty()).then_some(next)
}

fn taken_away(kind: &'static str, name: &str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], body).into_response()
}
