//! Waiting, in `IOT_CoAP_Yield` and every other call that waits. A wait is a sequence of
//! steps. A [step](super::step) decides what to do next: read, sleep, or call the program.
//! This module does it.
//!
//! Meanwhile the stack holds nothing that would have to be released; see [`crate::call`].

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::null_mut;

use iot_coap_client::Duration;

use super::Until;
use super::notify::Outcall;
use super::progress::Wait;
use super::reading::{self, BUFFER_LEN};
use super::step::{Action, step};
use crate::call::{Blocking, Call, interruptible};
use crate::context::Context;
use crate::panic::catch;
use crate::port;

/// Waits for at most `most`, and meanwhile does everything that the client and the link
/// need. Returns `None` if it panicked, or the context can no longer be used.
///
/// # Safety
///
/// The frames above hold no lock, and nothing that needs dropping.
pub(crate) unsafe fn wait(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
) -> Option<()> {
    // SAFETY: by the contract, the frames above hold nothing.
    unsafe {
        if cfg!(feature = "dtls-psk") && context.uses_heap_buffers {
            run(name, context, call, until, most, null_mut())
        } else {
            wait_on_stack(name, context, call, until, most)
        }
    }
}

/// [`wait`] with a buffer on the stack, in a frame of its own: with DTLS, a board needs
/// that part of the stack for other things.
#[inline(never)]
unsafe fn wait_on_stack(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
) -> Option<()> {
    let mut buffer = MaybeUninit::<[u8; BUFFER_LEN]>::uninit();
    // SAFETY: by the contract, the frames above hold nothing; an array needs no dropping.
    unsafe { run(name, context, call, until, most, buffer.as_mut_ptr().cast()) }
}

unsafe fn run(
    name: &str,
    context: &Context,
    call: &Call,
    until: Until,
    most: Duration,
    own_buffer: *mut u8,
) -> Option<()> {
    let mut wait = Wait::new(until, most, own_buffer);
    loop {
        let Some(action) = catch(name, || step(context, call, &mut wait)) else {
            let _ = catch(name, || context.abandon(call));
            return None;
        };
        let (work, argument): (Blocking, *mut c_void) = match action {
            Action::Done => return Some(()),
            Action::Leave => return None,
            Action::Read => (reading::perform, (&raw mut wait.read).cast()),
            Action::Sleep => (sleep, (&raw mut wait.sleep_ms).cast()),
            Action::Call => (call_out, (&raw mut wait.outcall).cast()),
        };
        // SAFETY: each function is paired with its argument above; this frame and the
        // frames above hold nothing that needs dropping.
        unsafe { interruptible(call, work, argument) };
    }
}

unsafe extern "C-unwind" fn sleep(argument: *mut c_void) {
    // SAFETY: `run` passes a pointer to milliseconds.
    port::sleep_ms(unsafe { argument.cast::<u32>().read() });
}

unsafe extern "C-unwind" fn call_out(argument: *mut c_void) {
    // SAFETY: `run` passes a pointer to an outcall, and no lock is held.
    unsafe { (*argument.cast::<Outcall>()).call() }
}
