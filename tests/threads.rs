//! One context, many threads: any function from any of them, none waits for
//! another's blocking `IOT_CoAP_Yield`.

use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, Event, Faults, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::{Language, Linkage, compile, succeed};
use iot_coap_test_support::lateness::Lateness;
use iot_coap_test_support::threads::{is_waiting, this_thread};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

fn start() -> Cloud {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    iot_coap_test_library::trust::set(cloud.root_pem());
    cloud
}

#[test]
fn eight_threads_send_and_yield_at_once() {
    const SENDERS: usize = 6;
    const EACH: usize = 100;
    let cloud = start();
    for transport in TRANSPORTS {
        let client = Client::signed_in(&cloud.url(transport));
        let before = cloud.messages().len();
        let done = AtomicBool::new(false);
        let refused = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        assert_eq!(client.yield_once(), 0);
                    }
                });
            }
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let (client, refused) = (&client, &refused);
                    scope.spawn(move || {
                        for message in 0..EACH {
                            // -8: 32 are in flight; the others' Yield makes room.
                            while client.confirm(sender * EACH + message) == -8 {
                                refused.fetch_add(1, Ordering::Relaxed);
                                thread::yield_now();
                            }
                        }
                    })
                })
                .collect();
            for sender in senders {
                sender.join().expect("no sender panics");
            }
            let start = Instant::now();
            while client.answers().len() < SENDERS * EACH {
                assert!(start.elapsed() < Duration::from_secs(60), "{transport:?}");
                thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
        });
        let mut answers = client.answers();
        answers.sort_unstable_by_key(|answer| answer.message);
        let numbers: Vec<_> = answers.iter().map(|answer| answer.message).collect();
        assert_eq!(numbers, (0..SENDERS * EACH).collect::<Vec<_>>(), "each answered, once");
        assert!(answers.iter().all(|answer| answer.code == 0x45));
        assert_eq!(cloud.messages().len() - before, SENDERS * EACH);
    }
}

#[test]
fn sending_does_not_wait_for_a_thread_that_yields() {
    let cloud = start();
    for transport in TRANSPORTS {
        let client = Client::init(&cloud.url(transport), 3000).expect("connects");
        assert_eq!(client.sign_in(), 0);
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            let client = &client;
            let yielding = scope.spawn(move || {
                tell.send(this_thread()).expect("the test listens");
                let start = Instant::now();
                client.yield_once();
                start.elapsed()
            });
            let thread = told.recv().expect("the thread tells");
            while !is_waiting(&thread) {
                thread::yield_now();
            }
            let lateness = Lateness::watch();
            let start = lateness.stopwatch();
            assert_eq!(client.confirm(1), 0);
            let took = start.took();
            assert!(took < Duration::from_millis(50), "{transport:?}: {took:?}");
            let yielded = yielding.join().expect("does not panic");
            assert!(yielded < Duration::from_secs(2), "returns with the answer: {yielded:?}");
        });
        assert_eq!(client.answers().len(), 1);
    }
}

/// Loses what `send` makes the client send; returns when it was lost.
fn lose(cloud: &Cloud, send: impl FnOnce()) -> Instant {
    let seen = cloud.event_count();
    cloud.set_faults(Faults { drop: 1.0, ..Faults::none() });
    send();
    let lost = cloud.wait_for_since(
        seen,
        Duration::from_secs(5),
        |event| matches!(event, Event::Fault { fault, .. } if fault == "drop"),
    );
    lost.expect("the first datagram is lost");
    cloud.set_faults(Faults::none());
    Instant::now()
}

