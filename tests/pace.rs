//! When `IOT_CoAP_Yield` returns: with everything handled that has arrived, promptly
//! where a program waits for an answer, and not so promptly that a firmware which loops
//! over "post, Yield" sends more than it did with the original.

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::{
    IOT_CoAP_Flush, IOT_CoAP_GetFd, IOT_CoAP_GetTimeoutMs, IOT_CoAP_Process, IOT_CoAP_SendMessage,
    iotx_content_type_t, iotx_message_t, iotx_msg_type_t,
};
use iot_coap_cloud::{Cloud, Config, Faults, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::wire::Wire;
use iot_coap_test_support::lateness::Lateness;

/// How late a callback may be, and a prompt return, on a machine that is never late itself.
const PROMPT: Duration = Duration::from_millis(100);

/// The library's clock counts whole milliseconds: a wait may end within the last of them.
const TICK: Duration = Duration::from_millis(1);

/// How long answers take.
const ROUND_TRIP: Duration = Duration::from_millis(20);

fn start(faults: &str) -> Cloud {
    let faults = faults.parse().expect("faults as documented");
    let cloud = Cloud::start(Config { faults, ..Config::default() });
    cloud.expect("the local cloud starts")
}

/// A client with the original's pace that has signed in.
fn signed_in(cloud: &Cloud, wait_ms: i32) -> Client {
    let client = Client::paced(&cloud.url(Transport::Udp), wait_ms).expect("a client");
    assert_eq!(client.sign_in(), 0);
    client
}

/// `messages` were sent, a datagram each.
fn check_sent(client: &Client, messages: u64) {
    let statistics = client.statistics();
    assert_eq!((statistics.sent, statistics.resent), (messages, 0));
}

#[test]
fn a_loop_of_post_and_yield_keeps_the_originals_pace() {
    // Each way 10 ms.
    let cloud = start("delay=10..10");
    let client = signed_in(&cloud, 300);
    let lateness = Lateness::watch();
    let (start, whole) = (Instant::now(), lateness.stopwatch());
    for message in 0..10 {
        let (sent, round) = (Instant::now(), lateness.stopwatch());
        assert_eq!(client.confirm(message), 0);
        assert_eq!(client.yield_once(), 0);
        let answers = client.answers();
        assert_eq!(answers.len(), message + 1, "an answer in each round");
        let by_the_machine = sent.elapsed().saturating_sub(round.took());
        let late = (answers[message].at - sent).saturating_sub(by_the_machine);
        assert!(late < ROUND_TRIP + PROMPT, "round {message}: called back after {late:?}");
    }
    let (least, most) = (start.elapsed(), whole.took());
    assert!(least.as_millis() >= 2400 && most.as_millis() <= 3600, "10 rounds took {most:?}");
    check_sent(&client, 10);
}

#[test]
fn the_first_wait_for_an_answer_ends_with_it() {
    let cloud = start("delay=10..10");
    let client = signed_in(&cloud, 2000);
    let lateness = Lateness::watch();
    let sent = lateness.stopwatch();
    assert_eq!(client.confirm(0), 0);
    client.await_answers(1, Duration::from_secs(5));
    assert!(sent.took() < ROUND_TRIP + PROMPT, "{:?}", sent.took());
    // And any other after `wait_time_ms` without one.
    thread::sleep(Duration::from_secs(2));
    let sent = lateness.stopwatch();
    assert_eq!(client.confirm(1), 0);
    client.await_answers(2, Duration::from_secs(5));
    assert!(sent.took() < ROUND_TRIP + PROMPT, "{:?}", sent.took());
}

/// A firmware whose thread yields, while another sends: neither is delayed.
#[test]
fn a_thread_of_its_own_is_never_held() {
    let cloud = start("delay=10..10");
    let client = signed_in(&cloud, 2000);
    let lateness = Lateness::watch();
    thread::scope(|scope| {
        scope.spawn(|| client.await_answers(20, Duration::from_secs(20)));
        let start = lateness.stopwatch();
        for message in 0..20 {
            let sent = lateness.stopwatch();
            assert_eq!(client.confirm(message), 0);
            while client.answers().len() <= message {
                assert!(sent.took() < PROMPT + ROUND_TRIP, "message {message} is late");
                thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(start.took() < Duration::from_secs(2), "{:?}", start.took());
    });
}

/// Messages of which each is sent by the callback of the one before it.
struct Chain {
    context: *mut c_void,
    left: AtomicUsize,
}

impl Chain {
    fn send(&self) {
        let path = c"/topic/a1RP1qZfrEi/example1/update";
        let mut message = iotx_message_t {
            p_payload: null_mut(),
            payload_len: 0,
            content_type: MaybeUninit::new(iotx_content_type_t::IOTX_CONTENT_TYPE_JSON),
            msg_type: MaybeUninit::new(iotx_msg_type_t::IOTX_MESSAGE_CON),
            user_data: (&raw const *self).cast_mut().cast(),
            resp_callback: Some(send_the_next),
        };
        // SAFETY: the context lives, and the rest during the call.
        let sent = unsafe {
            IOT_CoAP_SendMessage(self.context, path.as_ptr().cast_mut(), &raw mut message)
        };
        assert_eq!(sent, 0);
    }
}

unsafe extern "C-unwind" fn send_the_next(chain: *mut c_void, _message: *mut c_void) {
    // SAFETY: `Chain::send` gave it, and it outlives the client.
    let chain = unsafe { &*chain.cast::<Chain>() };
    if chain.left.fetch_sub(1, Ordering::Relaxed) > 1 {
        chain.send();
    }
}

/// A firmware that asks for the next thing when it has the last one.
#[test]
fn what_callbacks_send_is_never_held() {
    let cloud = start("delay=10..10");
    let client = signed_in(&cloud, 5000);
    let chain = Chain { context: client.context(), left: AtomicUsize::new(20) };
    let lateness = Lateness::watch();
    let start = lateness.stopwatch();
    chain.send();
    while chain.left.load(Ordering::Relaxed) > 0 {
        assert_eq!(client.yield_once(), 0);
    }
    assert!(start.took() < 20 * (ROUND_TRIP + PROMPT), "{:?}", start.took());
    check_sent(&client, 20);
}

#[test]
fn flush_and_a_sign_in_are_never_held() {
    let cloud = start("delay=10..10");
    let client = signed_in(&cloud, 2000);
    let lateness = Lateness::watch();
    let start = lateness.stopwatch();
    for message in 0..10 {
        assert_eq!(client.confirm(message), 0);
        // SAFETY: the context lives.
        assert_eq!(unsafe { IOT_CoAP_Flush(client.context(), 5000) }, 0);
    }
    for message in 10..20 {
        assert_eq!(client.confirm(message), 0);
        assert_eq!(client.sign_in(), 0);
    }
    assert!(start.took() < Duration::from_secs(2), "{:?}", start.took());
}

/// One that says so, and one that asks what a poll loop has to know.
#[test]
fn a_program_with_a_pace_of_its_own_has_none_of_ours() {
    let cloud = start("delay=10..10");
    let url = cloud.url(Transport::Udp);
    // Its options say so.
    let without = Client::init_trusting(&url, 2000, cloud.root_pem(), |_| {});
    let polls = Client::paced(&url, 2000).expect("a client");
    // SAFETY: the context lives.
    unsafe { IOT_CoAP_GetFd(polls.context()) };
    let asks = Client::paced(&url, 2000).expect("a client");
    // SAFETY: as above.
    unsafe { IOT_CoAP_GetTimeoutMs(asks.context()) };
    for client in [without.expect("a client"), polls, asks] {
        assert_eq!(client.sign_in(), 0);
        let lateness = Lateness::watch();
        let start = lateness.stopwatch();
        for message in 0..10 {
            assert_eq!(client.confirm(message), 0);
            assert_eq!(client.yield_once(), 0);
            assert_eq!(client.answers().len(), message + 1);
        }
        assert!(start.took() < Duration::from_secs(2), "{:?}", start.took());
    }
}

/// Answers that lie in the socket are all handled by one `Yield`.
#[test]
fn a_yield_handles_everything_that_has_arrived() {
    for burst in [2, 5] {
        let cloud = start("");
        let client = signed_in(&cloud, 50);
        for round in 0..20 {
            for message in 0..burst {
                assert_eq!(client.confirm(round * burst + message), 0);
            }
            thread::sleep(ROUND_TRIP);
            assert_eq!(client.yield_once(), 0);
            assert_eq!(client.answers().len(), (round + 1) * burst, "{burst} a Yield");
        }
        check_sent(&client, 20 * burst as u64);
    }
}

#[test]
fn an_empty_acknowledgement_ends_no_yield() {
    let cloud = start("separate=1,separate-delay=5..5");
    let client = signed_in(&cloud, 300);
    for message in 0..5 {
        assert_eq!(client.confirm(message), 0);
        assert_eq!(client.yield_once(), 0);
        assert_eq!(client.answers().len(), message + 1, "the answer came 5 ms later");
    }
}

/// A copy of an answer is none: the `Yield` goes on until there is something to tell.
#[test]
fn a_copy_ends_no_yield() {
    let cloud = start("duplicate=1");
    let client = signed_in(&cloud, 100);
    assert_eq!(client.confirm(0), 0);
    client.await_answers(1, Duration::from_secs(5));
    thread::sleep(PROMPT);
    let start = Instant::now();
    assert_eq!(client.yield_once(), 0);
    let took = start.elapsed();
    assert!(took + TICK >= PROMPT, "ended after {took:?} by a copy");
}

/// What belongs to nothing that was sent is dropped, and the `Yield` goes on.
#[test]
fn noise_ends_no_yield() {
    let noise: [&[u8]; 6] = [
        b"",
        b"noise",
        &[0x60, 0, 0xDE, 0xAD],
        &[0x70, 0, 0xDE, 0xAD],
        &[0x54, 0x45, 0xDE, 0xAD, 1, 2, 3, 4],
        &[0xFF; 1400],
    ];
    let wire = Wire::bind();
    let client = Client::paced(&wire.url(), 3000).expect("a client");
    wire.sign_in(&client, "token");
    assert_eq!(client.confirm(0), 0);
    let asked = wire.next();
    thread::scope(|scope| {
        let yielding = scope.spawn(|| client.yield_once());
        for _ in 0..10 {
            for datagram in noise {
                wire.send(&asked, datagram);
            }
            thread::sleep(PROMPT / 5);
            assert!(!yielding.is_finished(), "ended by noise");
        }
        wire.answer(&asked, "");
        assert_eq!(yielding.join().expect("it returns"), 0);
    });
    assert_eq!(client.answers().len(), 1);
}

/// Two messages a second, one `Yield` a second.
#[test]
fn what_was_answered_is_never_sent_again() {
    let cloud = start("");
    let client = signed_in(&cloud, 100);
    for round in 0..4 {
        for half in 0..2 {
            assert_eq!(client.confirm(2 * round + half), 0);
            thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(client.yield_once(), 0);
        assert_eq!(client.answers().len(), 2 * round + 2);
    }
    // A sleep of 4 s, in which a retransmission would fall due.
    assert_eq!(client.confirm(8), 0);
    thread::sleep(Duration::from_secs(4));
    assert_eq!(client.yield_once(), 0);
    assert_eq!(client.answers().len(), 9);
    check_sent(&client, 9);
}

/// The thread that yields has signed in, and so far nothing came from any other.
#[test]
fn a_first_message_of_another_thread_that_is_lost_is_sent_again_in_time() {
    let cloud = start("");
    let client = signed_in(&cloud, 20_000);
    thread::scope(|scope| {
        scope.spawn(|| client.yield_once());
        thread::sleep(PROMPT);
        cloud.set_faults("drop=1".parse().expect("faults as documented"));
        let lateness = Lateness::watch();
        let (sent, fair) = (Instant::now(), lateness.stopwatch());
        assert_eq!(client.confirm(0), 0);
        thread::sleep(PROMPT);
        cloud.set_faults(Faults::default());
        while client.answers().is_empty() {
            let limit = Duration::from_secs(3) + PROMPT;
            assert!(fair.took() < limit, "a first retransmission comes after 2 to 3 s");
            thread::sleep(Duration::from_millis(1));
        }
        assert!(sent.elapsed() + TICK >= Duration::from_secs(2), "{:?}", sent.elapsed());
    });
    assert_eq!(client.statistics().resent, 1);
}

#[test]
fn process_handles_everything_and_waits_for_nothing() {
    let cloud = start("");
    let client = signed_in(&cloud, 10_000);
    // SAFETY: the context lives.
    let process = || unsafe { IOT_CoAP_Process(client.context()) };
    let lateness = Lateness::watch();
    let start = lateness.stopwatch();
    for _ in 0..1000 {
        assert_eq!(process(), 0);
    }
    let took = start.took();
    assert!(took < Duration::from_millis(500), "1000 that find nothing take {took:?}");
    for message in 0..20 {
        assert_eq!(client.post("update", message, iotx_msg_type_t::IOTX_MESSAGE_CON), 0);
    }
    thread::sleep(PROMPT);
    assert_eq!(process(), 0);
    assert_eq!(client.answers().len(), 20);
    check_sent(&client, 20);
    // SAFETY: an invalid context is recognised.
    assert!(unsafe { IOT_CoAP_Process(std::ptr::null_mut()) } < 0);
}
