//! How long what a server proved itself by is good for. A session that is resumed or restored
//! does not see the server's certificate again, so it carries this along.

use crate::wire::{Reader, Writer};

/// The length of what [`Validity::write`] writes, in bytes.
pub(crate) const VALIDITY_LEN: usize = 1 + 8;

/// What is known of the dates of a server's certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// They were checked, or there are none.
    pub(crate) dates_checked: bool,
    /// When the first certificate of the path ends, in seconds since 1970.
    pub(crate) not_after: u64,
}

impl Validity {
    /// Before there is a certificate, or where there is none.
    pub(crate) const fn unlimited(dates_checked: bool) -> Self {
        Self { dates_checked, not_after: u64::MAX }
    }

    /// Whether the certificates may be believed at this time, in seconds since 1970. If dates
    /// were never checked, they may not as soon as there is a clock.
    pub(crate) fn allows(self, time: Option<u64>) -> bool {
        time.is_none_or(|time| self.dates_checked && time <= self.not_after)
    }

    pub(crate) fn write(self, writer: &mut Writer<'_>) {
        writer.u8(self.dates_checked.into());
        writer.u64(self.not_after);
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let dates_checked = match reader.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Self { dates_checked, not_after: reader.u64()? })
    }
}
