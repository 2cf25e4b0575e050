//! Threads that are cancelled inside the library, or end in a callback: they end at
//! once and hold nothing back, and the context is used on by others. (`scripts/musl`
//! runs the same program where nothing unwinds.)

use std::ffi::{CString, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::Command;
use std::ptr::null_mut;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::{IOT_CoAP_SendMessage, iotx_content_type_t, iotx_message_t, iotx_msg_type_t};
use iot_coap_cloud::{Cloud, Config, Device, Transport};
use iot_coap_test_library::client::Client;
use iot_coap_test_library::{
    Language, Linkage, compile, root, scratch_dir, static_library, succeed,
};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

/// How often a thread is cancelled at a random moment.
const ROUNDS: &str = "1000";

fn run(program: &Path, rounds: Option<&str>) {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in TRANSPORTS {
        let mut command = Command::new(program);
        command.arg(cloud.url(transport)).arg(cloud.root_path()).args(rounds);
        succeed(&mut command);
    }
}

#[test]
fn a_thread_is_cancelled_wherever_it_waits_or_calls_back() {
    run(&compile("cancelled.c", Linkage::Static, Language::C89), None);
}

#[test]
fn the_shared_library_lets_threads_be_cancelled_too() {
    run(&compile("cancelled.c", Linkage::Shared, Language::C89), None);
}

#[test]
fn cancelled_threads_leave_no_memory_behind() {
    run(&compile("cancelled.c", Linkage::Static, Language::Sanitized), None);
}

/// As firmware is compiled to save room: nothing can unwind through its callbacks.
#[test]
fn a_thread_is_cancelled_in_a_callback_that_cannot_be_unwound() {
    let program = scratch_dir().join("cancelled-without-tables");
    let mut cc = Command::new("cc");
    cc.args(["-std=c89", "-D_GNU_SOURCE", "-g", "-pthread", "-fno-exceptions"]);
    cc.args(["-fno-asynchronous-unwind-tables", "-fno-unwind-tables", "-I"]);
    cc.arg(root().join("include")).arg(root().join("tests/c/cancelled.c")).arg("-o").arg(&program);
    cc.arg(static_library()).args(["-lpthread", "-ldl", "-lm", "-lc"]);
    succeed(&mut cc);
    run(&program, None);
}

#[test]
fn a_thread_is_cancelled_at_a_thousand_moments_beside_others() {
    run(&compile("cancelled.c", Linkage::Static, Language::C89), Some(ROUNDS));
}

unsafe extern "C-unwind" fn panics(_user_data: *mut c_void, _message: *mut c_void) {
    panic!("on purpose");
}

/// What is thrown in a callback passes through the library, and holds nothing back.
#[test]
fn a_panic_leaves_a_callback_and_nothing_stays_raised() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    iot_coap_test_library::trust::set(cloud.root_pem());
    let device = Device::sample();
    let path = format!("/topic/{}/{}/panic", device.product_key, device.device_name);
    let path = CString::new(path).expect("a path holds no NUL");
    for transport in TRANSPORTS {
        let client = Client::init(&cloud.url(transport), 20_000).expect("a client");
        thread::scope(|scope| {
            let panicking = scope.spawn(|| {
                assert_eq!(client.sign_in(), 0);
                for _ in 0..40 {
                    let mut message = iotx_message_t {
                        p_payload: null_mut(),
                        payload_len: 0,
                        content_type: MaybeUninit::new(iotx_content_type_t::IOTX_CONTENT_TYPE_JSON),
                        msg_type: MaybeUninit::new(iotx_msg_type_t::IOTX_MESSAGE_CON),
                        user_data: null_mut(),
                        resp_callback: Some(panics),
                    };
                    // SAFETY: the context lives, the rest during the call.
                    let sent = unsafe {
                        let path = path.as_ptr().cast_mut();
                        IOT_CoAP_SendMessage(client.context(), path, &raw mut message)
                    };
                    assert_eq!(sent, 0);
                    let yielded = catch_unwind(AssertUnwindSafe(|| client.yield_once()));
                    assert!(yielded.is_err(), "the panic arrives");
                }
            });
            panicking.join().expect("no panic but those");
        });
        assert_eq!(client.sign_in(), 0);
        assert_eq!(client.confirm(1), 0);
        client.await_answers(1, Duration::from_secs(10));
        let start = Instant::now();
        drop(client);
        assert!(start.elapsed() < Duration::from_secs(1), "no call is in it any more");
    }
}
