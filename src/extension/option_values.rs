//! Reads options, and refuses values that are out of range. Accepts the shorter structure
//! of an older header.

use core::ffi::{CStr, c_char, c_uint};
use core::mem::{offset_of, size_of};

use alloc::ffi::CString;
use alloc::vec::Vec;

use iot_coap_client::{Duration, Encoding, OptionNumber, SignMethod};

use super::options::iotx_coap_options_t;
use crate::configuration::{ConfigError, Options};
use crate::link::DtlsOptions;
use crate::notices::Subscriber;

/// The upper limit of `max_outstanding`.
const MAX_OUTSTANDING: c_uint = 4096;

/// The upper limit of `max_in_flight`.
const MAX_IN_FLIGHT: u16 = 4096;

/// The upper limits of `resume_limit_s` and `session_limit_s`.
const MAX_RESUME_LIMIT_S: c_uint = 604_800;
const MAX_SESSION_LIMIT_S: c_uint = 2_592_000;

/// The longest trust root, in bytes.
const MAX_TRUST_ROOT_LEN: usize = 65_536;

/// The end of each field: the structure of an older header ends at one of these offsets.
const FIELD_ENDS: [usize; 21] = {
    const WORD: usize = size_of::<c_uint>();
    const POINTER: usize = size_of::<*const c_char>();
    [
        offset_of!(iotx_coap_options_t, size) + WORD,
        offset_of!(iotx_coap_options_t, sign_method) + WORD,
        offset_of!(iotx_coap_options_t, sign_in_encoding) + WORD,
        offset_of!(iotx_coap_options_t, access_token_option) + WORD,
        offset_of!(iotx_coap_options_t, timestamp_ms) + size_of::<u64>(),
        offset_of!(iotx_coap_options_t, trust_root_pem) + POINTER,
        offset_of!(iotx_coap_options_t, on_notice) + POINTER,
        offset_of!(iotx_coap_options_t, notice_data) + POINTER,
        offset_of!(iotx_coap_options_t, keep_access_token) + WORD,
        offset_of!(iotx_coap_options_t, max_outstanding) + WORD,
        offset_of!(iotx_coap_options_t, ack_timeout_ms) + WORD,
        offset_of!(iotx_coap_options_t, keep_session) + WORD,
        offset_of!(iotx_coap_options_t, refuse_static_rsa) + WORD,
        offset_of!(iotx_coap_options_t, yield_pace) + WORD,
        offset_of!(iotx_coap_options_t, max_in_flight) + WORD,
        offset_of!(iotx_coap_options_t, connect_limit_ms) + WORD,
        offset_of!(iotx_coap_options_t, sign_in_limit_ms) + WORD,
        offset_of!(iotx_coap_options_t, mtu) + WORD,
        offset_of!(iotx_coap_options_t, max_fragment) + WORD,
        offset_of!(iotx_coap_options_t, resume_limit_s) + WORD,
        offset_of!(iotx_coap_options_t, session_limit_s) + WORD,
    ]
};

