//! A server that insists on tokens of other lengths than the client's 4 bytes:
//! what it says answers nothing. No real server does so; this one is by hand.

use std::net::UdpSocket;
use std::time::Duration;

use iot_coap_client::Dropped;

use crate::bench::{Outcome, Wired, con};
use crate::wire::{Datagram, Side};

/// A message of 2.05 without options; the token with its length as it is.
fn content(kind: u8, id: u16, token: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0x40 | kind << 4 | token.len() as u8, 0x45];
    message.extend(id.to_be_bytes());
    message.extend(token);
    message.push(0xFF);
    message.extend(payload);
    message
}

const CON: u8 = 0;
const NON: u8 = 1;
const ACK: u8 = 2;

#[test]
fn answers_with_tokens_of_other_lengths_are_ignored() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    server.set_read_timeout(Some(Duration::from_secs(10))).expect("above 0");
    let mut device = Wired::new(server.local_addr().expect("it is bound"), |config| config);
    device.send(&con("/a", b"{}"), 1);

    let mut buffer = [0; 2048];
    let (len, client) = server.recv_from(&mut buffer).expect("a request");
    let request = Datagram::read(Side::Client, &buffer[..len]);
    // Begins with the client's token where it is longer, or with part of it.
    let token: Vec<u8> = request.token.iter().copied().cycle().take(8).collect();
    for len in [0, 1, 2, 3, 5, 6, 7, 8] {
        for (kind, id) in
            [(ACK, request.id), (NON, 0x1000 + len as u16), (CON, 0x2000 + len as u16)]
        {
            let answer = content(kind, id, &token[..len], b"foreign");
            server.send_to(&answer, client).expect("loopback takes all");
            assert_eq!(device.next(), Outcome::Dropped(Dropped::Unmatched), "{len} {kind}");
            if kind == CON {
                // Rejected, so that the server does not send it again.
                let len = server.recv(&mut buffer).expect("a Reset");
                let reset = Datagram::read(Side::Client, &buffer[..len]);
                assert!(reset.is_empty(), "{reset:?}");
                assert_eq!((reset.kind, reset.id), ("RST", id));
            }
        }
    }
    // Reserved lengths (RFC 7252 section 3), in whatever way RFC 8974 uses them.
    for len in 9..=15 {
        let mut answer = content(ACK, request.id, &[], b"0123456789 0123456789");
        answer[0] |= len;
        server.send_to(&answer, client).expect("loopback takes all");
        assert!(matches!(device.next(), Outcome::Dropped(Dropped::Malformed(_))), "{len}");
    }
    // The exchange is as it was.
    let answer = content(ACK, request.id, &token[..4], b"ours");
    server.send_to(&answer, client).expect("loopback takes all");
    assert_eq!(device.answer(), (1, "2.05".into(), b"ours".to_vec()));
}
