//! `HAL_Random`: the kernel's generator. There is no state that needs a seed, or that
//! processes share after a fork.

use crate::fd::{Fd, errno};

/// A number below `region`, each equally likely; any 32-bit number if `region` is 0.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn iotx_linux_random(region: u32) -> u32 {
    if region == 0 {
        return word();
    }
    // The first `2^32 mod region` values would make small remainders likelier than large
    // ones, so they are drawn again.
    let skipped = region.wrapping_neg() % region;
    loop {
        let word = word();
        if word >= skipped {
            return word % region;
        }
    }
}

fn word() -> u32 {
    let mut bytes = [0_u8; 4];
    fill(&mut bytes);
    u32::from_ne_bytes(bytes)
}

/// Fills all of `bytes` from the kernel's generator, even if the program overrides
/// `HAL_Random`. Aborts if the kernel has no generator.
pub fn fill(bytes: &mut [u8]) {
    // For up to 256 bytes, the kernel always returns all of them (getrandom(2)).
    for chunk in bytes.chunks_mut(256) {
        if !fill_by_call(chunk) && !fill_from_device(chunk) {
            // Like arc4random: a predictable token or key that nobody notices is worse than
            // a program that stops. SAFETY: abort has no precondition.
            unsafe { libc::abort() };
        }
    }
}

fn fill_by_call(bytes: &mut [u8]) -> bool {
    loop {
        // SAFETY: the buffer is valid for the length given.
        let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        if usize::try_from(got) == Ok(bytes.len()) {
            return true;
        }
        if got >= 0 || errno() != libc::EINTR {
            return false;
        }
    }
}

/// For kernels before 3.17 and sandboxes that forbid the call.
fn fill_from_device(bytes: &mut [u8]) -> bool {
    // SAFETY: the path is a literal that ends in NUL.
    let raw = unsafe {
        libc::open(c"/dev/urandom".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NOCTTY)
    };
    let Some(device) = Fd::new(raw) else {
        return false;
    };
    // SAFETY: the buffer is valid for the length given.
    let got = unsafe { libc::read(device.raw(), bytes.as_mut_ptr().cast(), bytes.len()) };
    usize::try_from(got) == Ok(bytes.len())
}
