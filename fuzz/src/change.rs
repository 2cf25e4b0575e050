//! Changes of a record on its way.

use arbitrary::Arbitrary;

use crate::Short;

/// A change of a record that has one byte or more.
#[derive(Arbitrary, Debug)]
pub enum Change<'a> {
    Xor {
        at: u16,
        by: u8,
    },
    Cut {
        len: u16,
    },
    Insert {
        at: u16,
        bytes: Short<'a>,
    },
    ContentType(u8),
    Epoch(u16),
    Sequence(u8),
    /// The type of the first message in the record.
    MessageType(u8),
    MessageSeq(u8),
    /// Turns a message into a fragment of a longer one.
    Fragment {
        offset: u8,
        more: u8,
    },
}

impl Change<'_> {
    /// Changes the record.
    pub fn apply(&self, record: &mut Vec<u8>) {
        let set = |record: &mut Vec<u8>, at: usize, bytes: &[u8]| {
            if let Some(place) = record.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
            }
        };
        match *self {
            Self::Xor { at, by } => {
                let at = usize::from(at) % record.len();
                record[at] ^= by;
            }
            Self::Cut { len } => record.truncate(usize::from(len) % record.len()),
            Self::Insert { at, bytes } => {
                let at = 13 + usize::from(at) % (record.len() - 12);
                record.splice(at..at, bytes.iter().copied());
                let len = (record.len() - 13) as u16;
                set(record, 11, &len.to_be_bytes());
            }
            Self::ContentType(value) => record[0] = value,
            Self::Epoch(value) => set(record, 3, &value.to_be_bytes()),
            Self::Sequence(value) => record[10] = value,
            Self::MessageType(value) => set(record, 13, &[value]),
            Self::MessageSeq(value) => set(record, 18, &[value]),
            Self::Fragment { offset, more } => {
                set(record, 21, &[offset]);
                if let Some(len) = record.get_mut(16) {
                    *len = len.saturating_add(more);
                }
            }
        }
    }
}
