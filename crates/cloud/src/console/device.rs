//! All that is remembered of one device, and the search for it in the event log.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::dashboard::{Addresses, Dashboard, DeviceRow, Further, TokenExpiry};
use super::routes::gone;
use super::row::Row;
use super::sessions::{self, Session};
use super::{AT_ONCE, Shared};
use crate::events::{Event, Recorded};
use crate::transport::Transport;

/// Rows that are told.
const ROWS: usize = 500;

#[derive(Deserialize)]
pub(super) struct Named {
    product_key: String,
    device_name: String,
}

#[derive(Serialize)]
struct Told {
    device: Facts,
    sessions: Vec<Session>,
    token: Option<TokenExpiry>,
    /// The newest, the oldest of them first.
    rows: Vec<Row>,
    /// How many rows there are.
    remembered: usize,
}

#[derive(Serialize)]
struct Facts {
    #[serde(flatten)]
    row: DeviceRow,
    #[serde(flatten)]
    further: Further,
}

/// Which events and messages are a device's: those that name it, and those of its addresses.
pub(super) struct Filter {
    device: (String, String),
    addresses: Addresses,
}

impl Filter {
    /// The dashboard knows the addresses.
    pub(super) fn new(device: (String, String), dashboard: &Dashboard) -> Self {
        Self { addresses: dashboard.addresses_of(&device), device }
    }

    pub(super) fn has_address(&self, transport: Transport, peer: std::net::SocketAddr) -> bool {
        self.addresses.contains(&(transport, peer))
    }

    pub(super) fn fits(&self, event: &Event) -> bool {
        if let Some((product_key, device_name)) = event.device() {
            return self.device.0 == product_key && self.device.1 == device_name;
        }
        event.peer().is_some_and(|(transport, peer)| self.has_address(transport, peer))
    }
}

pub(super) async fn device(
    State(shared): State<Arc<Shared>>,
    Query(Named { product_key, device_name }): Query<Named>,
) -> Response {
    let name = (product_key, device_name);
    let count = shared.caught_up().await;
    let (row, filter) = {
        let dashboard = shared.dashboard();
        let Some(row) = dashboard.device_row(&name).cloned() else {
            let text = "No device of this name has been seen since the cloud was started.\n";
            return (StatusCode::NOT_FOUND, text).into_response();
        };
        (row, Filter::new(name.clone(), &dashboard))
    };
    let Some(sessions) = sessions::list(&shared, Some(name)).await else { return gone() };
    let (remembered, newest) = find(&shared, &filter, count).await;
    let rows = {
        let dashboard = shared.dashboard();
        newest.iter().map(|each| Row::of(each, &dashboard, &shared.mask)).collect()
    };
    let (token, further) = (row.token(), row.further.clone());
    let device = Facts { row, further };
    Json(Told { device, sessions: sessions.sessions, token, rows, remembered }).into_response()
}

/// How many of the first so many events fit, and the newest of them.
async fn find(shared: &Shared, filter: &Filter, count: usize) -> (usize, VecDeque<Recorded>) {
    let (mut remembered, mut newest, mut next) = (0, VecDeque::new(), 0);
    while next < count {
        let (found, after) =
            shared.reach.events.read_those(next, AT_ONCE, |event| filter.fits(event));
        let before = std::mem::replace(&mut next, after);
        if next == before {
            break;
        }
        let found = found.into_iter().filter(|recorded| recorded.number < count);
        for recorded in found {
            remembered += 1;
            newest.push_back(recorded);
            if newest.len() > ROWS {
                newest.pop_front();
            }
        }
        tokio::task::yield_now().await;
    }
    (remembered, newest)
}
