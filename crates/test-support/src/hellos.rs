//! What a client offers, read from its first datagram.

/// The suites that a ClientHello offers, as the only message of a datagram; without the
/// signaling value (RFC 5746, section 3.3). `None` if the datagram begins with something else.
pub fn offered_in(datagram: &[u8]) -> Option<Vec<u16>> {
    const RENEGOTIATION_INFO: u16 = 0x00ff;
    if datagram.first() != Some(&22) || datagram.get(13) != Some(&1) {
        return None;
    }
    // After the headers of record and message, version and random (RFC 6347, section
    // 4.2.1), session id and cookie come the suites.
    let mut rest = &datagram[13 + 12 + 2 + 32..];
    for _ in 0..2 {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    let suites = rest[2..2 + len].chunks(2).map(|suite| u16::from_be_bytes([suite[0], suite[1]]));
    Some(suites.filter(|suite| *suite != RENEGOTIATION_INFO).collect())
}

/// The same of a datagram that is a ClientHello.
pub fn offered_suites(datagram: &[u8]) -> Vec<u16> {
    offered_in(datagram).expect("a ClientHello")
}
