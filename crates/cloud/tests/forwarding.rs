//! Hazard: a message that was answered 2.05 is not at the broker, or a device has
//! to sign in again, because a server or the broker went away meanwhile.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use iot_coap_cloud::{BrokerAddress, Config, Event, Forward, Transport};
use iot_coap_test_cloud::balancer::Balancer;
use iot_coap_test_cloud::broker_programs::BrokerProgram;
use iot_coap_test_cloud::consumer::{Arrived, Consumer};
use iot_coap_test_cloud::poster::{Account, Poster};
use iot_coap_test_cloud::program::{Serving, serve_on};
use iot_coap_test_cloud::*;

const DEVICES_OVER_UDP: usize = 8;
const DEVICES_OVER_DTLS: usize = 4;
const DEVICES: usize = DEVICES_OVER_UDP + DEVICES_OVER_DTLS;
const MESSAGES_EACH: usize = 150;
const MESSAGES: usize = DEVICES * MESSAGES_EACH;

/// What the servers' event lines said: by server and device.
#[derive(Default)]
struct Told {
    signed_in: HashSet<(usize, String)>,
    taken: BTreeMap<(usize, String), usize>,
}

impl Told {
    /// Messages that were taken by a server where the device had not signed in.
    fn taken_elsewhere(&self) -> usize {
        let elsewhere = self.taken.iter().filter(|(place, _)| !self.signed_in.contains(*place));
        elsewhere.map(|(_, count)| count).sum()
    }
}

/// Two servers with their arguments, so that each can be killed and come back.
struct Servers<'a> {
    folder: &'a Folder,
    arguments: Vec<String>,
    told: Arc<Mutex<Told>>,
    running: [Option<Serving>; 2],
    addresses: [[SocketAddr; 2]; 2],
}

impl<'a> Servers<'a> {
    fn start(folder: &'a Folder, arguments: Vec<String>) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut servers = Self {
            folder,
            arguments,
            told: Arc::default(),
            running: [None, None],
            addresses: [[nowhere; 2]; 2],
        };
        servers.run(0);
        servers.run(1);
        servers
    }

    /// Starts a server, where it was before; it is ready once it has its broker.
    fn run(&mut self, which: usize) {
        let [udp, dtls] = self.addresses[which].map(|address| address.port());
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let mut server = serve_on(self.folder, [udp, dtls, 0], &arguments);
        self.addresses[which] = ["coap", "coaps"].map(|scheme| server.address(scheme));
        let (events, told) = (server.take_events(), Arc::clone(&self.told));
        std::thread::spawn(move || {
            for event in events {
                let device = || event["device_name"].as_str().expect("a name").to_owned();
                let mut told = told.lock().expect("no panic");
                match event["event"].as_str() {
                    Some("signed_in") => {
                        told.signed_in.insert((which, device()));
                    }
                    Some("message") if event["code"] == "2.05" => {
                        *told.taken.entry((which, device())).or_default() += 1;
                    }
                    _ => {}
                }
            }
        });
        self.running[which] = Some(server);
    }

    fn kill(&mut self, which: usize) {
        let server = self.running[which].take().expect("it runs");
        assert_eq!(server.end("KILL"), None);
    }

    fn root_pem(&self) -> String {
        let ready = &self.running[0].as_ref().expect("it runs").ready;
        std::fs::read_to_string(ready["root"].as_str().expect("a path")).expect("a root")
    }
}

fn write_devices(folder: &Folder, names: &[String]) -> String {
    let table = |name: &String| {
        format!(
            "[[device]]\nproduct_key = \"{PRODUCT_KEY}\"\ndevice_name = \"{name}\"\n\
             device_secret = \"secret\"\n"
        )
    };
    let tables: Vec<String> = names.iter().map(table).collect();
    folder.write_secret("devices.toml", tables.join("\n").as_bytes())
}

/// Has devices end, rather than wait for ever, where the test fails before they are done.
struct Release<'a>(&'a AtomicUsize);

impl Release<'_> {
    /// A part that they never reach.
    const FAILED: usize = 1_000;
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(Self::FAILED, Ordering::Relaxed);
        }
    }
}

