//! What is served where: the page's files, its events, and its switches.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::sse::Sse;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};

use super::details::Details;
use super::exchange::Form;
use super::files;
use super::guard::guard;
use super::stream::{self, FaultsNow, Place};
use super::{Shared, device, sessions, take_away};
use crate::commands::Command;

/// The longest body of a request.
const BODY: usize = 4_096;

pub(super) fn router(shared: Arc<Shared>) -> Router {
    files::router()
        .route("/events", get(events))
        .route("/sessions", get(sessions::sessions))
        .route("/row/{number}", get(row))
        .route("/device", get(device::device))
        .route("/seen.jsonl", get(take_away::lines))
        .route("/seen.pcapng", get(take_away::capture))
        .route("/faults", post(set_faults))
        .route("/expire-tokens", post(expire_tokens))
        .route("/close-sessions", post(close_sessions))
        .route("/ping", post(ping))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(DefaultBodyLimit::max(BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .with_state(shared)
}

#[derive(Deserialize)]
struct Resume {
    /// As Last-Event-ID, which a page can send only when its browser reconnects by
    /// itself.
    after: Option<String>,
}

async fn events(
    State(shared): State<Arc<Shared>>,
    Query(resume): Query<Resume>,
    headers: HeaderMap,
) -> Response {
    if shared.ask_for_board().await.is_none() {
        return gone();
    }
    let last_event_id = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let place = Place::after(last_event_id.or(resume.after.as_deref()), &shared);
    Sse::new(stream::events(shared, place)).into_response()
}

#[derive(Deserialize)]
struct OfServer {
    /// That of which the page has the row.
    server: Option<String>,
}

async fn row(
    State(shared): State<Arc<Shared>>,
    Path(number): Path<usize>,
    Query(OfServer { server }): Query<OfServer>,
) -> Response {
    shared.caught_up().await;
    let is_this = server.is_none_or(|server| server == shared.server);
    let read = || shared.reach.events.read(number, 1).into_iter().next();
    let recorded = is_this.then(read).flatten().filter(|recorded| recorded.number == number);
    let Some(recorded) = recorded else {
        let text = "The cloud does not remember this any more.\n";
        return (StatusCode::GONE, text).into_response();
    };
    let (seen, dashboard) = (&shared.reach.seen, shared.dashboard());
    Json(Details::of(&recorded, &dashboard, seen, &shared.mask, Form::Dump)).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    /// As `--faults` takes them.
    faults: String,
    /// Those not named end; otherwise they stay as they are.
    #[serde(default)]
    replace: bool,
}

/// What a script that is refused can go by.
const FAULTS_EXAMPLE: &str = "content-type: application/json and a body such as {\"faults\":\"server-error=1\",\"replace\":true}";

async fn set_faults(
    State(shared): State<Arc<Shared>>,
    change: Result<Json<Change>, JsonRejection>,
) -> Response {
    let change = match change {
        Ok(Json(change)) => change,
        Err(rejection) => {
            let text = format!("{}\n/faults takes {FAULTS_EXAMPLE}\n", rejection.body_text());
            return (rejection.status(), text).into_response();
        }
    };
    let Change { faults: text, replace } = change;
    match shared.ask(|done| Command::ChangeFaults { text, replace, done }).await {
        Some(Ok(faults)) => Json(FaultsNow::of(&faults)).into_response(),
        Some(Err(error)) => {
            (StatusCode::UNPROCESSABLE_ENTITY, format!("{error}\n")).into_response()
        }
        None => gone(),
    }
}

async fn expire_tokens(State(shared): State<Arc<Shared>>) -> Response {
    done(shared.change(Command::ExpireTokens).await)
}

/// How many a switch concerned.
#[derive(Serialize)]
struct Count {
    count: usize,
}

async fn close_sessions(State(shared): State<Arc<Shared>>) -> Response {
    counted(shared.ask(Command::CloseDtlsSessions).await)
}

async fn ping(State(shared): State<Arc<Shared>>) -> Response {
    counted(shared.ask(Command::PingDevices).await)
}

fn counted(count: Option<usize>) -> Response {
    done(count.map(|count| Count { count }))
}

fn done<T: Serialize>(result: Option<T>) -> Response {
    result.map_or_else(gone, |result| Json(result).into_response())
}

/// What a script that asks for another path can go by; the page's own files are none of it.
const PATHS: &str = "GET /, /events, /sessions, /row/NUMBER, /device, /seen.jsonl and \
                     /seen.pcapng; POST /faults, /expire-tokens, /close-sessions and /ping";

async fn not_found(uri: Uri) -> Response {
    let text = format!("There is no {}; there are {PATHS}.\n", uri.path());
    (StatusCode::NOT_FOUND, text).into_response()
}

/// The header `Allow` is the router's.
async fn not_allowed(method: Method, uri: Uri) -> Response {
    let path = uri.path();
    let remedy = if method == Method::POST {
        "it is asked for by GET"
    } else {
        "it takes POST with the header x-iot-coap-console: 1"
    };
    let text = format!("{method} does nothing at {path}: {remedy}.\n");
    (StatusCode::METHOD_NOT_ALLOWED, text).into_response()
}

pub(super) fn gone() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "The cloud has ended.\n").into_response()
}
