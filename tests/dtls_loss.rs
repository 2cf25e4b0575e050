//! Hazards of the network over DTLS: any one datagram lost, a fifth of all, every datagram
//! twice, a peer that never answers, an outage.

use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::iotx_coap_options_t;
use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::log::{collect, logged, was_logged};
use iot_coap_test_library::{Language, Linkage, compile, succeed};
use iot_coap_test_support::network::{Decide, Direction, Fate, Proxy, by_seed};
use iot_coap_test_support::waiting::timed;

/// A handshake has no more datagrams in one direction.
const MOST_DATAGRAMS: usize = 5;
/// An abbreviated one has no more.
const MOST_RESUMED: usize = 3;
/// Networks with a fifth lost.
const SEEDS: u64 = 8;

const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

/// The library remembers the sessions with eight peers: tests that resume one have it for
/// themselves.
static REMEMBERED: Mutex<()> = Mutex::new(());

fn start() -> Cloud {
    collect();
    Cloud::start(Config::default()).expect("the local cloud starts")
}

fn network(cloud: &Cloud, decide: impl Decide) -> Proxy {
    Proxy::start(cloud.address(Transport::Dtls), decide)
}

fn connect(cloud: &Cloud, network: &Proxy, what: &str) -> Client {
    let url = format!("coaps://localhost:{}", network.port());
    let client = Client::init_trusting(&url, 500, cloud.root_pem(), |_| {});
    client.unwrap_or_else(|| panic!("{what}: {}", logged()))
}

/// Signs in and sends messages, each of which is answered.
fn assert_serves(client: &Client, messages: usize, what: &str) {
    assert_eq!(client.sign_in(), 0, "{what}: {}", logged());
    for message in 0..messages {
        assert_eq!(client.confirm(message), 0, "{what}");
        let answers = client.await_answers(message + 1, Duration::from_secs(60));
        assert_eq!((answers[message].message, answers[message].code), (message, 0x45), "{what}");
    }
}

fn opened(cloud: &Cloud, wanted: bool) -> usize {
    let fits =
        |event: &&Event| matches!(event, Event::DtlsOpened { resumed, .. } if *resumed == wanted);
    cloud.events().iter().filter(fits).count()
}

#[test]
fn any_single_datagram_may_be_lost() {
    let cloud = &start();
    thread::scope(|scope| {
        for direction in DIRECTIONS {
            for lost in 0..MOST_DATAGRAMS {
                scope.spawn(move || {
                    let what = format!("without datagram {lost} {direction:?}");
                    let network = network(cloud, move |to, number| {
                        Fate::times(usize::from((to, number) != (direction, lost)))
                    });
                    let (client, took) = timed(|| connect(cloud, &network, &what));
                    assert!(took < Duration::from_secs(20), "{what} took {took:?}");
                    assert_serves(&client, 1, &what);
                });
            }
        }
    });
}

#[test]
fn any_single_datagram_of_a_resumption_may_be_lost() {
    let _alone = REMEMBERED.lock().unwrap_or_else(PoisonError::into_inner);
    let cloud = &start();
    thread::scope(|scope| {
        for direction in DIRECTIONS {
            for lost in 0..MOST_RESUMED {
                scope.spawn(move || {
                    let what = format!("resumed without datagram {lost} {direction:?}");
                    // Two clients come through the same proxy, hence to the same host and
                    // port; the fault waits for the second.
                    let is_second = Arc::new(AtomicBool::new(false));
                    let network = network(cloud, {
                        let is_second = Arc::clone(&is_second);
                        let mut seen = 0;
                        move |to, _| {
                            if to != direction || !is_second.load(Ordering::SeqCst) {
                                return Fate::ARRIVES;
                            }
                            seen += 1;
                            Fate::times(usize::from(seen != lost + 1))
                        }
                    });
                    drop(connect(cloud, &network, &what));
                    // Until its goodbye has passed.
                    thread::sleep(Duration::from_millis(200));
                    is_second.store(true, Ordering::SeqCst);
                    let (client, took) = timed(|| connect(cloud, &network, &what));
                    assert!(took < Duration::from_secs(20), "{what} took {took:?}");
                    assert!(was_logged(&["DTLS session resumed"]), "{what}: {}", logged());
                    assert_serves(&client, 1, &what);
                });
            }
        }
    });
    assert_eq!((opened(cloud, false), opened(cloud, true)), (6, 6));
}

#[test]
fn with_a_fifth_lost_everything_is_answered() {
    let cloud = &start();
    thread::scope(|scope| {
        for seed in 0..SEEDS {
            scope.spawn(move || {
                let what = format!("seed {seed}");
                let network = network(cloud, by_seed(seed, 20));
                let client = connect(cloud, &network, &what);
                assert_serves(&client, 3, &what);
            });
        }
    });
    // Three each, none of them handled twice.
    let messages = cloud.messages();
    let first = messages.iter().filter(|message| !message.duplicate).count();
    assert_eq!(first, 3 * usize::try_from(SEEDS).expect("a few"), "{messages:#?}");
}

