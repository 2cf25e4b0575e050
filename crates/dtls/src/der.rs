//! Reads DER (X.690), as far as certificates and keys need it: tags of one byte, and
//! lengths below 64 KB in as few bytes as they take. Nothing is copied.

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

/// Values one after the other. Every method returns `None` if the next value is not what
/// it reads.
#[derive(Clone, Copy)]
pub(crate) struct Der<'d>(&'d [u8]);

impl<'d> Der<'d> {
    pub(crate) const fn new(bytes: &'d [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That all values have been read.
    pub(crate) fn finish(self) -> Option<()> {
        self.is_empty().then_some(())
    }

    /// The tag of the next value.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The tag and the content of the next value.
    // Not inlined, with the two below: they have many callers.
    #[inline(never)]
    pub(crate) fn any(&mut self) -> Option<(u8, &'d [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        // Numbers above 30 go on in the next byte.
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

    /// The values in the next one, which has this tag.
    pub(crate) fn enter(&mut self, tag: u8) -> Option<Self> {
        self.value(tag).map(Self)
    }

    /// What `read` reads, as it is encoded.
    pub(crate) fn encoded<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<(&'d [u8], T)> {
        let before = self.0;
        let value = read(self)?;
        Some((before.get(..before.len() - self.0.len())?, value))
    }

    /// A BOOLEAN DEFAULT FALSE. That false is there all the same is forgiven.
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

    /// An INTEGER that is not negative, big-endian and without leading zeros; that is
    /// nothing for 0.
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
