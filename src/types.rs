//! The C types of the original interface, with the same layouts to the byte. They are
//! asserted here for the target and in `tests/c/layout.c` by a C compiler.
//!
//! Two releases have another layout of the device info, and one another layout of the
//! configuration. Features select these layouts; `cbindgen.toml` has the features' names in
//! C.
//!
//! A value from C may be outside its enumeration, so it is never read as a Rust
//! enumeration: see [`Enumeration`].

#![allow(non_camel_case_types, reason = "the names of the C interface")]

use core::ffi::{c_char, c_int, c_uchar, c_ushort, c_void};
use core::mem::MaybeUninit;

/// Longest product key, without its NUL.
#[cfg(not(feature = "layout-v2-00"))]
pub const IOTX_PRODUCT_KEY_LEN: usize = 20;
/// Longest product key, without its NUL.
#[cfg(feature = "layout-v2-00")]
pub const IOTX_PRODUCT_KEY_LEN: usize = 11;
/// Longest device name, without its NUL.
#[cfg(not(feature = "layout-v2-00"))]
pub const IOTX_DEVICE_NAME_LEN: usize = 32;
/// Longest device name, without its NUL.
#[cfg(feature = "layout-v2-00")]
pub const IOTX_DEVICE_NAME_LEN: usize = 20;
/// Longest device id (the sign-in's client id), without its NUL.
#[cfg(not(feature = "layout-v3-0-1"))]
pub const IOTX_DEVICE_ID_LEN: usize = 64;
/// Longest device id (the sign-in's client id), without its NUL.
#[cfg(feature = "layout-v3-0-1")]
pub const IOTX_DEVICE_ID_LEN: usize = 53;
/// Longest device secret, without its NUL.
#[cfg(not(feature = "layout-v2-00"))]
pub const IOTX_DEVICE_SECRET_LEN: usize = 64;
/// Longest device secret, without its NUL.
#[cfg(feature = "layout-v2-00")]
pub const IOTX_DEVICE_SECRET_LEN: usize = 32;
/// Longest path that `IOT_CoAP_SendMessage` takes, without its NUL.
pub const IOTX_URI_MAX_LEN: usize = 135;

/// The return codes. (The original spells the two LOOGs like this.)
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_ret_code_t {
    /// Receiving timed out. Never returned; defined for sources that use the name.
    IOTX_ERR_RECV_MSG_TIMEOUT = -9,
    /// The message was not sent: the network refused it, or too many messages
    /// wait for their answers.
    IOTX_ERR_SEND_MSG_FAILED = -8,
    /// The whole message would be longer than 1280 bytes or, over DTLS, longer than the
    /// `max_fragment` that the server agreed to.
    IOTX_ERR_MSG_TOO_LOOG = -7,
    /// The path is longer than `IOTX_URI_MAX_LEN` bytes.
    IOTX_ERR_URI_TOO_LOOG = -6,
    /// `IOT_CoAP_DeviceNameAuth` has not succeeded yet.
    IOTX_ERR_NOT_AUTHED = -5,
    /// The cloud refused the device, or did not answer in time.
    IOTX_ERR_AUTH_FAILED = -4,
    /// A buffer is too short. Never returned; defined for sources that use the name.
    IOTX_ERR_BUFF_TOO_SHORT = -3,
    /// The heap is exhausted.
    IOTX_ERR_NO_MEM = -2,
    /// A parameter is NULL or out of range.
    IOTX_ERR_INVALID_PARAM = -1,
    /// Success.
    IOTX_SUCCESS = 0,
}

/// How a message's payload is encoded.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_content_type_t {
    /// application/json.
    IOTX_CONTENT_TYPE_JSON = 0,
    /// application/cbor.
    IOTX_CONTENT_TYPE_CBOR = 1,
}

