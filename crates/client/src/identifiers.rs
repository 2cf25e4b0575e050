//! Allocates message ids and tokens (RFC 7252 sections 4.4 and 5.3.1). Both start at random
//! and count up. A message id is not reused while an earlier message with it may still be
//! on its way.

use iot_coap_time::{Duration, Instant};

use crate::random::Random;

/// Message ids are tracked in blocks, so that their last uses take 64 bytes, and one
/// comparison in 4096 messages.
const BLOCK_BITS: u32 = 12;
const BLOCKS: usize = 1 << (16 - BLOCK_BITS);

/// The unit of the last uses: about a second, and a power of two, since 32-bit processors
/// divide 64 bits in software.
const TICK_MS: u64 = 1024;

/// Allocates message ids, each at most once within an exchange lifetime.
#[derive(Debug)]
pub(crate) struct MessageIds {
    next: u16,
    /// For each block, when one of its ids was last used, in [`TICK_MS`] plus one; 0 for
    /// never.
    last_used: [u32; BLOCKS],
}

/// All 65,536 message ids were used within one exchange lifetime.
#[derive(Debug)]
pub(crate) struct IdsExhausted;

impl MessageIds {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { next: (random.next() & 0xFFFF) as u16, last_used: [0; BLOCKS] }
    }

    /// The next id, unless its block was in use less than `lifetime` ago.
    pub(crate) fn allocate(
        &mut self,
        now: Instant,
        lifetime: Duration,
    ) -> Result<u16, IdsExhausted> {
        let id = self.next;
        let last_used = &mut self.last_used[usize::from(id >> BLOCK_BITS)];
        // Wraps after 139 years of uptime.
        let tick = (now.as_millis() / TICK_MS) as u32;
        let entering = id.trailing_zeros() >= BLOCK_BITS;
        if entering && *last_used != 0 {
            let age_ms = u64::from(tick.wrapping_sub(*last_used - 1)) * TICK_MS;
            // One tick more, since the times are rounded down.
            if age_ms <= lifetime.as_millis() + TICK_MS {
                return Err(IdsExhausted);
            }
        }
        *last_used = tick.wrapping_add(1).max(1);
        self.next = id.wrapping_add(1);
        Ok(id)
    }
}

/// Allocates tokens of 4 bytes.
#[derive(Debug)]
pub(crate) struct Tokens {
    next: u32,
}

impl Tokens {
    pub(crate) fn new(random: &mut Random) -> Self {
        Self { next: random.next() }
    }

    /// The token that [`Tokens::allocate`] returns next.
    pub(crate) const fn peek(&self) -> u32 {
        self.next
    }

    pub(crate) const fn allocate(&mut self) -> u32 {
        let token = self.next;
        self.next = token.wrapping_add(1);
        token
    }

    /// How many tokens ago `token` was allocated: the greater, the older.
    pub(crate) const fn age(&self, token: u32) -> u32 {
        self.next.wrapping_sub(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME_MS: u64 = 247_000;
    const LIFETIME: Duration = Duration::from_millis(LIFETIME_MS);

    fn ids_starting_at(next: u16) -> MessageIds {
        MessageIds { next, last_used: [0; BLOCKS] }
    }

    #[test]
    fn ids_wrap_to_zero() {
        let mut ids = ids_starting_at(0xFFFE);
        let got: [u16; 4] =
            core::array::from_fn(|_| ids.allocate(Instant::from_millis(0), LIFETIME).unwrap());
        assert_eq!(got, [0xFFFE, 0xFFFF, 0, 1]);
    }

    #[test]
    fn an_id_is_not_used_again_within_its_lifetime() {
        let mut ids = ids_starting_at(0x1234);
        let mut used_at = alloc::vec![None::<u64>; 0x1_0000];
        let mut now = 5_000;
        let mut refused = 0;
        for _ in 0..200_000 {
            let Ok(id) = ids.allocate(Instant::from_millis(now), LIFETIME) else {
                refused += 1;
                now += 1000;
                continue;
            };
            if let Some(before) = used_at[usize::from(id)].replace(now) {
                assert!(now - before >= LIFETIME_MS, "{id} again after {}", now - before);
            }
            now += 1;
        }
        assert!(refused > 0, "200,000 messages in 200 s must meet the limit");
    }

    #[test]
    fn a_slow_sender_never_meets_the_limit() {
        let mut ids = ids_starting_at(7);
        for message in 0..300_000_u64 {
            assert!(ids.allocate(Instant::from_millis(message * 5), LIFETIME).is_ok());
        }
    }
}
