//! A server that has something to say as soon as there is a session: it comes in one datagram
//! with its Finished, and none of it is lost.

use std::ffi::{c_char, c_int, c_uint};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged};
use iot_coap_test_support::dtls::{IDENTITY, PSK};
use iot_coap_test_support::scripted::messages::{ALERT, APPLICATION_DATA};
use iot_coap_test_support::scripted::{Hello, Server, Suite};

/// The program's key.
#[unsafe(no_mangle)]
unsafe extern "C" fn HAL_DTLSSession_psk(
    _host: *const c_char,
    identity: *mut u8,
    identity_len: *mut c_uint,
    key: *mut u8,
    key_len: *mut c_uint,
) -> c_int {
    // SAFETY: the library has room for both.
    unsafe {
        identity.copy_from_nonoverlapping(IDENTITY.as_ptr(), IDENTITY.len());
        key.copy_from_nonoverlapping(PSK.as_ptr(), PSK.len());
        *identity_len = IDENTITY.len() as c_uint;
        *key_len = PSK.len() as c_uint;
    }
    0
}

/// One side of the network.
struct Talk {
    front: UdpSocket,
    behind: UdpSocket,
}

impl Talk {
    fn receive(&self) -> Option<(Vec<u8>, SocketAddr)> {
        let mut buffer = [0; 4096];
        let (len, from) = self.front.recv_from(&mut buffer).ok()?;
        Some((buffer[..len].to_vec(), from))
    }

    /// A handshake up to the server's Finished, which is still to be sent.
    fn shake_hands(&self) -> (Server, SocketAddr) {
        let mut server = Server::new(Suite::PskGcm);
        let (hello, client) = self.receive().expect("a hello");
        server.read_hello(&[hello]);
        let hello = Hello::new(Suite::PskGcm);
        let flight = [server.say_hello(&hello), server.say_done()].concat();
        self.front.send_to(&flight, client).expect("loopback takes all");
        let (flight, client) = self.receive().expect("a flight");
        server.read_flight(&[flight]);
        (server, client)
    }

    fn next_message(&self, server: &Server) -> Vec<u8> {
        let (record, _) = self.receive().expect("a message");
        let (kind, message) = server.open(&record).expect("it is under these keys");
        assert_eq!(kind, APPLICATION_DATA);
        message
    }

    /// What the cloud says to a message.
    fn answer(&self, message: &[u8]) -> Vec<u8> {
        let mut buffer = [0; 2048];
        self.behind.send(message).expect("loopback takes all");
        let len = self.behind.recv(&mut buffer).expect("the cloud answers");
        buffer[..len].to_vec()
    }
}

#[test]
fn several_answers_that_come_with_the_finished_are_delivered() {
    collect();
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let [front, behind] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a socket"));
    behind.connect(cloud.address(Transport::Udp)).expect("loopback is there");
    for socket in [&front, &behind] {
        socket.set_read_timeout(Some(Duration::from_secs(3))).expect("above 0");
    }
    let url = format!("coaps://127.0.0.1:{}", front.local_addr().expect("it is bound").port());
    let talk = Talk { front, behind };
    let serving = thread::spawn(move || {
        let (mut server, client) = talk.shake_hands();
        talk.front.send_to(&server.say_finished(), client).expect("loopback takes all");
        let answer = talk.answer(&talk.next_message(&server));
        let record = server.protected(APPLICATION_DATA, &answer);
        talk.front.send_to(&record, client).expect("loopback takes all");
        let messages = [(); 3].map(|()| talk.next_message(&server));
        // Closed before anything is answered, so that the answers go to the next session.
        let goodbye = server.protected(ALERT, &[1, 0]);
        talk.front.send_to(&goodbye, client).expect("loopback takes all");
        let (mut server, client) = loop {
            // The client's own goodbye.
            let mut first = [0; 1];
            talk.front.peek_from(&mut first).ok();
            if first[0] != ALERT {
                break talk.shake_hands();
            }
            talk.receive();
        };
        let answers = messages.map(|message| talk.answer(&message));
        let mut datagram = server.say_finished();
        for answer in answers {
            datagram.extend(server.protected(APPLICATION_DATA, &answer));
        }
        talk.front.send_to(&datagram, client).expect("loopback takes all");
        // What is lost would be sent again.
        talk.receive().and_then(|(record, _)| server.open(&record))
    });
    let client = Client::init(&url, 300).unwrap_or_else(|| panic!("{}", logged()));
    assert_eq!(client.sign_in(), 0, "{}", logged());
    for number in 0..3 {
        assert_eq!(client.confirm(number), 0);
    }
    client.await_answers(3, Duration::from_secs(2));
    let more = serving.join().expect("the server is content");
    assert!(more.is_none_or(|(kind, _)| kind != APPLICATION_DATA), "{}", logged());
}
