//! Connections of browsers, and none that never asks.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::{Extension, Router};
use hyper::body::{Bytes, Frame, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::room::{InUse, Place, Room, Use};

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(crate) struct From(pub(crate) IpAddr);

/// A connection that sends no whole request within this time is closed.
const REQUEST_WITHIN: Duration = Duration::from_secs(20);

/// A connection whose browser acknowledges nothing for so many milliseconds is closed:
/// a machine that sleeps says no goodbye.
const ACKNOWLEDGED_WITHIN: u32 = 60_000;

/// Requests of these sites are far smaller.
const READ_BUFFER: usize = 16 * 1_024;

/// Connections that are told at once that there is no room, and how long that may take; further
/// ones are closed.
const TURNED_AWAY: usize = 16;
const TURNED_AWAY_WITHIN: Duration = Duration::from_secs(2);

const NO_ROOM: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\n\
    connection: close\r\nretry-after: 5\r\n\r\n\
    Too many pages and downloads are open from here; close some of them.\n";

/// Says that there is no room for a connection, whatever it asks for.
async fn turn_away(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(NO_ROOM.as_bytes()).await?;
    stream.shutdown().await?;
    // What it asked has to be read, or the answer is lost with the connection.
    let mut asked = [0; 1_024];
    while stream.read(&mut asked).await? > 0 {}
    Ok(())
}

/// Serves until dropped; its connections end with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let room = Arc::<Room>::default();
    let turned_away = Arc::new(Semaphore::new(TURNED_AWAY));
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // About one connection, or too many open files: this one waits for others.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let address = peer.ip().to_canonical();
        let Some(mut place) = room.enter(address) else {
            if let Ok(permit) = Arc::clone(&turned_away).try_acquire_owned() {
                connections.spawn(async move {
                    let _ = tokio::time::timeout(TURNED_AWAY_WITHIN, turn_away(stream)).await;
                    drop(permit);
                });
            }
            continue;
        };
        // Without it the connection only ends later.
        let _ = set_tcp_user_timeout(&stream, ACKNOWLEDGED_WITHIN);
        let router = router.clone().layer(Extension(From(address)));
        let router = router.layer(from_fn_with_state(place.usage.clone(), use_connection));
        let service = TowerToHyperService::new(router);
        connections.spawn(async move {
            let Place { told_to_leave, .. } = &mut place;
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_WITHIN)
                .max_buf_size(READ_BUFFER)
                .serve_connection(TokioIo::new(stream), service);
            tokio::select! {
                // An error ends this connection alone, and is the browser's to report.
                _ = connection => {}
                _ = told_to_leave => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// A connection is in use from a request to the end of its response.
async fn use_connection(State(usage): State<Use>, request: Request, next: Next) -> Response {
    let in_use = usage.begin();
    next.run(request).await.map(|body| Body::new(Told { body, _in_use: in_use }))
}

/// The body of a response, by which its connection is in use.
struct Told {
    body: Body,
    _in_use: InUse,
}

impl hyper::body::Body for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
