//! A modem as a script: the commands of BC95 and its kin, over real UDP sockets of this
//! machine, and whatever goes wrong on the way to the device.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Instead of a reply: the UART is closed, as by a driver that fails.
pub(crate) const HANG_UP: &[u8] = b"hang up";

/// Instead of a reply: the modem starts anew, and forgets its sockets.
pub(crate) const RESTART: &[u8] = b"restart";

/// Instead of a reply: noise that does not end.
pub(crate) const BABBLE: &[u8] = b"babble";

/// What becomes of the reply to a command: nothing, for a modem that does not answer.
pub(crate) type Distort = Box<dyn FnMut(&str, Vec<u8>) -> Vec<u8> + Send>;

/// How a modem behaves.
pub(crate) struct Manner {
    /// It repeats each command.
    pub(crate) echoes: bool,
    /// It says when a datagram has arrived.
    pub(crate) indicates: bool,
    /// How many bytes the UART brings at once.
    pub(crate) pieces: usize,
    pub(crate) distort: Distort,
}

impl Default for Manner {
    fn default() -> Self {
        let distort: Distort = Box::new(|_, reply| reply);
        Self { echoes: false, indicates: true, pieces: usize::MAX, distort }
    }
}

/// A socket of the modem's.
struct Socket {
    udp: Arc<UdpSocket>,
    waiting: VecDeque<(SocketAddr, Vec<u8>)>,
    is_closed: Arc<AtomicBool>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

struct Shared {
    uart: Mutex<UnixStream>,
    sockets: Mutex<Vec<Option<Socket>>>,
    commands: Mutex<Vec<String>>,
    indicates: bool,
    pieces: usize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn say(&self, bytes: &[u8]) {
        let mut uart = lock(&self.uart);
        // The device may be gone.
        for piece in bytes.chunks(self.pieces) {
            let _ = uart.write_all(piece);
            if self.pieces < bytes.len() {
                thread::yield_now();
            }
        }
    }
}

/// A modem that answers until the device hangs up.
pub(crate) struct Modem {
    shared: Arc<Shared>,
    device: Option<UnixStream>,
}

impl Modem {
    pub(crate) fn start(manner: Manner) -> Self {
        let (device, uart) = UnixStream::pair().expect("a pair of sockets");
        let reader = BufReader::new(uart.try_clone().expect("a descriptor is free"));
        let shared = Arc::new(Shared {
            uart: Mutex::new(uart),
            sockets: Mutex::default(),
            commands: Mutex::default(),
            indicates: manner.indicates,
            pieces: manner.pieces,
        });
        let (answering, mut distort) = (Arc::clone(&shared), manner.distort);
        thread::spawn(move || {
            for line in reader.split(b'\r').map_while(Result::ok) {
                let command = String::from_utf8_lossy(&line).trim().to_owned();
                if command.is_empty() {
                    continue;
                }
                lock(&answering.commands).push(command.clone());
                let mut reply = if manner.echoes { line } else { Vec::new() };
                reply.extend(answer(&answering, &command).into_bytes());
                let mut reply = distort(&command, reply);
                if reply == HANG_UP {
                    let _ = lock(&answering.uart).shutdown(Shutdown::Both);
                    return;
                }
                if reply == BABBLE {
                    let mut uart = lock(&answering.uart);
                    while uart.write_all(&[b'~'; 256]).is_ok() {}
                    return;
                }
                if reply == RESTART {
                    lock(&answering.sockets).clear();
                    reply = b"\r\n\xFE\x00REBOOT_CAUSE_SECURITY_RESET\r\nNeul\r\n".to_vec();
                }
                answering.say(&reply);
            }
        });
        Self { shared, device: Some(device) }
    }

    /// The device's end of the UART, for a program's standard input.
    pub(crate) fn uart(&mut self) -> Stdio {
        let device = self.device.take().expect("one program has it");
        Stdio::from(OwnedFd::from(device))
    }