/// How a message is sent.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_msg_type_t {
    /// Confirmable: sent again until it is answered or given up.
    IOTX_MESSAGE_CON = 0,
    /// Non-confirmable: sent once.
    IOTX_MESSAGE_NON = 1,
    /// Acknowledgement; not for applications to send.
    IOTX_MESSAGE_ACK = 2,
    /// Reset; not for applications to send.
    IOTX_MESSAGE_RST = 3,
}

/// The response codes that the original names. Any other code is passed as its byte.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_coap_resp_code_t {
    /// 2.05: accepted.
    IOTX_COAP_RESP_CODE_CONTENT = 0x45,
    /// 4.00: bad request.
    IOTX_COAP_RESP_CODE_BAD_REQUEST = 0x80,
    /// 4.01: refused, also after signing in again.
    IOTX_COAP_RESP_CODE_UNAUTHORIZED = 0x81,
    /// 4.04: no such topic, or no permission to publish there.
    IOTX_COAP_RESP_CODE_NOT_FOUND = 0x84,
    /// 4.14: topic longer than 128 characters.
    IOTX_COAP_RESP_CODE_URL_TOO_LONG = 0x8E,
    /// 5.00: the server failed.
    IOTX_COAP_RESP_CODE_INTERNAL_SERVER_ERROR = 0xA0,
}

/// The events that the original names. Their handler is never called.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum iotx_coap_event_t {
    /// Sending failed.
    IOTX_COAP_EVENT_SEND_FAILED = 0,
    /// Receiving failed.
    IOTX_COAP_EVENT_RECV_FAILED = 1,
    /// Signing in failed.
    IOTX_COAP_EVENT_AUTH_FAILED = 2,
}

/// Log levels. Lines of a level are logged together with more severe ones.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IOT_LogLevel {
    /// Nothing. (The name is from V2.x.)
    IOT_LOG_EMERG = 0,
    /// Fatal errors. This library logs none.
    IOT_LOG_CRIT = 1,
    /// Errors, among them the reason for each refused call.
    IOT_LOG_ERROR = 2,
    /// Problems that the library recovers from.
    IOT_LOG_WARNING = 3,
    /// Sessions and sign-ins.
    IOT_LOG_INFO = 4,
    /// Each message.
    IOT_LOG_DEBUG = 5,
}

/// Nothing is logged; v3.x's name for `IOT_LOG_EMERG`.
pub const IOT_LOG_NONE: c_int = 0;

/// A client, made by `IOT_CoAP_Init`. Its content is private.
pub type iotx_coap_context_t = c_void;

/// The callback of a message.
///
/// @param arg `user_data` of the message
/// @param message the response; it and its payload are valid until the callback returns
/// @note Called by a thread that is in a waiting call of the same client, with no lock
///     held. The callback may call every function except `IOT_CoAP_Deinit` and
///     `IOT_CoAP_Pause` of the same client. It may leave by `pthread_exit`, but not by
///     `longjmp` or a C++ exception: its caller is C.
pub type iotx_response_callback_t =
    Option<unsafe extern "C-unwind" fn(arg: *mut c_void, message: *mut c_void)>;

/// The function of a callback. Its thread may end in it, which unwinds.
pub(crate) type Callback = unsafe extern "C-unwind" fn(arg: *mut c_void, message: *mut c_void);

/// The original's event handler. Neither the original nor this library ever calls it.
pub type iotx_event_handle_t =
    Option<unsafe extern "C" fn(context: *mut c_void, event: iotx_coap_event_t, data: *mut c_void)>;

