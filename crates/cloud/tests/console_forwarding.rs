//! Hazard: the console tells of the broker something else than what is so, or leaves the time
//! that it takes out of the answers'.

use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_cloud::broker::{Broker, Limits};
use iot_coap_test_cloud::browser::Browser;
use iot_coap_test_cloud::forwarding::forward;
use iot_coap_test_cloud::http::*;
use iot_coap_test_cloud::*;
use serde_json::{Value, json};

fn with_console(broker: &Broker) -> Cloud {
    let forward = Some(forward(broker));
    start(Config { console: Some(console()), forward, ..Config::default() })
}

/// The first tick that fits.
fn tick(cloud: &Cloud, fits: impl Fn(&Value) -> bool) -> Value {
    let mut stream = events(cloud, &[]);
    std::iter::repeat_with(|| stream.next_named("tick").data)
        .find(|tick| fits(tick))
        .expect("without end")
}

#[test]
fn the_state_of_the_broker_is_told() {
    let broker = Broker::start(Limits::default());
    let cloud = with_console(&broker);
    let connected = |tick: &Value| tick["broker"]["connected"] == true;
    let up = tick(&cloud, connected)["broker"].clone();
    assert_eq!(up["address"], broker.url());
    assert_eq!(
        (&up["reason"], &up["waiting"], &up["in_flight"]),
        (&json!(""), &json!(0), &json!(0))
    );
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = device.message("x", b"1");
    device.send(&request);
    let published = broker.next();
    let busy = tick(&cloud, |tick| tick["broker"]["in_flight"] == 1);
    assert_eq!(busy["broker"]["since"], up["since"]);
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
    tick(&cloud, |tick| tick["broker"]["in_flight"] == 0);
    // It is gone for good.
    drop(broker);
    let down = tick(&cloud, |tick| tick["broker"]["connected"] == false)["broker"].clone();
    assert!(down["since"].as_u64() > up["since"].as_u64(), "{down} after {up}");
    assert!(down["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{down}");
    let alone = iot_coap_test_cloud::with_console();
    assert_eq!(events(&alone, &[]).next_named("tick").data["broker"], Value::Null);
}

#[test]
fn the_header_of_the_page_says_how_the_broker_is() {
    let broker = Broker::start(Limits::default());
    let cloud = with_console(&broker);
    let browser = Browser::open(&console_url(&cloud), "en");
    browser.until_says("#broker", "connected, 0 in flight, 0 waiting");
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = device.message("x", b"1");
    device.send(&request);
    let published = broker.next();
    browser.until_says("#broker", "1 in flight");
    broker.acknowledge(&published);
    browser.until_says("#broker", "0 in flight");
    drop(broker);
    browser.until_says("#broker", "No broker at");
    let alone = iot_coap_test_cloud::with_console();
    browser.go(&console_url(&alone));
    browser.until_says("#link", "Connected");
    assert!(browser.run("return document.getElementById('broker').hidden") == true);
}

#[test]
fn the_time_of_an_answer_has_that_of_the_broker_in_it() {
    let broker = Broker::start(Limits::default());
    let cloud = with_console(&broker);
    tick(&cloud, |tick| tick["broker"]["connected"] == true);
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let before = answer_times(&cloud, 1);
    let request = device.message("x", b"1");
    device.send(&request);
    let published = broker.next();
    std::thread::sleep(Duration::from_millis(250));
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
    let after = answer_times(&cloud, 2);
    assert_eq!(above_200_ms(&after), above_200_ms(&before) + 1, "{after:?}");
    // Its messages are one exchange, though they are apart.
    let (rows, _) = events(&cloud, &[]).rows_until(says("1"));
    let told = details(&cloud, rows.last().expect("one"));
    let codes: Vec<_> =
        told["datagrams"].as_array().expect("a list").iter().map(|each| &each["code"]).collect();
    assert_eq!(codes, ["0.02", "2.05"]);
}
