//! The C interface as Rust calls it, for tests that steer the cloud between two
//! calls.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use iot_coap::{
    IOT_CoAP_Deinit, IOT_CoAP_DeviceNameAuth, IOT_CoAP_GetMessageCode, IOT_CoAP_GetMessagePayload,
    IOT_CoAP_GetStatistics, IOT_CoAP_GetTimeoutMs, IOT_CoAP_Init, IOT_CoAP_InitWithOptions,
    IOT_CoAP_SendMessage, IOT_CoAP_Yield, IOTX_COAP_PACE_NONE, iotx_coap_config_t,
    iotx_coap_options_t, iotx_coap_statistics_t, iotx_content_type_t, iotx_deviceinfo_t,
    iotx_message_t, iotx_msg_type_t,
};
use iot_coap_cloud::Device;

/// What the callbacks of a client have been handed so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The number that the message was sent under.
    pub message: usize,
    /// The response code, e.g. 0x45.
    pub code: u8,
    /// The response's payload.
    pub payload: Vec<u8>,
    /// When its callback ran.
    pub at: Instant,
}

type Answers = Arc<Mutex<Vec<Answer>>>;

/// What a message's `user_data` points to.
struct Sent {
    message: usize,
    answers: Answers,
}

/// A client made by `IOT_CoAP_Init`. Every call may come from any thread.
pub struct Client {
    context: NonNull<c_void>,
    answers: Answers,
    /// Kept for as long as a callback may come.
    sent: Mutex<Vec<Arc<Sent>>>,
}

