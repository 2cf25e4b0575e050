//! What a client offers, read from its first datagram.

/// The signaling value that stands among the suites (RFC 5746, section 3.3).
pub const RENEGOTIATION_INFO: u16 = 0x00ff;

/// The suites of a ClientHello, with the signaling value, and the numbers of its extensions,
/// as the only message of a datagram. `None` if the datagram begins with something else.
pub fn suites_and_extensions(datagram: &[u8]) -> Option<(Vec<u16>, Vec<u16>)> {
    let u16_at = |bytes: &[u8]| u16::from_be_bytes([bytes[0], bytes[1]]);
    if datagram.first() != Some(&22) || datagram.get(13) != Some(&1) {
        return None;
    }
    // After the headers of record and message, version and random (RFC 6347, section
    // 4.2.1), session id and cookie come the suites.
    let mut rest = &datagram[13 + 12 + 2 + 32..];
    for _ in 0..2 {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    let (suites, rest) = rest[2..].split_at(u16_at(rest).into());
    let suites = suites.chunks(2).map(u16_at).collect();
    // Then one compression method, and the length of all extensions.
    let mut rest = &rest[2 + 2..];
    let mut extensions = Vec::new();
    while !rest.is_empty() {
        extensions.push(u16_at(rest));
        rest = &rest[4 + usize::from(u16_at(&rest[2..]))..];
    }
    Some((suites, extensions))
}

/// The suites that a ClientHello offers, without the signaling value. `None` if the datagram
/// begins with something else.
pub fn offered_in(datagram: &[u8]) -> Option<Vec<u16>> {
    let (mut suites, _) = suites_and_extensions(datagram)?;
    suites.retain(|suite| *suite != RENEGOTIATION_INFO);
    Some(suites)
}

/// The same of a datagram that is a ClientHello.
pub fn offered_suites(datagram: &[u8]) -> Vec<u16> {
    offered_in(datagram).expect("a ClientHello")
}
