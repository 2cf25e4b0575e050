//! Hazard: devices shake hands again, or lose messages, because a server was restarted or
//! another one took over.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use iot_coap_test_cloud::balancer::Balancer;
use iot_coap_test_cloud::engine::{Session, Trust};
use iot_coap_test_cloud::poster::{Account, Poster, connect};
use iot_coap_test_cloud::program::{Serving, serve_on};
use iot_coap_test_cloud::*;

const IDENTITY: &str = "fleet";
const KEY: &str = "a key with enough entropy";

fn trust_in(server: &Serving) -> Trust {
    let root = server.ready["root"].as_str().expect("a path");
    Trust::Root(std::fs::read_to_string(root).expect("a root"))
}

/// All events of a server that was told to end.
fn ended(mut server: Serving, signal: &str) -> Vec<serde_json::Value> {
    let events = server.take_events();
    server.end(signal);
    events.collect()
}

fn named<'e>(
    events: &'e [serde_json::Value],
    name: &'static str,
) -> impl Iterator<Item = &'e serde_json::Value> {
    events.iter().filter(move |event| event["event"] == name)
}

#[test]
fn a_server_that_restarts_goes_on_with_its_sessions() {
    let folder = Folder::new();
    let server = serve_on(&folder, [0; 3], &[]);
    let port = server.address("coaps").port();
    let trust = trust_in(&server);
    let Trust::Root(root_pem) = &trust else { panic!("a root") };
    let mut fleet: Vec<TestDevice> = (0..20)
        .map(|number| {
            TestDevice::new(match number % 2 {
                0 => {
                    let session = Session::connect(server.address("coaps"), trust.config());
                    Link::Engine(Box::new(session))
                }
                // Without connection ids, and so at the same address afterwards.
                _ => connect(server.address("coaps"), root_pem),
            })
        })
        .collect();
    for device in &mut fleet {
        device.sign_in();
        assert_eq!(code(&device.publish("x", b"1")), "2.05");
    }
    let events = ended(server, "TERM");
    assert_eq!(named(&events, "dtls_saved").map(sessions).collect::<Vec<_>>(), [20]);
    assert_eq!(named(&events, "dtls_closed").count(), 0, "nobody is told goodbye");
    for round in 0..2 {
        let server = serve_on(&folder, [0, port, 0], &[]);
        for (number, device) in fleet.iter_mut().enumerate() {
            if let Link::Engine(session) = &mut device.link
                && number % 4 == 0
            {
                session.move_away();
            }
            assert_eq!(code(&device.publish("x", b"2")), "2.05", "round {round}");
        }
        let events = ended(server, "TERM");
        assert_eq!(named(&events, "dtls_restored").map(sessions).collect::<Vec<_>>(), [20]);
        assert_eq!(named(&events, "message").count(), 20);
        assert_eq!(named(&events, "dtls_moved").count(), 5);
        for none in ["dtls_opened", "signed_in", "sign_in_refused", "dtls_closed"] {
            assert_eq!(named(&events, none).count(), 0, "{none}");
        }
    }
}

fn sessions(event: &serde_json::Value) -> u64 {
    assert_eq!(event["error"], serde_json::Value::Null, "{event}");
    event["sessions"].as_u64().expect("a number")
}

