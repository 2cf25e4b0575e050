//! Remembers requests to `/auth` for which nobody waits any more, since their answers still
//! count. On a slow network, a device that forgets its requests before they are answered
//! would never sign in.

use alloc::vec::Vec;

use iot_coap_time::Instant;

/// The most requests that are remembered. A program that signs in every 10 s, the
/// original's limit, makes 25 requests in an exchange lifetime.
const MAX_REMEMBERED: usize = 32;

/// The end of a request that was forgotten. Its place is reused for the next request.
const OVER: Instant = Instant::from_millis(0);

/// A request that may still be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) token: u32,
    pub(crate) id: u16,
    /// Until when it may be answered.
    pub(crate) until: Instant,
}

/// The requests that may still be answered, the oldest first. Takes no memory until there
/// is one.
#[derive(Debug, Default)]
pub(crate) struct LateAnswers {
    list: Vec<Asked>,
}

impl LateAnswers {
    /// Remembers a request, which is younger than all others, unless the heap is exhausted.
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

    /// Forgets the request with this token, which brought an access token, and all older
    /// requests, whose access tokens must not replace it. Forgets all requests if `token`
    /// is `None`.
    pub(crate) fn forget_until(&mut self, token: Option<u32>) {
        for asked in &mut self.list {
            asked.until = OVER;
            if Some(asked.token) == token {
                break;
            }
        }
    }
}
