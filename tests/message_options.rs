//! Single messages: the options of their answers, and those that are not wanted any more.

use std::ffi::{c_int, c_uint, c_void};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use iot_coap::{
    IOT_CoAP_Cancel, IOT_CoAP_GetCurToken, IOT_CoAP_GetMessageCode, IOT_CoAP_GetMessageOption,
    IOT_CoAP_SendMessage, iotx_content_type_t, iotx_message_t, iotx_msg_type_t,
};
use iot_coap_cloud::{Cloud, Config, Faults, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::wire::Wire;

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

const MAX_AGE: c_uint = 14;
const ETAG: c_uint = 4;
/// The message id that the cloud adds.
const MESSAGE_ID: c_uint = 2090;
const REFUSED: c_int = -1;

fn start(config: Config) -> Cloud {
    let cloud = Cloud::start(config).expect("the local cloud starts");
    iot_coap_test_library::trust::set(cloud.root_pem());
    cloud
}

/// What a callback read.
#[derive(Default)]
struct Read(Mutex<Vec<(c_uint, Vec<u8>)>>);

impl Read {
    fn options(&self) -> Vec<(c_uint, Vec<u8>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps the response code, as option 0, and the options of interest.
unsafe extern "C-unwind" fn read(user_data: *mut c_void, message: *mut c_void) {
    let (mut value, mut len) = (null(), 0);
    let mut code: c_int = 0;
    // SAFETY: `user_data` is what `send` gave, which outlives the client; `message` is what
    // the library gives, and values live during this call.
    unsafe {
        assert_eq!(IOT_CoAP_GetMessageCode(message, (&raw mut code).cast()), 0);
        let read = &*user_data.cast::<Read>();
        let mut options = read.0.lock().unwrap_or_else(PoisonError::into_inner);
        options.push((0, vec![code.try_into().expect("a byte")]));
        for number in [ETAG, MAX_AGE, MESSAGE_ID, 65_535, 65_536 + ETAG, c_uint::MAX] {
            for index in [0, 1, c_uint::MAX] {
                let found =
                    IOT_CoAP_GetMessageOption(message, number, index, &raw mut value, &raw mut len);
                assert!(found == 0 || found == REFUSED);
                if found == 0 {
                    let bytes = std::slice::from_raw_parts(value, len as usize);
                    options.push((number, bytes.to_vec()));
                }
            }
        }
        for (message, value, len) in [
            (null_mut(), &raw mut value, &raw mut len),
            (message, null_mut(), &raw mut len),
            (message, &raw mut value, null_mut()),
        ] {
            assert_eq!(IOT_CoAP_GetMessageOption(message, MAX_AGE, 0, value, len), REFUSED);
        }
    }
}

/// Sends a message; returns its token.
fn send(client: &Client, read_by: &Read) -> u32 {
    let path = c"/topic/a1RP1qZfrEi/example1/update";
    let mut message = iotx_message_t {
        p_payload: null_mut(),
        payload_len: 0,
        content_type: MaybeUninit::new(iotx_content_type_t::IOTX_CONTENT_TYPE_JSON),
        msg_type: MaybeUninit::new(iotx_msg_type_t::IOTX_MESSAGE_CON),
        user_data: (&raw const *read_by).cast_mut().cast(),
        resp_callback: Some(read),
    };
    // SAFETY: the context lives, and the rest during the call.
    unsafe {
        let token = IOT_CoAP_GetCurToken(client.context());
        let path = path.as_ptr().cast_mut();
        assert_eq!(IOT_CoAP_SendMessage(client.context(), path, &raw mut message), 0);
        token
    }
}

fn yield_until(client: &Client, mut is_done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_done() {
        assert!(start.elapsed() < Duration::from_secs(10), "it never comes");
        assert_eq!(client.yield_once(), 0);
    }
}

#[test]
fn options_of_an_answer_are_read_over_every_transport() {
    let cloud = start(Config { message_id_option: true, ..Config::default() });
    for transport in TRANSPORTS {
        let answer = Read::default();
        let client = Client::signed_in(&cloud.url(transport));
        send(&client, &answer);
        yield_until(&client, || !answer.options().is_empty());
        let options = answer.options();
        assert_eq!(options[0], (0, vec![0x45]), "{transport:?}");
        let [(MESSAGE_ID, id)] = &options[1..] else { panic!("{transport:?}: {options:?}") };
        assert!(!id.is_empty() && id.is_ascii(), "{transport:?}: {id:?}");
    }
}

#[test]
fn each_option_of_a_kind_is_read() {
    let wire = Wire::bind();
    let client = Client::init(&wire.url(), 100).expect("a client");
    wire.sign_in(&client, "token");
    let answers = Read::default();
    send(&client, &answers);
    let options: [(u16, &[u8]); 3] = [(4, b"one"), (4, b""), (14, &[1, 44])];
    wire.answer_with(&wire.next(), 0x9D, &options, "later");
    yield_until(&client, || !answers.options().is_empty());
    let read = [(0, &[0x9D][..]), (ETAG, b"one"), (ETAG, b""), (MAX_AGE, &[1, 44])];
    assert_eq!(answers.options(), read.map(|(number, value)| (number, value.to_vec())));
}

/// What is left of such an answer, once a sign-in has failed as well, is its code.
#[test]
fn a_message_that_was_refused_has_no_options() {
    let wire = Wire::bind();
    let client = Client::init(&wire.url(), 100).expect("a client");
    wire.sign_in(&client, "token");
    let answers = Read::default();
    send(&client, &answers);
    let options: [(u16, &[u8]); 1] = [(14, &[7])];
    wire.answer_with(&wire.next(), 0x81, &options, "");
    assert_eq!(client.yield_once(), 0);
    let again = wire.next();
    assert!(again.is_sign_in());
    wire.answer_with(&again, 0x83, &[], "");
    yield_until(&client, || !answers.options().is_empty());
    assert_eq!(answers.options(), [(0, vec![0x81])]);
}

#[test]
fn a_cancelled_message_ends_without_a_callback() {
    let cloud = start(Config::default());
    for transport in TRANSPORTS {
        let (unwanted, wanted) = (Read::default(), Read::default());
        let client = Client::signed_in(&cloud.url(transport));
        // SAFETY: the context lives.
        let cancel = |token| unsafe { IOT_CoAP_Cancel(client.context(), token) };
        // Its answer is on the way.
        let token = send(&client, &unwanted);
        assert_eq!(client.outstanding(), 1);
        assert_eq!(cancel(token), 0);
        assert_eq!((client.outstanding(), cancel(token)), (0, REFUSED));
        // It would be sent again.
        cloud.set_faults(Faults { drop: 1.0, ..Faults::none() });
        let token = send(&client, &unwanted);
        assert_eq!(cancel(token), 0);
        cloud.set_faults(Faults::none());
        let token = send(&client, &wanted);
        yield_until(&client, || !wanted.options().is_empty());
        assert_eq!(cancel(token), REFUSED, "it has ended");
        assert_eq!(cancel(token.wrapping_add(1)), REFUSED, "there is none");
        for _ in 0..4 {
            assert_eq!(client.yield_once(), 0);
        }
        assert!(unwanted.options().is_empty(), "{transport:?}");
        assert_eq!(client.statistics().resent, 0);
        assert_eq!(client.statistics().given_up, 0);
    }
    // SAFETY: an invalid context is recognised.
    assert_eq!(unsafe { IOT_CoAP_Cancel(null_mut(), 1) }, REFUSED);
}
