//! A client of a DTLS server by the engine of this project.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use iot_coap_dtls::{Client, Config, Datagram, SavedSession, State, TrustAnchors};

use super::{PATIENCE, socket_to};

/// A CoAP ping over a session by the engine of this project, since OpenSSL's
/// binding takes a session to resume in unsafe code only. Whether it was resumed,
/// and what is kept of it.
pub fn ping(
    address: SocketAddr,
    root_pem: &str,
    resume: Option<SavedSession>,
) -> (bool, Option<SavedSession>) {
    let anchors = TrustAnchors::from_pem(root_pem.as_bytes()).expect("a root");
    let mut config = Config::with_certificates("localhost", anchors, None).expect("a host");
    if let Some(session) = resume {
        config = config.resume(session);
    }
    let socket = socket_to(address);
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("not zero");
    let start = Instant::now();
    let now = || iot_coap_dtls::Instant::from_millis(start.elapsed().as_millis() as u64);
    let mut client = Client::new(config, getrandom::SysRng, now()).expect("a client");
    let mut buffer = [0; 2048];
    let mut pinged = false;
    loop {
        while let Some(len) = client.poll_transmit(&mut buffer) {
            socket.send(&buffer[..len]).expect("loopback sends");
        }
        if client.state() == State::Connected && !pinged {
            pinged = true;
            let len = client.send(&[0x40, 0, 0, 1], &mut buffer).expect("connected");
            socket.send(&buffer[..len]).expect("loopback sends");
        }
        assert!(start.elapsed() < PATIENCE, "{:?}", client.state());
        if let Ok(len) = socket.recv(&mut buffer) {
            let mut datagram = Datagram::new(&mut buffer[..len]);
            if let Some(answer) = client.handle_datagram(now(), &mut datagram).expect("no error") {
                assert_eq!(answer, [0x70, 0, 0, 1]);
                break;
            }
        }
        client.handle_timeout(now()).expect("no error");
    }
    client.close();
    while let Some(len) = client.poll_transmit(&mut buffer) {
        socket.send(&buffer[..len]).expect("loopback sends");
    }
    (client.was_resumed(), client.take_saved_session())
}
