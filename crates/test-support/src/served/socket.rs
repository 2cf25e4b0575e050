//! The server over a UDP socket, on a thread of its own.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use iot_coap_dtls::Instant;

use super::Endpoint;

/// A server that runs until this is dropped.
pub struct SocketServer {
    /// What it knows of its clients.
    pub endpoint: Arc<Mutex<Endpoint>>,
    address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl SocketServer {
    /// Starts it on a port of the local host.
    pub fn start(endpoint: Endpoint) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (endpoint, is_over) =
            (Arc::new(Mutex::new(endpoint)), Arc::new(AtomicBool::new(false)));
        let thread = {
            let (endpoint, is_over) = (Arc::clone(&endpoint), Arc::clone(&is_over));
            std::thread::spawn(move || serve(&socket, &endpoint, &is_over))
        };
        Self { endpoint, address, is_over, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn serve(socket: &UdpSocket, endpoint: &Mutex<Endpoint>, is_over: &AtomicBool) {
    let start = std::time::Instant::now();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = [0; 8192];
    while !is_over.load(Ordering::SeqCst) {
        let arrived = socket.recv_from(&mut buffer).ok();
        let now = Instant::from_millis(start.elapsed().as_millis() as u64);
        let mut endpoint = endpoint.lock().unwrap();
        let mut out = Vec::new();
        if let Some((len, from)) = arrived {
            out.extend(endpoint.receive(now, from, &buffer[..len]));
        }
        out.extend(endpoint.handle_timeout(now));
        for (to, datagram) in out {
            let _ = socket.send_to(&datagram, to);
        }
    }
}

impl Drop for SocketServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
