//! The reply to a sign-in: any payload, taken for JSON and for CBOR, over
//! `coap://` and in symmetric mode. The sign-in ends at once, with a token of 1
//! to 255 bytes or with a failure; and the token is the one that serde_json and
//! ciborium find, where they take the payload too.

#![no_main]

use ciborium::Value;
use iot_coap_client::{
    Client, Code, Config, ContentFormat, Device, Encoder, Encoding, Endpoint, Event, Instant, Kind,
    MAX_ACCESS_TOKEN_LEN, MAX_MESSAGE_LEN, Message, Received, Request, SIGN_IN_LIMIT, SignInError,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|payload: &[u8]| {
    for url in ["coap://127.0.0.1", "coap-psk://127.0.0.1"] {
        if let Some(token) = sign_in(url, Encoding::Json, payload)
            && let Ok(theirs) = serde_json::from_slice::<serde_json::Value>(payload)
            && let Some(theirs) = theirs["token"].as_str()
        {
            assert_eq!(token, theirs.as_bytes());
        }
        if let Some(token) = sign_in(url, Encoding::Cbor, payload)
            && let Some(theirs) = token_by_ciborium(payload)
        {
            assert_eq!(token, theirs.as_bytes());
        }
    }
});

/// Signs in, and returns the access token if there was one in the reply.
fn sign_in(url: &str, encoding: Encoding, payload: &[u8]) -> Option<Vec<u8>> {
    let endpoint = Endpoint::parse(url).expect("a URL");
    let device = Device::new("key", "name", "", "secret").expect("an identity");
    let mut client = Client::<u8>::new(Config::new(device, &endpoint, 1).encoding(encoding));
    let [start, replied, posted] = [0, 1, 2].map(Instant::from_millis);
    let attempt = client.sign_in(start, SIGN_IN_LIMIT);
    let request = client.poll_transmit(start).expect("a request").datagram.to_vec();
    let request = Message::parse(&request).expect("what is sent parses");

    let mut reply = vec![0; MAX_MESSAGE_LEN];
    let kind = Kind::Acknowledgement;
    let encoder = Encoder::new(&mut reply, kind, Code::CONTENT, request.id, request.token);
    let len = encoder.expect("a head").payload(payload).ok()?;
    reply.truncate(len);
    let payload_at = reply.len() - payload.len();
    assert!(matches!(client.handle_datagram(replied, &mut reply), Received::Handled));
    // It held a secret.
    assert!(reply[payload_at..].iter().all(|byte| *byte == 0));

    let outcome = client.sign_in_outcome(replied, attempt).expect("the sign-in has ended");
    let announced = match client.poll_event() {
        Some(Event::SignedIn) => Ok(()),
        Some(Event::SignInFailed(error)) => Err(error),
        other => panic!("{other:?}"),
    };
    assert_eq!(outcome, announced);
    assert!(client.poll_event().is_none());
    let Some(token) = client.access_token().map(<[u8]>::to_vec) else {
        assert_eq!(outcome, Err(SignInError::BadReply));
        return None;
    };
    assert_eq!(outcome, Ok(()));
    assert!((1..=MAX_ACCESS_TOKEN_LEN).contains(&token.len()));

    // The token fits what it is for.
    let path = b"/topic/key/name/update";
    let request =
        Request { confirmable: true, path, content_format: ContentFormat::Json, payload: b"{}" };
    client.send(posted, &request, 7).expect("a message");
    let sent = client.poll_transmit(posted).expect("a message").datagram;
    let mut options = Message::parse(sent).expect("what is sent parses").options;
    assert!(options.any(|option| option.value == token));
    Some(token)
}

/// The last token in the map, unless something other than text has its name:
/// that is passed over by us.
fn token_by_ciborium(payload: &[u8]) -> Option<String> {
    let map = ciborium::from_reader::<Value, _>(payload).ok()?.into_map().ok()?;
    let last = map.into_iter().rfind(|(name, _)| name.as_text() == Some("token"))?;
    last.1.into_text().ok()
}
