//! A network with faults between a client and a server on the loopback.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    ToServer,
    ToClient,
}

/// Decides, for the nth datagram (from 0) of a direction, how often it arrives.
pub(crate) trait Fate: FnMut(Direction, usize) -> usize + Send + 'static {}

impl<F: FnMut(Direction, usize) -> usize + Send + 'static> Fate for F {}

pub(crate) struct Proxy {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, fate: impl Fate) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(server).unwrap();
        for socket in [&front, &back] {
            socket.set_nonblocking(true).unwrap();
        }
        let port = front.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let stop = stop.clone();
            move || forward(&front, &back, &stop, fate)
        });
        Self { port, stop, thread: Some(thread) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn forward(front: &UdpSocket, back: &UdpSocket, stop: &AtomicBool, mut fate: impl Fate) {
    let mut client = None;
    let mut buffer = [0; 4096];
    let (mut to_server, mut to_client) = (0, 0);
    while !stop.load(Ordering::SeqCst) {
        let mut idle = true;
        if let Ok((len, from)) = front.recv_from(&mut buffer) {
            client = Some(from);
            for _ in 0..fate(Direction::ToServer, to_server) {
                let _ = back.send(&buffer[..len]);
            }
            to_server += 1;
            idle = false;
        }
        if let (Ok(len), Some(client)) = (back.recv(&mut buffer), client) {
            for _ in 0..fate(Direction::ToClient, to_client) {
                let _ = front.send_to(&buffer[..len], client);
            }
            to_client += 1;
            idle = false;
        }
        if idle {
            // Neither socket may hold up the other; nothing relies on its length.
            thread::sleep(Duration::from_millis(1));
        }
    }
}
