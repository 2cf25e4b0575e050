//! Requests to `/auth` that nobody waits for any more: their answers still count. A
//! network may be slower than a program's patience, and a device that forgets its
//! requests sooner than they are answered never signs in.

use alloc::vec::Vec;

use iot_coap_time::Instant;

/// How many requests are remembered. A program that asks every 10 s, as long as the
/// original waits, asks 25 times in an exchange lifetime.
const MAX_REMEMBERED: usize = 32;

/// When a request that is forgotten may no longer be answered. Its place is used again
/// when the next one is remembered.
const OVER: Instant = Instant::from_millis(0);

/// A request that may still be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) token: u32,
    pub(crate) id: u16,
    /// Until when.
    pub(crate) until: Instant,
}

/// The requests that may still be answered, the oldest first. Takes no memory until
/// there is one.
#[derive(Debug, Default)]
pub(crate) struct LateAnswers {
    list: Vec<Asked>,
}

impl LateAnswers {
    /// Remembers a request, which is younger than all before it, unless the heap is
    /// exhausted.
    pub(crate) fn expect(&mut self, now: Instant, asked: Asked) {
        while let Some(oldest) = self.list.first()
            && (now >= oldest.until || self.list.len() == MAX_REMEMBERED)
        {
            self.list.remove(0);
        }
        if self.list.try_reserve(1).is_ok() {
            self.list.push(asked);
        }
    }

    /// The request with this token that may still be answered.
    pub(crate) fn find(&self, now: Instant, token: u32) -> Option<Asked> {
        self.list.iter().find(|asked| asked.token == token && now < asked.until).copied()
    }

    /// Forgets the request with this token, which was answered.
    pub(crate) fn forget(&mut self, token: u32) {
        if let Some(asked) = self.list.iter_mut().find(|asked| asked.token == token) {
            asked.until = OVER;
        }
    }

    /// Forgets the request with this token and all that are older: it brought an access
    /// token, which theirs must not replace. With none, forgets all.
    pub(crate) fn forget_until(&mut self, token: Option<u32>) {
        for asked in &mut self.list {
            asked.until = OVER;
            if Some(asked.token) == token {
                break;
            }
        }
    }
}
