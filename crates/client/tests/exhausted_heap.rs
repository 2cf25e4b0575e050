//! Hazard: the heap runs out in the middle, and the client aborts, which on a
//! board means a reset, or forgets what it promised. Every allocation of a
//! client's life fails once, one run after the other.

mod support;

use iot_coap_client::{
    Client, Event, Instant, Received, SIGN_IN_LIMIT, SendError, SignInError, Unsent,
};
use iot_coap_test_heap::{Limit, limit, limited, set_limit};
use support::{CONTENT, UNAUTHORIZED, con, config_for, is_sign_in, piggybacked};

const NOW: Instant = Instant::from_millis(1_000_000);

/// A client, and a cloud that grants `reply`.
struct Life {
    client: Client<u32>,
    reply: &'static [u8],
}

impl Life {
    fn due(&mut self) -> Option<Vec<u8>> {
        self.client.poll_transmit(NOW).map(|transmit| transmit.datagram.to_vec())
    }

    fn receive(&mut self, mut datagram: Vec<u8>) -> Received<u32> {
        limited(|| self.client.handle_datagram(NOW, &mut datagram))
    }

    /// Has the cloud answer a sign-in that is due; says how it ended.
    fn grant(&mut self) -> Event<u32> {
        if let Some(request) = self.due() {
            assert!(is_sign_in(&request));
            self.receive(piggybacked(&request, CONTENT, self.reply));
        }
        self.client.poll_event().expect("a sign-in ends")
    }

    fn sign_in(&mut self) {
        limited(|| self.client.sign_in(NOW, SIGN_IN_LIMIT));
        let event = self.grant();
        if event == Event::SignedIn {
            return;
        }
        let not_sent = SignInError::NotSent(SendError::OutOfMemory);
        assert!(
            [SignInError::OutOfMemory, not_sent].map(Event::SignInFailed).contains(&event),
            "{event:?}"
        );
        limited(|| self.client.sign_in(NOW, SIGN_IN_LIMIT));
        assert_eq!(self.grant(), Event::SignedIn, "the heap is well again");
    }

    fn post(&mut self, number: u32) -> Vec<u8> {
        let sent = limited(|| self.client.send(NOW, &con(b"{\"a\":1}"), number));
        if sent.is_err() {
            let error = SendError::OutOfMemory;
            assert_eq!(sent, Err(Unsent { error, application: number }));
            limited(|| self.client.send(NOW, &con(b"{\"a\":1}"), number)).expect("well again");
        }
        self.due().expect("a message is due")
    }

    fn posts(&mut self, number: u32) {
        let request = self.post(number);
        match self.receive(piggybacked(&request, CONTENT, b"")) {
            Received::Response(response) => assert_eq!(response.application, number),
            other => panic!("{other:?}"),
        }
    }

    /// Has a message refused; it is delivered after another sign-in, or its
    /// refusal is.
    fn has_one_refused(&mut self, number: u32) {
        let request = self.post(number);
        assert!(matches!(
            self.receive(piggybacked(&request, UNAUTHORIZED, b"")),
            Received::Handled
        ));
        let event = self.grant();
        if let Some(again) = self.due() {
            assert_eq!(event, Event::SignedIn);
            let received = self.receive(piggybacked(&again, CONTENT, b""));
            assert!(matches!(received, Received::Response(_)), "{received:?}");
            return;
        }
        assert_eq!(limit(), Limit::None, "nothing else keeps it from being sent again");
        match self.client.poll_event() {
            Some(Event::Refused { application, code, .. }) => {
                assert_eq!((application, code.0), (number, UNAUTHORIZED));
            }
            other => panic!("{other:?}"),
        }
    }
}

/// One life with the allocation after the first `left` failing; whether there
/// were so many.
fn live(url: &str, reply: &'static [u8], left: u32) -> bool {
    let config = config_for(url);
    set_limit(Limit::OneAfter(left));
    let mut life = Life { client: limited(|| Client::new(config)), reply };
    life.sign_in();
    life.posts(1);
    life.has_one_refused(2);
    let failed = set_limit(Limit::None) == Limit::None;
    if !life.client.is_signed_in() {
        life.sign_in();
    }
    life.posts(3);
    assert!(life.client.poll_event().is_none());
    assert_eq!(life.client.outstanding(), 0);
    failed
}

fn every_allocation_fails_once(url: &str, reply: &'static [u8]) {
    let runs = (0..1000).take_while(|&left| live(url, reply, left)).count();
    // At least the access token, a message, a sign-in and its payload.
    assert!((4..100).contains(&runs), "{runs} allocations");
}

#[test]
fn every_allocation_fails_once_over_udp() {
    every_allocation_fails_once("coap://127.0.0.1", br#"{"token":"an access token"}"#);
}

#[cfg(feature = "symmetric")]
#[test]
fn every_allocation_fails_once_in_symmetric_mode() {
    let reply = br#"{"random":"915ede6cbc8a059f","seqOffset":1,"token":"an access token"}"#;
    every_allocation_fails_once("coap-psk://127.0.0.1", reply);
}
