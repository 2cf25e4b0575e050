//! The connection ids that this server hands out: its own number, by which a balancer
//! finds it, and that of the session.

use std::collections::HashMap;

use iot_coap_dtls::server::connection_id;

use crate::random;

/// No record says how long its id is: all servers behind a balancer have ids of this length.
pub(crate) const LEN: usize = 4;

/// A connection id, without the server's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Id([u8; LEN - 1]);

/// Whose id is whose.
pub(super) struct Ids {
    server: u8,
    numbers: HashMap<Id, u64>,
}

impl Ids {
    pub(super) fn new(server: u8) -> Self {
        Self { server, numbers: HashMap::new() }
    }

    /// An id that is free, for the session with this number. It cannot be guessed, so that
    /// nobody finds out by records of his own which sessions there are.
    pub(super) fn hand_out(&mut self, number: u64) -> Id {
        loop {
            let id = Id(random::unpredictable());
            if self.take(id, number) {
                return id;
            }
        }
    }

    /// Gives the session with this number this id; false if another one has it.
    pub(super) fn take(&mut self, id: Id, number: u64) -> bool {
        let is_free = !self.numbers.contains_key(&id);
        if is_free {
            self.numbers.insert(id, number);
        }
        is_free
    }

    pub(super) fn free(&mut self, id: Id) {
        self.numbers.remove(&id);
    }

    pub(super) fn clear(&mut self) {
        self.numbers.clear();
    }

    /// The id as it stands in records.
    pub(super) fn bytes(&self, Id([a, b, c]): Id) -> [u8; LEN] {
        [self.server, a, b, c]
    }

    /// The reverse of [`Ids::bytes`]; `None` for ids of other servers.
    pub(super) fn parse(&self, bytes: &[u8]) -> Option<Id> {
        match *bytes {
            [server, a, b, c] if server == self.server => Some(Id([a, b, c])),
            _ => None,
        }
    }

    /// Whether the datagram begins with a record that has an id.
    pub(super) fn are_in(datagram: &[u8]) -> bool {
        connection_id(datagram, LEN).is_some()
    }

    /// The session whose id the datagram begins with.
    pub(super) fn find(&self, datagram: &[u8]) -> Option<u64> {
        let id = self.parse(connection_id(datagram, LEN)?)?;
        self.numbers.get(&id).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_one_session_of_one_server() {
        let mut ids = Ids::new(7);
        let id = ids.hand_out(12);
        assert!(!ids.take(id, 13));
        let bytes = ids.bytes(id);
        assert_eq!(bytes[0], 7);
        assert_eq!(ids.parse(&bytes), Some(id));
        assert_eq!(Ids::new(8).parse(&bytes), None);
        // The type for records with ids, version, epoch, number, id.
        let mut record = vec![25, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 1];
        record.extend(bytes);
        assert_eq!(ids.find(&record), Some(12));
        assert_eq!(Ids::new(8).find(&record), None);
        record[0] = 23;
        assert_eq!(ids.find(&record), None);
        ids.free(id);
        assert!(ids.take(id, 13));
    }
}
