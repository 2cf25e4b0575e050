//! A broker that does nothing by itself: it tells a test what was published, and
//! acknowledges what the test says. MQTT 5 by hand, so that it shares no code
//! with the client that it is published to by.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const PINGREQ: u8 = 12;

/// What the broker says of itself in CONNACK.
#[derive(Clone, Copy, Default)]
pub struct Limits {
    /// How many messages it takes before it has acknowledged the first.
    pub receive_maximum: Option<u16>,
    /// The longest packet that it takes, in bytes.
    pub maximum_packet_size: Option<u32>,
    /// The highest QoS that it takes, if not 2.
    pub maximum_qos: Option<u8>,
}

/// A PUBLISH that arrived.
#[derive(Clone, Debug)]
pub struct Published {
    /// The number of its connection, from 1.
    pub connection: usize,
    /// DUP, QoS and RETAIN.
    pub flags: u8,
    /// What its acknowledgement names.
    pub packet_id: u16,
    /// Its topic.
    pub topic: String,
    /// Its content type, if it says one.
    pub content_type: Option<String>,
    /// Its user properties.
    pub user: HashMap<String, String>,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Published {
    /// The payload as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }
}

/// A broker that runs, and is stopped when this is dropped.
pub struct Broker {
    /// Where it listens.
    pub address: SocketAddr,
    published: Receiver<Published>,
    connection: Arc<Mutex<Option<TcpStream>>>,
    connections: Arc<AtomicUsize>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Broker {
    /// Starts one on a free port.
    pub fn start(limits: Limits) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a free port"), limits)
    }

    /// Starts one at this address.
    pub fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        Self::on(listener, Limits::default())
    }

    /// Starts one that takes connections from here.
    pub fn on(listener: TcpListener, limits: Limits) -> Self {
        let address = listener.local_addr().expect("bound");
        let (tell, published) = channel();
        let connection = Arc::new(Mutex::new(None));
        let ending = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(AtomicUsize::new(0));
        let (here, end) = (Arc::clone(&connection), Arc::clone(&ending));
        let count = Arc::clone(&connections);
        let thread = std::thread::spawn(move || {
            for number in 1.. {
                let (stream, _) = listener.accept().expect("it listens");
                if end.load(Ordering::Relaxed) {
                    return;
                }
                *here.lock().expect("no panic") = Some(stream.try_clone().expect("a handle"));
                count.store(number, Ordering::Relaxed);
                serve(stream, number, limits, &tell);
            }
        });
        Self { address, published, connection, connections, ending, thread: Some(thread) }
    }

    /// Its address as the cloud is told it.
    pub fn url(&self) -> String {
        format!("mqtt://{}", self.address)
    }

    /// How many connections it has had.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// The next message that is published.
    pub fn next(&self) -> Published {
        self.published.recv_timeout(super::PATIENCE).expect("a message is published")
    }

    /// The next message, if it is published in time.
    pub fn try_next(&self, timeout: Duration) -> Option<Published> {
        self.published.recv_timeout(timeout).ok()
    }

    /// Whether nothing more is published for a while.
    pub fn is_silent(&self) -> bool {
        self.try_next(super::SILENCE).is_none()
    }

    /// Acknowledges a message as received.
    pub fn acknowledge(&self, published: &Published) {
        self.answer(published, 0);
    }

    /// PUBACK with this reason code.
    pub fn answer(&self, published: &Published, reason: u8) {
        let [high, low] = published.packet_id.to_be_bytes();
        let packet = [0x40, 4, high, low, reason, 0];
        let mut stream = self.connection.lock().expect("no panic");
        let stream = stream.as_mut().expect("a connection");
        stream.write_all(&packet).expect("it stands");
    }

    /// Ends the connection without a word.
    pub fn hang_up(&self) {
        let stream = self.connection.lock().expect("no panic").take();
        stream.expect("a connection").shutdown(Shutdown::Both).expect("it stood");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Ok(mut connection) = self.connection.lock()
            && let Some(stream) = connection.take()
        {
            let _ = stream.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect(self.address);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Serves a connection to its end.
fn serve(mut stream: TcpStream, number: usize, limits: Limits, tell: &Sender<Published>) {
    stream.set_read_timeout(Some(Duration::from_mins(1))).expect("not zero");
    while let Some((first, body)) = packet(&mut stream) {
        match first >> 4 {
            CONNECT => {
                let mut properties = Vec::new();
                if let Some(maximum) = limits.receive_maximum {
                    properties.push(0x21);
                    properties.extend(maximum.to_be_bytes());
                }
                if let Some(qos) = limits.maximum_qos {
                    properties.extend([0x24, qos]);
                }
                if let Some(size) = limits.maximum_packet_size {
                    properties.push(0x27);
                    properties.extend(size.to_be_bytes());
                }
                let length = u8::try_from(properties.len()).expect("a few");
                let mut reply = vec![0x20, length + 3, 0, 0, length];
                reply.extend(properties);
                let _ = stream.write_all(&reply);
            }
            PUBLISH => {
                let _ = tell.send(publish(number, first & 0x0F, &body));
            }
            PINGREQ => {
                let _ = stream.write_all(&[0xD0, 0]);
            }
            _ => return,
        }
    }
}

fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = || {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        Some(byte[0])
    };
    let first = byte()?;
    let (mut length, mut shift) = (0_usize, 0);
    loop {
        let next = byte()?;
        length |= usize::from(next & 0x7F) << shift;
        shift += 7;
        if next & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((first, body))
}

fn publish(connection: usize, flags: u8, body: &[u8]) -> Published {
    let mut reader = Reader(body);
    let topic = reader.text();
    let packet_id = reader.number();
    let length = reader.variable();
    let mut properties = Reader(reader.take(length));
    let payload = reader.0.to_vec();
    let (mut content_type, mut user) = (None, HashMap::new());
    while !properties.0.is_empty() {
        match properties.take(1)[0] {
            0x03 => content_type = Some(properties.text()),
            0x26 => {
                let (name, value) = (properties.text(), properties.text());
                assert!(user.insert(name, value).is_none(), "a property twice");
            }
            other => panic!("property {other:#04x} was not expected"),
        }
    }
    Published { connection, flags, packet_id, topic, content_type, user, payload }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn number(&mut self) -> u16 {
        let bytes = self.take(2);
        u16::from_be_bytes([bytes[0], bytes[1]])
    }

    fn variable(&mut self) -> usize {
        let low = usize::from(self.take(1)[0]);
        if low < 0x80 { low } else { (low & 0x7F) | usize::from(self.take(1)[0]) << 7 }
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.number());
        String::from_utf8(self.take(length).to_vec()).expect("UTF-8")
    }
}
