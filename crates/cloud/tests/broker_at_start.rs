//! Hazard: the first message is answered 5.03, since the server said that it was ready before it
//! had its broker; or without a broker nothing ever starts.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use iot_coap_cloud::{Config, Event, Forward, Transport};
use iot_coap_test_cloud::broker::{Broker, Limits};
use iot_coap_test_cloud::program::program;
use iot_coap_test_cloud::*;

/// An address where nobody listens yet.
fn free_address() -> std::net::SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|each| each.local_addr()).expect("a free port")
}

fn place(events: &[Event], fits: fn(&Event) -> bool) -> Option<usize> {
    events.iter().position(fits)
}

#[test]
fn a_server_is_ready_once_it_has_its_broker() {
    let address = free_address();
    let late = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        Broker::on(TcpListener::bind(address).expect("still free"), Limits::default())
    });
    let forward = Forward {
        patience: PATIENCE,
        ..Forward::to(format!("mqtt://{address}").parse().expect("an address"))
    };
    let cloud = start(Config { forward: Some(forward), ..Config::default() });
    assert_eq!(cloud.missing_broker(), None);
    let events = cloud.events();
    let connected = place(&events, |event| matches!(event, Event::BrokerConnected { .. }));
    let ready = place(&events, |event| matches!(event, Event::Ready { .. }));
    assert!(connected.is_some() && connected < ready, "{events:?}");
    let broker = late.join().expect("no panic");
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = device.message("x", b"1");
    device.send(&request);
    broker.acknowledge(&broker.next());
    assert_eq!(code(&device.receive()), "2.05");
}

#[test]
fn a_server_whose_broker_does_not_come_is_ready_without_and_says_so() {
    let patience = Duration::from_millis(300);
    let broker = format!("mqtt://{}", free_address());
    let forward = Forward { patience, ..Forward::to(broker.parse().expect("an address")) };
    let begun = Instant::now();
    let cloud = start(Config { forward: Some(forward), ..Config::default() });
    assert!(begun.elapsed() >= patience);
    let said = cloud.missing_broker().expect("it is not there");
    assert!(said.contains("not there within 300ms") && said.contains(&broker), "{said}");
    let events = cloud.events();
    let given_up = |event: &Event| matches!(event, Event::BrokerLost { reason, .. } if reason.contains("300ms"));
    let ready = place(&events, |event| matches!(event, Event::Ready { .. }));
    assert!(place(&events, given_up).is_some() && place(&events, given_up) < ready, "{events:?}");
}

/// The program, which forwards to this broker, with these further arguments.
fn forwarding(folder: &Folder, broker: &str, arguments: &[&str]) -> Child {
    let free = ["--udp-port", "0", "--dtls-port", "0", "--symmetric-port", "0"];
    program(&["--forward", broker])
        .args(free)
        .args(arguments)
        .env("XDG_STATE_HOME", folder.file("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs")
}

fn signal(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    let mut sent = Command::new("sh");
    sent.args(["-c", "kill -\"$0\" \"$1\"", signal, &pid]);
    assert!(sent.status().expect("kill runs").success());
}

#[test]
fn a_command_starts_when_the_broker_is_there() {
    let folder = Folder::new();
    let address = free_address();
    let child = forwarding(&folder, &format!("mqtt://{address}"), &["-v", "--", "echo", "started"]);
    std::thread::sleep(Duration::from_millis(500));
    let _broker = Broker::on(TcpListener::bind(address).expect("still free"), Limits::default());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let at = |event: &str| said.find(&format!("\"event\":\"{event}\""));
    assert!(at("broker_connected").is_some() && at("broker_connected") < at("ready"), "{said}");
    assert_eq!(output.stdout, b"started\n");
}

#[test]
fn without_a_broker_a_command_starts_after_a_while_and_a_server_is_ready() {
    let folder = Folder::new();
    let broker = format!("mqtt://{}", free_address());
    let with_command = forwarding(&folder, &broker, &["--", "echo", "started"]);
    let mut server = forwarding(&folder, &broker, &[]);
    let output = with_command.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && output.stdout == b"started\n", "{said}");
    assert!(said.contains("\"broker_lost\"") && said.contains("not there within 5s"), "{said}");

    let lines = BufReader::new(server.stdout.take().expect("piped")).lines();
    let ready = lines.map_while(Result::ok).find(|line| line.contains("\"event\":\"ready\""));
    assert!(ready.is_some());
    signal(&server, "TERM");
    assert!(server.wait().expect("it ends").success());
    let mut said = String::new();
    server.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    assert!(said.starts_with("iot-coap-cloud: mqtt://") && said.contains("within 5s"), "{said}");
}

#[test]
fn who_waits_for_the_broker_can_be_told_to_end() {
    let folder = Folder::new();
    let broker = format!("mqtt://{}", free_address());
    for (arguments, status) in [(&[][..], 0), (&["-v", "--", "echo", "started"], 128 + 15)] {
        let log = folder.file("log");
        let log = ["--log", log.to_str().expect("text")];
        let mut child = forwarding(&folder, &broker, &[&log, arguments].concat());
        // It was tried, so signals are caught.
        let deadline = Instant::now() + PATIENCE;
        while !std::fs::read_to_string(log[1]).is_ok_and(|log| log.contains("broker_lost")) {
            assert!(Instant::now() < deadline, "it does not try");
            std::thread::sleep(Duration::from_millis(10));
        }
        signal(&child, "TERM");
        let mut said = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut said).expect("text");
        assert_eq!(child.wait().expect("it ends").code(), Some(status));
        let log = std::fs::read_to_string(log[1]).expect("written");
        assert!(!said.contains("started") && !log.contains("\"event\":\"ready\""), "{log}");
        std::fs::remove_file(folder.file("log")).expect("it was made");
    }
}
