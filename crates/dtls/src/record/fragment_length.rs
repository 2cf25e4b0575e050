//! The extension max_fragment_length (RFC 6066, section 4): how long the content of a record
//! may be.

/// The longest content of a record without the extension, in bytes (RFC 5246, section 6.2.1).
const MAX_LEN: usize = 1 << 14;

/// A length of the extension, or none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FragmentLength(u8);

impl FragmentLength {
    /// 512, 1024, 2048 or 4096 bytes.
    pub(crate) fn of_bytes(bytes: usize) -> Option<Self> {
        (1..=4).map(Self).find(|length| length.bytes() == bytes)
    }

    /// Decodes the number that [`code`](Self::code) returned.
    pub(crate) fn from_code(code: u8) -> Option<Self> {
        (code <= 4).then_some(Self(code))
    }

    /// The number in the extension; 0 for none.
    pub(crate) const fn code(self) -> u8 {
        self.0
    }

    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The most bytes in a record.
    pub(crate) const fn bytes(self) -> usize {
        if self.is_none() { MAX_LEN } else { 1 << (8 + self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::FragmentLength;

    #[test]
    fn lengths_are_those_of_the_rfc() {
        for (code, bytes) in [(1, 512), (2, 1024), (3, 2048), (4, 4096)] {
            let length = FragmentLength::of_bytes(bytes).expect("it is one");
            assert_eq!((length.code(), length.bytes()), (code, bytes));
            assert_eq!(FragmentLength::from_code(code), Some(length));
        }
        for bytes in [0, 256, 511, 513, 8192, 16_384] {
            assert_eq!(FragmentLength::of_bytes(bytes), None);
        }
        assert_eq!(FragmentLength::from_code(0), Some(FragmentLength::default()));
        assert_eq!(FragmentLength::from_code(5), None);
        assert_eq!(FragmentLength::default().bytes(), 16_384);
    }
}
