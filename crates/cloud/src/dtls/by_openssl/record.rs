//! As much of a DTLS datagram as tells whose it is (RFC 6347 sections 4.1 and
//! 4.2). What it says is not trusted; OpenSSL reads it again.

const RECORD_HEADER: usize = 13;
const HANDSHAKE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;

/// What a datagram begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// A whole `ClientHello`, or the first piece of one.
    ClientHello {
        /// 0 in the first one, 1 in the one that brings the cookie back.
        message_seq: u16,
        random: [u8; 32],
    },
    /// A later piece of a `ClientHello`.
    LaterPiece,
    /// Some other record.
    Other,
}

/// Looks at the first record; `None` if there is none.
pub(super) fn start(datagram: &[u8]) -> Option<Start> {
    let (header, body) = datagram.split_at_checked(RECORD_HEADER)?;
    let content_type = header[0];
    // 0xFE: DTLS, whichever version.
    if !(20..=26).contains(&content_type) || header[1] != 0xFE {
        return None;
    }
    let epoch = u16::from_be_bytes([header[3], header[4]]);
    if content_type != HANDSHAKE || epoch != 0 {
        return Some(Start::Other);
    }
    let Some((handshake, hello)) = body.split_at_checked(HANDSHAKE_HEADER) else {
        return Some(Start::Other);
    };
    if handshake[0] != CLIENT_HELLO {
        return Some(Start::Other);
    }
    if handshake[6..9] != [0, 0, 0] {
        return Some(Start::LaterPiece);
    }
    // The random follows two bytes of version.
    match hello.get(2..34).map(<[u8; 32]>::try_from) {
        Some(Ok(random)) => Some(Start::ClientHello {
            message_seq: u16::from_be_bytes([handshake[4], handshake[5]]),
            random,
        }),
        _ => Some(Start::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_record_is_nothing() {
        for datagram in [&b""[..], &[22; 12], &[0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]] {
            assert_eq!(start(datagram), None);
        }
    }

    #[test]
    fn a_client_hello_is_known_by_its_random() {
        let mut datagram = vec![22, 0xFE, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 46];
        datagram.extend([1, 0, 0, 34, 0, 1, 0, 0, 0, 0, 0, 34, 0xFE, 0xFD]);
        datagram.extend([7; 32]);
        let expected = Start::ClientHello { message_seq: 1, random: [7; 32] };
        assert_eq!(start(&datagram), Some(expected));
        // Encrypted, another message, a later piece, cut short.
        let changed = |index: usize, value| {
            let mut other = datagram.clone();
            other[index] = value;
            start(&other)
        };
        assert_eq!(changed(4, 1), Some(Start::Other));
        assert_eq!(changed(13, 16), Some(Start::Other));
        assert_eq!(changed(21, 1), Some(Start::LaterPiece));
        assert_eq!(start(&datagram[..40]), Some(Start::Other));
    }
}
