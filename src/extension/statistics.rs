//! Statistics of a context, for programs that monitor many.

use core::ffi::{c_int, c_uint};

use crate::context::Context;
use crate::enter::enter_context;
use crate::log::log;
use crate::types::{iotx_coap_context_t, iotx_ret_code_t};

/// Counters of a client since it was made.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct iotx_coap_statistics_t {
    /// Messages transmitted for the first time.
    pub sent: u64,
    /// Retransmissions of messages.
    pub resent: u64,
    /// Messages whose answer was delivered.
    pub answered: u64,
    /// Messages that were given up or refused.
    pub given_up: u64,
    /// Bytes of all CoAP messages sent, without the headers of DTLS, UDP and IP.
    pub bytes_sent: u64,
    /// Bytes of all CoAP messages received, without the headers of DTLS, UDP and IP.
    pub bytes_received: u64,
    /// Measured round trips. Only messages that were transmitted once are measured.
    pub round_trips: u64,
    /// The shortest round trip, in milliseconds; 0 if none was measured.
    pub round_trip_min_ms: u32,
    /// The mean round trip, in milliseconds; 0 if none was measured.
    pub round_trip_avg_ms: u32,
    /// The longest round trip, in milliseconds; 0 if none was measured.
    pub round_trip_max_ms: u32,
    /// Messages that wait for their answers now.
    pub outstanding: u32,
}

impl iotx_coap_statistics_t {
    /// Reads the counters of a context's client.
    fn of(context: &Context) -> Self {
        let state = context.state.lock();
        let all = state.client.statistics();
        Self {
            sent: all.sent,
            resent: all.resent,
            answered: all.answered,
            given_up: all.given_up,
            bytes_sent: all.bytes_sent,
            bytes_received: all.bytes_received,
            round_trips: all.round_trips,
            round_trip_min_ms: all.round_trip_min_ms,
            round_trip_avg_ms: u32::try_from(all.round_trip_mean_ms()).unwrap_or(u32::MAX),
            round_trip_max_ms: all.round_trip_max_ms,
            outstanding: u32::try_from(state.client.outstanding()).unwrap_or(u32::MAX),
        }
    }
}

/// Gets the counters of a client since it was made.
///
/// @param context a client of `IOT_CoAP_Init`
/// @param statistics the structure to write
/// @param size `sizeof(*statistics)`: a shorter structure is filled up to its end, and the
///     unknown fields of a longer one are set to 0
/// @return `IOTX_SUCCESS`; `IOTX_ERR_INVALID_PARAM` for a NULL or an invalid client
/// @note Does not block. Any thread may call.
///
/// # Safety
///
/// `context` is NULL or a context of `IOT_CoAP_Init`; `statistics` is NULL or
/// has `size` bytes to write.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn IOT_CoAP_GetStatistics(
    context: *mut iotx_coap_context_t,
    statistics: *mut iotx_coap_statistics_t,
    size: c_uint,
) -> c_int {
    const NAME: &str = "IOT_CoAP_GetStatistics";
    let work = |context: &Context| {
        if statistics.is_null() {
            log!(Error, "{NAME}: statistics is NULL");
            return iotx_ret_code_t::IOTX_ERR_INVALID_PARAM as c_int;
        }
        let all = iotx_coap_statistics_t::of(context);
        let size = size as usize;
        let len = size.min(size_of::<iotx_coap_statistics_t>());
        let out = statistics.cast::<u8>();
        // SAFETY: not NULL, so it has `size` bytes, by the contract. `len` of them are
        // copied, and the rest is cleared.
        unsafe {
            (&raw const all).cast::<u8>().copy_to_nonoverlapping(out, len);
            out.add(len).write_bytes(0, size - len);
        }
        iotx_ret_code_t::IOTX_SUCCESS as c_int
    };
    // SAFETY: the context is valid by the contract.
    unsafe { enter_context(NAME, context, work) }
}
