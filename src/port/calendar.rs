//! The date, for certificates and kept sessions.

/// 2026-01-01. The library did not exist before, so a clock with an earlier date was never
/// set.
const EARLIEST_DATE: u64 = 1_767_225_600;

#[cfg(not(feature = "port-linux"))]
unsafe extern "C" {
    /// In `c/edges.c`. Returns milliseconds since 1970, or 0 if the port does not know the
    /// date.
    safe fn iotx_port_calendar_ms() -> i64;
}

/// The date by the port's clock, in milliseconds since 1970, even if the clock was never
/// set; 0 without a clock.
#[cfg(not(feature = "port-linux"))]
pub(super) fn unchecked_calendar_ms() -> i64 {
    iotx_port_calendar_ms()
}

/// Milliseconds since 1970; `None` if there is no clock, or it was never set.
pub(crate) fn calendar_ms() -> Option<u64> {
    #[cfg(feature = "port-linux")]
    let ms = iot_coap_port_linux::calendar_seconds().saturating_mul(1000);
    #[cfg(not(feature = "port-linux"))]
    let ms = u64::try_from(unchecked_calendar_ms()).unwrap_or(0);
    Some(ms).filter(|ms| *ms >= EARLIEST_DATE * 1000)
}

/// Seconds since 1970; `None` if there is no clock, or it was never set.
// A separate function, since the division takes 1 KB on a small board if nothing else
// divides.
#[cfg(any(feature = "dtls-p256", feature = "dtls-rsa", feature = "extension"))]
pub(crate) fn calendar_seconds() -> Option<u64> {
    calendar_ms().map(|ms| ms / 1000)
}
