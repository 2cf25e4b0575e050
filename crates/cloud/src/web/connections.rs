//! Connections of browsers: so many at once, not all of one address, and none that never asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A browser opens up to six; further ones wait.
const MOST: usize = 64;

/// Of one address, where browsers share one; further ones are closed.
const MOST_OF_ADDRESS: usize = 24;

/// Where a connection comes from.
#[derive(Clone, Copy)]
pub(crate) struct From(pub(crate) IpAddr);

/// How many connections each address has.
#[derive(Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// The place of a connection, until it is dropped.
struct Place(Addresses, IpAddr);

impl Addresses {
    fn take(&self, address: IpAddr) -> Option<Place> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= MOST_OF_ADDRESS {
            return None;
        }
        *count += 1;
        Some(Place(self.clone(), address))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self(Addresses(counts), address) = self;
        let mut counts = counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(address);
            }
        }
    }
}

/// A connection that sends no whole request within this time is closed.
const REQUEST_WITHIN: Duration = Duration::from_secs(20);

/// A connection whose browser acknowledges nothing for so many milliseconds is closed:
/// a machine that sleeps says no goodbye.
const ACKNOWLEDGED_WITHIN: u32 = 60_000;

/// Requests of these sites are far smaller.
const READ_BUFFER: usize = 16 * 1_024;

/// Serves until dropped; its connections end with it.
pub(super) async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(MOST));
    let addresses = Addresses::default();
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            // About one connection, or too many open files: this one waits for others.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let address = peer.ip().to_canonical();
        let Some(of_address) = addresses.take(address) else { continue };
        // Without it the connection only ends later.
        let _ = set_tcp_user_timeout(&stream, ACKNOWLEDGED_WITHIN);
        let service = TowerToHyperService::new(router.clone().layer(Extension(From(address))));
        connections.spawn(async move {
            let _places = (place, of_address);
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
