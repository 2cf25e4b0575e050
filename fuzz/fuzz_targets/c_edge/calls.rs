//! The calls of an input, and what each is handed, as `arbitrary` reads them
//! from its bytes. A field or a variant more, or in another place, and the seeds
//! mean something else.

use arbitrary::Arbitrary;

use iot_coap_fuzz::Short;

/// What the first context is, signed in.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Begin {
    None,
    Plain,
    Symmetric,
    Notices,
    Cbor,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Call<'a> {
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
    Process {
        handle: Handle,
    },
    /// The message before the next one, or any other.
    Cancel {
        handle: Handle,
        back: u8,
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
pub(crate) enum Handle {
    Slot(u8),
    Null,
    /// Memory that is no context.
    Zeros,
    Misaligned,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Text<'a> {
    Null,
    Usual,
    Bytes(Short<'a>),
    /// One byte more than fits, and no NUL.
    Unterminated,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Data<'a> {
    Null,
    Text(Short<'a>),
    Room,
}

#[derive(Arbitrary, Debug)]
pub(crate) struct Configuration<'a> {
    pub(crate) null: bool,
    pub(crate) url: Url<'a>,
    pub(crate) wait_time_ms: Option<i32>,
    pub(crate) no_info: bool,
    /// The bytes of the device info from a place on; else it is a good one.
    pub(crate) info: Option<(u8, Short<'a>)>,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Url<'a> {
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
pub(crate) struct Options<'a> {
    pub(crate) size: Option<u8>,
    pub(crate) sign_method: u8,
    pub(crate) sign_in_encoding: u8,
    pub(crate) access_token_option: u16,
    pub(crate) timestamp_ms: u64,
    pub(crate) trust_root: Option<Short<'a>>,
    pub(crate) notice: bool,
    pub(crate) keep_access_token: bool,
    pub(crate) max_outstanding: u16,
    pub(crate) ack_timeout_ms: u32,
}

#[derive(Arbitrary, Debug)]
pub(crate) struct Post<'a> {
    pub(crate) payload: Option<Short<'a>>,
    /// Of a payload that is NULL.
    pub(crate) len: u16,
    pub(crate) content_type: Option<i32>,
    pub(crate) msg_type: Option<i32>,
    pub(crate) callback: bool,
}
impl Begin {
    pub(crate) fn context(self) -> Option<(Configuration<'static>, Option<Options<'static>>)> {
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
