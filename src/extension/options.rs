//! `IOT_CoAP_InitWithOptions`: everything that the original's configuration has no
//! field for. Zero is always the default. The shorter structure of an older header is
//! accepted.

use core::ffi::{CStr, c_char, c_uint, c_void};
use core::mem::{offset_of, size_of};
use core::ptr::{NonNull, null_mut};

use alloc::ffi::CString;
use alloc::vec::Vec;

use iot_coap_client::{Duration, Encoding, OptionNumber, SignMethod};

use crate::configuration::{ConfigError, Configuration, Options};
use crate::context::Context;
use crate::enter::enter_and_open;
use crate::link::DtlsOptions;
use crate::log::{connect_port, log};
use crate::notices::{Subscriber, iotx_coap_notice_handler_t};
use crate::types::{iotx_coap_config_t, iotx_coap_context_t};

/// Sign with HMAC-MD5, which the cloud takes where no method is named.
pub const IOTX_COAP_SIGN_HMACMD5: c_uint = 0;
/// Sign with HMAC-SHA1.
pub const IOTX_COAP_SIGN_HMACSHA1: c_uint = 1;

/// Sign in by JSON.
pub const IOTX_COAP_SIGN_IN_JSON: c_uint = 0;
/// Sign in by CBOR, about a fifth shorter.
pub const IOTX_COAP_SIGN_IN_CBOR: c_uint = 1;

/// `IOT_CoAP_Yield` has the pace of the original.
pub const IOTX_COAP_PACE_ORIGINAL: c_uint = 0;
/// `IOT_CoAP_Yield` returns with each answer.
pub const IOTX_COAP_PACE_NONE: c_uint = 1;

/// The most messages that may wait for their answers, whatever is asked for.
const MAX_OUTSTANDING: c_uint = 4096;

/// The most messages that may be in flight, where there is a limit.
const MAX_IN_FLIGHT: u16 = 4096;

/// How old a session may be at most to be resumed, or to go on, in seconds.
const MAX_RESUME_LIMIT_S: c_uint = 604_800;
const MAX_SESSION_LIMIT_S: c_uint = 2_592_000;

/// The longest trust root, in bytes.
const MAX_TRUST_ROOT_LEN: usize = 65_536;

/// How a client behaves. Set all of it to zero, then `size` to its size, then
/// what is to differ; it and all it points to are copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_coap_options_t {
    /// `sizeof(iotx_coap_options_t)`: says which fields the program knows.
    pub size: c_uint,
    /// `IOTX_COAP_SIGN_HMACMD5` or `IOTX_COAP_SIGN_HMACSHA1`.
    pub sign_method: c_uint,
    /// `IOTX_COAP_SIGN_IN_JSON` or `IOTX_COAP_SIGN_IN_CBOR`.
    pub sign_in_encoding: c_uint,
    /// The option that carries the access token: 61 or 2088; 0 for what the
    /// host takes (2088 below `link.aliyuncs.com` and `iothub.aliyuncs.com`).
    pub access_token_option: c_uint,
    /// Sent with each sign-in, in milliseconds since 1970; 0 for none.
    pub timestamp_ms: u64,
    /// The trust roots of `coaps://`, as PEM text of at most 64 KiB; NULL for
    /// what `iotx_coap_get_ca()` returns.
    pub trust_root_pem: *const c_char,
    /// Called with what happens to the client; NULL for no calls.
    pub on_notice: iotx_coap_notice_handler_t,
    /// Handed to `on_notice`.
    pub notice_data: *mut c_void,
    /// Not 0: the access token is kept, through `HAL_Kv_*`, over restarts of
    /// the program, so that `IOT_CoAP_DeviceNameAuth` need not ask the cloud;
    /// it is deleted when the cloud refuses it. Without effect over
    /// `coap-psk://`, and on a port without `HAL_Kv_*`.
    pub keep_access_token: c_uint,
    /// How many messages may wait for their answers, 4096 at most; 0 for 32.
    pub max_outstanding: c_uint,
    /// How long the first transmission waits for an acknowledgement, in
    /// milliseconds (`ACK_TIMEOUT` of RFC 7252): 1000 to 60,000; 0 for 2000.
    pub ack_timeout_ms: c_uint,
    /// Not 0: the DTLS session is kept, sealed with the device's secret, through
    /// `HAL_Kv_*`, so that it outlives a loss of power; see `IOT_CoAP_Resume`.
    /// Without effect over `coap://`, on a port that lacks these functions, and
    /// if the program has its own `HAL_DTLSSession_*`. A kept session has one client
    /// at a time: another one, also of another program where `HAL_Kv_*` are this library's,
    /// opens a session that is not kept, and a line in the log says so.
    pub keep_session: c_uint,
    /// Not 0: over `coaps://`, a server with a certificate is never offered key exchange by
    /// static RSA, which has no forward secrecy, nor AES-CBC: there is no second offer. If
    /// 0, a server that refuses better suites, or says nothing for half of
    /// `connect_limit_ms`, is offered these too, which old servers need. Without effect
    /// where `HAL_DTLSSession_psk` gives a key: then AES-CBC is in the second offer.
    pub refuse_static_rsa: c_uint,
    /// `IOTX_COAP_PACE_ORIGINAL` or `IOTX_COAP_PACE_NONE`: whether a loop of
    /// `IOT_CoAP_SendMessage` and `IOT_CoAP_Yield` keeps the pace that the original gave
    /// it; see `IOT_CoAP_Yield`.
    pub yield_pace: c_uint,
    /// How many Confirmable messages may be in flight at a time, transmitted and neither
    /// acknowledged nor answered (`NSTART` of RFC 7252, section 4.7), 4096 at most; 0 for
    /// no limit, as with the original. `IOT_CoAP_SendMessage` takes others nevertheless;
    /// they wait for their turn, up to 247 s.
    pub max_in_flight: c_uint,
    /// How long `IOT_CoAP_Init` waits at most for a DTLS session, in milliseconds, and how
    /// long each later handshake may take: 1000 to 600,000; 0 for 60,000, or eight times
    /// `ack_timeout_ms`, whichever is more. A name server's time is not in it.
    pub connect_limit_ms: c_uint,
    /// How long `IOT_CoAP_DeviceNameAuth` waits at most, in milliseconds: 1000 to 600,000;
    /// 0 for 10,000, `wait_time_ms` or four times `ack_timeout_ms`, whichever is most.
    pub sign_in_limit_ms: c_uint,
    /// The longest datagram of a handshake that the library sends over `coaps://`, in bytes
    /// without the headers of IP and UDP: 256 to 16,384; 0 for 1232, which every path of
    /// IPv6 takes. Each message is one datagram, whatever its length: what a network takes
    /// bounds the payload as well. What the server sends is a setting of the server.
    pub mtu: c_uint,
    /// The most bytes in a DTLS record over `coaps://` (max_fragment_length of RFC 6066): 512,
    /// 1024, 2048 or 4096; 0 asks the server for nothing. For a board that has no memory for
    /// long datagrams, and a server that knows no MTU. A server that agrees sends no longer
    /// messages either, and takes none: those are named in the log, and are
    /// given up like messages that get lost.
    pub max_fragment: c_uint,
    /// How old a session over `coaps://` may be to be resumed by a ticket or a session id,
    /// which makes the handshake shorter, in seconds since the full handshake: 60 to 604,800;
    /// 0 for 86,400, a day (RFC 5246, section F.1.4). What the server says of its ticket, and
    /// the dates of its certificate, bound it as well. Over a restart without a calendar,
    /// each waking counts as ten minutes.
    pub resume_limit_s: c_uint,
    /// How old a session may be to be kept on by `keep_session` without a handshake, counted in
    /// the same way: 60 to 2,592,000; 0 for 604,800, a week. It does not end a session that
    /// is in use.
    pub session_limit_s: c_uint,
}