#[test]
fn a_message_lost_during_another_threads_long_wait_is_sent_again_in_time() {
    const WAIT: Duration = Duration::from_secs(30);
    // ACK_TIMEOUT times ACK_RANDOM_FACTOR is 3 s; the rest is for a busy machine.
    const IN_TIME: Duration = Duration::from_secs(5);
    let cloud = start();
    for transport in TRANSPORTS {
        let wait_ms = WAIT.as_millis().try_into().expect("a short time");
        let client = Client::init(&cloud.url(transport), wait_ms).expect("connects");
        assert_eq!(client.sign_in(), 0);
        // Yields in a thread of its own, does `meanwhile` once that waits, and
        // returns when it returned.
        let yielding = |first: &(dyn Fn() + Sync), meanwhile: &dyn Fn() -> Instant| {
            let (tell, told) = mpsc::channel();
            thread::scope(|scope| {
                let client = &client;
                let yielding = scope.spawn(move || {
                    first();
                    tell.send(this_thread()).expect("the test listens");
                    client.yield_once();
                });
                let thread = told.recv().expect("the thread tells");
                while !is_waiting(&thread) {
                    thread::yield_now();
                }
                let lost = meanwhile();
                yielding.join().expect("does not panic");
                let took = lost.elapsed();
                assert!(took < IN_TIME, "{transport:?}: answered {took:?} after the loss");
            });
        };
        // The thread that waits is not the one that has sent so far.
        yielding(&|| (), &|| lose(&cloud, || assert_eq!(client.confirm(1), 0)));
        // It is, but another one has sent while it waited before.
        let send_and_wait = || {
            assert_eq!(client.confirm(2), 0);
            client.await_answers(2, Duration::from_secs(5));
        };
        yielding(&send_and_wait, &|| lose(&cloud, || assert_eq!(client.confirm(3), 0)));
        assert_eq!(client.answers().len(), 3);
    }
}

#[test]
fn a_thread_signs_in_while_another_yields() {
    let cloud = start();
    for transport in TRANSPORTS {
        let client = Client::init(&cloud.url(transport), 200).expect("connects");
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    client.yield_once();
                }
            });
            for _ in 0..5 {
                let start = Instant::now();
                assert_eq!(client.sign_in(), 0);
                assert!(start.elapsed() < Duration::from_secs(1), "{transport:?}");
            }
            done.store(true, Ordering::Relaxed);
        });
    }
}

#[test]
fn eight_threads_of_a_c_program_call_everything_at_once() {
    let cloud = start();
    let program = compile("stress.c", Linkage::Static, Language::Sanitized);
    for transport in TRANSPORTS {
        succeed(Command::new(&program).arg(cloud.url(transport)).arg(cloud.root_path()));
    }
}

/// An acknowledgement of a message, without a response.
fn acknowledgement(message: &[u8]) -> [u8; 4] {
    [0x60, 0, message[2], message[3]]
}

/// A separate response, 4.00, to a message with a token of four bytes.
fn refusal(message: &[u8]) -> Vec<u8> {
    [&[0x54, 0x80, 0x12, 0x34], &message[4..8]].concat()
}

#[test]
fn a_thread_that_waits_reads_once_the_one_that_read_has_left() {
    let server = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    server.set_read_timeout(Some(Duration::from_secs(10))).expect("not zero");
    let url = format!("coap://{}", server.local_addr().expect("it is bound"));
    let client = Client::init(&url, 500).expect("connects");
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        let client = &client;
        let yielding = scope.spawn(move || {
            tell.send(this_thread()).expect("the test listens");
            client.yield_once();
        });
        let thread = told.recv().expect("the thread tells");
        while !is_waiting(&thread) {
            thread::yield_now();
        }
        let signing_in = scope.spawn(|| client.sign_in());
        let mut message = [0; 1500];
        let (_, device) = server.recv_from(&mut message).expect("a sign-in");
        // From now on no timer of the message is due.
        server.send_to(&acknowledgement(&message), device).expect("loopback sends");
        yielding.join().expect("does not panic");
        let start = Instant::now();
        server.send_to(&refusal(&message), device).expect("loopback sends");
        assert_eq!(signing_in.join().expect("does not panic"), -4, "IOTX_ERR_AUTH_FAILED");
        // The limit of a sign-in is 10 s.
        assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    });
}
