//! Hazard: what peers send is kept in memory at many times its size, or without a bound.

use coap_lite::{CoapOption, MessageType, Packet};
use iot_coap_cloud::{Config, ConsoleConfig, Event, Transport};
use iot_coap_test_cloud::*;

/// More than any message may have, and less than UDP takes.
const HUGE: usize = 60_000;

#[test]
fn what_is_too_long_or_has_too_many_options_is_reset() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let reset = |device: &mut TestDevice, packet: &Packet, reason: &str| {
        device.link.send(&packet.to_bytes_unlimited().expect("encoded"));
        let reply = device.receive();
        assert_eq!(reply.header.get_type(), MessageType::Reset);
        assert_eq!(reply.header.message_id, packet.header.message_id);
        let told = |event: &Event| matches!(event, Event::Malformed { reason: told, .. } if told.contains(reason));
        assert!(cloud.events().iter().any(told), "{reason}");
    };
    // Empty options: one byte each here, and a hundred in memory.
    for count in [HUGE, 101] {
        let mut packet = device.post("/topic");
        packet.clear_all_options();
        (0..count).for_each(|_| packet.add_option(CoapOption::from(2_000), Vec::new()));
        let reason = if count == HUGE { "longer than" } else { "options" };
        reset(&mut device, &packet, reason);
    }
    let long = device.message("x", &vec![b'x'; HUGE]);
    reset(&mut device, &long, "longer than");
    assert_eq!(code(&device.publish("x", &[b'x'; 16_000])), "2.05");
}

#[test]
fn nothing_long_is_repeated_in_answers_and_events() {
    const LONG: usize = 14_000;
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let (name, half) = ("n".repeat(LONG), "h".repeat(LONG / 2));
    let with_payload = |device: &mut TestDevice, payload: String| {
        let mut request = device.auth("hmacmd5", &[]);
        request.payload = payload.into_bytes();
        request
    };
    let long_path = |device: &mut TestDevice, start: &str| {
        let segment = format!("/{}", "p".repeat(200));
        device.message_to(&format!("{start}{}", segment.repeat(60)), b"1")
    };
    let requests = [
        with_payload(&mut device, format!("{{\"{name}\":[]}}")),
        with_payload(&mut device, format!("\"{name}\"")),
        with_payload(&mut device, format!("{{\"signmethod\":\"{name}\"}}")),
        with_payload(
            &mut device,
            format!("{{\"productKey\":\"{half}\",\"deviceName\":\"{half}\"}}"),
        ),
        long_path(&mut device, "/nowhere"),
        long_path(&mut device, "/topic"),
        device.message_to("/topic/a/b/c", name.as_bytes()),
    ];
    for request in &requests {
        let reply = device.exchange(request);
        assert!(code(&reply).starts_with("4."), "{reply:?}");
        assert!(reply.payload.len() < 1_000, "{} bytes", reply.payload.len());
    }
    let events = cloud.events();
    let told: Vec<usize> = events
        .iter()
        .filter_map(|event| match event {
            Event::SignInRefused { product_key, device_name, reason, remedy, .. } => {
                Some(product_key.len() + device_name.len() + reason.len() + remedy.len())
            }
            Event::RequestRefused { path, product_key, device_name, reason, remedy, .. } => {
                let names = product_key.len() + device_name.len();
                Some(path.len() + names + reason.len() + remedy.len())
            }
            Event::Message(message) => Some(
                message.topic.len()
                    + message.product_key.len()
                    + message.device_name.len()
                    + message.payload.len(),
            ),
            _ => None,
        })
        .collect();
    assert_eq!(told.len(), requests.len());
    assert!(told.iter().all(|bytes| *bytes < 3_000), "{told:?}");
    // A name of the device's own choice in a sign-in that is right.
    let long = device.auth("hmacmd5", &[("zone", &name)]);
    assert_eq!(code(&device.exchange(&long)), "2.05");
    let Some(Event::SignedIn { extras, .. }) = cloud.events().into_iter().next_back() else {
        panic!("it has signed in")
    };
    assert!(extras.iter().all(|extra| extra.len() < 300));
}

#[test]
fn events_have_a_bound_in_bytes() {
    const PAYLOAD: usize = 16_000;
    const BOUND: usize = 64 << 20;
    let console = ConsoleConfig::new(([127, 0, 0, 1], 0).into(), None).expect("loopback");
    let cloud = start(Config { console: Some(console), ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let payload = vec![b'x'; PAYLOAD];
    let count = BOUND / PAYLOAD + 500;
    for _ in 0..count {
        assert_eq!(code(&device.publish("x", &payload)), "2.05");
    }
    let kept: usize = cloud.messages().iter().map(|message| message.payload.len()).sum();
    assert!(kept < BOUND, "{kept} bytes");
    assert!(kept > BOUND * 9 / 10, "the latest are there: {kept} bytes");
}