// SAFETY: the library's promise: any function of a context from any thread.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    /// `IOT_CoAP_Init`, for the cloud's sample device. `IOT_CoAP_Yield` returns with each
    /// answer.
    pub fn init(url: &str, wait_ms: c_int) -> Option<Self> {
        let client = Self::paced(url, wait_ms)?;
        // SAFETY: the context lives as long as the client.
        unsafe { IOT_CoAP_GetTimeoutMs(client.context.as_ptr()) };
        Some(client)
    }

    /// The same, where `IOT_CoAP_Yield` has the pace of the original.
    pub fn paced(url: &str, wait_ms: c_int) -> Option<Self> {
        Self::init_by(url, wait_ms, |config| {
            // SAFETY: `init_by` gives a whole configuration.
            unsafe { IOT_CoAP_Init(config) }
        })
    }

    /// `IOT_CoAP_InitWithOptions`, with roots in PEM and with whatever else `change` sets.
    /// `IOT_CoAP_Yield` returns with each answer.
    pub fn init_trusting(
        url: &str,
        wait_ms: c_int,
        root_pem: &str,
        change: impl FnOnce(&mut iotx_coap_options_t),
    ) -> Option<Self> {
        let root_pem = CString::new(root_pem).expect("PEM holds no NUL");
        // SAFETY: the structure's own documentation: all of it zero is the default.
        let mut options: iotx_coap_options_t = unsafe { std::mem::zeroed() };
        options.size = size_of::<iotx_coap_options_t>().try_into().expect("a small structure");
        options.trust_root_pem = root_pem.as_ptr();
        options.yield_pace = IOTX_COAP_PACE_NONE;
        change(&mut options);
        Self::init_by(url, wait_ms, |config| {
            // SAFETY: `init_by` gives a whole configuration, and the options live during the
            // call.
            unsafe { IOT_CoAP_InitWithOptions(config, &raw const options) }
        })
    }

    /// As [`Client::init`], by another function that makes contexts.
    pub fn init_by(
        url: &str,
        wait_ms: c_int,
        make: impl FnOnce(*mut iotx_coap_config_t) -> *mut c_void,
    ) -> Option<Self> {
        let device = Device::sample();
        let mut info = iotx_deviceinfo_t {
            product_key: [0; 21],
            device_name: [0; 33],
            device_id: [0; 65],
            device_secret: [0; 65],
        };
        fill(&mut info.product_key, &device.product_key);
        fill(&mut info.device_name, &device.device_name);
        fill(&mut info.device_secret, &device.device_secret);
        let url = CString::new(url).expect("a URL holds no NUL");
        let mut config = iotx_coap_config_t {
            p_url: url.as_ptr().cast_mut(),
            wait_time_ms: wait_ms,
            p_devinfo: (&raw mut info).cast(),
            event_handle: None,
        };
        let context = NonNull::new(make(&raw mut config))?;
        Some(Self { context, answers: Arc::default(), sent: Mutex::default() })
    }

    /// A client that has signed in.
    pub fn signed_in(url: &str) -> Self {
        let client = Self::init(url, 500).expect("IOT_CoAP_Init succeeds");
        assert_eq!(client.sign_in(), 0, "IOT_CoAP_DeviceNameAuth succeeds");
        client
    }

    /// What the library's functions take.
    pub fn context(&self) -> *mut c_void {
        self.context.as_ptr()
    }

    /// How many messages wait for their answers.
    pub fn outstanding(&self) -> u32 {
        self.statistics().outstanding
    }

    /// `IOT_CoAP_GetStatistics`.
    pub fn statistics(&self) -> iotx_coap_statistics_t {
        let mut statistics = iotx_coap_statistics_t::default();
        let size = size_of::<iotx_coap_statistics_t>().try_into().expect("a small structure");
        // SAFETY: the context lives as long as `self`, and `statistics` has its
        // size.
        let code =
            unsafe { IOT_CoAP_GetStatistics(self.context.as_ptr(), &raw mut statistics, size) };
        assert_eq!(code, 0);
        statistics
    }

    /// `IOT_CoAP_DeviceNameAuth`; returns its code.
    pub fn sign_in(&self) -> c_int {
        // SAFETY: the context lives as long as `self`.
        unsafe { IOT_CoAP_DeviceNameAuth(self.context.as_ptr()) }
    }

    /// `IOT_CoAP_Yield`; returns its code.
    pub fn yield_once(&self) -> c_int {
        // SAFETY: the context lives as long as `self`.
        unsafe { IOT_CoAP_Yield(self.context.as_ptr()) }
    }

    /// Sends `payload` to the device's topic `name`, under the number
    /// `message`.
    pub fn post(&self, name: &str, message: usize, kind: iotx_msg_type_t) -> c_int {
        self.post_bytes(name, message, kind, format!("{{\"message\":{message}}}").into_bytes())
    }

    /// The same with a payload of the test's own.
    pub fn post_bytes(
        &self,
        name: &str,
        message: usize,
        kind: iotx_msg_type_t,
        mut payload: Vec<u8>,
    ) -> c_int {
        let device = Device::sample();
        let path = format!("/topic/{}/{}/{name}", device.product_key, device.device_name);
        let path = CString::new(path).expect("a path holds no NUL");
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let keep = Arc::new(Sent { message, answers: Arc::clone(&self.answers) });
        let user_data = Arc::as_ptr(&keep);
        sent.push(keep);
        drop(sent);
        let mut request = iotx_message_t {
            p_payload: payload.as_mut_ptr(),
            payload_len: payload.len().try_into().expect("a short payload"),
            content_type: std::mem::MaybeUninit::new(iotx_content_type_t::IOTX_CONTENT_TYPE_JSON),
            msg_type: std::mem::MaybeUninit::new(kind),
            user_data: user_data.cast_mut().cast(),
            resp_callback: Some(keep_answer),
        };
        // SAFETY: the context lives as long as `self`, the rest during the call;
        // `user_data` as long as `self`.
        unsafe {
            IOT_CoAP_SendMessage(self.context.as_ptr(), path.as_ptr().cast_mut(), &raw mut request)
        }
    }

    /// Sends a Confirmable message.
    pub fn confirm(&self, message: usize) -> c_int {
        self.post("update", message, iotx_msg_type_t::IOTX_MESSAGE_CON)
    }

    /// What has been answered so far.
    pub fn answers(&self) -> Vec<Answer> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Yields until `count` answers are there.
    pub fn await_answers(&self, count: usize, within: Duration) -> Vec<Answer> {
        let start = Instant::now();
        while self.answers().len() < count {
            assert!(start.elapsed() < within, "{:?} within {within:?}", self.answers());
            assert!(self.yield_once() >= 0);
        }
        self.answers()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let mut context = self.context.as_ptr();
        // SAFETY: the context is `self`'s, and no other call is running.
        unsafe { IOT_CoAP_Deinit(&raw mut context) };
        assert!(context.is_null());
    }
}

/// The callback of every message.
unsafe extern "C-unwind" fn keep_answer(user_data: *mut c_void, message: *mut c_void) {
    // Not every code is one of the enumeration's: kept as an int.
    let mut number: c_int = 0;
    let mut payload = null_mut();
    let mut len = 0;
    // SAFETY: `user_data` is what `post` gave, `message` what the library gives;
    // the code is as wide as an int on Linux.
    let sent = unsafe {
        assert_eq!(IOT_CoAP_GetMessageCode(message, (&raw mut number).cast()), 0);
        assert_eq!(IOT_CoAP_GetMessagePayload(message, &raw mut payload, &raw mut len), 0);
        &*user_data.cast::<Sent>()
    };
    let len = usize::try_from(len).expect("a length is not below 0");
    let payload = if len == 0 {
        assert!(payload.is_null());
        Vec::new()
    } else {
        // SAFETY: the payload lives during the callback and ends with NUL.
        unsafe {
            assert_eq!(*payload.add(len), 0, "a NUL follows the payload");
            std::slice::from_raw_parts(payload, len).to_vec()
        }
    };
    let answer = Answer {
        message: sent.message,
        code: number.try_into().expect("a byte"),
        payload,
        at: Instant::now(),
    };
    sent.answers.lock().unwrap_or_else(PoisonError::into_inner).push(answer);
}

fn fill(field: &mut [c_char], text: &str) {
    for (place, byte) in field.iter_mut().zip(text.bytes()) {
        *place = byte.cast_signed();
    }
}
