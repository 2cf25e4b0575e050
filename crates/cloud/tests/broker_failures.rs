//! Hazard: the broker's trouble becomes everybody's, or a message is lost with a connection.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use coap_lite::Packet;
use iot_coap_cloud::{Config, Event, Forward, Transport};
use iot_coap_test_cloud::broker::{Broker, Limits};
use iot_coap_test_cloud::forwarding::*;
use iot_coap_test_cloud::*;

#[test]
fn a_slow_broker_is_not_waited_for() {
    let deadline = Duration::from_millis(300);
    let (broker, cloud, mut device) =
        scene(Limits::default(), |forward| forward.deadline = deadline);
    let start = Instant::now();
    let (request, published) = sent(&mut device, &broker, b"1");
    let reply = device.receive();
    assert!(start.elapsed() >= deadline);
    assert_unavailable(&reply);
    // What was said is said: the device may have gone by it already.
    broker.acknowledge(&published);
    assert_eq!(device.exchange(&request), reply);
    assert!(cloud.messages().is_empty());
    let published = sent_at_last(&mut device, &broker, b"2");
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
}

#[test]
fn what_awaits_the_broker_has_a_bound() {
    let limits = Limits { receive_maximum: Some(2), ..Limits::default() };
    let (broker, cloud, mut device) = scene(limits, |forward| forward.window = 3);
    let requests: Vec<Packet> = (1..=3).map(|_| device.message("x", b"1")).collect();
    for request in &requests {
        device.send(request);
    }
    let first = [broker.next(), broker.next()];
    assert!(broker.is_silent(), "the broker takes two at a time");
    assert_unavailable(&device.publish("x", b"1"));
    broker.acknowledge(&first[0]);
    let third = broker.next();
    for published in [&first[1], &third] {
        broker.acknowledge(published);
    }
    let mut answered: Vec<u16> = Vec::new();
    for _ in &requests {
        let reply = device.receive();
        assert_eq!(code(&reply), "2.05");
        answered.push(reply.header.message_id);
    }
    let expected: Vec<u16> = requests.iter().map(|request| request.header.message_id).collect();
    assert_eq!(answered, expected);
    assert_eq!(cloud.messages().len(), 3);
    // There is room again.
    let (_, published) = sent(&mut device, &broker, b"2");
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
}

#[test]
fn a_device_that_fills_the_window_makes_room_for_another() {
    let limits = Limits { receive_maximum: Some(2), ..Limits::default() };
    let (broker, cloud, mut busy) = scene(limits, |forward| forward.window = 4);
    let in_flight = [0, 1].map(|_| sent(&mut busy, &broker, b"in flight").1);
    let waiting = [busy.message("x", b"waits"), busy.message("x", b"has to go")];
    for request in &waiting {
        busy.send(request);
    }
    // Its next is refused, and takes no place of its own.
    assert_unavailable(&busy.publish("x", b"too many"));
    let mut other = TestDevice::over(&cloud, Transport::Udp);
    other.identity = quiet();
    other.sign_in();
    let request = other.message("x", b"another's");
    other.send(&request);
    let reply = busy.receive();
    assert_eq!(reply.header.message_id, waiting[1].header.message_id);
    assert_unavailable(&reply);
    assert!(broker.is_silent());
    for (published, next) in in_flight.iter().zip(["waits", "another's"]) {
        broker.acknowledge(published);
        assert_eq!(broker.next().text(), next);
    }
}

