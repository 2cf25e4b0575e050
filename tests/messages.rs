//! Messages and sign-ins of firmware that is less careful than its samples, against a
//! cloud that the test plays by itself on a UDP socket.

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::ptr::null_mut;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use coap_lite::MessageType;
use iot_coap::{
    IOT_CoAP_InitWithOptions, IOT_CoAP_SendMessage, IOT_CoAP_StartSignIn, iotx_coap_give_up_t,
    iotx_coap_notice_kind_t, iotx_coap_notice_t, iotx_coap_options_t, iotx_content_type_t,
    iotx_message_t, iotx_msg_type_t,
};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::wire::Wire;
use iot_coap_test_support::waiting::timed;

const CONTENT_FORMAT: u16 = 12;
const ACCESS_TOKEN: u16 = 61;

/// How many messages may be outstanding.
const MOST: usize = 32;

/// What a notice handler is to do, and has seen.
#[derive(Default)]
struct Notices {
    sends_again: bool,
    /// Kinds, reasons, and what `user_data` was.
    seen: Mutex<Vec<(iotx_coap_notice_kind_t, iotx_coap_give_up_t, usize)>>,
}

impl Notices {
    fn seen(&self) -> Vec<(iotx_coap_notice_kind_t, iotx_coap_give_up_t, usize)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The messages that were displaced, by their `user_data`.
    fn displaced(&self) -> Vec<usize> {
        let displaced = |notice: &(_, _, usize)| {
            let given_up = iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_GAVE_UP;
            let displaced = iotx_coap_give_up_t::IOTX_COAP_GIVE_UP_DISPLACED;
            (notice.0, notice.1) == (given_up, displaced)
        };
        self.seen().iter().filter(|notice| displaced(notice)).map(|notice| notice.2).collect()
    }
}

/// A client whose notices go to `notices`, and whose `Yield` waits so long.
fn client(wire: &Wire, notices: &Notices, wait_ms: c_int) -> Client {
    // SAFETY: the structure's own documentation: all of it zero is the default.
    let mut options: iotx_coap_options_t = unsafe { std::mem::zeroed() };
    options.size = size_of::<iotx_coap_options_t>().try_into().expect("a small structure");
    options.on_notice = Some(note);
    options.notice_data = (&raw const *notices).cast_mut().cast();
    let client = Client::init_by(&wire.url(), wait_ms, |config| {
        // SAFETY: `init_by` gives a whole configuration, and the options are one.
        unsafe { IOT_CoAP_InitWithOptions(config, &raw const options) }
    });
    client.expect("a client")
}

unsafe extern "C-unwind" fn note(
    data: *mut c_void,
    context: *mut c_void,
    notice: *const iotx_coap_notice_t,
) {
    // SAFETY: `data` is the `Notices` of a test that outlives its client; the notice lives
    // during this call.
    let (notices, notice) = unsafe { (&*data.cast::<Notices>(), &*notice) };
    let mut seen = notices.seen.lock().unwrap_or_else(PoisonError::into_inner);
    seen.push((notice.kind, notice.reason, notice.user_data.addr()));
    drop(seen);
    if notices.sends_again && notice.kind == iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_GAVE_UP {
        assert_eq!(send(context, 0, 1, notice.user_data), 0);
    }
}

/// `IOT_CoAP_SendMessage` with enumerations that hold any number.
fn send(context: *mut c_void, content_type: c_int, msg_type: c_int, user: *mut c_void) -> c_int {
    let path = c"/topic/a1RP1qZfrEi/example1/update";
    let mut message = iotx_message_t {
        p_payload: null_mut(),
        payload_len: 0,
        content_type: MaybeUninit::<iotx_content_type_t>::uninit(),
        msg_type: MaybeUninit::<iotx_msg_type_t>::uninit(),
        user_data: user,
        resp_callback: None,
    };
    // SAFETY: an enumeration is as wide as an int here; the context lives, and the rest
    // during the call.
    unsafe {
        message.content_type.as_mut_ptr().cast::<c_int>().write(content_type);
        message.msg_type.as_mut_ptr().cast::<c_int>().write(msg_type);
        IOT_CoAP_SendMessage(context, path.as_ptr().cast_mut(), &raw mut message)
    }
}

#[test]
fn what_is_not_cbor_is_json_and_what_is_not_non_is_con() {
    let (wire, notices) = (Wire::bind(), Notices::default());
    let client = client(&wire, &notices, 50);
    wire.sign_in(&client, "token");
    for (content_type, msg_type) in [(0, 0), (1, 1), (2, 2), (-1, 3), (c_int::MIN, c_int::MAX)] {
        assert_eq!(send(client.context(), content_type, msg_type, null_mut()), 0);
        let asked = wire.next();
        let is_non = msg_type == 1;
        let format = if content_type == 1 { 60 } else { 50 };
        assert_eq!(asked.option(CONTENT_FORMAT), [[format]], "{content_type}");
        assert_eq!(asked.is_of_type(MessageType::NonConfirmable), is_non, "{msg_type}");
        assert_eq!(asked.is_of_type(MessageType::Confirmable), !is_non, "{msg_type}");
    }
}