#[test]
fn saved_sessions_are_used_once_and_by_who_has_the_keys() {
    let folder = Folder::new();
    let server = serve_on(&folder, [0; 3], &[]);
    let address = server.address("coaps");
    let session = Session::connect(address, trust_in(&server).config());
    let mut device = TestDevice::new(Link::Engine(Box::new(session)));
    device.sign_in();
    ended(server, "TERM");

    let state = folder.file("state").join("iot-coap-cloud");
    let saved = state.join("dtls-sessions-0");
    let content = std::fs::read(&saved).expect("saved");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&saved).expect("there").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // Of another number: it does not even look there.
    let server = serve_on(&folder, [0, address.port(), 0], &["--server-number", "1"]);
    let events = ended(server, "TERM");
    assert_eq!(named(&events, "dtls_restored").count(), 0);

    // With other keys, and altered: nothing is restored, and the file is gone all the same.
    let keys = state.join("server.keys");
    let right = std::fs::read(&keys).expect("keys");
    let mut altered = content.clone();
    *altered.last_mut().expect("not empty") ^= 1;
    for (keys_used, content) in [(&b"11".repeat(32)[..], &content), (&right[..], &altered)] {
        std::fs::write(&keys, keys_used).expect("written");
        std::fs::write(&saved, content).expect("written");
        let server = serve_on(&folder, [0, address.port(), 0], &[]);
        assert!(!saved.exists(), "it is deleted before it is used");
        let request = device.message("x", b"1");
        device.send(&request);
        assert_eq!(device.link.receive(SILENCE), None);
        let events = ended(server, "KILL");
        let restored: Vec<_> = named(&events, "dtls_restored").collect();
        assert_eq!(restored[0]["sessions"], 0, "{events:?}");
        assert!(restored[0]["error"].is_string(), "{events:?}");
        std::fs::write(&keys, &right).expect("written");
    }
}

fn told(events: &[serde_json::Value], name: &'static str) -> (u64, String) {
    let event = named(events, name).next().unwrap_or_else(|| panic!("no {name}: {events:?}"));
    let error = event["error"].as_str().unwrap_or_default().to_owned();
    (event["sessions"].as_u64().expect("a number"), error)
}

#[test]
fn a_folder_and_a_number_have_one_server() {
    let folder = Folder::new();
    let first = serve_on(&folder, [0; 3], &[]);
    let address = first.address("coaps");
    let mut fleet: Vec<TestDevice> = (0..3)
        .map(|_| {
            let session = Session::connect(address, trust_in(&first).config());
            TestDevice::new(Link::Engine(Box::new(session)))
        })
        .collect();
    for device in &mut fleet {
        device.sign_in();
    }
    let second = serve_on(&folder, [0; 3], &[]);
    // Heard later than the others, by the time that a server takes to start.
    assert_eq!(code(&fleet[2].publish("x", b"1")), "2.05");
    let events = ended(first, "TERM");
    assert_eq!(told(&events, "dtls_saved"), (3, String::new()));
    let events = ended(second, "TERM");
    let (sessions, error) = told(&events, "dtls_restored");
    assert!(sessions == 0 && error.contains("--server-number"), "{error}");
    assert_eq!(named(&events, "dtls_saved").count(), 0, "it saves nothing over the other's");
    // With less room than before, the one that was heard last stays.
    let third = serve_on(&folder, [0, address.port(), 0], &["--max-sessions", "1"]);
    assert_eq!(code(&fleet[2].publish("x", b"1")), "2.05");
    let events = ended(third, "TERM");
    assert_eq!(told(&events, "dtls_restored"), (1, String::new()));
}

#[test]
fn sessions_that_cannot_be_saved_are_a_failure() {
    let folder = Folder::new();
    let mut server = serve_on(&folder, [0; 3], &[]);
    let session = Session::connect(server.address("coaps"), trust_in(&server).config());
    TestDevice::new(Link::Engine(Box::new(session))).sign_in();
    let saved = folder.file("state").join("iot-coap-cloud").join("dtls-sessions-0");
    // A folder with something in it cannot be replaced by a file.
    std::fs::create_dir_all(saved.join("in the way")).expect("made");
    let events = server.take_events();
    assert_eq!(server.end("TERM"), Some(1));
    let events: Vec<_> = events.collect();
    let (sessions, error) = told(&events, "dtls_saved");
    assert!(sessions == 0 && error.contains("dtls-sessions-0"), "{error}");
}

/// Two servers behind a balancer, and which devices each of them has served.
struct Fleet<'f> {
    folder: &'f Folder,
    arguments: Vec<String>,
    servers: Vec<Option<Serving>>,
    addresses: Vec<SocketAddr>,
    told: mpsc::Receiver<(usize, serde_json::Value)>,
    tell: mpsc::Sender<(usize, serde_json::Value)>,
}