impl iotx_coap_options_t {
    const DEFAULT: Self = Self {
        size: 0,
        sign_method: 0,
        sign_in_encoding: 0,
        access_token_option: 0,
        timestamp_ms: 0,
        trust_root_pem: core::ptr::null(),
        on_notice: None,
        notice_data: null_mut(),
        keep_access_token: 0,
        max_outstanding: 0,
        ack_timeout_ms: 0,
        keep_session: 0,
        refuse_static_rsa: 0,
        yield_pace: 0,
        max_in_flight: 0,
        connect_limit_ms: 0,
        sign_in_limit_ms: 0,
        mtu: 0,
        max_fragment: 0,
        resume_limit_s: 0,
        session_limit_s: 0,
    };
}

/// Where each field ends: a structure of an older header ends at one of these.
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
    /// `options` is NULL or points to as many bytes as its `size` says.
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
        // Whole fields only: a pointer that is half copied would be followed.
        let whole = FIELD_ENDS.iter().copied().filter(|&end| end <= size);
        let len = whole.max().unwrap_or(0);
        // SAFETY: it has `size` bytes, by the contract; fields that an older header lacks stay
        // zero, and those that only a newer one has are not read.
        unsafe {
            options.cast::<u8>().copy_to_nonoverlapping((&raw mut known).cast::<u8>(), len);
        }
        let sign_method = match known.sign_method {
            IOTX_COAP_SIGN_HMACMD5 => SignMethod::HmacMd5,
            #[cfg(feature = "hmac-sha1")]
            IOTX_COAP_SIGN_HMACSHA1 => SignMethod::HmacSha1,
            _ => return Err(ConfigError::Option("sign_method")),
        };
        let encoding = match known.sign_in_encoding {
            IOTX_COAP_SIGN_IN_JSON => Encoding::Json,
            #[cfg(feature = "cbor")]
            IOTX_COAP_SIGN_IN_CBOR => Encoding::Cbor,
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
            IOTX_COAP_PACE_ORIGINAL => false,
            IOTX_COAP_PACE_NONE => true,
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

/// Makes a client, as `IOT_CoAP_Init`, with options.
///
/// @param config the configuration, as for `IOT_CoAP_Init`
/// @param options the options; NULL for the defaults
/// @return the client, or NULL with the reason logged: as `IOT_CoAP_Init`, or an option
///     is out of its range
/// @note Blocks as `IOT_CoAP_Init`.
///
/// # Safety
///
/// As `IOT_CoAP_Init`; `options` is NULL or points to as many bytes as its
/// `size` says, its `trust_root_pem` is NULL or a string.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_InitWithOptions(
    config: *mut iotx_coap_config_t,
    options: *const iotx_coap_options_t,
) -> *mut iotx_coap_context_t {
    const NAME: &str = "IOT_CoAP_InitWithOptions";
    // SAFETY: both are valid by the contract; pointers need no drop, and
    // this frame is the first.
    unsafe { enter_and_open(NAME, || make(NAME, config, options, |_| ())) }
}