impl Options {
    /// # Safety
    ///
    /// `options` is NULL or points to `size` bytes.
    pub(super) unsafe fn read(options: *const iotx_coap_options_t) -> Result<Self, ConfigError> {
        if options.is_null() {
            return Ok(Self::default());
        }
        // SAFETY: every version of the structure begins with its size.
        let size = unsafe { options.cast::<c_uint>().read() } as usize;
        if size < offset_of!(iotx_coap_options_t, sign_method) {
            return Err(ConfigError::Option("size"));
        }
        let mut known = iotx_coap_options_t::DEFAULT;
        // Copy whole fields only: half of a pointer must not be followed.
        let whole = FIELD_ENDS.iter().copied().filter(|&end| end <= size);
        let len = whole.max().unwrap_or(0);
        // SAFETY: the structure has `size` bytes, by the contract. Fields that an older
        // header lacks stay zero; fields of a newer header are not read.
        unsafe {
            options.cast::<u8>().copy_to_nonoverlapping((&raw mut known).cast::<u8>(), len);
        }
        let sign_method = match known.sign_method {
            super::IOTX_COAP_SIGN_HMACMD5 => SignMethod::HmacMd5,
            #[cfg(feature = "hmac-sha1")]
            super::IOTX_COAP_SIGN_HMACSHA1 => SignMethod::HmacSha1,
            _ => return Err(ConfigError::Option("sign_method")),
        };
        let encoding = match known.sign_in_encoding {
            super::IOTX_COAP_SIGN_IN_JSON => Encoding::Json,
            #[cfg(feature = "cbor")]
            super::IOTX_COAP_SIGN_IN_CBOR => Encoding::Cbor,
            _ => return Err(ConfigError::Option("sign_in_encoding")),
        };
        let access_token_option = match known.access_token_option {
            0 => None,
            61 => Some(OptionNumber::ACCESS_TOKEN),
            2088 => Some(OptionNumber::ACCESS_TOKEN_LINK),
            _ => return Err(ConfigError::Option("access_token_option")),
        };
        let max_outstanding = match known.max_outstanding {
            0 => None,
            most @ 1..=MAX_OUTSTANDING => Some(most as usize),
            _ => return Err(ConfigError::Option("max_outstanding")),
        };
        let ack_timeout = match known.ack_timeout_ms {
            0 => None,
            ms @ 1000..=60_000 => Some(Duration::from_millis(ms.into())),
            _ => return Err(ConfigError::Option("ack_timeout_ms")),
        };
        let connect_limit = limit("connect_limit_ms", known.connect_limit_ms)?;
        let sign_in_limit = limit("sign_in_limit_ms", known.sign_in_limit_ms)?;
        let keeps_own_pace = match known.yield_pace {
            super::IOTX_COAP_PACE_ORIGINAL => false,
            super::IOTX_COAP_PACE_NONE => true,
            _ => return Err(ConfigError::Option("yield_pace")),
        };
        let max_in_flight = u16::try_from(known.max_in_flight)
            .ok()
            .filter(|most| *most <= MAX_IN_FLIGHT)
            .ok_or(ConfigError::Option("max_in_flight"))?;
        let mtu = match known.mtu {
            bytes @ (0 | 256..=16_384) => bytes as u16,
            _ => return Err(ConfigError::Option("mtu")),
        };
        let max_fragment = match known.max_fragment {
            bytes @ (0 | 512 | 1024 | 2048 | 4096) => bytes as u16,
            _ => return Err(ConfigError::Option("max_fragment")),
        };
        let resume_limit_s = age_limit("resume_limit_s", known.resume_limit_s, MAX_RESUME_LIMIT_S)?;
        let session_limit_s =
            age_limit("session_limit_s", known.session_limit_s, MAX_SESSION_LIMIT_S)?;
        Ok(Self {
            sign_method,
            encoding,
            access_token_option,
            timestamp_ms: (known.timestamp_ms != 0).then_some(known.timestamp_ms),
            dtls: DtlsOptions {
                // SAFETY: NULL or a string, by the contract.
                trust_root: unsafe { trust_root(known.trust_root_pem) }?,
                refuses_static_rsa: known.refuse_static_rsa != 0,
                mtu,
                max_fragment,
                resume_limit_s,
                session_limit_s,
            },
            subscriber: known
                .on_notice
                .map(|handler| Subscriber { handler, data: known.notice_data }),
            keep_access_token: known.keep_access_token != 0,
            max_outstanding,
            ack_timeout,
            connect_limit,
            sign_in_limit,
            keep_session: known.keep_session != 0,
            keeps_own_pace,
            max_in_flight,
        })
    }
}

/// A time limit in milliseconds.
fn limit(name: &'static str, ms: c_uint) -> Result<Option<Duration>, ConfigError> {
    match ms {
        0 => Ok(None),
        1000..=600_000 => Ok(Some(Duration::from_millis(ms.into()))),
        _ => Err(ConfigError::Option(name)),
    }
}

/// How old a session may be, in seconds; 0 for the default.
fn age_limit(name: &'static str, seconds: c_uint, most: c_uint) -> Result<u32, ConfigError> {
    match seconds {
        0 => Ok(0),
        _ if (60..=most).contains(&seconds) => Ok(seconds),
        _ => Err(ConfigError::Option(name)),
    }
}

