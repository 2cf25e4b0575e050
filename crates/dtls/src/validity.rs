//! The validity of a server's certificates. A session that is resumed or restored does not
//! see the certificates again, so it carries this along.

use crate::wire::{Reader, Writer};

/// The number of bytes that [`Validity::write`] writes.
pub(crate) const VALIDITY_LEN: usize = 1 + 8;

/// The known facts about the dates of a server's certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    /// The dates were checked, or there are no certificates.
    pub(crate) dates_checked: bool,
    /// When the first certificate of the path expires, in seconds since 1970.
    pub(crate) not_after: u64,
}

impl Validity {
    /// The validity without a certificate.
    pub(crate) const fn unlimited(dates_checked: bool) -> Self {
        Self { dates_checked, not_after: u64::MAX }
    }

    /// Whether the certificates may be accepted at this time, in seconds since 1970. If
    /// their dates were never checked, they may not be accepted as soon as there is a
    /// clock.
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
