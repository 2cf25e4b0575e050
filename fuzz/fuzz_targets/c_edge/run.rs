//! The run of one input: its contexts, and one call after another.

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

use iot_coap::*;

use crate::arguments::{endpoint, ioctl, pointer, send};
use crate::callbacks::{RUNNING, look_at};
use crate::calls::{Call, Configuration, Handle, Options, Post, Text, Url};
use crate::server::ports;

const CONTEXTS: usize = 3;
/// More than this many calls that wait, and an input takes too long.
const WAITS: u32 = 16;

#[derive(Clone, Copy)]
struct Slot {
    context: *mut c_void,
    /// Whether a wait of it is short.
    quick: bool,
    /// Whether a sign-in is answered.
    answers: bool,
}

const EMPTY: Slot = Slot { context: null_mut(), quick: true, answers: false };

pub(crate) struct Run {
    slots: [Slot; CONTEXTS],
    waits: u32,
    zeros: Vec<u64>,
}

impl Run {
    pub(crate) fn new() -> Self {
        Self { slots: [EMPTY; CONTEXTS], waits: 0, zeros: vec![0; 4096] }
    }

    /// Ends every context.
    pub(crate) fn end(mut self) {
        for slot in &mut self.slots {
            // SAFETY: NULL, or a context that is not in use.
            unsafe { IOT_CoAP_Deinit(&raw mut slot.context) };
            assert!(slot.context.is_null());
        }
    }

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

    pub(crate) fn sign_in(&mut self, handle: Handle) {
        let slot = self.slot(handle);
        if slot.quick && slot.answers && self.may_wait() {
            RUNNING.set(slot.context);
            // SAFETY: NULL, a context, or memory as large as one.
            let code = unsafe { IOT_CoAP_DeviceNameAuth(slot.context) };
            assert!(matches!(code, 0 | -1 | -4 | -8));
        }
    }

    pub(crate) fn call(&mut self, call: &Call<'_>) {
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
                Call::Process { handle } => {
                    let slot = self.slot(*handle);
                    RUNNING.set(slot.context);
                    assert!(matches!(IOT_CoAP_Process(slot.context), 0 | -1));
                }
                Call::Cancel { handle, back } => {
                    let context = self.slot(*handle).context;
                    let token = IOT_CoAP_GetCurToken(context).wrapping_sub((*back).into());
                    assert!(matches!(IOT_CoAP_Cancel(context, token), 0 | -1));
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
                    let mut out = std::ptr::dangling_mut::<c_void>();
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

    pub(crate) fn init(
        &mut self,
        slot: usize,
        configuration: &Configuration<'_>,
        options: Option<&Options>,
    ) {
        if !self.slots[slot].context.is_null() {
            return;
        }
        let url = configuration.url.bytes();
        let mut info = configuration.info();
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
        let answers = endpoint(&url[..url.len() - 1]).is_some_and(|e| e.port == ports().0);
        self.slots[slot] = Slot { context, quick, answers };
    }
}
