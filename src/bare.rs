//! What `std` would bring: an allocator, over the port's heap, and a panic
//! handler, which reports through the port and stops. Only in the `bare` build:
//! beside `std` they would be there twice.

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::panic::PanicInfo;

use crate::port;

unsafe extern "C" {
    fn HAL_Malloc(size: u32) -> *mut c_void;
    fn HAL_Free(memory: *mut c_void);
}

/// The port's heap, whose memory is aligned for any type of C.
struct PortHeap;

/// What every port's memory is aligned to.
const ALIGNMENT: usize = align_of::<u64>();

// SAFETY: HAL_Malloc gives memory of its own to each caller, or NULL, and
// aligned as is asked for here at the most.
unsafe impl GlobalAlloc for PortHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match u32::try_from(layout.size()) {
            // Nothing of this library is aligned more strictly; NULL says so
            // if that ever changes.
            // SAFETY: takes a number.
            Ok(size) if layout.align() <= ALIGNMENT => unsafe { HAL_Malloc(size) }.cast(),
            _ => core::ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, _layout: Layout) {
        // SAFETY: HAL_Malloc gave it, by this trait's contract.
        unsafe { HAL_Free(memory.cast()) }
    }
}

#[global_allocator]
static HEAP: PortHeap = PortHeap;

/// Tells the port where, and stops. By C's formatting: a build without the log
/// has no other.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
    port::print_internal_error(file, line);
    loop {
        core::hint::spin_loop();
    }
}
