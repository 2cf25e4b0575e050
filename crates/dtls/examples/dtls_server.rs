//! Echoes whatever clients with a pre-shared key send.
//!
//! ```text
//! dtls_server ADDRESS IDENTITY KEY
//! ```
//!
//! The README shows this program as it is.

use std::collections::HashMap;
use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use getrandom::SysRng;
use iot_coap_dtls::server::{Config, Connection, Cookies, Greeting, PreSharedKeys};
use iot_coap_dtls::{Datagram, Instant, PreSharedKey, State};

pub(crate) fn serve(socket: &UdpSocket, config: &Arc<Config>) -> Result<(), Box<dyn Error>> {
    let mut sessions = HashMap::<SocketAddr, Connection<SysRng>>::new();
    let (mut cookies, mut minute) = (Cookies::new(secret()?), 0);
    let (mut buffer, mut out, start) = ([0; 2048], [0; 2048], std::time::Instant::now());
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    loop {
        let (received, mut plaintexts) = (socket.recv_from(&mut buffer), Vec::new());
        let now = Instant::from_millis(0) + start.elapsed().into();
        if now.as_millis() / 60_000 > minute {
            minute = now.as_millis() / 60_000;
            cookies.rotate(secret()?);
        }
        if let Ok((len, peer)) = received {
            match cookies.examine(peer.to_string().as_bytes(), &mut buffer[..len]) {
                Greeting::Unverified(answer) => drop(socket.send_to(&answer, peer)),
                Greeting::Verified(hello)
                    if sessions.len() < 1000
                        && !sessions.get(&peer).is_some_and(|old| old.began_with(&hello)) =>
                {
                    sessions.insert(peer, Connection::accept(config, &hello, None, SysRng, now)?);
                }
                _ => {}
            }
            if let Some(session) = sessions.get_mut(&peer) {
                let mut datagram = Datagram::new(&mut buffer[..len]);
                while let Ok(Some(plaintext)) = session.handle_datagram(now, &mut datagram) {
                    plaintexts.push((peer, plaintext.to_vec()));
                }
            }
        }
        sessions.retain(|peer, session| {
            let _ = session.handle_timeout(now);
            while let Some(len) = session.poll_transmit(&mut out) {
                drop(socket.send_to(&out[..len], peer));
            }
            !matches!(session.state(), State::Ended(_))
        });
        for (peer, plaintext) in plaintexts {
            let Some(session) = sessions.get_mut(&peer) else { continue };
            if let Ok(len) = session.send(&plaintext, &mut out) {
                drop(socket.send_to(&out[..len], peer));
            }
        }
    }
}

fn secret() -> Result<[u8; 32], getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    Ok(secret)
}

struct OneKey {
    identity: Vec<u8>,
    key: Vec<u8>,
}

impl PreSharedKeys for OneKey {
    fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, iot_coap_dtls::Error> {
        let key = PreSharedKey::new(identity, &self.key)?;
        Ok((identity == self.identity).then_some(key))
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, identity, key] = &arguments[..] else {
        return Err("ADDRESS, IDENTITY and KEY are needed".into());
    };
    let keys = OneKey { identity: identity.clone().into(), key: key.clone().into() };
    let config = Arc::new(Config::new().pre_shared_keys(Arc::new(keys)));
    let socket = UdpSocket::bind(address)?;
    println!("{}", socket.local_addr()?);
    serve(&socket, &config)
}