    /// The commands so far that begin so.
    pub(crate) fn commands(&self, begin: &str) -> Vec<String> {
        let commands = lock(&self.shared.commands);
        commands.iter().filter(|command| command.starts_with(begin)).cloned().collect()
    }
}

/// The reply to a command, and what follows it.
fn answer(shared: &Arc<Shared>, command: &str) -> String {
    const OK: &str = "\r\nOK\r\n";
    let (name, arguments) = command.split_once('=').unwrap_or((command, ""));
    let arguments: Vec<_> = arguments.split(',').collect();
    let reply = match name {
        "AT" | "ATE0" => Some(String::new()),
        "AT+NSOCR" => open(shared, &arguments).map(|number| format!("\r\n{number}\r\n")),
        "AT+NSOCL" => close(shared, &arguments).map(|()| String::new()),
        "AT+NSOST" | "AT+NSOSTF" => {
            send(shared, &arguments, name == "AT+NSOSTF").map(|sent| format!("\r\n{sent}\r\n"))
        }
        "AT+NSORF" => receive(shared, &arguments),
        "AT+QDNS" => {
            let host = arguments.get(1).copied().unwrap_or_default();
            // No other name is looked up, so that no test asks a server.
            let known = matches!(host, "localhost").then(|| (host, 0).to_socket_addrs());
            let mut addresses = known.into_iter().flatten().flatten();
            let found = addresses.find(SocketAddr::is_ipv4).map(|found| found.ip().to_string());
            let found = found.unwrap_or_else(|| "QUERY_DNS_FAILED".to_owned());
            return format!("{OK}\r\n+QDNS:{found}\r\n");
        }
        _ => None,
    };
    reply.map_or_else(|| "\r\nERROR\r\n".to_owned(), |reply| reply + OK)
}

/// The number of an argument that is a socket which is open.
fn number_of(sockets: &[Option<Socket>], argument: &str) -> Option<usize> {
    let number: usize = argument.parse().ok()?;
    sockets.get(number)?.as_ref().map(|_| number)
}

fn open(shared: &Arc<Shared>, arguments: &[&str]) -> Option<usize> {
    let ["DGRAM", "17", port, "1"] = arguments else { return None };
    port.parse::<u16>().ok()?;
    let udp = Arc::new(UdpSocket::bind("127.0.0.1:0").ok()?);
    udp.set_read_timeout(Some(Duration::from_millis(50))).ok()?;
    let is_closed = Arc::new(AtomicBool::new(false));
    let socket =
        Socket { udp: Arc::clone(&udp), waiting: VecDeque::new(), is_closed: is_closed.clone() };
    let mut sockets = lock(&shared.sockets);
    let number = sockets.iter().position(Option::is_none).unwrap_or(sockets.len());
    if number == sockets.len() {
        sockets.push(None);
    }
    sockets[number] = Some(socket);
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while !is_closed.load(Ordering::Relaxed) {
            let Ok((len, from)) = udp.recv_from(&mut datagram) else { continue };
            let mut sockets = lock(&shared.sockets);
            if is_closed.load(Ordering::Relaxed) {
                return;
            }
            if let Some(Some(socket)) = sockets.get_mut(number) {
                socket.waiting.push_back((from, datagram[..len].to_vec()));
            }
            drop(sockets);
            if shared.indicates {
                shared.say(format!("\r\n+NSONMI:{number},{len}\r\n").as_bytes());
            }
        }
    });
    Some(number)
}

fn close(shared: &Shared, arguments: &[&str]) -> Option<()> {
    let mut sockets = lock(&shared.sockets);
    let number = number_of(&sockets, arguments.first()?)?;
    sockets[number] = None;
    Some(())
}

fn send(shared: &Shared, arguments: &[&str], has_flags: bool) -> Option<String> {
    let (([number, address, port, _, len, data], true)
    | ([number, address, port, len, data], false)) = (arguments, has_flags)
    else {
        return None;
    };
    let bytes: Option<Vec<_>> = (0..data.len() / 2)
        .map(|at| u8::from_str_radix(data.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    let bytes = bytes.filter(|bytes| len.parse() == Ok(bytes.len()) && bytes.len() <= 1358)?;
    let sockets = lock(&shared.sockets);
    let number = number_of(&sockets, number)?;
    let udp = &sockets[number].as_ref()?.udp;
    // A datagram may get lost.
    let _ = udp.send_to(&bytes, format!("{address}:{port}"));
    Some(format!("{number},{len}"))
}

/// `None` where there is no such socket, and no line where nothing has arrived.
fn receive(shared: &Shared, arguments: &[&str]) -> Option<String> {
    let [number, most] = arguments else { return None };
    let most: usize = most.parse().ok()?;
    let mut sockets = lock(&shared.sockets);
    let number = number_of(&sockets, number)?;
    let waiting = &mut sockets[number].as_mut()?.waiting;
    let Some((from, mut datagram)) = waiting.pop_front() else { return Some(String::new()) };
    let rest = datagram.split_off(datagram.len().min(most));
    let mut line = format!("\r\n{number},{},{},{},", from.ip(), from.port(), datagram.len());
    for byte in &datagram {
        let _ = write!(line, "{byte:02X}");
    }
    let _ = write!(line, ",{}\r\n", rest.len());
    if !rest.is_empty() {
        waiting.push_front((from, rest));
    }
    Some(line)
}
