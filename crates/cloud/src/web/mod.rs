//! A small site over HTTP on a thread of its own, so that no browser can hold up the server: a
//! port that is taken first, and served once there is something to serve.

mod connections;
mod host;
mod room;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use axum::Router;
use tokio::sync::oneshot;

#[cfg(feature = "console")]
pub(crate) use connections::From;
pub(crate) use host::host;
#[cfg(feature = "console")]
pub(crate) use host::one;

/// The port of a site that is not served yet.
pub(crate) struct Bound {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Bound {
    /// Takes the port for this site, named as people know it and as its option is.
    pub(crate) fn new(site: &str, address: SocketAddr) -> io::Result<Self> {
        let bind = || {
            let listener = TcpListener::bind(address)?;
            listener.set_nonblocking(true)?;
            let address = listener.local_addr()?;
            Ok(Self { listener, address })
        };
        bind().map_err(|error: io::Error| {
            let remedy = if error.kind() == io::ErrorKind::AddrNotAvailable {
                format!("--{site} takes an address of this machine, such as 127.0.0.1:0")
            } else {
                let free = SocketAddr::new(address.ip(), 0);
                format!("--{site} chooses another port: --{site} {free} takes a free one")
            };
            let text = format!("cannot serve the {site} at {address}: {error} ({remedy})");
            io::Error::new(error.kind(), text)
        })
    }
}

/// A site being served; dropping it ends it and its connections.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    /// Serves on a thread of this name, until it is dropped or `beside` ends.
    pub(crate) fn start(
        thread: &str,
        bound: Bound,
        router: Router,
        beside: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(bound.listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name(thread.into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped => {}
                    () = beside => {}
                    () = connections::serve(listener, router) => {}
                }
            });
        })?;
        Ok(Self { address: bound.address, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // Nobody is left to be told that it panicked.
            let _ = thread.join();
        }
    }
}
