//! A cloud that a test plays by itself, on a UDP socket.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use coap_lite::{MessageClass, MessageType, Packet};

use crate::client::Client;

const CONTENT: u8 = 0x45;
const URI_PATH: u16 = 11;

/// The cloud's end of the wire.
pub struct Wire(UdpSocket);

/// A request, and who sent it.
pub struct Asked {
    /// The request.
    pub packet: Packet,
    from: SocketAddr,
}

impl Asked {
    /// The values of an option.
    pub fn option(&self, number: u16) -> Vec<Vec<u8>> {
        let option = self.packet.get_option(number.into());
        option.map(|values| values.iter().cloned().collect()).unwrap_or_default()
    }

    /// Whether it asks for an access token.
    pub fn is_sign_in(&self) -> bool {
        self.option(URI_PATH) == [b"auth"]
    }

    /// Whether it is Confirmable, or what else.
    pub fn is_of_type(&self, kind: MessageType) -> bool {
        self.packet.header.get_type() == kind
    }
}

impl Wire {
    /// On a free port.
    pub fn bind() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a limit");
        Self(socket)
    }

    /// What a client connects to.
    pub fn url(&self) -> String {
        format!("coap://{}", self.0.local_addr().expect("it is bound"))
    }

    /// The next request.
    pub fn next(&self) -> Asked {
        let mut buffer = [0; 2048];
        let (len, from) = self.0.recv_from(&mut buffer).expect("a request");
        Asked { packet: Packet::from_bytes(&buffer[..len]).expect("well-formed"), from }
    }

    /// The next request that is no copy of `other`.
    pub fn next_but(&self, other: &Asked) -> Asked {
        let is_copy =
            |asked: &Asked| asked.packet.header.message_id == other.packet.header.message_id;
        core::iter::repeat_with(|| self.next()).find(|asked| !is_copy(asked)).expect("a request")
    }

    /// Answers a request with 2.05 in its acknowledgement.
    pub fn answer(&self, asked: &Asked, payload: &str) {
        self.answer_with(asked, CONTENT, &[], payload);
    }

    /// Answers a request in its acknowledgement, with any code and options.
    pub fn answer_with(&self, asked: &Asked, code: u8, options: &[(u16, &[u8])], payload: &str) {
        let mut packet = Packet::new();
        packet.header.set_type(MessageType::Acknowledgement);
        packet.header.code = MessageClass::from(code);
        packet.header.message_id = asked.packet.header.message_id;
        packet.set_token(asked.packet.get_token().to_vec());
        for &(number, value) in options {
            packet.add_option(number.into(), value.to_vec());
        }
        packet.payload = payload.as_bytes().to_vec();
        self.send(asked, &packet.to_bytes().expect("it fits"));
    }

    /// Sends these bytes to whoever has asked.
    pub fn send(&self, asked: &Asked, datagram: &[u8]) {
        self.0.send_to(datagram, asked.from).expect("it is sent");
    }

    /// Grants an access token.
    pub fn grant(&self, asked: &Asked, access_token: &str) {
        assert!(asked.is_sign_in());
        self.answer(asked, &format!(r#"{{"token":"{access_token}"}}"#));
    }

    /// Signs a client in.
    pub fn sign_in(&self, client: &Client, access_token: &str) {
        thread::scope(|scope| {
            let signing_in = scope.spawn(|| client.sign_in());
            self.grant(&self.next(), access_token);
            assert_eq!(signing_in.join().expect("it returns"), 0);
        });
    }
}