/// # Safety
///
/// `pem` is NULL or a string.
unsafe fn trust_root(pem: *const c_char) -> Result<Option<CString>, ConfigError> {
    if pem.is_null() {
        return Ok(None);
    }
    // SAFETY: not NULL, so it is a string, by the contract.
    let text = unsafe { CStr::from_ptr(pem) }.to_bytes();
    if text.len() > MAX_TRUST_ROOT_LEN {
        return Err(ConfigError::Option("trust_root_pem"));
    }
    let mut copy = Vec::new();
    copy.try_reserve_exact(text.len() + 1).map_err(|_| ConfigError::OutOfMemory)?;
    copy.extend_from_slice(text);
    CString::new(copy).map(Some).map_err(|_| ConfigError::Option("trust_root_pem"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads options from memory of exactly `size` bytes.
    fn read(options: &iotx_coap_options_t, size: usize) -> Result<Options, ConfigError> {
        let mut words = vec![0_u64; size.div_ceil(8)].into_boxed_slice();
        let copied = size.min(size_of::<iotx_coap_options_t>());
        // SAFETY: both have at least this many bytes.
        unsafe {
            core::ptr::from_ref(options)
                .cast::<u8>()
                .copy_to_nonoverlapping(words.as_mut_ptr().cast(), copied);
        }
        let place = words.as_mut_ptr().cast::<c_uint>();
        // SAFETY: there are at least four bytes for the size, and `size` bytes in all,
        // rounded up.
        unsafe {
            place.write(size.try_into().expect("a small size"));
            Options::read(place.cast())
        }
    }

    #[test]
    fn a_structure_of_any_length_is_read_by_whole_fields() {
        let pem = c"PEM";
        let options = iotx_coap_options_t {
            access_token_option: 61,
            timestamp_ms: 5,
            trust_root_pem: pem.as_ptr(),
            max_outstanding: 6,
            ack_timeout_ms: 1000,
            keep_session: 1,
            refuse_static_rsa: 1,
            yield_pace: crate::extension::IOTX_COAP_PACE_NONE,
            max_in_flight: 4096,
            mtu: 256,
            max_fragment: 512,
            resume_limit_s: 60,
            session_limit_s: 2_592_000,
            ..iotx_coap_options_t::DEFAULT
        };
        for size in 4..=size_of::<iotx_coap_options_t>() + 16 {
            let read = read(&options, size).expect("sound");
            let knows = |field: usize| FIELD_ENDS[field] <= size;
            assert_eq!(read.access_token_option.is_some(), knows(3), "{size}");
            assert_eq!(read.timestamp_ms.is_some(), knows(4), "{size}");
            assert_eq!(read.dtls.trust_root.as_deref(), knows(5).then_some(pem), "{size}");
            assert_eq!(read.max_outstanding.is_some(), knows(9), "{size}");
            assert_eq!(read.ack_timeout.is_some(), knows(10), "{size}");
            assert_eq!(read.keep_session, knows(11), "{size}");
            assert_eq!(read.dtls.refuses_static_rsa, knows(12), "{size}");
            assert_eq!(read.keeps_own_pace, knows(13), "{size}");
            assert_eq!(read.max_in_flight, if knows(14) { 4096 } else { 0 }, "{size}");
            assert_eq!(read.dtls.mtu, if knows(17) { 256 } else { 0 }, "{size}");
            assert_eq!(read.dtls.max_fragment, if knows(18) { 512 } else { 0 }, "{size}");
            assert_eq!(read.dtls.resume_limit_s, if knows(19) { 60 } else { 0 }, "{size}");
            let session_limit_s = if knows(20) { 2_592_000 } else { 0 };
            assert_eq!(read.dtls.session_limit_s, session_limit_s, "{size}");
        }
        for size in 0..4 {
            assert!(read(&options, 4.max(size)).is_ok());
            let short = [size; 1];
            // SAFETY: nothing but the size is read.
            let read = unsafe { Options::read(short.as_ptr().cast()) };
            assert!(matches!(read, Err(ConfigError::Option("size"))));
        }
    }
}
