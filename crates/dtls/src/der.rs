//! Reads the part of DER (X.690) that certificates and keys need: tags of one byte, and
//! lengths below 64 KB in the shortest form. Nothing is copied.

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;

/// A constructed value whose tag is specific to its context, by its number.
pub(crate) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// A sequence of values. Every method returns `None` if the next value is not of the kind
/// that it reads.
#[derive(Clone, Copy)]
pub(crate) struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    pub(crate) const fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `Some` if all values have been read.
    pub(crate) fn finish(self) -> Option<()> {
        self.is_empty().then_some(())
    }

    /// The tag of the next value.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The tag and the content of the next value.
    // Like the two functions below, not inlined, since it has many callers.
    #[inline(never)]
    pub(crate) fn any(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // Tag numbers above 30 continue in the next byte.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (len, rest) = match *rest {
            [len @ 0..=0x7f, ref rest @ ..] | [0x81, len @ 0x80..=0xff, ref rest @ ..] => {
                (len.into(), rest)
            }
            [0x82, high @ 1..=0xff, low, ref rest @ ..] => (u16::from_be_bytes([high, low]), rest),
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(len.into())?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next value, which has this tag.
    #[inline(never)]
    pub(crate) fn value(&mut self, tag: u8) -> Option<&'d [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The values inside the next value, which has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.value(tag).map(Self)
    }

    /// The encoding of the values that `read` reads.
    pub(crate) fn encoded<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<(&'d [u8], T)> {
        let before = self.0;
        let value = read(self)?;
        Some((before.get(..before.len() - self.0.len())?, value))
    }

    /// A BOOLEAN DEFAULT FALSE. An encoded false is accepted, although DER leaves it out.
    #[inline(never)]
    pub(crate) fn flag(&mut self) -> Option<bool> {
        if self.peek() != Some(BOOLEAN) {
            return Some(false);
        }
        match self.value(BOOLEAN)? {
            [0xff] => Some(true),
            [0] => Some(false),
            _ => None,
        }
    }

    /// A non-negative INTEGER, big-endian and without leading zeros; empty for 0.
    #[inline(never)]
    pub(crate) fn unsigned(&mut self) -> Option<&'d [u8]> {
        match self.value(INTEGER)? {
            [0] => Some(&[]),
            [0, rest @ ..] if rest.first() > Some(&0x7f) => Some(rest),
            number @ [1..=0x7f, ..] => Some(number),
            _ => None,
        }
    }

    /// A BIT STRING of whole bytes.
    pub(crate) fn bytes_of_bits(&mut self) -> Option<&'d [u8]> {
        match self.value(BIT_STRING)? {
            [0, bytes @ ..] => Some(bytes),
            _ => None,
        }
    }
}
