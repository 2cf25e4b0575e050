//! DTLS sessions that end under the application: it notices nothing but a
//! little delay.

use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::client::Client;

fn trusting_client(cloud: &Cloud) -> Client {
    iot_coap_test_library::trust::set(cloud.root_pem());
    Client::signed_in(&cloud.url(Transport::Dtls))
}

fn count(cloud: &Cloud, fits: impl Fn(&Event) -> bool) -> usize {
    cloud.events().iter().filter(|event| fits(event)).count()
}

#[test]
fn a_session_that_the_cloud_closes_is_replaced_and_the_token_kept() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    for number in 0..5 {
        assert_eq!(client.confirm(number), 0);
        let answers = client.await_answers(number + 1, Duration::from_secs(20));
        assert_eq!(answers[number].code, 0x45);
        assert_eq!(cloud.close_dtls_sessions(), 1);
    }
    assert_eq!(cloud.messages().len(), 5);
    assert!(cloud.messages().iter().all(|message| !message.duplicate));
    assert_eq!(count(&cloud, |event| matches!(event, Event::SignedIn { .. })), 1);
    let resumed = count(&cloud, |event| matches!(event, Event::DtlsOpened { resumed: true, .. }));
    assert!(resumed >= 3, "sessions are resumed, not negotiated anew: {resumed}");
}

#[test]
fn a_message_in_flight_when_its_session_closes_is_sent_again() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    assert_eq!(client.confirm(0), 0);
    client.await_answers(1, Duration::from_secs(5));
    // Closed before the message: the client learns of it when it reads, and
    // waits for no timer then, of which none ends sooner than ACK_TIMEOUT.
    let start = Instant::now();
    cloud.close_dtls_sessions();
    assert_eq!(client.confirm(1), 0);
    let answers = client.await_answers(2, Duration::from_secs(20));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!((answers[1].message, answers[1].code), (1, 0x45));
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn a_session_that_the_cloud_has_forgotten_is_replaced() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = trusting_client(&cloud);
    // Without a word: what the client sends is dropped from now on.
    assert_eq!(cloud.forget_dtls_sessions(), 1);
    assert_eq!(client.confirm(1), 0);
    let answers = client.await_answers(1, Duration::from_secs(40));
    assert_eq!(answers[0].code, 0x45);
    assert_eq!(cloud.messages().len(), 1);
    let sign_ins = count(&cloud, |event| matches!(event, Event::SignedIn { .. }));
    assert_eq!(sign_ins, 1, "the access token is kept");
}
