//! A cloud that forwards to a broker under the test's control.

use std::time::{Duration, Instant};

use coap_lite::{CoapOption, Packet};
use iot_coap_cloud::{Cloud, Config, Device, Event, Forward, Transport};

use super::broker::{Broker, Limits, Published};
use super::{PATIENCE, PRODUCT_KEY, SILENCE, TestDevice, code, start, text};

/// Never reached in a test that does not mean to.
pub const LONG: Duration = Duration::from_mins(1);

/// Forwarding to this broker, for whose answers there is time.
pub fn forward(broker: &Broker) -> Forward {
    Forward { deadline: LONG, ..Forward::to(broker.url().parse().expect("an address")) }
}

/// A device besides the sample.
pub fn quiet() -> Device {
    Device::new(PRODUCT_KEY, "quiet", "secret")
}

/// A cloud that is connected to its broker.
pub fn forwarding(forward: Forward) -> Cloud {
    let devices = vec![Device::sample(), quiet()];
    let cloud = start(Config { devices, forward: Some(forward), ..Config::default() });
    connected(&cloud);
    cloud
}

/// Waits until a cloud is connected to its broker.
pub fn connected(cloud: &Cloud) {
    assert!(cloud.wait_for(PATIENCE, is_connection).is_some(), "{:?}", cloud.events());
}

/// Whether an event tells of a connection to the broker.
pub fn is_connection(event: &Event) -> bool {
    matches!(event, Event::BrokerConnected { .. })
}

/// How many such events there were.
pub fn count(cloud: &Cloud, such: impl Fn(&Event) -> bool) -> usize {
    cloud.events().iter().filter(|event| such(event)).count()
}

/// A cloud with a broker, and a device that has signed in.
pub fn scene(limits: Limits, change: impl FnOnce(&mut Forward)) -> (Broker, Cloud, TestDevice) {
    let broker = Broker::start(limits);
    let mut forward = forward(&broker);
    change(&mut forward);
    let cloud = forwarding(forward);
    let device = TestDevice::signed_in(&cloud, Transport::Udp);
    (broker, cloud, device)
}

/// The Max-Age of a message.
pub fn max_age(packet: &Packet) -> Option<u8> {
    match packet.get_first_option(CoapOption::MaxAge).map(Vec::as_slice) {
        Some(&[seconds]) => Some(seconds),
        None => None,
        other => panic!("{other:?}"),
    }
}

/// Sends a message and says what the broker got of it.
pub fn sent(device: &mut TestDevice, broker: &Broker, payload: &[u8]) -> (Packet, Published) {
    let request = device.message("x", payload);
    device.send(&request);
    (request, broker.next())
}

/// The same after an acknowledgement that came too late: until the server has that, its
/// answer is no.
pub fn sent_at_last(device: &mut TestDevice, broker: &Broker, payload: &[u8]) -> Published {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = device.message("x", payload);
        device.send(&request);
        if let Some(published) = broker.try_next(SILENCE) {
            return published;
        }
        assert_unavailable(&device.receive());
        assert!(Instant::now() < deadline, "nothing is published any more");
    }
}

/// Asserts that this says to come back later, and when.
pub fn assert_unavailable(reply: &Packet) {
    assert_eq!(code(reply), "5.03", "{}", text(reply));
    let seconds = max_age(reply).expect("Max-Age says when to come back");
    assert!((5..=15).contains(&seconds), "{seconds}");
}
