//! The inputs of a run, as `arbitrary` reads them from its bytes. A field or
//! a variant more, or in another place, and the seeds mean something else.

use arbitrary::Arbitrary;
use iot_coap_client::{Code, Encoding};

use iot_coap_fuzz::{Short, encrypted};

pub(crate) const SECRET: &str = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";
/// The text that keys are derived from, in the replies below.
const RANDOM: &str = "915ede6cbc8a059f";

#[derive(Arbitrary, Debug)]
pub(crate) struct Case {
    pub(crate) symmetric: bool,
    pub(crate) cbor: bool,
    pub(crate) sha1: bool,
    /// Access token in option 2088 rather than 61.
    pub(crate) link: bool,
    pub(crate) timestamp: Option<u64>,
    /// Seconds: of a token that is soon over, or of the cloud's.
    pub(crate) lifetime: Option<u16>,
    pub(crate) ack_timeout_ms: Option<u16>,
    pub(crate) max_retransmit: Option<u8>,
    pub(crate) max_outstanding: u8,
    pub(crate) seed: u64,
    pub(crate) start: u32,
    pub(crate) signed_in: bool,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Input<'a> {
    SignIn {
        limit_ms: u16,
    },
    CancelSignIn,
    Send {
        confirmable: bool,
        path: Path<'a>,
        format: u8,
        payload: Payload<'a>,
    },
    Cancel {
        which: u8,
    },
    CancelTransmitted {
        which: u8,
    },
    SessionRenewed,
    Restore {
        token: Short<'a>,
    },
    Tick,
    Pass {
        ms: u16,
    },
    PassLong {
        seconds: u32,
    },
    Due,
    /// From now on, what is due stays due, or is sent after each input.
    Hold {
        hold: bool,
    },
    Answer(Answer<'a>),
    Raw(Short<'a>),
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Path<'a> {
    Usual,
    Long,
    Bytes(Short<'a>),
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Payload<'a> {
    None,
    Bytes(Short<'a>),
    /// That many bytes, times 8.
    Len(u8),
    Token(Short<'a>),
    /// What symmetric mode would send for it.
    Encrypted(Short<'a>),
}

/// What comes for one of the datagrams sent last.
#[derive(Arbitrary, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) which: u8,
    pub(crate) form: Form,
    pub(crate) code: AnyCode,
    pub(crate) option: Option<(u16, Short<'a>)>,
    pub(crate) payload: Payload<'a>,
    /// A byte to change, and how.
    pub(crate) flip: Option<(u16, u8)>,
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Form {
    Ack,
    Piggybacked,
    Confirmable {
        id: u8,
    },
    NonConfirmable {
        id: u8,
    },
    Reset,
    /// A request of the server's, with its token.
    Request {
        confirmable: bool,
        method: u8,
    },
}

#[derive(Arbitrary, Debug)]
pub(crate) enum AnyCode {
    Content,
    Unauthorized,
    BadOption,
    ServerError,
    TooMany,
    Other(u8),
}

impl AnyCode {
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Content => Code::CONTENT,
            Self::Unauthorized => Code::UNAUTHORIZED,
            Self::BadOption => Code::BAD_OPTION,
            Self::ServerError => Code::INTERNAL_SERVER_ERROR,
            Self::TooMany => Code::TOO_MANY_REQUESTS,
            Self::Other(code) => Code(*code),
        }
    }
}

impl Payload<'_> {
    pub(crate) fn bytes(&self, encoding: Encoding) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Len(len) => vec![0xA5; usize::from(*len) * 8],
            Self::Token(token) => grant(encoding, token.text()),
            Self::Encrypted(plain) => encrypted(SECRET, RANDOM, plain),
        }
    }
}

/// A reply with an access token, good for symmetric mode too.
fn grant(encoding: Encoding, token: &str) -> Vec<u8> {
    match encoding {
        Encoding::Json => serde_json::to_vec(&serde_json::json!({
            "token": token, "random": RANDOM, "seqOffset": 7
        }))
        .expect("JSON"),
        Encoding::Cbor => {
            let text = |text: &str| ciborium::Value::from(text);
            let map = ciborium::Value::Map(vec![
                (text("token"), text(token)),
                (text("random"), text(RANDOM)),
                (text("seqOffset"), 7.into()),
            ]);
            let mut out = Vec::new();
            ciborium::into_writer(&map, &mut out).expect("CBOR");
            out
        }
    }
}