impl Fleet<'_> {
    fn run(&mut self, which: usize) {
        let port = self.addresses.get(which).map_or(0, SocketAddr::port);
        let number = which.to_string();
        let mut arguments = vec!["--server-number", &number];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let mut server = serve_on(self.folder, [0, port, 0], &arguments);
        let (events, tell) = (server.take_events(), self.tell.clone());
        std::thread::spawn(move || {
            for event in events {
                // Nobody listens any more when the test is over.
                let _ = tell.send((which, event));
            }
        });
        if which == self.addresses.len() {
            self.addresses.push(server.address("coaps"));
            self.servers.push(None);
        }
        self.servers[which] = Some(server);
    }

    fn end(&mut self, which: usize, signal: &str) {
        self.servers[which].take().expect("it runs").end(signal);
    }
}

const MESSAGES_EACH: usize = 60;

#[test]
fn devices_of_a_server_that_restarts_notice_nothing_and_others_resume_once() {
    let folder = Folder::new();
    let names: Vec<String> = (0..8).map(|number| format!("device-{number}")).collect();
    let key = folder.write_secret("psk", format!("{IDENTITY},{KEY}\n").as_bytes());
    let arguments = ["--psk-file", &key, "--idle-timeout", "1h"];
    let mut arguments: Vec<String> = arguments.map(String::from).into();
    for name in &names {
        arguments.extend(["--device".into(), format!("{PRODUCT_KEY},{name},secret")]);
    }
    let (tell, told) = mpsc::channel();
    let mut fleet = Fleet {
        folder: &folder,
        arguments,
        servers: Vec::new(),
        addresses: Vec::new(),
        told,
        tell,
    };
    fleet.run(0);
    fleet.run(1);
    let balancer = Balancer::start(fleet.addresses.clone());
    let trust = trust_in(fleet.servers[0].as_ref().expect("it runs"));
    let (part, answered) = (AtomicUsize::new(1), AtomicUsize::new(0));
    let accounts: Vec<Account> = std::thread::scope(|scope| {
        let threads: Vec<_> = names
            .iter()
            .map(|name| {
                let (part, answered, trust, front) =
                    (&part, &answered, trust.clone(), balancer.address);
                scope.spawn(move || {
                    let mut poster = Poster::over_engine(front, trust, name);
                    poster.sign_in();
                    for message in 0..MESSAGES_EACH {
                        while message * 3 >= part.load(Ordering::Relaxed) * MESSAGES_EACH {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        // Every other message comes from another port than the one before.
                        if message % 2 == 1 {
                            poster.move_away();
                        }
                        poster.post(&format!("{name}/{message}"));
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                    poster.account
                })
            })
            .collect();
        let reach = |count: usize| {
            while answered.load(Ordering::Relaxed) < count * names.len() * MESSAGES_EACH / 6 {
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        // In the middle of each part something happens.
        reach(1);
        fleet.end(0, "TERM");
        fleet.run(0);
        part.store(2, Ordering::Relaxed);
        reach(3);
        fleet.end(1, "KILL");
        part.store(3, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    fleet.end(0, "TERM");
    drop(fleet.tell);
    let told: Vec<_> = fleet.told.iter().collect();
    let of_second: HashSet<&str> = told
        .iter()
        .filter(|(which, event)| *which == 1 && event["event"] == "signed_in")
        .map(|(_, event)| event["device_name"].as_str().expect("a name"))
        .collect();
    assert!(!of_second.is_empty() && of_second.len() < names.len(), "{of_second:?}");
    for (name, account) in names.iter().zip(&accounts) {
        let Account { answered, requests, sign_ins, sessions, resumed, .. } = account;
        assert_eq!((answered.len(), *sign_ins), (MESSAGES_EACH, 1), "{name}");
        let again = requests.values().filter(|count| **count > 1).count();
        let expected = if of_second.contains(name.as_str()) { (2, 1, 1) } else { (1, 0, 0) };
        assert_eq!((*sessions, *resumed, again), expected, "{name}");
    }
    println!(
        "devices of the server that restarted: {}, with 1 handshake each; of the one that was \
         killed: {}, with 1, and 1 resumed; messages: {}, moves: {}",
        names.len() - of_second.len(),
        of_second.len(),
        answered.load(Ordering::Relaxed),
        told.iter().filter(|(_, event)| event["event"] == "dtls_moved").count(),
    );
}
