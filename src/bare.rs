//! What `std` provides elsewhere: an allocator over the port's heap, and a panic handler
//! that reports through the port and stops. Compiled in the `bare` build only: with `std`,
//! both would be defined twice.

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::panic::PanicInfo;

use crate::port;

unsafe extern "C" {
    fn HAL_Malloc(size: u32) -> *mut c_void;
    fn HAL_Free(memory: *mut c_void);
}

/// The port's heap. Its memory is aligned for any C type.
struct PortHeap;

/// The alignment of the memory of every port.
const ALIGNMENT: usize = align_of::<u64>();

/// Memory with a stricter alignment, such as a cipher's tables, lies within a larger piece,
/// at the first address with that alignment. The start of the piece is written in front of
/// it.
type Start = *mut c_void;
const _: () = assert!(size_of::<Start>() <= ALIGNMENT);

// SAFETY: HAL_Malloc gives memory of its own to each caller, or NULL, aligned to
// ALIGNMENT. A piece of `align` bytes more has room for `size` bytes behind the
// first boundary that leaves ALIGNMENT bytes, and so `Start`, before it.
unsafe impl GlobalAlloc for PortHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let strict = layout.align() > ALIGNMENT;
        let more = if strict { layout.align() } else { 0 };
        let Some(Ok(size)) = layout.size().checked_add(more).map(u32::try_from) else {
            return core::ptr::null_mut();
        };
        // SAFETY: HAL_Malloc accepts any size.
        let start = unsafe { HAL_Malloc(size) };
        if !strict || start.is_null() {
            return start.cast();
        }
        // SAFETY: every address lies within the piece; see the SAFETY line of the impl.
        unsafe {
            let first = start.byte_add(ALIGNMENT);
            let memory = first.byte_add(first.addr().wrapping_neg() % layout.align());
            memory.cast::<Start>().sub(1).write(start);
            memory.cast()
        }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        let memory: Start = memory.cast();
        let strict = layout.align() > ALIGNMENT;
        // SAFETY: `alloc` gave it for the same layout, by this trait's contract,
        // and wrote where it starts.
        let start = if strict { unsafe { memory.cast::<Start>().sub(1).read() } } else { memory };
        // SAFETY: HAL_Malloc gave it.
        unsafe { HAL_Free(start) }
    }
}

#[global_allocator]
static HEAP: PortHeap = PortHeap;

/// Prints where the program panicked, and stops. The text is formatted in C: a build
/// without the log has no other formatting.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("?", 0), |at| (at.file(), at.line()));
    port::print_internal_error(file, line);
    loop {
        core::hint::spin_loop();
    }
}
