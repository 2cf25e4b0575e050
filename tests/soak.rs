//! Nothing lost under faults: many contexts post numbered messages through a
//! cloud that loses, doubles, delays and reorders datagrams, answers late,
//! forgets tokens and sessions. Afterwards each side's account is compared with
//! the other's.
//!
//! `IOT_COAP_SOAK_SECONDS` says for how long; `scripts/soak MINUTES` sets it.

mod support;

use std::collections::{HashMap, HashSet};
use std::ffi::{CString, c_void};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use iot_coap::{
    IOT_CoAP_InitWithOptions, iotx_coap_notice_kind_t, iotx_coap_notice_t, iotx_coap_options_t,
    iotx_msg_type_t,
};
use iot_coap_cloud::{Cloud, Config, Faults, Transport};
use support::client::Client;

const CLIENTS: usize = 12;
/// Numbers of one client's messages start at a multiple of this.
const NUMBERS: usize = 1_000_000;
/// Longer than the longest wait for an answer: 247 s, once acknowledged. The
/// usual one is 145 s, of a Non-confirmable message that was lost.
const SETTLING: Duration = Duration::from_mins(5);

fn faults() -> Faults {
    Faults {
        drop: 0.2,
        duplicate: 0.1,
        reorder: 0.1,
        delay: Some((Duration::from_millis(20), Duration::from_millis(3500))),
        delayed: 0.1,
        separate: 0.2,
        separate_delay: Some((Duration::from_millis(50), Duration::from_millis(2500))),
        auth_error: 0.1,
        close: 0.01,
        seed: 7,
        ..Faults::none()
    }
}

/// How many messages of each client were given up, by `user_data`.
#[derive(Default)]
struct GivenUp(Mutex<HashMap<usize, usize>>);

unsafe extern "C" fn count_given_up(
    data: *mut c_void,
    _context: *mut c_void,
    notice: *const iotx_coap_notice_t,
) {
    // SAFETY: `data` is the test's, the notice lives during this call.
    let (given_up, notice) = unsafe { (&*data.cast::<GivenUp>(), &*notice) };
    if notice.kind == iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_GAVE_UP {
        let mut given_up = given_up.0.lock().expect("no holder panics");
        *given_up.entry(notice.user_data.addr()).or_default() += 1;
    }
}

fn init(cloud: &Cloud, index: usize, pem: &CString, given_up: &GivenUp) -> Client {
    let transport = [Transport::Udp, Transport::Dtls, Transport::Symmetric][index % 3];
    let options = iotx_coap_options_t {
        size: size_of::<iotx_coap_options_t>().try_into().expect("a small structure"),
        sign_method: 0,
        sign_in_encoding: u32::from(index % 2 == 0),
        access_token_option: 0,
        timestamp_ms: 0,
        trust_root_pem: pem.as_ptr(),
        on_notice: Some(count_given_up),
        notice_data: (&raw const *given_up).cast_mut().cast(),
        keep_access_token: 0,
        max_outstanding: 8,
        ack_timeout_ms: 0,
    };
    let start = Instant::now();
    loop {
        let client = Client::init_by(&cloud.url(transport), 100, |config| {
            // SAFETY: `init_by` gives a whole configuration; the options are one.
            unsafe { IOT_CoAP_InitWithOptions(config, &raw const options) }
        });
        // A handshake may run out of its time when a fifth of it is lost.
        match client {
            Some(client) => return client,
            None => assert!(start.elapsed() < SETTLING, "client {index} never connects"),
        }
    }
}

/// Posts until `over`, then waits for what is outstanding; returns how many
/// messages were taken.
fn post(client: &Client, index: usize, over: &AtomicBool) -> usize {
    let start = Instant::now();
    while client.sign_in() != 0 {
        assert!(start.elapsed() < SETTLING, "client {index} never signs in");
    }
    let mut accepted = 0;
    while !over.load(Ordering::Relaxed) {
        let number = index * NUMBERS + accepted;
        let kind = if number % 10 == 9 {
            iotx_msg_type_t::IOTX_MESSAGE_NON
        } else {
            iotx_msg_type_t::IOTX_MESSAGE_CON
        };
        match client.post("soak", number, kind) {
            0 => accepted += 1,
            // 8 are in flight.
            -8 => {}
            code => panic!("client {index}: {code}"),
        }
        client.yield_once();
    }
    let start = Instant::now();
    while client.outstanding() > 0 {
        assert!(start.elapsed() < SETTLING, "{} never end", client.outstanding());
        client.yield_once();
    }
    accepted
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn nothing_is_lost_under_faults() {
    let seconds = std::env::var("IOT_COAP_SOAK_SECONDS").ok();
    let seconds: u64 = seconds.map_or(10, |text| text.parse().expect("seconds"));
    let config = Config { token_uses: Some(50), faults: faults(), ..Config::default() };
    let cloud = Cloud::start(config).expect("the local cloud starts");
    let pem = CString::new(cloud.root_pem()).expect("PEM holds no NUL");
    let given_up = GivenUp::default();
    let over = AtomicBool::new(false);
    let accepted = AtomicU64::new(0);

    let clients: Vec<Client> = thread::scope(|scope| {
        let threads: Vec<_> = (0..CLIENTS)
            .map(|index| {
                let (cloud, pem, given_up) = (&cloud, &pem, &given_up);
                let (over, accepted) = (&over, &accepted);
                scope.spawn(move || {
                    let client = init(cloud, index, pem, given_up);
                    accepted.fetch_add(post(&client, index, over) as u64, Ordering::Relaxed);
                    client
                })
            })
            .collect();
        let half = Duration::from_secs(seconds) / 2;
        thread::park_timeout(half);
        let resident = resident_kib();
        thread::park_timeout(half);
        println!("resident: {resident} KiB half way, {} KiB at the end", resident_kib());
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("no client panics")).collect()
    });

    let arrived: HashSet<usize> = cloud
        .messages()
        .iter()
        .filter(|message| message.code == "2.05")
        .filter_map(|message| {
            let text = String::from_utf8_lossy(&message.payload).into_owned();
            text.strip_prefix("{\"message\":")?.strip_suffix('}')?.parse().ok()
        })
        .collect();
    let mut answered = HashSet::new();
    let (mut content, mut other) = (0, 0);
    for answer in clients.iter().flat_map(Client::answers) {
        assert!(answered.insert(answer.message), "message {} twice", answer.message);
        if answer.code == 0x45 {
            content += 1;
            assert!(arrived.contains(&answer.message), "{} said 2.05", answer.message);
        } else {
            other += 1;
        }
    }
    let given_up = given_up.0.into_inner().expect("no holder panicked");
    assert!(given_up.values().all(|times| *times == 1), "given up once each");
    let accepted = accepted.into_inner();
    println!(
        "accepted {accepted}: answered 2.05 {content}, otherwise {other}, given up {}; \
         arrived {}",
        given_up.len(),
        arrived.len()
    );
    assert_eq!(accepted, (answered.len() + given_up.len()) as u64, "each accepted one ended");
    assert!(content > 0);
}
