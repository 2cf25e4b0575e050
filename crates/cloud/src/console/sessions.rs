//! The DTLS sessions that are open, as the server tells of them, with what only their events do.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Shared;
use super::routes::gone;
use super::row::device_text;
use crate::commands::Command;
use crate::dtls::DtlsSession;

/// Sessions that are told, those used last.
const MOST: usize = 1_000;

/// A session as the page shows it.
#[derive(Serialize)]
pub(super) struct Session {
    session: u64,
    peer: SocketAddr,
    connection_id: String,
    device: Option<String>,
    /// Empty if it was opened before this server was, or very long ago.
    cipher: String,
    resumed: Option<bool>,
    opened: Option<u64>,
    moves: u16,
    saves: u32,
    sealed: bool,
    last_moved_from: Option<SocketAddr>,
}

#[derive(Serialize)]
pub(super) struct Sessions {
    total: usize,
    pub(super) sessions: Vec<Session>,
}

/// Those of a device, or all; `None` if the server is gone.
pub(super) async fn list(shared: &Shared, device: Option<(String, String)>) -> Option<Sessions> {
    let told = shared.ask(|done| Command::ListDtlsSessions { device, most: MOST, done }).await?;
    let dashboard = shared.dashboard();
    let shown = |(device, told): (Option<(String, String)>, DtlsSession)| {
        let row = dashboard.session_row(told.number);
        Session {
            session: told.number,
            peer: told.peer,
            connection_id: told.connection_id,
            device: device.map(|(product_key, name)| device_text((&product_key, &name))),
            cipher: row.map(|row| row.cipher.clone()).unwrap_or_default(),
            resumed: row.map(|row| row.resumed),
            opened: row.map(|row| row.opened),
            moves: told.moves,
            saves: told.saves,
            sealed: told.sealed,
            last_moved_from: row.and_then(|row| row.last_moved_from),
        }
    };
    Some(Sessions { total: told.total, sessions: told.sessions.into_iter().map(shown).collect() })
}

pub(super) async fn sessions(State(shared): State<Arc<Shared>>) -> Response {
    match list(&shared, None).await {
        Some(sessions) => Json(sessions).into_response(),
        None => gone(),
    }
}
