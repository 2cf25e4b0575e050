//! The C interface: calls in any order with odd arguments: NULLs, numbers
//! outside their enumerations, fields without their end, structures of other
//! sizes, answers of a hostile server. Every buffer is handed over from the
//! heap at exactly the size that the interface asks for, so that
//! AddressSanitizer sees a byte read or written too many.
//!
//! Nothing leaves this machine: every URL that would be taken names 127.0.0.1,
//! where a thread of this program answers, or nobody.

#![no_main]

#[path = "../short.rs"]
mod short;

use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_uchar, c_uint, c_void};
use std::mem::{MaybeUninit, size_of};
use std::net::UdpSocket;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, OnceLock, PoisonError};

use arbitrary::{Arbitrary, Unstructured};
use iot_coap::*;
use iot_coap_client::{Code, Encoder, Endpoint, Kind, Message, OptionNumber, SymmetricKey};
use libfuzzer_sys::fuzz_target;
use short::Short;

const CONTEXTS: usize = 3;
const CALLS: usize = 40;
/// More than this many calls that wait, and an input takes too long.
const WAITS: u32 = 16;

#[derive(Arbitrary, Debug)]
struct Case<'a> {
    begin: Begin,
    /// What later sign-ins are answered with.
    sign_in_reply: SignInReply<'a>,
    /// What the server answers posts with, in turn.
    replies: [Reply<'a>; 6],
}

/// What the first context is, signed in.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Begin {
    None,
    Plain,
    Symmetric,
    Notices,
    Cbor,
}

#[derive(Arbitrary, Clone, Debug)]
enum SignInReply<'a> {
    Grant,
    Payload(Short<'a>),
    Refusal(u8),
}

#[derive(Arbitrary, Debug)]
enum Reply<'a> {
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

