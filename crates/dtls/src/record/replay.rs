//! The replay window (RFC 6347, section 4.1.2.6), which tells whether a sequence
//! number has been seen before.

/// Remembers which of the last 64 sequence numbers of an epoch have been seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// One past the highest sequence number seen; 0 before the first.
    end: u64,
    /// Bit `n` is set if `end - 1 - n` was seen.
    seen: u64,
}

impl ReplayWindow {
    /// A window that treats every number below `end` as seen.
    pub(crate) fn starting_at(end: u64) -> Self {
        Self { end, seen: u64::MAX }
    }

    /// One past the highest number seen.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Whether this number has not been seen. Check it before decrypting a record,
    /// and [`mark_seen`](Self::mark_seen) it only after authenticating the record.
    pub(crate) fn is_new(&self, sequence: u64) -> bool {
        if sequence >= self.end {
            return true;
        }
        let age = self.end - 1 - sequence;
        age < 64 && self.seen >> age & 1 == 0
    }

    pub(crate) fn mark_seen(&mut self, sequence: u64) {
        if sequence >= self.end {
            let shift = sequence + 1 - self.end;
            self.seen = if shift < 64 { self.seen << shift } else { 0 } | 1;
            self.end = sequence + 1;
        } else {
            let age = self.end - 1 - sequence;
            if age < 64 {
                self.seen |= 1 << age;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ReplayWindow;

    #[test]
    fn each_number_is_new_once() {
        let mut window = ReplayWindow::default();
        for sequence in [0, 5, 3, 4, 70, 69, 200, 137, 1000] {
            assert!(window.is_new(sequence), "{sequence}");
            window.mark_seen(sequence);
            assert!(!window.is_new(sequence), "{sequence}");
        }
    }

    #[test]
    fn numbers_older_than_the_window_are_not_new() {
        let mut window = ReplayWindow::default();
        window.mark_seen(100);
        assert!(window.is_new(37));
        assert!(!window.is_new(36));
    }

    #[test]
    fn a_restored_window_has_seen_all_earlier_numbers() {
        let window = ReplayWindow::starting_at(10);
        assert!(!window.is_new(9));
        assert!(window.is_new(10));
    }
}
