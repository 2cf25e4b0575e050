//! Connections of browsers: so many at once, and none that never asks.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A browser opens up to six; further ones wait.
const MOST: usize = 64;

/// A connection that sends no whole request within this time is closed.
const REQUEST_WITHIN: Duration = Duration::from_secs(20);

/// A connection whose browser acknowledges nothing for so many milliseconds is closed:
/// a machine that sleeps says no goodbye.
const ACKNOWLEDGED_WITHIN: u32 = 60_000;

/// Requests of this page are far smaller.
const READ_BUFFER: usize = 16 * 1_024;

/// Serves until dropped; its connections end with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(MOST));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // About one connection, or too many open files: this one waits for others.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Without it the connection only ends later.
        let _ = set_tcp_user_timeout(&stream, ACKNOWLEDGED_WITHIN);
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let _place = place;
            // An error ends this connection alone, and is the browser's to report.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(REQUEST_WITHIN)
                .max_buf_size(READ_BUFFER)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}
