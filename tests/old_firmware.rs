//! What firmware written for the original relies on, and where it leaned on the
//! original's luck: `tests/c/old_firmware.c`, and what takes a cloud that is
//! steered meanwhile.

use std::ffi::c_void;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::{IOT_CoAP_Init, iotx_coap_event_t, iotx_msg_type_t};
use iot_coap_cloud::{Cloud, Config, Event, Faults, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::{Language, Linkage, compile, succeed};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

fn start(config: Config) -> Cloud {
    let cloud = Cloud::start(config).expect("the local cloud starts");
    iot_coap_test_library::trust::set(cloud.root_pem());
    cloud
}

#[test]
fn its_habits_do_no_harm() {
    let program = compile("old_firmware.c", Linkage::Static, Language::Sanitized);
    let check = |transport| {
        let cloud = start(Config { token_uses: Some(1), ..Config::default() });
        succeed(Command::new(&program).arg(cloud.url(transport)).arg(cloud.root_path()));
        let messages = cloud.messages();
        assert!(messages.iter().all(|message| !message.duplicate), "{transport:?}");
        let taken = |name: &str| {
            let topic = format!("/a1RP1qZfrEi/example1/{name}");
            messages.iter().filter(|message| message.topic == topic).count()
        };
        assert_eq!((taken("update"), taken("uncalled")), (3 * 5, 2), "{transport:?}");
    };
    // At once: each waits 2 s for each of its messages, as it did with the original.
    thread::scope(|scope| {
        for transport in TRANSPORTS {
            scope.spawn(move || check(transport));
        }
    });
}

#[test]
fn a_message_goes_out_without_a_yield() {
    let cloud = start(Config::default());
    for transport in TRANSPORTS {
        let client = Client::signed_in(&cloud.url(transport));
        let before = u64::try_from(cloud.messages().len()).expect("a few");
        for message in 0..3 {
            assert_eq!(client.confirm(message), 0);
        }
        let arrived = cloud.wait_for_messages(before + 3, Duration::from_secs(5));
        assert_eq!(arrived.len(), usize::try_from(before).expect("a few") + 3, "{transport:?}");
        assert!(client.answers().is_empty(), "callbacks run in IOT_CoAP_Yield alone");
    }
}

/// The original counts calls of Yield: with short waits it gives up on an
/// answer that takes 30 ms.
#[test]
fn short_and_frequent_yields_lose_nothing_and_send_nothing_again() {
    let pause = Duration::from_millis(30);
    for wait_ms in [1, 20] {
        let cloud = start(Config::default());
        let client = Client::init(&cloud.url(Transport::Udp), wait_ms).expect("connects");
        assert_eq!(client.sign_in(), 0);
        cloud.set_faults(Faults { delay: Some((pause, pause)), ..Faults::none() });
        for message in 0..10 {
            assert_eq!(client.confirm(message), 0);
            let answers = client.await_answers(message + 1, Duration::from_secs(5));
            assert_eq!(answers[message].code, 0x45);
        }
        let repeated = cloud.events().iter().any(|event| matches!(event, Event::Duplicate { .. }));
        assert!(!repeated, "nothing was sent again");
        assert_eq!(cloud.messages().len(), 10);
    }
}

#[test]
fn an_idle_yield_waits_its_time_and_no_more() {
    let cloud = start(Config::default());
    for transport in TRANSPORTS {
        let client = Client::init(&cloud.url(transport), 300).expect("connects");
        assert_eq!(client.sign_in(), 0);
        let start = Instant::now();
        assert_eq!(client.yield_once(), 0);
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(295), "{transport:?}: {took:?}");
        assert!(took < Duration::from_millis(800), "{transport:?}: {took:?}");
    }
}

unsafe extern "C" fn never(_context: *mut c_void, event: iotx_coap_event_t, _data: *mut c_void) {
    panic!("the event handler of the configuration was called: {event:?}");
}

#[test]
fn a_silent_cloud_is_no_sign_in_and_no_event() {
    let cloud = start(Config::default());
    let client = Client::init_by(&cloud.url(Transport::Udp), 200, |config| {
        // SAFETY: `init_by` gives a whole configuration.
        unsafe {
            (*config).event_handle = Some(never);
            IOT_CoAP_Init(config)
        }
    });
    let client = client.expect("connects");
    cloud.set_faults(Faults { drop: 1.0, ..Faults::none() });
    let start = Instant::now();
    // IOTX_ERR_AUTH_FAILED, after 10 s.
    assert_eq!(client.sign_in(), -4);
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(9900) && took < Duration::from_secs(12), "{took:?}");
    // IOTX_ERR_NOT_AUTHED
    assert_eq!(client.confirm(1), -5);
    // When the cloud is back it returns as soon as it is answered.
    cloud.set_faults(Faults::none());
    let start = Instant::now();
    assert_eq!(client.sign_in(), 0);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(client.post("non", 1, iotx_msg_type_t::IOTX_MESSAGE_NON), 0);
    client.await_answers(1, Duration::from_secs(5));
    assert!(!cloud.messages()[0].confirmable);
}
