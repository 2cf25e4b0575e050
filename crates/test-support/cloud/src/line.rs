//! A line between a browser and the console, which a test cuts or lets fall silent.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a line does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It passes everything on.
    Open,
    /// Connections end, and new ones end at once.
    Cut,
    /// Connections stay, and new ones are taken, but nothing passes.
    Silent,
}

struct Shared {
    state: State,
    streams: Vec<TcpStream>,
}

/// The near end of the line.
pub struct Line {
    /// Where the browser connects to.
    pub address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

impl Line {
    /// A line that ends at an address.
    pub fn to(far: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Mutex::new(Shared { state: State::Open, streams: Vec::new() }));
        let line = Arc::clone(&shared);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let far = TcpStream::connect(far);
                let mut shared = line.lock().expect("no test panics here");
                let (Ok(far), true) = (far, shared.state != State::Cut) else { continue };
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let [from, to] = [from, to].map(|each| each.try_clone().expect("a handle"));
                    let line = Arc::clone(&line);
                    std::thread::spawn(move || pass(&line, from, to));
                }
                shared.streams.extend([near, far]);
            }
        });
        Self { address, shared }
    }

    /// Changes what it does, from now on.
    pub fn set(&self, state: State) {
        let mut shared = self.shared.lock().expect("no thread of it panics");
        shared.state = state;
        if state == State::Cut {
            for stream in shared.streams.drain(..) {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

fn pass(line: &Mutex<Shared>, mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 4_096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        while line.lock().expect("no thread of it panics").state == State::Silent {
            std::thread::sleep(Duration::from_millis(10));
        }
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
