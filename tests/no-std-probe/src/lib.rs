//! Links the client and the DTLS engine without std, or fails to build. Does nothing: see
//! `Cargo.toml` for what it is for.
#![no_std]
#![deny(missing_docs)]

use core::alloc::{GlobalAlloc, Layout};
use core::fmt;

use iot_coap_client::{self as coap, Client, Device, Endpoint};
use iot_coap_dtls::rand_core::{TryCryptoRng, TryRng};
use iot_coap_dtls::{self as dtls, Config, Datagram, TrustAnchors};
use iot_coap_time::{Duration, Instant};

/// A heap that is always exhausted.
struct NoHeap;

// SAFETY: hands out nothing, so there is nothing to be used wrongly.
unsafe impl GlobalAlloc for NoHeap {
    unsafe fn alloc(&self, _layout: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _pointer: *mut u8, _layout: Layout) {}
}

#[global_allocator]
static HEAP: NoHeap = NoHeap;

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// No randomness at all, which is an error.
struct NoRandom;

impl TryRng for NoRandom {
    type Error = fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_fill_bytes(&mut self, _bytes: &mut [u8]) -> Result<(), fmt::Error> {
        Err(fmt::Error)
    }
}

impl TryCryptoRng for NoRandom {}

/// Uses the DTLS engine, so that all of it is compiled in.
#[unsafe(no_mangle)]
pub extern "C" fn iot_coap_no_std_probe_dtls() -> bool {
    let mut datagram = [0; 64];
    let anchors = TrustAnchors::from_der(&datagram);
    let config = anchors.map(|anchors| Config::with_certificates("localhost", anchors, None));
    let Ok(Ok(config)) = config else { return false };
    let Ok(mut client) = dtls::Client::new(config, NoRandom, Instant::from_millis(0)) else {
        return false;
    };
    client.poll_transmit(&mut datagram);
    client.handle_datagram(Instant::from_millis(0), &mut Datagram::new(&mut datagram)).is_ok()
}

/// Uses the client, so that all of it is compiled in.
#[unsafe(no_mangle)]
pub extern "C" fn iot_coap_no_std_probe() -> bool {
    let Ok(endpoint) = Endpoint::parse("coap://127.0.0.1") else { return false };
    let Ok(device) = Device::new("pk", "dn", "", "secret") else { return false };
    let mut client: Client<()> = Client::new(coap::Config::new(device, &endpoint, 0));
    let now = Instant::from_millis(0);
    client.sign_in(now, Duration::from_secs(1));
    client.poll_transmit(now).is_some()
}