#[test]
fn duplicates_change_nothing() {
    let cloud = start();
    let network = network(&cloud, |_, _| Fate::times(2));
    let client = connect(&cloud, &network, "every datagram twice");
    assert_serves(&client, 3, "every datagram twice");
    // Repeated records are dropped below CoAP (RFC 6347, section 4.1.2.6).
    assert_eq!(cloud.messages().len(), 3);
    assert!(cloud.messages().iter().all(|message| !message.duplicate));
    let statistics = client.statistics();
    assert_eq!((statistics.answered, statistics.given_up), (3, 0));
}

/// A record each, in one datagram (RFC 6347, section 4.1.1).
#[test]
fn several_records_in_one_datagram_are_all_delivered() {
    let cloud = start();
    let joins = Arc::new(AtomicUsize::new(0));
    let network = network(&cloud, {
        let joins = Arc::clone(&joins);
        move |to, _| {
            if to == Direction::ToServer || joins.load(Ordering::SeqCst) == 0 {
                return Fate::ARRIVES;
            }
            joins.fetch_sub(1, Ordering::SeqCst);
            Fate::ARRIVES.joined()
        }
    });
    let client = connect(&cloud, &network, "records together");
    assert_eq!(client.sign_in(), 0, "{}", logged());
    for number in 0..2 {
        // The answers to two wait for the third's.
        joins.store(2, Ordering::SeqCst);
        for message in 3 * number..3 * number + 3 {
            assert_eq!(client.confirm(message), 0);
        }
        client.await_answers(3 * number + 3, Duration::from_secs(1));
    }
    assert_eq!(client.statistics().resent, 0, "{}", logged());
}

/// The length of a record with an alert, before there are keys.
const ALERT_LEN: usize = 15;

#[test]
fn a_peer_that_never_answers_is_given_up() {
    collect();
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = silent.local_addr().expect("it is bound").port();
    let root = iot_coap_test_support::certificates::ecdsa().0.pem();
    let url = format!("coaps://localhost:{port}");
    let limit = |options: &mut iotx_coap_options_t| options.connect_limit_ms = 9000;
    let (client, took) = timed(|| Client::init_trusting(&url, 500, &root, limit));
    assert!(client.is_none());
    assert!((9..11).contains(&took.as_secs()), "took {took:?}");
    assert!(was_logged(&["Error", "timed out"]), "{}", logged());
    assert!(was_logged(&["Error", "localhost", &port.to_string()]), "{}", logged());
    // The first flight was sent again after 1 and 2 seconds. After 4.5 it was the turn of
    // the second offer, from another port and with timeouts of its own.
    silent.set_nonblocking(true).expect("a socket can be");
    let mut buffer = [0; 2048];
    let mut sent = Vec::new();
    while let Ok(len) = silent.recv(&mut buffer) {
        sent.push(len);
    }
    let hellos: Vec<usize> = sent.iter().copied().take_while(|len| *len > ALERT_LEN).collect();
    let (first, second) = (hellos[0], hellos[3]);
    assert_eq!(hellos, [first, first, first, second, second, second], "{sent:?}");
    assert!(first < second, "{sent:?}");
    assert!(sent.iter().all(|len| *len < 1232), "{sent:?}");
}

/// While the server is away, a handshake goes on beside `IOT_CoAP_Yield`, which stays as
/// long as ever.
#[test]
fn an_outage_makes_no_call_longer_and_loses_no_message() {
    const WAIT: Duration = Duration::from_millis(500);
    let cloud = start();
    let is_away = Arc::new(AtomicBool::new(false));
    let network = network(&cloud, {
        let is_away = Arc::clone(&is_away);
        move |_, _| Fate::times(usize::from(!is_away.load(Ordering::SeqCst)))
    });
    let client = connect(&cloud, &network, "before the outage");
    assert_serves(&client, 1, "before the outage");
    cloud.close_dtls_sessions();
    // Until the goodbye has come.
    thread::sleep(Duration::from_millis(200));
    is_away.store(true, Ordering::SeqCst);
    let (sent, took) = timed(|| client.confirm(1));
    assert_eq!(sent, 0, "{}", logged());
    assert!(took < WAIT, "sending took {took:?}");
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        let (yielded, took) = timed(|| client.yield_once());
        assert_eq!(yielded, 0, "{}", logged());
        assert!(took < 2 * WAIT, "it took {took:?}: {}", logged());
    }
    assert_eq!(client.answers().len(), 1);
    is_away.store(false, Ordering::SeqCst);
    let answers = client.await_answers(2, Duration::from_secs(60));
    assert_eq!((answers[1].message, answers[1].code), (1, 0x45));
    assert_eq!(client.statistics().given_up, 0);
}

/// Neither silence nor a network that refuses everything makes a call longer, and each
/// message that meets it is told as given up.
#[test]
fn an_outage_lets_calls_and_messages_end_in_time() {
    let cloud = start();
    let program = compile("outage.c", Linkage::Static, Language::Sanitized);
    for transport in [Transport::Udp, Transport::Dtls] {
        for kind in ["silent", "broken"] {
            let mut outage = Command::new(&program);
            succeed(outage.arg(cloud.url(transport)).arg(cloud.root_path()).arg(kind));
        }
    }
}