/// A context with this configuration and these options, which `adapt` changes first;
/// `None`, with a line in the log that begins with `name`.
///
/// # Safety
///
/// As `IOT_CoAP_InitWithOptions`.
pub(super) unsafe fn make(
    name: &str,
    config: *mut iotx_coap_config_t,
    options: *const iotx_coap_options_t,
    adapt: impl FnOnce(&mut Options),
) -> Option<NonNull<Context>> {
    connect_port();
    // SAFETY: the configuration is valid by the contract.
    let read = unsafe { Configuration::read(config) }
        // SAFETY: the options are valid by the contract.
        .and_then(|configuration| Ok((configuration, unsafe { Options::read(options) }?)));
    match read {
        Ok((configuration, mut options)) => {
            adapt(&mut options);
            Context::new(configuration, options)
        }
        Err(error) => {
            log!(Error, "{name}: {error}");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads options of which a program has `size` bytes, and no more.
    fn read(options: &iotx_coap_options_t, size: usize) -> Result<Options, ConfigError> {
        let mut words = vec![0_u64; size.div_ceil(8)].into_boxed_slice();
        let copied = size.min(size_of::<iotx_coap_options_t>());
        // SAFETY: both have as many bytes.
        unsafe {
            core::ptr::from_ref(options)
                .cast::<u8>()
                .copy_to_nonoverlapping(words.as_mut_ptr().cast(), copied);
        }
        let place = words.as_mut_ptr().cast::<c_uint>();
        // SAFETY: there are at least four bytes, and `size` in all but the rounding.
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
            yield_pace: IOTX_COAP_PACE_NONE,
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
            // SAFETY: its size is all that is read of it.
            let read = unsafe { Options::read(short.as_ptr().cast()) };
            assert!(matches!(read, Err(ConfigError::Option("size"))));
        }
    }

    #[test]
    fn a_context_lives_from_its_making_to_its_end() {
        use crate::configuration::tests::Handed;
        use crate::exports::*;
        use crate::extension::*;
        use crate::notices::iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SIGN_IN_FAILED;
        use crate::notices::iotx_coap_notice_t;
        use crate::types::iotx_coap_config_t;

        /// Counts, and calls the library.
        unsafe extern "C-unwind" fn count(
            data: *mut c_void,
            context: *mut c_void,
            notice: *const iotx_coap_notice_t,
        ) {
            // SAFETY: what the library promises, and the data set below.
            unsafe {
                assert_eq!((*notice).kind, IOTX_COAP_NOTICE_SIGN_IN_FAILED);
                *data.cast::<u32>() += 1;
                let mut own = context;
                IOT_CoAP_Deinit(&raw mut own);
                assert_eq!(own, context, "refused");
                IOT_CoAP_Yield(context);
            }
        }

        let mut failed = 0_u32;
        let mut options = iotx_coap_options_t {
            size: size_of::<iotx_coap_options_t>() as u32,
            on_notice: Some(count),
            notice_data: (&raw mut failed).cast(),
            ..iotx_coap_options_t::DEFAULT
        };
        let init = |config: *mut iotx_coap_config_t| {
            // SAFETY: both are sound.
            unsafe { IOT_CoAP_InitWithOptions(config, &raw mut options) }
        };
        let mut context = Handed::new("coap://127.0.0.1:9").hand_over(init);
        assert!(!context.is_null());
        let mut statistics = iotx_coap_statistics_t::default();
        // SAFETY: the context lives until its end, and the rest is this frame's.
        unsafe {
            assert_eq!(IOT_CoAP_StartSignIn(context, 1), 0);
            assert_eq!(IOT_CoAP_Flush(context, 10), 0);
            for _ in 0..10 {
                assert_eq!(IOT_CoAP_Yield(context), 0);
            }
            let size = size_of::<iotx_coap_statistics_t>() as u32;
            assert_eq!(IOT_CoAP_GetStatistics(context, &raw mut statistics, size), 0);
            assert_ne!(statistics.bytes_sent, 0);
            assert_ne!(IOT_CoAP_GetCurToken(context), 0);
            assert!(IOT_CoAP_GetTimeoutMs(context) >= -1);
            IOT_CoAP_Deinit(&raw mut context);
        }
        assert!(context.is_null());
        assert_eq!(failed, 1);
    }
}