#[test]
fn messages_that_are_too_long_use_nothing_up() {
    let (wire, notices) = (Wire::bind(), Notices::default());
    let client = client(&wire, &notices, 50);
    wire.sign_in(&client, "first");
    for _ in 0..66_000 {
        let kind = iotx_msg_type_t::IOTX_MESSAGE_CON;
        assert_eq!(client.post_bytes("update", 0, kind, vec![b'x'; 1300]), -7);
    }
    assert_eq!(client.confirm(1), 0);
    wire.answer(&wire.next(), "");
    client.await_answers(1, Duration::from_secs(5));
    wire.sign_in(&client, "second");
}

#[test]
fn messages_that_nobody_yields_for_are_told_of_at_once_and_once() {
    let (wire, notices) = (Wire::bind(), Notices::default());
    let client = client(&wire, &notices, 300);
    wire.sign_in(&client, "token");
    for message in 1..=20_000 {
        let user: *mut c_void = std::ptr::without_provenance_mut(message);
        assert_eq!(send(client.context(), 0, 1, user), 0);
    }
    thread::sleep(Duration::from_millis(100));
    let (yielded, took) = timed(|| client.yield_once());
    assert_eq!(yielded, 0);
    assert!(took < Duration::from_millis(800), "{took:?}");
    let start = Instant::now();
    while notices.displaced().len() < MOST && start.elapsed() < Duration::from_secs(5) {
        assert_eq!(client.yield_once(), 0);
    }
    // The last that gave way, the oldest first.
    let expected: Vec<_> = (20_001 - 2 * MOST..20_001 - MOST).collect();
    assert_eq!(notices.displaced(), expected);
    assert_eq!(client.outstanding(), 32);
    assert_eq!(client.statistics().given_up, 20_000 - 32);
}

#[test]
fn a_handler_that_sends_again_holds_no_yield() {
    let wire = Wire::bind();
    let notices = Notices { sends_again: true, ..Notices::default() };
    let client = client(&wire, &notices, 300);
    wire.sign_in(&client, "token");
    for message in 1..=1000 {
        let user: *mut c_void = std::ptr::without_provenance_mut(message);
        assert_eq!(send(client.context(), 0, 1, user), 0);
    }
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(1) {
        let (yielded, took) = timed(|| client.yield_once());
        assert_eq!(yielded, 0);
        assert!(took < Duration::from_millis(800), "{took:?}");
    }
    // A tenth of a second between the turns.
    let sent_again = notices.displaced().len();
    let turns = usize::try_from(start.elapsed().as_millis() / 100).expect("a few") + 1;
    assert!((MOST..=turns * MOST).contains(&sent_again), "{sent_again} in {turns} turns");
    assert_eq!(client.outstanding(), 64, "32 wait for answers, 32 to be told of");
}

fn start_sign_in(client: &Client, most_ms: u32) {
    // SAFETY: the context lives.
    assert_eq!(unsafe { IOT_CoAP_StartSignIn(client.context(), most_ms) }, 0);
}

#[test]
fn a_shorter_limit_of_another_ends_no_sign_in() {
    let (wire, notices) = (Wire::bind(), Notices::default());
    let client = client(&wire, &notices, 100);
    thread::scope(|scope| {
        let signing_in = scope.spawn(|| client.sign_in());
        let request = wire.next();
        start_sign_in(&client, 100);
        thread::sleep(Duration::from_millis(400));
        assert!(!signing_in.is_finished(), "it has ten seconds");
        wire.grant(&request, "token");
        assert_eq!(signing_in.join().expect("it returns"), 0);
    });
}

/// Where `/auth` takes longer than a program waits.
#[test]
fn an_answer_that_comes_too_late_for_one_call_signs_in_by_the_next() {
    let (wire, notices) = (Wire::bind(), Notices::default());
    let client = client(&wire, &notices, 100);
    start_sign_in(&client, 100);
    let first = wire.next();
    let failed = iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SIGN_IN_FAILED;
    let start = Instant::now();
    while !notices.seen().iter().any(|notice| notice.0 == failed) {
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(client.yield_once(), 0);
    }
    assert_eq!(client.confirm(1), -5);
    let second = thread::scope(|scope| {
        let signing_in = scope.spawn(|| client.sign_in());
        let second = wire.next_but(&first);
        wire.grant(&first, "older");
        assert_eq!(signing_in.join().expect("it returns"), 0);
        second
    });
    // The younger one is answered too, and its access token is the one to use.
    wire.grant(&second, "younger");
    let signed_in = iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SIGNED_IN;
    let start = Instant::now();
    while notices.seen().iter().filter(|notice| notice.0 == signed_in).count() < 2 {
        assert!(start.elapsed() < Duration::from_secs(5));
        assert_eq!(client.yield_once(), 0);
    }
    assert_eq!(client.confirm(1), 0);
    assert_eq!(wire.next().option(ACCESS_TOKEN), [b"younger"]);
}
