//! An access token that the cloud no longer takes: the application's messages
//! arrive all the same, once each, in order, after one sign-in.

use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, Device, Event, Transport};
use iot_coap_test_library::client::Client;

const CONTENT: u8 = 0x45;
const UNAUTHORIZED: u8 = 0x81;

fn sign_ins(cloud: &Cloud) -> usize {
    cloud.events().iter().filter(|event| matches!(event, Event::SignedIn { .. })).count()
}

/// The payloads of the messages that were taken, in order.
fn taken(cloud: &Cloud) -> Vec<String> {
    let messages = cloud.messages();
    let taken = messages.iter().filter(|message| message.code == "2.05");
    taken.map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect()
}

fn payloads(numbers: impl Iterator<Item = usize>) -> Vec<String> {
    numbers.map(|number| format!("{{\"message\":{number}}}")).collect()
}

#[test]
fn refused_messages_are_sent_again_in_order_after_one_sign_in() {
    for transport in [Transport::Udp, Transport::Symmetric] {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let client = Client::signed_in(&cloud.url(transport));
        assert_eq!(client.confirm(0), 0);
        client.await_answers(1, Duration::from_secs(5));

        cloud.expire_tokens();
        for number in 1..=8 {
            assert_eq!(client.confirm(number), 0);
        }
        let answers = client.await_answers(9, Duration::from_secs(10));
        assert!(answers.iter().all(|answer| answer.code == CONTENT), "{answers:?}");
        assert_eq!(taken(&cloud), payloads(0..=8), "{transport:?}");
        assert_eq!(sign_ins(&cloud), 2, "the first, and one for all that was refused");
    }
}

#[test]
fn tokens_that_wear_out_are_renewed_for_as_long_as_it_takes() {
    let config = Config { token_uses: Some(3), ..Config::default() };
    let cloud = Cloud::start(config).expect("the local cloud starts");
    let client = Client::signed_in(&cloud.url(Transport::Udp));
    for number in 0..20 {
        assert_eq!(client.confirm(number), 0);
        let answers = client.await_answers(number + 1, Duration::from_secs(10));
        assert_eq!(answers[number].code, CONTENT);
    }
    assert_eq!(taken(&cloud), payloads(0..20));
}

#[test]
fn a_device_that_may_no_longer_sign_in_is_told_so() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let client = Client::signed_in(&cloud.url(Transport::Udp));
    let mut device = Device::sample();
    device.device_secret = "changed since".into();
    cloud.set_device(device);
    cloud.expire_tokens();

    assert_eq!(client.confirm(1), 0);
    let answers = client.await_answers(1, Duration::from_secs(10));
    assert_eq!(answers[0].code, UNAUTHORIZED, "the code that the message was refused with");
    assert!(answers[0].payload.is_empty());
    // IOTX_ERR_AUTH_FAILED
    assert_eq!(client.sign_in(), -4);
}
