//! The options of `IOT_CoAP_InitWithOptions`: everything that the original's configuration
//! has no field for. Zero is always the default. What the values mean is in
//! [`super::option_values`].

use core::ffi::{c_char, c_uint, c_void};
use core::ptr::{null, null_mut};

use crate::notices::iotx_coap_notice_handler_t;

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
    /// messages either, and takes none: `IOT_CoAP_SendMessage` refuses them by -7. One that was
    /// taken before there was a session is named in the log, and given up like one that gets
    /// lost.
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
