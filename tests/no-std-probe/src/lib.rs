//! Links the client without std, or fails to build. Does nothing: see
//! `Cargo.toml` for what it is for.
#![no_std]
#![deny(missing_docs)]

use core::alloc::{GlobalAlloc, Layout};

use iot_coap_client::{Client, Config, Device, Endpoint};

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

/// Uses the client, so that all of it is compiled in.
#[unsafe(no_mangle)]
pub extern "C" fn iot_coap_no_std_probe() -> bool {
    let Ok(endpoint) = Endpoint::parse("coap://127.0.0.1") else { return false };
    let Ok(device) = Device::new("pk", "dn", "", "secret") else { return false };
    let mut client: Client<()> = Client::new(Config::new(device, &endpoint, 0));
    client.sign_in(0, 1000);
    client.poll_transmit(0).is_some()
}
