//! The kernel's randomness, as the engine takes it.

use core::convert::Infallible;

use iot_coap_dtls::rand_core::{TryCryptoRng, TryRng};

/// It has no state, and stops the program where the kernel has no randomness to
/// give; see [`crate::random`].
pub(super) struct SystemRandom;

impl TryRng for SystemRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        crate::random::fill(&mut bytes);
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        crate::random::fill(&mut bytes);
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        crate::random::fill(bytes);
        Ok(())
    }
}

impl TryCryptoRng for SystemRandom {}
