//! Reads records: splits datagrams, drops replays and forgeries, and decrypts the rest.

use crate::keys::Keys;
use crate::record::{ConnectionId, ContentType, Datagram, Record, ReplayWindow};

/// How many records and messages have been received and dropped since the session began.
///
/// They are dropped without an answer (RFC 6347, section 4.1.2.7), so these counters are
/// the only trace of an attack, of a network that damages datagrams, or of a server that
/// has lost the session: a device may report them, or start a new session when `forged`
/// grows and no answer comes. They saturate at their maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// Records and handshake messages that do not parse, or whose epoch or type is not
    /// expected.
    pub malformed: u32,
    /// Records whose authentication failed.
    pub forged: u32,
    /// Records that were received before, or that are too old to tell.
    pub replayed: u32,
}

/// The state for reading records of the peer.
pub(crate) struct RecordReader {
    /// The connection id in records of the peer.
    own_id: ConnectionId,
    replay: ReplayWindow,
    dropped: Dropped,
    /// How many records may be forged, if the cipher suite does not set a lower limit.
    max_forgeries: u32,
}

impl RecordReader {
    /// A reader for a new session, which offers `own_id`.
    pub(crate) fn new(own_id: ConnectionId) -> Self {
        let (replay, dropped) = (ReplayWindow::default(), Dropped::default());
        Self { own_id, replay, dropped, max_forgeries: u32::MAX }
    }

    /// A reader for a restored session, which treats all numbers below `first_sequence` as
    /// seen.
    pub(crate) fn restored(own_id: ConnectionId, first_sequence: u64) -> Self {
        Self { replay: ReplayWindow::starting_at(first_sequence), ..Self::new(own_id) }
    }

    /// Notes that new keys are in use, with this connection id.
    pub(crate) fn start_epoch(&mut self, own_id: ConnectionId) {
        self.own_id = own_id;
        self.replay = ReplayWindow::default();
    }

    pub(crate) fn set_max_forgeries(&mut self, max_forgeries: u32) {
        self.max_forgeries = max_forgeries;
    }

    /// Whether too many records were forged to use the keys any longer; with `half`,
    /// whether half as many were, so that it is time for new keys.
    pub(crate) fn is_worn_out(&self, keys: &Keys, half: bool) -> bool {
        let limit = keys.secrets.suite.algorithm.forgery_limit().min(self.max_forgeries);
        self.dropped.forged >= if half { limit / 2 } else { limit }
    }

    pub(crate) fn dropped(&self) -> Dropped {
        self.dropped
    }

    pub(crate) fn count_malformed(&mut self) {
        count(&mut self.dropped.malformed);
    }

    /// One past the highest sequence number seen.
    pub(crate) fn end_sequence(&self) -> u64 {
        self.replay.end()
    }

    /// Splits off the next record. If there is none, the rest is dropped and counted.
    pub(crate) fn next_record<'d>(&mut self, datagram: &mut Datagram<'d>) -> Option<Record<'d>> {
        let record = datagram.next_record(&self.own_id);
        if record.is_none() {
            self.count_malformed();
        }
        record
    }

    /// Authenticates and decrypts a record of the protected epoch. If it is dropped, it is
    /// counted.
    pub(crate) fn open<'d>(
        &mut self,
        keys: Option<&Keys>,
        record: Record<'d>,
    ) -> Option<(ContentType, &'d mut [u8])> {
        let Some(keys) = keys else {
            self.count_malformed();
            return None;
        };
        let sequence = record.header.sequence;
        if !self.replay.is_new(sequence) {
            count(&mut self.dropped.replayed);
            return None;
        }
        let opened = open(keys, record);
        // The two sides agreed on shorter records. It is authentic, but must be dropped.
        if opened
            .as_ref()
            .is_some_and(|(_, content)| content.len() > keys.secrets.max_fragment.bytes())
        {
            self.count_malformed();
            return None;
        }
        if opened.is_some() {
            self.replay.mark_seen(sequence);
        } else {
            count(&mut self.dropped.forged);
        }
        opened
    }
}

/// Decrypts a record. With a connection id, the type is inside (RFC 9146, section 4). A
/// record without the negotiated id counts as forged, as does one with an id that was not
/// negotiated.
fn open<'d>(keys: &Keys, record: Record<'d>) -> Option<(ContentType, &'d mut [u8])> {
    let Record { header, fragment } = record;
    if header.connection_id != keys.own_id {
        return None;
    }
    let content = keys.read.open(&header, fragment)?;
    if header.content_type != ContentType::Tls12Cid {
        return Some((header.content_type, content));
    }
    let end = content.iter().rposition(|&byte| byte != 0)?;
    let content_type = ContentType::from_byte(*content.get(end)?)?;
    Some((content_type, content.get_mut(..end)?))
}

fn count(counter: &mut u32) {
    *counter = counter.saturating_add(1);
}
