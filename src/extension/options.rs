//! The options of `IOT_CoAP_InitWithOptions`: settings for which the original's
//! configuration has no field. Zero is always the default. [`super::option_values`] checks
//! the values.

use core::ffi::{c_char, c_uint, c_void};
use core::ptr::{null, null_mut};

use crate::notices::iotx_coap_notice_handler_t;

/// Sign with HMAC-MD5, which the cloud assumes if no method is named.
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

/// Options of a client. Set the whole structure to zero, then set `size` to its size, then
/// set the fields that need another value. It is copied, with everything it points to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_coap_options_t {
    /// `sizeof(iotx_coap_options_t)`: shows which fields the program knows.
    pub size: c_uint,
    /// `IOTX_COAP_SIGN_HMACMD5` or `IOTX_COAP_SIGN_HMACSHA1`.
    pub sign_method: c_uint,
    /// `IOTX_COAP_SIGN_IN_JSON` or `IOTX_COAP_SIGN_IN_CBOR`.
    pub sign_in_encoding: c_uint,
    /// The number of the option that carries the access token: 61 or 2088; 0 to choose by
    /// the host (2088 below `link.aliyuncs.com` and `iothub.aliyuncs.com`).
    pub access_token_option: c_uint,
    /// A timestamp to send with each sign-in, in milliseconds since 1970; 0 for none.
    pub timestamp_ms: u64,
    /// The trust roots of `coaps://`, as PEM text of at most 64 KiB; NULL for the roots of
    /// `iotx_coap_get_ca()`.
    pub trust_root_pem: *const c_char,
    /// The handler for notices about the client; NULL for none.
    pub on_notice: iotx_coap_notice_handler_t,
    /// Passed to `on_notice`.
    pub notice_data: *mut c_void,
    /// If not 0, the access token is kept over restarts of the program, through `HAL_Kv_*`,
    /// so that `IOT_CoAP_DeviceNameAuth` need not ask the cloud. It is deleted when the
    /// cloud refuses it. Has no effect over `coap-psk://`, and on a port without
    /// `HAL_Kv_*`.
    pub keep_access_token: c_uint,
    /// How many messages may wait for their answers, 4096 at most; 0 for 32.
    pub max_outstanding: c_uint,
    /// How long the first transmission waits for an acknowledgement, in
    /// milliseconds (`ACK_TIMEOUT` of RFC 7252): 1000 to 60,000; 0 for 2000.
    pub ack_timeout_ms: c_uint,
    /// If not 0, the DTLS session is kept through `HAL_Kv_*`, sealed with the device's
    /// secret, so that it outlives a loss of power; see `IOT_CoAP_Resume`. Has no effect
    /// over `coap://`, on a port without these functions, and if the program has its own
    /// `HAL_DTLSSession_*`. One client at a time uses a kept session. A second client opens
    /// a session that is not kept, with a line in the log; with this library's `HAL_Kv_*`,
    /// that includes clients of other programs.
    pub keep_session: c_uint,
    /// If not 0, a server with a certificate is never offered static RSA key exchange,
    /// which has no forward secrecy, or AES-CBC, over `coaps://`. If 0, a server that
    /// refuses better suites, or does not answer for half of `connect_limit_ms`, is offered
    /// these too, since old servers need them. Has no effect if `HAL_DTLSSession_psk`
    /// returns a key: a server that refuses better suites is then offered AES-CBC.
    pub refuse_static_rsa: c_uint,
    /// `IOTX_COAP_PACE_ORIGINAL` or `IOTX_COAP_PACE_NONE`: whether a loop of
    /// `IOT_CoAP_SendMessage` and `IOT_CoAP_Yield` keeps the pace of the original; see
    /// `IOT_CoAP_Yield`.
    pub yield_pace: c_uint,
    /// How many Confirmable messages may be in flight at a time, that is, transmitted but
    /// neither acknowledged nor answered (`NSTART` of RFC 7252, section 4.7); 4096 at most;
    /// 0 for no limit, as with the original. `IOT_CoAP_SendMessage` still accepts more
    /// messages, which wait for their turn, for up to 247 s.
    pub max_in_flight: c_uint,
    /// How long `IOT_CoAP_Init` waits for a DTLS session, and how long each later handshake
    /// may take, in milliseconds: 1000 to 600,000; 0 for 60,000, or eight times
    /// `ack_timeout_ms`, whichever is more. The time for looking up the host's name is not
    /// included.
    pub connect_limit_ms: c_uint,
    /// How long `IOT_CoAP_DeviceNameAuth` waits at most, in milliseconds: 1000 to 600,000;
    /// 0 for 10,000, `wait_time_ms` or four times `ack_timeout_ms`, whichever is longest.
    pub sign_in_limit_ms: c_uint,
    /// The longest handshake datagram that the library sends over `coaps://`, in bytes
    /// without the headers of IP and UDP: 256 to 16,384; 0 for 1232, which fits every IPv6
    /// path. A message is always one datagram, so the network also limits the payload. How
    /// long the server's datagrams are is a setting of the server.
    pub mtu: c_uint,
    /// The most bytes in a DTLS record over `coaps://` (max_fragment_length of RFC 6066):
    /// 512, 1024, 2048 or 4096; 0 asks the server for no limit. Use it on a board without
    /// memory for long datagrams, if the server has no MTU setting. A server that agrees
    /// neither sends nor accepts longer messages, and `IOT_CoAP_SendMessage` refuses them
    /// with -7. A longer message that was accepted before there was a session is logged,
    /// and given up like a lost message.
    pub max_fragment: c_uint,
    /// How old a session over `coaps://` may be to be resumed by a ticket or a session id,
    /// which makes the handshake shorter, in seconds since the full handshake: 60 to
    /// 604,800; 0 for 86,400, a day (RFC 5246, section F.1.4). The lifetime of the server's
    /// ticket and the dates of its certificate are further limits. Over a restart without a
    /// calendar, each waking counts as ten minutes.
    pub resume_limit_s: c_uint,
    /// How old a session may be to go on without a handshake after a restart, with
    /// `keep_session`, in seconds, counted like `resume_limit_s`: 60 to 2,592,000; 0 for
    /// 604,800, a week. The limit does not end a session that is in use.
    pub session_limit_s: c_uint,
}

impl iotx_coap_options_t {
    pub(super) const DEFAULT: Self = Self {
        size: 0,
        sign_method: 0,
        sign_in_encoding: 0,
        access_token_option: 0,
        timestamp_ms: 0,
        trust_root_pem: null(),
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