/// The identity of a device. Each field is a string that ends with NUL, so its array is one
/// byte longer than its `IOTX_*_LEN`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct iotx_deviceinfo_t {
    /// The product's key: 1 to 20 bytes.
    #[cfg(not(feature = "layout-v2-00"))]
    pub product_key: [c_char; 21],
    /// The product's key: 1 to 11 bytes.
    #[cfg(feature = "layout-v2-00")]
    pub product_key: [c_char; 12],
    /// The device's name: 1 to 32 bytes.
    #[cfg(not(feature = "layout-v2-00"))]
    pub device_name: [c_char; 33],
    /// The device's name: 1 to 20 bytes.
    #[cfg(feature = "layout-v2-00")]
    pub device_name: [c_char; 21],
    /// The client id of the sign-in: 0 to 64 bytes. If it is empty,
    /// `product_key.device_name` is sent.
    #[cfg(not(feature = "layout-v3-0-1"))]
    pub device_id: [c_char; 65],
    /// The client id of the sign-in: 0 to 53 bytes. If it is empty,
    /// `product_key.device_name` is sent.
    #[cfg(feature = "layout-v3-0-1")]
    pub device_id: [c_char; 54],
    /// The secret that signs the sign-in: 1 to 64 bytes.
    #[cfg(not(feature = "layout-v2-00"))]
    pub device_secret: [c_char; 65],
    /// The secret that signs the sign-in: 1 to 32 bytes.
    #[cfg(feature = "layout-v2-00")]
    pub device_secret: [c_char; 33],
}

/// V2.x's other name for `iotx_deviceinfo_t`.
pub type iotx_device_info_t = iotx_deviceinfo_t;
/// v3.x's name for `iotx_deviceinfo_t`.
pub type iotx_coap_device_info_t = iotx_deviceinfo_t;

/// The configuration of a client. It is copied, with everything it points to.
#[repr(C)]
pub struct iotx_coap_config_t {
    /// `coap://`, `coaps://` or `coap-psk://host[:port]`. NULL stands for
    /// `coaps://<product_key>.iot-as-coap.cn-shanghai.aliyuncs.com:5684`.
    pub p_url: *mut c_char,
    /// How long `IOT_CoAP_Yield` waits for something to arrive, in milliseconds: 1 to
    /// 600,000; any other number stands for 2000.
    #[cfg(not(feature = "layout-v2-00"))]
    pub wait_time_ms: c_int,
    /// An `iotx_deviceinfo_t`. It is a `void *`, since the releases of the original have
    /// different names for the type. Nothing behind its `device_secret` is read.
    pub p_devinfo: *mut c_void,
    /// Never called, as in the original.
    pub event_handle: iotx_event_handle_t,
}

/// A message to send. It is copied, with its payload.
#[repr(C)]
pub struct iotx_message_t {
    /// The payload; may be NULL if `payload_len` is 0.
    pub p_payload: *mut c_uchar,
    /// The payload's length in bytes; about 1 KB at most.
    pub payload_len: c_ushort,
    /// How the payload is encoded: `IOTX_CONTENT_TYPE_CBOR`; any other number counts as
    /// `IOTX_CONTENT_TYPE_JSON`.
    pub content_type: MaybeUninit<iotx_content_type_t>,
    /// How the message is sent: `IOTX_MESSAGE_NON`; any other number counts as
    /// `IOTX_MESSAGE_CON`.
    pub msg_type: MaybeUninit<iotx_msg_type_t>,
    /// Passed to the callback as `arg`, never read.
    pub user_data: *mut c_void,
    /// Called with the response; may be NULL.
    pub resp_callback: iotx_response_callback_t,
}

/// A C enumeration. The target's compiler decides its width, and it may hold any number of
/// that width.
pub(crate) trait Enumeration: Sized {
    /// The number that C wrote to `value`.
    fn number(value: &MaybeUninit<Self>) -> c_int {
        let start = value.as_ptr();
        if size_of::<Self>() == 1 {
            // SAFETY: `start` points to one byte, which C wrote.
            c_int::from(unsafe { start.cast::<u8>().read() })
        } else {
            // SAFETY: `start` points to an enumeration as wide as an int (see
            // `layout` below), which C wrote; any bits are an int.
            unsafe { start.cast::<c_int>().read() }
        }
    }
}

impl Enumeration for iotx_content_type_t {}
impl Enumeration for iotx_msg_type_t {}
