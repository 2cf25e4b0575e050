//! The server's side of sessions, one after another, with a client in a process of its own.
//! `scripts/bench` measures this with two counts and takes the difference, as it does of the
//! client's side; `benches/openssl_serving.c` does the same by OpenSSL.
//!
//! ```text
//! serving SESSIONS (--psk IDENTITY KEY | --certificate FILE KEY_FILE) -- CLIENT ARGUMENTS...
//! serving --forged COUNT
//! ```
//!
//! - Runs `CLIENT ADDRESS SESSIONS 0 ARGUMENTS...`, which is `session`. With `--resume` it opens
//!   one session more.
//! - The private key signs by OpenSSL.
//! - Prints the CPU time that this process has taken, in the kernel and out of it.
//! - `--forged`: examines so many ClientHellos with a wrong cookie, and prints how long one takes.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use getrandom::SysRng;
use iot_coap_dtls::server::{Config, Connection, Cookies, Greeting, PreSharedKeys};
use iot_coap_dtls::{Datagram, PreSharedKey, SealingKey, State};
use iot_coap_test_support::certificates::Identity;
use iot_coap_test_support::served::scripted_client::ScriptedClient;
use iot_coap_test_support::served::signing::with_identity;
use openssl::pkey::PKey;
use openssl::x509::X509;

struct OneKey {
    identity: String,
    key: String,
}

impl PreSharedKeys for OneKey {
    fn find(&self, identity: &[u8]) -> Result<Option<PreSharedKey>, iot_coap_dtls::Error> {
        let key = PreSharedKey::new(identity, self.key.as_bytes())?;
        Ok((identity == self.identity.as_bytes()).then_some(key))
    }
}

fn config(proof: &[String]) -> Result<Config, Box<dyn Error>> {
    let config = match proof {
        [kind, identity, key] if kind == "--psk" => {
            let keys = OneKey { identity: identity.clone(), key: key.clone() };
            Config::new().pre_shared_keys(Arc::new(keys))
        }
        [kind, certificate, key] if kind == "--certificate" => {
            let identity = Identity {
                certificate: X509::from_pem(&std::fs::read(certificate)?)?,
                key: PKey::private_key_from_pem(&std::fs::read(key)?)?,
            };
            with_identity(Config::new(), &identity, &[])
        }
        _ => return Err("what does the server prove itself by?".into()),
    };
    Ok(config.ticket_keys([SealingKey::new(&[1; 32])?].into(), 3600))
}

fn serve(socket: &UdpSocket, config: &Arc<Config>, sessions: usize) -> Result<(), Box<dyn Error>> {
    let cookies = Cookies::new([0xC0; 32]);
    let mut session: Option<(SocketAddr, Box<Connection<SysRng>>)> = None;
    let mut ended = 0;
    let (mut buffer, mut out, start) = ([0; 2048], [0; 2048], Instant::now());
    while ended < sessions {
        let (len, peer) = socket.recv_from(&mut buffer)?;
        let now = iot_coap_dtls::Instant::from_millis(start.elapsed().as_millis() as u64);
        match cookies.examine(peer.to_string().as_bytes(), &mut buffer[..len]) {
            Greeting::Unverified(answer) => {
                socket.send_to(&answer, peer)?;
                continue;
            }
            Greeting::Verified(hello) => {
                if !session.as_ref().is_some_and(|(_, session)| session.began_with(&hello)) {
                    let new = Connection::accept(config, &hello, None, SysRng, now)?;
                    session = Some((peer, Box::new(new)));
                }
            }
            Greeting::None => {}
        }
        let Some((_, connection)) = session.as_mut().filter(|(known, _)| *known == peer) else {
            continue;
        };
        let mut datagram = Datagram::new(&mut buffer[..len]);
        while let Ok(Some(_)) = connection.handle_datagram(now, &mut datagram) {}
        while let Some(len) = connection.poll_transmit(&mut out) {
            socket.send_to(&out[..len], peer)?;
        }
        match connection.state() {
            State::Ended(iot_coap_dtls::Error::Closed) => {
                ended += 1;
                session = None;
            }
            State::Ended(error) => return Err(error.into()),
            State::Handshaking | State::Connected => {}
        }
    }
    Ok(())
}

/// ClientHellos of somebody who made a cookie up, which is compared with both secrets.
fn forged(count: u32) {
    let mut cookies = Cookies::new([0xC0; 32]);
    cookies.rotate([0xC1; 32]);
    let mut hello = ScriptedClient { cookie: vec![7; 16], ..ScriptedClient::default() }.hello();
    let start = Instant::now();
    for number in 0..count {
        let answer = cookies.examine(&number.to_be_bytes(), std::hint::black_box(&mut hello));
        assert!(matches!(answer, Greeting::Unverified(_)));
    }
    println!("{:.2} us each", start.elapsed().as_secs_f64() * 1e6 / f64::from(count));
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|it| it != "--bench").collect();
    if let [forging, count] = &arguments[..]
        && forging == "--forged"
    {
        forged(count.parse()?);
        return Ok(());
    }
    let Some(([sessions, proof @ .., _], [client, rest @ ..])) = arguments.split_at_checked(5)
    else {
        return Err("see the head of benches/serving.rs".into());
    };
    let total = sessions.parse::<usize>()? + usize::from(rest.iter().any(|it| it == "--resume"));
    let config = Arc::new(config(proof)?);
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    let address = socket.local_addr()?.to_string();
    let mut client = Command::new(client).args([&address, sessions, "0"]).args(rest).spawn()?;
    serve(&socket, &config, total)?;
    if !client.wait()?.success() {
        return Err("the client has failed".into());
    }
    let nanoseconds = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds = nanoseconds.split(' ').next().unwrap_or_default().parse::<u64>()?;
    println!("{} us of CPU", nanoseconds / 1000);
    Ok(())
}
