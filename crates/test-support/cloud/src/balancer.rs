//! A balancer for UDP as small as can be: each client is given a server, and the
//! next one when its own does not listen any more. What has a connection id goes to
//! the server whose number is in it.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How soon a thread sees that it shall end.
const POLL: Duration = Duration::from_millis(50);

/// One client's way to a server.
struct Flow {
    server: usize,
    socket: Arc<UdpSocket>,
    /// The server's machine said that nobody listens (`ECONNREFUSED`).
    refused: Arc<AtomicBool>,
}

/// A balancer that runs, and is stopped when this is dropped.
pub struct Balancer {
    /// Where clients send to.
    pub address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<usize>>,
}

impl Balancer {
    /// Starts one in front of these servers.
    pub fn start(servers: Vec<SocketAddr>) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        front.set_read_timeout(Some(POLL)).expect("not zero");
        let address = front.local_addr().expect("bound");
        let ending = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ending);
        let thread = std::thread::spawn(move || run(&Arc::new(front), &servers, &end));
        Self { address, ending, thread: Some(thread) }
    }

    /// Ends it; says how often a client was given another server.
    pub fn stop(mut self) -> usize {
        self.ending.store(true, Ordering::Relaxed);
        self.thread.take().expect("it runs").join().expect("no panic")
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn run(front: &Arc<UdpSocket>, servers: &[SocketAddr], end: &Arc<AtomicBool>) -> usize {
    let mut flows: HashMap<SocketAddr, Flow> = HashMap::new();
    let mut buffer = vec![0; 65_535];
    let (mut next, mut moved) = (0, 0);
    while !end.load(Ordering::Relaxed) {
        let Ok((length, client)) = front.recv_from(&mut buffer) else { continue };
        let flow = flows.entry(client).or_insert_with(|| {
            next += 1;
            open(next % servers.len(), servers, client, front, end)
        });
        // The first datagram to a port that is closed goes unpunished: the error
        // comes with the next use of the socket, and the client sends again.
        if let Some(server) = server_in(&buffer[..length], servers)
            && flow.server != server
        {
            *flow = open(server, servers, client, front, end);
        }
        for _ in servers {
            let sent = !flow.refused.load(Ordering::Relaxed)
                && flow.socket.send(&buffer[..length]).is_ok();
            if sent {
                break;
            }
            moved += 1;
            *flow = open((flow.server + 1) % servers.len(), servers, client, front, end);
        }
    }
    moved
}

/// The server that made the session of a record with a connection id (RFC 9146, section 4):
/// its number is the first byte of the id.
fn server_in(datagram: &[u8], servers: &[SocketAddr]) -> Option<usize> {
    let number = datagram.get(11).filter(|_| datagram[0] == 25)?;
    Some(usize::from(*number)).filter(|number| *number < servers.len())
}

fn open(
    server: usize,
    servers: &[SocketAddr],
    client: SocketAddr,
    front: &Arc<UdpSocket>,
    end: &Arc<AtomicBool>,
) -> Flow {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    socket.connect(servers[server]).expect("loopback connects");
    socket.set_read_timeout(Some(POLL)).expect("not zero");
    let socket = Arc::new(socket);
    let refused = Arc::new(AtomicBool::new(false));
    let flow = Flow { server, socket: Arc::clone(&socket), refused: Arc::clone(&refused) };
    let (front, end) = (Arc::clone(front), Arc::clone(end));
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_535];
        while !end.load(Ordering::Relaxed) && !refused.load(Ordering::Relaxed) {
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    let _ = front.send_to(&buffer[..length], client);
                }
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    refused.store(true, Ordering::Relaxed);
                }
                Err(_) => {}
            }
        }
    });
    flow
}