/// Lets devices post, and takes servers and broker away meanwhile.
fn post_through_outages(
    names: &[String],
    servers: &mut Servers<'_>,
    broker: &mut BrokerProgram,
    [plain, secure]: [SocketAddr; 2],
) -> Vec<Account> {
    let root_pem = servers.root_pem();
    // No device is done before the last outage: each posts in ten parts.
    let (part, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let _release = Release(&part);
        let (part, answered) = (&part, &answered);
        let mut threads = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let root_pem = root_pem.clone();
            threads.push(scope.spawn(move || {
                let mut poster = if number < DEVICES_OVER_UDP {
                    Poster::over_udp(plain, name)
                } else {
                    Poster::over_dtls(secure, root_pem, name)
                };
                poster.sign_in();
                for message in 0..MESSAGES_EACH {
                    while message * 10 >= part.load(Ordering::Relaxed) * MESSAGES_EACH {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    assert_ne!(part.load(Ordering::Relaxed), Release::FAILED);
                    poster.post(&format!("{name}/{message}"));
                    answered.fetch_add(1, Ordering::Relaxed);
                }
                poster.account
            }));
        }
        // Returns in the middle of the last of so many parts.
        let reach = |parts: usize| {
            part.store(parts, Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) * 20 < MESSAGES * (2 * parts - 1) {
                assert!(!threads.iter().any(ScopedJoinHandle::is_finished), "a device gave up");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        reach(2);
        servers.kill(0);
        reach(4);
        broker.take_away();
        // A busy machine may have finished the part before the broker was away.
        part.store(5, Ordering::Relaxed);
        // Away for longer than a request waits for it.
        std::thread::sleep(Duration::from_secs(2));
        broker.bring_back();
        reach(6);
        servers.run(0);
        servers.kill(1);
        reach(8);
        broker.take_away();
        broker.bring_back();
        part.store(10, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

#[test]
fn nothing_answered_is_lost_when_a_server_and_the_broker_go_and_come_back() {
    let folder = Folder::new();
    let broker = BrokerProgram::mosquitto(&folder, "allow_anonymous true");
    assert_nothing_lost(&folder, broker);
}

#[test]
fn nothing_answered_is_lost_when_a_server_goes_and_a_second_kind_of_broker_freezes() {
    let folder = Folder::new();
    let broker = BrokerProgram::rumqttd(&folder);
    assert_nothing_lost(&folder, broker);
}

fn assert_nothing_lost(folder: &Folder, mut broker: BrokerProgram) {
    let consumer = Consumer::subscribe(broker.port, &format!("/{PRODUCT_KEY}/#"));
    let names: Vec<String> = (0..DEVICES).map(|number| format!("device-{number:02}")).collect();
    let keys = folder.file("server.keys");
    let arguments = [
        "--devices",
        &write_devices(folder, &names),
        "--forward",
        &broker.url(),
        "--key-file",
        path(&keys),
    ];
    let mut servers = Servers::start(folder, arguments.map(String::from).to_vec());
    let of = |index: usize| servers.addresses.iter().map(|each| each[index]).collect();
    let (plain, secure) = (Balancer::start(of(0)), Balancer::start(of(1)));
    let fronts = [plain.address, secure.address];
    let accounts = post_through_outages(&names, &mut servers, &mut broker, fronts);

    let expected: BTreeSet<&str> =
        accounts.iter().flat_map(|each| &each.answered).map(String::as_str).collect();
    assert_eq!(expected.len(), MESSAGES);
    let arrived = consumer.wait_for(|arrived| {
        let payloads: HashSet<&str> = arrived.iter().map(|each| each.payload.as_str()).collect();
        expected.iter().all(|payload| payloads.contains(payload))
    });
    let ids = ids_by_payload(&arrived);
    let lost: Vec<_> = expected.iter().filter(|payload| !ids.contains_key(**payload)).collect();
    let elsewhere = servers.told.lock().expect("no panic").taken_elsewhere();
    let sum = |of: fn(&Account) -> usize| accounts.iter().map(of).sum::<usize>();
    println!(
        "answered 2.05: {MESSAGES} messages of {DEVICES} devices; lost: {}\n\
         arrived: {}, under {} ids; requests: {}, of these answered 5.03: {}, unanswered: {}\n\
         sign-ins: {}; messages taken by a server that had not issued the token: {elsewhere}\n\
         DTLS sessions: {}; moved to another server by the balancers: {}",
        lost.len(),
        arrived.len(),
        ids.values().map(BTreeSet::len).sum::<usize>(),
        sum(|each| each.requests.values().sum()),
        sum(|each| each.unavailable),
        sum(|each| each.silent),
        sum(|each| each.sign_ins),
        sum(|each| each.sessions),
        plain.stop() + secure.stop(),
    );
    assert!(lost.is_empty(), "{lost:?}");
    for account in &accounts {
        assert_eq!(account.sign_ins, 1, "a token was refused");
        for (payload, requests) in &account.requests {
            let count = ids[payload.as_str()].len();
            assert!(count <= *requests, "{payload}: {count} ids, {requests} requests");
        }
    }
    assert!(elsewhere >= MESSAGES / 10, "{elsewhere}");
    assert!(sum(|each| each.unavailable) > 0, "the broker's absence was noticed");
}

/// The ids that a consumer knows each message by; each id is one message's.
fn ids_by_payload(arrived: &[Arrived]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut by_id: HashMap<&str, &str> = HashMap::new();
    for each in arrived {
        let id = each.user["id"].as_str();
        ids.entry(&each.payload).or_default().insert(id);
        assert_eq!(*by_id.entry(id).or_insert(&each.payload), each.payload, "two under one id");
        let device = &each.user["device-name"];
        assert_eq!(each.topic, format!("/{PRODUCT_KEY}/{device}/count"));
        assert!(each.payload.starts_with(device.as_str()));
    }
    ids
}

#[test]
fn a_broker_proves_its_name_and_asks_for_a_password() {
    let folder = Folder::new();
    let (certificate, key) = (folder.file("broker.pem"), folder.file("broker-key.pem"));
    run(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=broker",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            path(&key),
            "-out",
            path(&certificate),
        ],
    );
    let passwords = folder.file("passwords");
    run("mosquitto_passwd", &["-b", "-c", path(&passwords), "cloud", "sesame"]);
    let broker = BrokerProgram::mosquitto(
        &folder,
        &format!(
            "allow_anonymous false\npassword_file {}\ncertfile {}\nkeyfile {}",
            path(&passwords),
            path(&certificate),
            path(&key)
        ),
    );
    let attempt = |host: &str, password: &str, trusted: bool| {
        let address: BrokerAddress =
            format!("mqtts://cloud@{host}:{}", broker.port).parse().expect("an address");
        let cloud = start(Config {
            forward: Some(Forward {
                password: Some(password.to_owned().into()),
                root: trusted.then(|| certificate.clone()),
                // The outcome of the first attempt is looked at.
                patience: Duration::ZERO,
                ..Forward::to(address)
            }),
            ..Config::default()
        });
        let event = cloud.wait_for(PATIENCE, |event| {
            matches!(event, Event::BrokerConnected { .. } | Event::BrokerLost { .. })
        });
        match event.expect("it is tried") {
            Event::BrokerLost { reason, .. } => Err(reason),
            _ => Ok(cloud),
        }
    };
    let refused = |host, password, trusted| {
        let reason = attempt(host, password, trusted).err().expect("it is refused");
        assert!(!reason.contains(password), "{reason}");
        reason
    };
    assert!(refused("localhost", "sesame", false).contains("certificate"));
    assert!(refused("127.0.0.1", "sesame", true).contains("certificate"));
    let reason = refused("localhost", "mustard", true);
    assert!(reason.contains("refused"), "{reason}");

    let cloud = attempt("localhost", "sesame", true).expect("it connects");
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    // Mosquitto says so when it keeps a message for nobody.
    let reply = device.publish("x", b"1");
    assert_eq!((code(&reply).as_str(), text(&reply).contains("subscribed")), ("5.03", true));
}

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("text")
}

fn run(program: &str, arguments: &[&str]) {
    let output = std::process::Command::new(program).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
