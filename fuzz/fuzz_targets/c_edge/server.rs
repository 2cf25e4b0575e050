//! A hostile server, a thread of this process: it answers sign-ins and posts as
//! the input says.

use std::net::UdpSocket;
use std::sync::{Mutex, OnceLock, PoisonError};

use arbitrary::Arbitrary;
use iot_coap_client::{Code, Encoder, Kind, MAX_MESSAGE_LEN, Message, OptionNumber};

use crate::calls::Begin;
use iot_coap_fuzz::{Short, encrypted};

#[derive(Arbitrary, Clone, Debug)]
pub(crate) enum SignInReply<'a> {
    Grant,
    Payload(Short<'a>),
    Refusal(u8),
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Reply<'a> {
    Nothing,
    Ack,
    Piggybacked {
        code: u8,
        payload: Short<'a>,
    },
    Separate {
        confirmable: bool,
        id: u16,
        code: u8,
        payload: Short<'a>,
    },
    /// As symmetric mode has it.
    Encrypted {
        code: u8,
        payload: Short<'a>,
    },
    Unauthorized,
    Reset,
    Raw(Short<'a>),
    Long,
}

/// What the server does; the thread that answers reads it.
struct Server {
    sign_in: Vec<u8>,
    sign_in_code: u8,
    posts: Vec<Vec<Vec<u8>>>,
    next: usize,
}

static SERVER: Mutex<Server> =
    Mutex::new(Server { sign_in: Vec::new(), sign_in_code: 0x45, posts: Vec::new(), next: 0 });

/// Begins to answer, once; returns the server's port and one where none is.
pub(crate) fn ports() -> (u16, u16) {
    static PORTS: OnceLock<(u16, u16)> = OnceLock::new();
    *PORTS.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("iot-coap-fuzz-{}", std::process::id()));
        // SAFETY: no other thread runs yet.
        unsafe { std::env::set_var("IOT_COAP_KV_DIR", &folder) };
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        std::thread::spawn(move || serve(&socket));
        // Port 9, discard: nobody has it on a machine that fuzzes.
        (port, 9)
    })
}

fn serve(socket: &UdpSocket) {
    let mut buffer = [0; 2048];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        for answer in answers(&buffer[..len]) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

fn answers(datagram: &[u8]) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    if !message.code.is_request() {
        return Vec::new();
    }
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    let mut path = message.options.clone().filter(|o| o.number == OptionNumber::URI_PATH);
    if path.next().is_some_and(|option| option.value == b"auth") {
        let code = server.sign_in_code;
        return vec![write(
            Kind::Acknowledgement,
            code,
            message.id,
            message.token,
            &server.sign_in,
        )];
    }
    let next = server.next;
    server.next += 1;
    let Some(planned) = server.posts.get(next) else {
        return vec![write(Kind::Acknowledgement, 0x45, message.id, message.token, b"{}")];
    };
    // Planned with id 0 and token 0000: put the real ones in their place.
    let mut answers = planned.clone();
    for answer in &mut answers {
        if let [first, code, id @ .., _, _, _, _] = answer.get_mut(..8).unwrap_or_default()
            && *first & 0x4F == 0x44
            && *code != 0
        {
            if *first >> 4 & 3 == 2 {
                id.copy_from_slice(&message.id.to_be_bytes());
            }
            if message.token.len() == 4 {
                answer[4..8].copy_from_slice(message.token);
            }
        } else if let [0x60 | 0x70, 0, id @ ..] = answer.as_mut_slice()
            && id.len() == 2
        {
            id.copy_from_slice(&message.id.to_be_bytes());
        }
    }
    answers
}

fn write(kind: Kind, code: u8, id: u16, token: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; MAX_MESSAGE_LEN];
    let payload = &payload[..payload.len().min(1200)];
    let len = Encoder::new(&mut out, kind, Code(code), id, token)
        .and_then(|encoder| encoder.payload(payload))
        .expect("it fits");
    out.truncate(len);
    out
}

impl Reply<'_> {
    fn plan(&self) -> Vec<Vec<u8>> {
        const TOKEN: &[u8] = &[0; 4];
        match self {
            Self::Nothing => Vec::new(),
            Self::Ack => vec![vec![0x60, 0, 0, 0]],
            Self::Piggybacked { code, payload } => {
                vec![write(Kind::Acknowledgement, *code, 0, TOKEN, payload)]
            }
            Self::Separate { confirmable, id, code, payload } => {
                let kind = if *confirmable { Kind::Confirmable } else { Kind::NonConfirmable };
                vec![vec![0x60, 0, 0, 0], write(kind, *code, *id, TOKEN, payload)]
            }
            Self::Encrypted { code, payload } => {
                let payload = encrypted("secret", "r", &payload[..payload.len().min(1000)]);
                vec![write(Kind::Acknowledgement, *code, 0, TOKEN, &payload)]
            }
            Self::Unauthorized => vec![write(Kind::Acknowledgement, 0x81, 0, TOKEN, b"")],
            Self::Reset => vec![vec![0x70, 0, 0, 0]],
            Self::Raw(bytes) => vec![bytes[..bytes.len().min(2000)].to_vec()],
            // Longer than any message may be: the end is cut off by the port.
            Self::Long => {
                let mut long = write(Kind::Acknowledgement, 0x45, 0, TOKEN, &[0xA5; 1200]);
                long.extend_from_slice(&[0xA5; 700]);
                vec![long]
            }
        }
    }
}

/// Tells the server what to answer.
pub(crate) fn plan(sign_in: &SignInReply<'_>, begin: Begin, replies: &[Reply<'_>]) {
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    (server.sign_in, server.sign_in_code) = match sign_in {
        SignInReply::Grant if matches!(begin, Begin::Cbor) => (b"\xa1etokenat".to_vec(), 0x45),
        SignInReply::Grant => (br#"{"token":"t","random":"r","seqOffset":1}"#.to_vec(), 0x45),
        SignInReply::Payload(payload) => (payload.to_vec(), 0x45),
        // Not 4.29 nor 5.xx: after these it would ask again, for 10 s.
        SignInReply::Refusal(detail) => (Vec::new(), 0x80 | (detail % 0x1D)),
    };
    server.posts = replies.iter().map(Reply::plan).collect();
    server.next = 0;
}
