//! What calls are handed, from the heap and at exactly the size that the
//! interface asks for: AddressSanitizer sees a byte read or written too many.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::mem::{MaybeUninit, size_of};
use std::ptr::{null, null_mut};

use iot_coap::*;
use iot_coap_client::Endpoint;

use crate::callbacks::{on_notice, on_response};
use crate::calls::{Configuration, Data, Options, Post, Text, Url};
use crate::server::ports;
use iot_coap_fuzz::Short;

impl Url<'_> {
    /// As it is handed over: with its NUL, or too long and without one.
    pub(crate) fn bytes(&self) -> Box<[u8]> {
        let (server, closed) = ports();
        let mut url = match self {
            Self::Server => format!("coap://127.0.0.1:{server}").into_bytes(),
            Self::Closed => format!("coap://127.0.0.1:{closed}").into_bytes(),
            Self::Symmetric => format!("coap-psk://127.0.0.1:{server}/").into_bytes(),
            Self::Dtls => format!("coaps://127.0.0.1:{closed}").into_bytes(),
            Self::Text(text) => text.text().as_bytes().to_vec(),
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::Unterminated => return vec![b'u'; 513].into_boxed_slice(),
            Self::Null => Vec::new(),
        };
        url.retain(|byte| *byte != 0);
        url.truncate(600);
        // Whatever would be taken stays on this machine.
        let leaves = |e: Endpoint| e.host != "127.0.0.1" || ![server, closed].contains(&e.port);
        if endpoint(&url).is_some_and(leaves) {
            url = format!("coap://127.0.0.1:{closed}").into_bytes();
        }
        url.push(0);
        url.into_boxed_slice()
    }
}

/// What a URL would be taken for.
pub(crate) fn endpoint(url: &[u8]) -> Option<Endpoint> {
    std::str::from_utf8(url).ok().and_then(|url| Endpoint::parse(url).ok())
}

impl Configuration<'_> {
    /// An `iotx_deviceinfo_t`, good or with odd bytes in it.
    pub(crate) fn info(&self) -> Box<[u8]> {
        let mut info = vec![0_u8; size_of::<iotx_deviceinfo_t>()].into_boxed_slice();
        for (at, text) in [(0, "a1RP1qZfrEi"), (21, "example1"), (119, "secret")] {
            info[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        if let Some((at, bytes)) = &self.info {
            for (place, byte) in info.iter_mut().skip((*at).into()).zip(bytes.iter()) {
                *place = *byte;
            }
        }
        info
    }
}

impl Options<'_> {
    /// As many bytes as its `size` says, and the four that say it.
    pub(crate) fn bytes(&self, trust_root: &mut Vec<u8>) -> Box<[u8]> {
        const FULL: usize = size_of::<iotx_coap_options_t>();
        let size = self.size.map_or(FULL, usize::from);
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
            // By bits that nothing else needs, so that the seeds keep their meaning.
            keep_session: (self.access_token_option >> 8 & 1).into(),
            refuse_static_rsa: (self.access_token_option >> 9 & 1).into(),
            yield_pace: (self.access_token_option >> 10 & 1).into(),
            max_in_flight: (self.access_token_option >> 11 & 3).into(),
            connect_limit_ms: 0,
            sign_in_limit_ms: 0,
            mtu: c_uint::from(self.access_token_option >> 13 & 1) * 256,
            max_fragment: c_uint::from(self.access_token_option >> 14 & 1) * 512,
            resume_limit_s: c_uint::from(self.access_token_option >> 15 & 1) * 60,
            session_limit_s: c_uint::from(self.access_token_option >> 15 & 1) * 60,
        };
        let mut bytes = vec![0xFF; size.max(size_of::<c_uint>())].into_boxed_slice();
        // What comes from malloc is aligned for anything; a structure must be.
        assert!(bytes.as_ptr().cast::<iotx_coap_options_t>().is_aligned());
        // SAFETY: both have that many bytes.
        unsafe {
            (&raw const options)
                .cast::<u8>()
                .copy_to_nonoverlapping(bytes.as_mut_ptr(), bytes.len().min(FULL));
        }
        bytes
    }
}

impl Text<'_> {
    /// A string that ends with NUL.
    pub(crate) fn terminated(&self, usual: &str) -> Option<CString> {
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

pub(crate) fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// # Safety
///
/// `context` is one, NULL, or memory as large as one.
pub(crate) unsafe fn send(context: *mut c_void, path: &Text<'_>, post: Option<&Post<'_>>) -> c_int {
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
pub(crate) unsafe fn ioctl(option: c_int, data: &Data<'_>) {
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