#[derive(Arbitrary, Debug)]
enum Call<'a> {
    Init {
        slot: u8,
        configuration: Configuration<'a>,
        options: Option<Options<'a>>,
    },
    Deinit {
        handle: Handle,
    },
    DeinitNull,
    SignIn {
        handle: Handle,
    },
    /// A good message, and its answer.
    Exchange {
        slot: u8,
        non: bool,
        payload: Short<'a>,
    },
    Send {
        handle: Handle,
        path: Text<'a>,
        message: Option<Post<'a>>,
    },
    Yield {
        handle: Handle,
    },
    Flush {
        handle: Handle,
        ms: u8,
    },
    Token {
        handle: Handle,
    },
    Statistics {
        handle: Handle,
        null: bool,
        size: u8,
    },
    Fd {
        handle: Handle,
    },
    Timeout {
        handle: Handle,
    },
    Ioctl {
        option: i8,
        data: Data<'a>,
    },
    OddIoctl {
        option: i32,
    },
    SetUp {
        texts: [Text<'a>; 3],
        info: bool,
    },
    LogLevel(i32),
    CloseLog,
    OpenLog {
        null: bool,
    },
    MemoryStats(i32),
    ErrorString(i32),
    OddMessage {
        memory: [u64; 6],
        null: bool,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Handle {
    Slot(u8),
    Null,
    /// Memory that is no context.
    Zeros,
    Misaligned,
}

#[derive(Arbitrary, Debug)]
enum Text<'a> {
    Null,
    Usual,
    Bytes(Short<'a>),
    /// One byte more than fits, and no NUL.
    Unterminated,
}

#[derive(Arbitrary, Debug)]
enum Data<'a> {
    Null,
    Text(Short<'a>),
    Room,
}

#[derive(Arbitrary, Debug)]
struct Configuration<'a> {
    null: bool,
    url: Url<'a>,
    wait_time_ms: Option<i32>,
    no_info: bool,
    /// The bytes of the device info from a place on; else it is a good one.
    info: Option<(u8, Short<'a>)>,
}

#[derive(Arbitrary, Debug)]
enum Url<'a> {
    Server,
    Closed,
    Symmetric,
    Dtls,
    Text(Short<'a>),
    Bytes(Short<'a>),
    Unterminated,
    Null,
}

#[derive(Arbitrary, Debug)]
struct Options<'a> {
    size: Option<u8>,
    sign_method: u8,
    sign_in_encoding: u8,
    access_token_option: u16,
    timestamp_ms: u64,
    trust_root: Option<Short<'a>>,
    notice: bool,
    keep_access_token: bool,
    max_outstanding: u16,
    ack_timeout_ms: u32,
}

#[derive(Arbitrary, Debug)]
struct Post<'a> {
    payload: Option<Short<'a>>,
    /// Of a payload that is NULL.
    len: u16,
    content_type: Option<i32>,
    msg_type: Option<i32>,
    callback: bool,
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
fn ports() -> (u16, u16) {
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
    let mut out = Vec::new();
    let payload = &payload[..payload.len().min(1200)];
    Encoder::new(&mut out, 0, kind, Code(code), id, token)
        .and_then(|encoder| encoder.payload(payload))
        .expect("it fits");
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
                let mut out = Vec::new();
                let payload = &payload[..payload.len().min(1000)];
                SymmetricKey::derive("secret", "r").encrypt(payload, &mut out).expect("memory");
                vec![write(Kind::Acknowledgement, *code, 0, TOKEN, &out)]
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

#[derive(Clone, Copy)]
struct Slot {
    context: *mut c_void,
    /// Whether a wait of it is short.
    quick: bool,
    /// Whether a sign-in is answered.
    answers: bool,
}

const EMPTY: Slot = Slot { context: null_mut(), quick: true, answers: false };

struct Run {
    slots: [Slot; CONTEXTS],
    waits: u32,
    zeros: Vec<u64>,
}

thread_local! {
    /// The context of the call that runs, for callbacks.
    static RUNNING: Cell<*mut c_void> = const { Cell::new(null_mut()) };
}

fuzz_target!(|data: &[u8]| {
    let mut data = Unstructured::new(data);
    let Ok(case) = Case::arbitrary(&mut data) else { return };
    ports();
    plan(&SignInReply::Grant, case.begin, &case.replies);
    // SAFETY: a function that takes what it is handed.
    unsafe { IOT_CoAP_SetLogHandler(Some(log_line), null_mut()) };
    let mut run = Run { slots: [EMPTY; CONTEXTS], waits: 0, zeros: vec![0; 4096] };
    if let Some((configuration, options)) = case.begin.context() {
        run.init(0, &configuration, options.as_ref());
        run.sign_in(Handle::Slot(0));
    }
    plan(&case.sign_in_reply, case.begin, &case.replies);
    // Not a vector: `arbitrary` ends one after two calls on average.
    for _ in 0..CALLS {
        if data.is_empty() {
            break;
        }
        let Ok(call) = Call::arbitrary(&mut data) else { break };
        run.call(&call);
    }
    for slot in &mut run.slots {
        // SAFETY: NULL, or a context that is not in use.
        unsafe { IOT_CoAP_Deinit(&raw mut slot.context) };
        assert!(slot.context.is_null());
    }
});

/// Tells the server what to answer.
fn plan(sign_in: &SignInReply<'_>, begin: Begin, replies: &[Reply<'_>]) {
    let mut server = SERVER.lock().unwrap_or_else(PoisonError::into_inner);
    (server.sign_in, server.sign_in_code) = match sign_in {
        SignInReply::Grant if matches!(begin, Begin::Cbor) => (b"\xa1etokenat".to_vec(), 0x45),
        SignInReply::Grant => (br#"{"token":"t","random":"r","seqOffset":1}"#.to_vec(), 0x45),
        SignInReply::Payload(payload) => (payload.to_vec(), 0x45),
        // Not 4.29 nor 5.xx: after these it would ask again, for 10 s.
        SignInReply::Refusal(detail) => (Vec::new(), 0x80 | detail % 0x1D),
    };
    server.posts = replies.iter().map(Reply::plan).collect();
    server.next = 0;
}

impl Begin {
    fn context(self) -> Option<(Configuration<'static>, Option<Options<'static>>)> {
        let url = match self {
            Self::None => return None,
            Self::Symmetric => Url::Symmetric,
            Self::Plain | Self::Notices | Self::Cbor => Url::Server,
        };
        let configuration =
            Configuration { null: false, url, wait_time_ms: None, no_info: false, info: None };
        let options = Options {
            size: None,
            sign_method: 0,
            sign_in_encoding: matches!(self, Self::Cbor).into(),
            access_token_option: 0,
            timestamp_ms: 0,
            trust_root: None,
            notice: true,
            keep_access_token: false,
            max_outstanding: 0,
            ack_timeout_ms: 0,
        };
        Some((configuration, (!matches!(self, Self::Plain)).then_some(options)))
    }
}

impl Run {
    fn slot(&mut self, handle: Handle) -> Slot {
        let at = |context: *mut c_void| Slot { context, quick: true, answers: true };
        match handle {
            Handle::Slot(slot) => self.slots[usize::from(slot) % CONTEXTS],
            Handle::Null => at(null_mut()),
            Handle::Zeros => at(self.zeros.as_mut_ptr().cast()),
            Handle::Misaligned => at(self.zeros.as_mut_ptr().cast::<u8>().wrapping_add(1).cast()),
        }
    }

    /// Whether a call that waits may be made.
    fn may_wait(&mut self) -> bool {
        self.waits += 1;
        self.waits <= WAITS
    }

    fn sign_in(&mut self, handle: Handle) {
        let slot = self.slot(handle);
        if slot.quick && slot.answers && self.may_wait() {
            RUNNING.set(slot.context);
            // SAFETY: NULL, a context, or memory as large as one.
            let code = unsafe { IOT_CoAP_DeviceNameAuth(slot.context) };
            assert!(matches!(code, 0 | -1 | -4 | -8));
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        // SAFETY: everything handed over is NULL or as the interface asks.
        unsafe {
            match call {
                Call::Init { slot, configuration, options } => {
                    self.init(usize::from(*slot) % CONTEXTS, configuration, options.as_ref());
                }
                Call::Deinit { handle: Handle::Slot(slot) } => {
                    let slot = &mut self.slots[usize::from(*slot) % CONTEXTS];
                    IOT_CoAP_Deinit(&raw mut slot.context);
                    assert!(slot.context.is_null());
                }
                Call::Deinit { handle } => {
                    let mut context = self.slot(*handle).context;
                    IOT_CoAP_Deinit(&raw mut context);
                }
                Call::DeinitNull => IOT_CoAP_Deinit(null_mut()),
                Call::SignIn { handle } => self.sign_in(*handle),
                Call::Exchange { slot, non, payload } => {
                    let handle = Handle::Slot(*slot);
                    let message = Post {
                        payload: Some(*payload),
                        len: 0,
                        content_type: None,
                        msg_type: Some((*non).into()),
                        callback: true,
                    };
                    send(self.slot(handle).context, &Text::Usual, Some(&message));
                    self.call(&Call::Yield { handle });
                    self.call(&Call::Yield { handle });
                }
                Call::Send { handle, path, message } => {
                    let context = self.slot(*handle).context;
                    let code = send(context, path, message.as_ref());
                    assert!((-8..=0).contains(&code));
                }
                Call::Yield { handle } => {
                    let slot = self.slot(*handle);
                    if slot.quick && self.may_wait() {
                        RUNNING.set(slot.context);
                        assert!(matches!(IOT_CoAP_Yield(slot.context), 0 | -1));
                    }
                }
                Call::Flush { handle, ms } => {
                    let slot = self.slot(*handle);
                    if self.may_wait() {
                        RUNNING.set(slot.context);
                        assert!(IOT_CoAP_Flush(slot.context, (ms % 4).into()) >= -1);
                    }
                }
                Call::Token { handle } => {
                    IOT_CoAP_GetCurToken(self.slot(*handle).context);
                }
                Call::Statistics { handle, null, size } => {
                    let mut room = vec![0xEE_u8; (*size).into()];
                    let start = if *null { null_mut() } else { room.as_mut_ptr() };
                    IOT_CoAP_GetStatistics(
                        self.slot(*handle).context,
                        start.cast(),
                        (*size).into(),
                    );
                }
                Call::Fd { handle } => assert!(IOT_CoAP_GetFd(self.slot(*handle).context) >= -1),
                Call::Timeout { handle } => {
                    assert!(IOT_CoAP_GetTimeoutMs(self.slot(*handle).context) >= -1);
                }
                Call::Ioctl { option, data } => ioctl((*option).into(), data),
                Call::OddIoctl { option } if !(0..=27).contains(option) => {
                    let mut memory = [0_u64; 64];
                    assert_eq!(IOT_Ioctl(*option, memory.as_mut_ptr().cast()), -1);
                }
                Call::OddIoctl { option } => assert_eq!(IOT_Ioctl(*option, null_mut()), -1),
                Call::SetUp { texts, info } => {
                    let texts = texts.each_ref().map(|text| text.terminated("key"));
                    let [key, name, secret] = texts.each_ref().map(pointer);
                    let mut out = 1_usize as *mut c_void;
                    let info = if *info { &raw mut out } else { null_mut() };
                    assert!(matches!(IOT_SetupConnInfo(key, name, secret, info), 0 | -1));
                }
                Call::LogLevel(level) => IOT_SetLogLevel(*level),
                Call::CloseLog => IOT_CloseLog(),
                Call::OpenLog { null: true } => IOT_OpenLog(null()),
                Call::OpenLog { null: false } => IOT_OpenLog(c"fuzz".as_ptr()),
                Call::MemoryStats(level) => IOT_DumpMemoryStats(*level),
                Call::ErrorString(code) => {
                    assert!(!CStr::from_ptr(IOT_CoAP_ErrorString(*code)).is_empty());
                    assert!(!CStr::from_ptr(IOT_CoAP_Version()).is_empty());
                }
                Call::OddMessage { memory, null } => {
                    let mut memory = memory.map(|word| word & 0xFF00_FFFF_FF00_FFFF);
                    let message = if *null { null_mut() } else { memory.as_mut_ptr().cast() };
                    look_at(message, -1);
                }
            }
        }
    }

    fn init(&mut self, slot: usize, configuration: &Configuration<'_>, options: Option<&Options>) {
        if !self.slots[slot].context.is_null() {
            return;
        }
        let (server, closed) = ports();
        let mut url = match &configuration.url {
            Url::Server => format!("coap://127.0.0.1:{server}").into_bytes(),
            Url::Closed => format!("coap://127.0.0.1:{closed}").into_bytes(),
            Url::Symmetric => format!("coap-psk://127.0.0.1:{server}/").into_bytes(),
            Url::Dtls => format!("coaps://127.0.0.1:{closed}").into_bytes(),
            Url::Text(text) => text.text().as_bytes().to_vec(),
            Url::Bytes(bytes) => bytes.to_vec(),
            Url::Unterminated => vec![b'u'; 513],
            Url::Null => Vec::new(),
        };
        if !matches!(configuration.url, Url::Unterminated) {
            url.retain(|byte| *byte != 0);
            url.truncate(600);
            // Whatever would be taken stays on this machine.
            let taken = std::str::from_utf8(&url).ok().and_then(|url| Endpoint::parse(url).ok());
            if taken.is_some_and(|e| e.host != "127.0.0.1" || ![server, closed].contains(&e.port)) {
                url = format!("coap://127.0.0.1:{closed}").into_bytes();
            }
            url.push(0);
        }
        let url = url.into_boxed_slice();

        let mut info = vec![0_u8; size_of::<iotx_deviceinfo_t>()].into_boxed_slice();
        for (at, text) in [(0, "a1RP1qZfrEi"), (21, "example1"), (119, "secret")] {
            info[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        if let Some((at, bytes)) = &configuration.info {
            for (place, byte) in info.iter_mut().skip((*at).into()).zip(bytes.iter()) {
                *place = *byte;
            }
        }
        // Without a URL it would be the cloud's.
        let no_url = matches!(configuration.url, Url::Null);
        let no_info = configuration.no_info || no_url;
        let mut config = iotx_coap_config_t {
            p_url: if no_url { null_mut() } else { url.as_ptr().cast_mut().cast() },
            wait_time_ms: configuration.wait_time_ms.unwrap_or(1),
            p_devinfo: if no_info { null_mut() } else { info.as_mut_ptr().cast() },
            event_handle: None,
        };
        let config_at = if configuration.null { null_mut() } else { &raw mut config };
        let endpoint = std::str::from_utf8(&url[..url.len() - 1]).ok().map(Endpoint::parse);
        let port = endpoint.and_then(Result::ok).map(|endpoint| endpoint.port);
        let mut trust_root = Vec::new();
        let context = match options {
            // SAFETY: NULL or a configuration.
            None => unsafe { IOT_CoAP_Init(config_at) },
            Some(options) => {
                let bytes = options.bytes(&mut trust_root);
                // SAFETY: as above; the options have as many bytes as they say.
                unsafe { IOT_CoAP_InitWithOptions(config_at, bytes.as_ptr().cast()) }
            }
        };
        let quick = matches!(config.wait_time_ms, 1..=3);
        let answers = port == Some(server);
        self.slots[slot] = Slot { context, quick, answers };
    }
}

impl Options<'_> {
    /// As many bytes as its `size` says; aligned, as a structure is.
    fn bytes(&self, trust_root: &mut Vec<u8>) -> Vec<u64> {
        const FULL: usize = size_of::<iotx_coap_options_t>();
        // No header's structure ends within a field: the library would take what
        // there is of a pointer for one.
        let size = match self.size.map_or(FULL, usize::from) {
            size @ 16.. => size & !7,
            size => (size & !3).max(4),
        };
        trust_root.extend(self.trust_root.unwrap_or(Short(b"")).iter().filter(|byte| **byte != 0));
        trust_root.push(0);
        let options = iotx_coap_options_t {
            size: size as c_uint,
            sign_method: (self.sign_method % 3).into(),
            sign_in_encoding: (self.sign_in_encoding % 3).into(),
            access_token_option: match self.access_token_option % 4 {
                0 => 0,
                1 => 61,
                2 => 2088,
                _ => self.access_token_option.into(),
            },
            timestamp_ms: self.timestamp_ms,
            trust_root_pem: if self.trust_root.is_some() {
                trust_root.as_ptr().cast()
            } else {
                null()
            },
            on_notice: if self.notice { Some(on_notice) } else { None },
            notice_data: null_mut(),
            keep_access_token: self.keep_access_token.into(),
            max_outstanding: self.max_outstanding.into(),
            ack_timeout_ms: self.ack_timeout_ms,
        };
        let mut bytes = vec![u64::MAX; size.div_ceil(8)];
        // SAFETY: both have that many bytes.
        unsafe {
            (&raw const options)
                .cast::<u8>()
                .copy_to_nonoverlapping(bytes.as_mut_ptr().cast(), size.min(FULL));
        }
        bytes
    }
}

impl Text<'_> {
    /// A string that ends with NUL.
    fn terminated(&self, usual: &str) -> Option<CString> {
        match self {
            Self::Null => None,
            Self::Usual => CString::new(usual).ok(),
            Self::Bytes(bytes) => {
                let bytes: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != 0).collect();
                CString::new(bytes).ok()
            }
            Self::Unterminated => CString::new(vec![b'u'; 300]).ok(),
        }
    }
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// # Safety
///
/// `context` is one, NULL, or memory as large as one.
unsafe fn send(context: *mut c_void, path: &Text<'_>, post: Option<&Post<'_>>) -> c_int {
    let unterminated = vec![b'p'; IOTX_URI_MAX_LEN + 1].into_boxed_slice();
    let text = path.terminated("/topic/a1RP1qZfrEi/example1/update");
    let path = match path {
        Text::Unterminated => unterminated.as_ptr().cast(),
        _ => pointer(&text),
    };
    let Some(post) = post else {
        // SAFETY: the path is NULL or as long as it must be.
        return unsafe { IOT_CoAP_SendMessage(context, path.cast_mut(), null_mut()) };
    };
    let mut payload: Option<Box<[u8]>> = post.payload.map(|payload| payload.0.into());
    let payload_len = payload.as_ref().map_or(post.len, |p| p.len().min(65_535) as u16);
    let mut message = iotx_message_t {
        p_payload: payload.as_mut().map_or(null_mut(), |payload| payload.as_mut_ptr()),
        payload_len,
        content_type: MaybeUninit::uninit(),
        msg_type: MaybeUninit::uninit(),
        user_data: 0x5A5A_usize as *mut c_void,
        resp_callback: if post.callback { Some(on_response) } else { None },
    };
    // SAFETY: an enumeration is as wide as an int here.
    unsafe {
        message.content_type.as_mut_ptr().cast::<c_int>().write(post.content_type.unwrap_or(0));
        message.msg_type.as_mut_ptr().cast::<c_int>().write(post.msg_type.unwrap_or(0));
        IOT_CoAP_SendMessage(context, path.cast_mut(), &raw mut message)
    }
}

/// # Safety
///
/// None: what an option takes, it gets.
unsafe fn ioctl(option: c_int, data: &Data<'_>) {
    let text = match data {
        Data::Text(bytes) => Text::Bytes(*bytes).terminated(""),
        _ => None,
    };
    let room = match option {
        0..=7 => 4,
        21 => 21,
        23 | 27 => 65,
        25 => 33,
        20 | 22 | 24 | 26 => 1,
        _ => 8,
    };
    let mut room = vec![0_u8; room].into_boxed_slice();
    let data = match data {
        Data::Null => null_mut(),
        Data::Text(_) if matches!(option, 20 | 22 | 24 | 26) => pointer(&text).cast_mut().cast(),
        _ => room.as_mut_ptr().cast::<c_void>(),
    };
    // SAFETY: a string, or as much room as the option asks for.
    let code = unsafe { IOT_Ioctl(option, data) };
    assert!(matches!(code, 0 | -1));
}

/// Asks for everything of a message, with and without NULLs.
///
/// # Safety
///
/// `message` is NULL, the running callback's, or memory of at least 48 bytes.
unsafe fn look_at(message: *mut c_void, expected: c_int) {
    let mut payload: *mut c_uchar = null_mut();
    let mut len: c_int = -1;
    let mut code: c_int = 0;
    let mut token = 0;
    // SAFETY: the caller's promise; the rest is NULL or may be written.
    unsafe {
        assert_eq!(IOT_CoAP_GetMessagePayload(message, null_mut(), &raw mut len), -1);
        assert_eq!(IOT_CoAP_GetMessagePayload(message, &raw mut payload, null_mut()), -1);
        assert_eq!(IOT_CoAP_GetMessageCode(message, null_mut()), -1);
        assert_eq!(IOT_CoAP_GetMessageToken(message, null_mut()), -1);
        assert_eq!(IOT_CoAP_GetMessagePayload(message, &raw mut payload, &raw mut len), expected);
        assert_eq!(IOT_CoAP_GetMessageCode(message, (&raw mut code).cast()), expected);
        assert_eq!(IOT_CoAP_GetMessageToken(message, &raw mut token), expected);
    }
    if expected != 0 {
        return;
    }
    assert!((0..=255).contains(&code));
    assert_eq!(payload.is_null(), len == 0);
    if let Ok(len @ 1..=1280) = usize::try_from(len) {
        // SAFETY: that many bytes and a NUL.
        let payload = unsafe { std::slice::from_raw_parts(payload, len + 1) };
        assert_eq!(payload[len], 0);
    }
}

unsafe extern "C" fn on_response(user_data: *mut c_void, message: *mut c_void) {
    assert_eq!(user_data as usize, 0x5A5A);
    // SAFETY: the running callback's message.
    unsafe { look_at(message, 0) };
    from_callback(RUNNING.get());
}

unsafe extern "C" fn on_notice(
    data: *mut c_void,
    context: *mut iotx_coap_context_t,
    notice: *const iotx_coap_notice_t,
) {
    assert!(data.is_null());
    // SAFETY: it lives during the call.
    let notice = unsafe { &*notice };
    assert!(matches!(notice.user_data as usize, 0 | 0x5A5A));
    from_callback(context);
}

/// Calls from within a callback; Deinit is refused there.
fn from_callback(context: *mut c_void) {
    let mut same = context;
    // SAFETY: the context whose callback this is.
    unsafe {
        IOT_CoAP_Deinit(&raw mut same);
        assert_eq!(same, context, "Deinit from a callback is refused");
        IOT_CoAP_GetCurToken(context);
        let post = Post {
            payload: Some(Short(b"{}")),
            len: 0,
            content_type: None,
            msg_type: Some(1),
            callback: false,
        };
        send(context, &Text::Usual, Some(&post));
    }
}

unsafe extern "C" fn log_line(data: *mut c_void, level: c_int, line: *const c_char) {
    assert!(data.is_null());
    assert!((2..=5).contains(&level));
    // SAFETY: a line ends with NUL.
    let line = unsafe { CStr::from_ptr(line) }.to_bytes();
    assert!(!line.contains(&b'\n'));
    assert!(!line.windows(9).any(|part| part == b"(panic); "), "a panic was caught");
}