#[test]
fn what_arrived_too_late_has_the_same_id_when_it_comes_again() {
    let (broker, cloud, mut device) =
        scene(Limits::default(), |forward| forward.deadline = Duration::from_millis(300));
    let (_, late) = sent(&mut device, &broker, b"21.5");
    assert_unavailable(&device.receive());
    broker.acknowledge(&late);
    // A message of its own to CoAP: another message id, another token.
    let copy = sent_at_last(&mut device, &broker, b"21.5");
    broker.acknowledge(&copy);
    assert_eq!(code(&device.receive()), "2.05");
    assert_eq!(copy.user["id"], late.user["id"]);
    // The next reading of the same value is another message.
    let (_, next) = sent(&mut device, &broker, b"21.5");
    broker.acknowledge(&next);
    assert_eq!(code(&device.receive()), "2.05");
    assert_ne!(next.user["id"], late.user["id"]);
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn a_broker_without_qos_1_is_told_of_once_and_gets_nothing() {
    let limits = Limits { maximum_qos: Some(0), ..Limits::default() };
    let broker = Broker::start(limits);
    // A start that waited would tell of its end, too.
    let forward = Forward { patience: Duration::ZERO, ..forward(&broker) };
    let cloud = start(Config { forward: Some(forward), ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let is_lost = |event: &Event| matches!(event, Event::BrokerLost { .. });
    let lost = cloud.wait_for(PATIENCE, is_lost);
    let Some(Event::BrokerLost { reason, .. }) = lost else { panic!("{:?}", cloud.events()) };
    assert!(reason.contains("Maximum QoS 0"), "{reason}");
    let deadline = Instant::now() + PATIENCE;
    while broker.connections() < 3 {
        assert!(Instant::now() < deadline, "it is tried again");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_unavailable(&device.publish("x", b"1"));
    assert_eq!((count(&cloud, is_lost), count(&cloud, is_connection)), (1, 0));
    assert!(broker.is_silent());
}

#[test]
fn a_topic_without_a_subscriber_is_told_of_once_a_connection() {
    let (broker, cloud, mut device) = scene(Limits::default(), |_| {});
    let told = || {
        let topics = |event: &Event| match event {
            Event::NoSubscriber { topic, .. } => Some(topic.clone()),
            _ => None,
        };
        cloud.events().iter().filter_map(topics).collect::<Vec<_>>()
    };
    for connection in 1..=2 {
        for topic in ["first", "second"] {
            let request = device.message(topic, b"1");
            device.send(&request);
            broker.answer(&broker.next(), 0x10);
            assert_unavailable(&device.receive());
        }
        assert_eq!(told(), vec![format!("/{PRODUCT_KEY}/{DEVICE_NAME}/first"); connection]);
        broker.hang_up();
        let again = |_: &Event| count(&cloud, is_connection) == connection + 1;
        assert!(cloud.wait_for(PATIENCE, again).is_some());
    }
}

#[test]
fn a_message_that_was_given_up_is_not_published_later() {
    let limits = Limits { receive_maximum: Some(1), ..Limits::default() };
    let (broker, _cloud, mut device) =
        scene(limits, |forward| forward.deadline = Duration::from_millis(300));
    let (_, first) = sent(&mut device, &broker, b"in flight");
    let behind = device.message("x", b"behind it");
    device.send(&behind);
    assert_unavailable(&device.receive());
    assert_unavailable(&device.receive());
    broker.acknowledge(&first);
    assert_eq!(sent_at_last(&mut device, &broker, b"next").text(), "next");
}

#[test]
fn what_a_lost_connection_left_open_is_published_again_under_its_id() {
    let (broker, cloud, mut device) = scene(Limits::default(), |_| {});
    let first = device.message("x", b"1");
    let second = device.message("x", b"2");
    device.send(&first);
    device.send(&second);
    let before = [broker.next(), broker.next()];
    broker.hang_up();
    let after = [broker.next(), broker.next()];
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((before.connection, after.connection), (1, 2));
        assert_eq!(before.text(), after.text(), "in their order");
        assert_eq!(before.user["id"], after.user["id"]);
    }
    assert_ne!(after[0].user["id"], after[1].user["id"]);
    for published in &after {
        broker.acknowledge(published);
        assert_eq!(code(&device.receive()), "2.05");
    }
    assert_eq!(cloud.messages().len(), 2);
}

#[test]
fn a_broker_that_fell_silent_is_connected_to_anew() {
    let (broker, cloud, mut device) =
        scene(Limits::default(), |forward| forward.deadline = Duration::from_millis(100));
    let (_, first) = sent(&mut device, &broker, b"1");
    assert_unavailable(&device.receive());
    let lost = cloud.wait_for(
        PATIENCE,
        |event| matches!(event, Event::BrokerLost { reason, .. } if reason.contains("nothing")),
    );
    assert!(lost.is_some());
    assert!(cloud.wait_for(PATIENCE, |_| count(&cloud, is_connection) == 2).is_some());
    let (_, second) = sent(&mut device, &broker, b"2");
    broker.acknowledge(&second);
    assert_eq!(code(&device.receive()), "2.05");
    assert_eq!((first.connection, second.connection, second.text().as_str()), (1, 2, "2"));
}

#[test]
fn without_a_broker_the_answer_is_no_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let broker = format!("mqtt://{address}").parse().expect("an address");
    let forward = Forward { patience: Duration::ZERO, ..Forward::to(broker) };
    let deadline = forward.deadline;
    let cloud = start(Config { forward: Some(forward), ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let start = Instant::now();
    assert_unavailable(&device.publish("x", b"1"));
    assert!(start.elapsed() < deadline);
    assert!(cloud.messages().is_empty());
    let lost = cloud.wait_for(PATIENCE, |event| matches!(event, Event::BrokerLost { .. }));
    assert!(lost.is_some());

    let broker = Broker::on(TcpListener::bind(address).expect("still free"), Limits::default());
    connected(&cloud);
    let (_, published) = sent(&mut device, &broker, b"2");
    broker.acknowledge(&published);
    assert_eq!(code(&device.receive()), "2.05");
}
