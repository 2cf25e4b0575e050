//! `iot_coap_ext.h`: options, notices, statistics and waiting elsewhere.

use std::ffi::{CStr, CString, c_int, c_void};
use std::ptr::{null, null_mut};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use iot_coap::{
    IOT_CoAP_ErrorString, IOT_CoAP_Flush, IOT_CoAP_GetFd, IOT_CoAP_GetStatistics,
    IOT_CoAP_GetTimeoutMs, IOT_CoAP_InitWithOptions, IOT_CoAP_StartSignIn, IOT_CoAP_Version,
    IOTX_COAP_SIGN_HMACSHA1, IOTX_COAP_SIGN_IN_CBOR, iotx_coap_give_up_t, iotx_coap_notice_kind_t,
    iotx_coap_notice_t, iotx_coap_options_t, iotx_coap_statistics_t, iotx_msg_type_t,
};
use iot_coap_cloud::{Cloud, Config, Device, Event, Faults, Transport};
use iot_coap_test_library::client::Client;

const SECONDS_5: Duration = Duration::from_secs(5);

fn start(config: Config) -> Cloud {
    Cloud::start(config).expect("the local cloud starts")
}

/// Options that are all defaults.
fn options() -> iotx_coap_options_t {
    // SAFETY: the structure's own documentation: all of it zero is the default.
    let zeroed: iotx_coap_options_t = unsafe { std::mem::zeroed() };
    iotx_coap_options_t {
        size: size_of::<iotx_coap_options_t>().try_into().expect("a small structure"),
        ..zeroed
    }
}

fn init(url: &str, options: &iotx_coap_options_t) -> Option<Client> {
    Client::init_by(url, 200, |config| {
        // SAFETY: `init_by` gives a whole configuration, and `options` is one.
        unsafe { IOT_CoAP_InitWithOptions(config, options) }
    })
}

/// A notice, copied.
type Notice = (iotx_coap_notice_kind_t, c_int, iotx_coap_give_up_t, usize);

/// Where a test keeps the notices of its client.
#[derive(Default)]
struct Notices(Mutex<Vec<Notice>>);

impl Notices {
    fn subscribe(&self, options: &mut iotx_coap_options_t) {
        options.on_notice = Some(keep_notice);
        options.notice_data = (&raw const *self).cast_mut().cast();
    }

    fn all(&self) -> Vec<Notice> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn kinds(&self) -> Vec<iotx_coap_notice_kind_t> {
        self.all().iter().map(|notice| notice.0).collect()
    }
}

unsafe extern "C-unwind" fn keep_notice(
    data: *mut c_void,
    context: *mut c_void,
    notice: *const iotx_coap_notice_t,
) {
    assert!(!context.is_null());
    // SAFETY: `data` is the `Notices` of a test that outlives its client; the
    // notice lives during this call.
    let (notices, notice) = unsafe { (&*data.cast::<Notices>(), &*notice) };
    notices.0.lock().unwrap_or_else(PoisonError::into_inner).push((
        notice.kind,
        notice.code,
        notice.reason,
        notice.user_data.addr(),
    ));
}

fn statistics(client: &Client) -> iotx_coap_statistics_t {
    let mut statistics = iotx_coap_statistics_t::default();
    let size = size_of::<iotx_coap_statistics_t>().try_into().expect("a small structure");
    // SAFETY: the context lives, and the structure has its size.
    let code = unsafe { IOT_CoAP_GetStatistics(client.context(), &raw mut statistics, size) };
    assert_eq!(code, 0);
    statistics
}

fn flush(client: &Client, most_ms: u32) -> c_int {
    // SAFETY: the context lives.
    unsafe { IOT_CoAP_Flush(client.context(), most_ms) }
}

#[test]
fn signs_in_by_cbor_with_sha1_and_a_timestamp() {
    let cloud = start(Config::default());
    let mut options = options();
    options.sign_method = IOTX_COAP_SIGN_HMACSHA1;
    options.sign_in_encoding = IOTX_COAP_SIGN_IN_CBOR;
    options.timestamp_ms = 1_795_000_000_000;
    options.access_token_option = 2088;
    let client = init(&cloud.url(Transport::Udp), &options).expect("a client");
    assert_eq!(client.sign_in(), 0);
    let signed_in = cloud.events().into_iter().find_map(|event| match event {
        Event::SignedIn { sign_method, content_format, extras, .. } => {
            Some((sign_method, content_format, extras.concat()))
        }
        _ => None,
    });
    let (method, format, extras) = signed_in.expect("signed in");
    assert_eq!((method.as_str(), format), ("hmacsha1", 60));
    assert!(extras.contains("1795000000000"), "{extras}");

    assert_eq!(client.confirm(1), 0);
    client.await_answers(1, SECONDS_5);
    assert_eq!(cloud.messages()[0].token_option, Some(2088));
}

#[test]
fn the_trust_root_of_the_options_holds() {
    let cloud = start(Config::default());
    let url = cloud.url(Transport::Dtls);
    // The process trusts nothing else.
    assert!(init(&url, &options()).is_none());
    let pem = CString::new(cloud.root_pem()).expect("PEM holds no NUL");
    let mut options = options();
    options.trust_root_pem = pem.as_ptr();
    let notices = Notices::default();
    notices.subscribe(&mut options);
    let client = init(&url, &options).expect("a client");
    // Copied: also a session that is opened later trusts it.
    drop(pem);
    assert_eq!(client.sign_in(), 0);
    cloud.close_dtls_sessions();
    assert_eq!(client.confirm(1), 0);
    client.await_answers(1, Duration::from_secs(20));
    assert_eq!(
        notices.kinds(),
        [
            iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SIGNED_IN,
            iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SESSION_RENEWED
        ]
    );
}

#[test]
fn options_out_of_range_are_refused() {
    let cloud = start(Config::default());
    let url = cloud.url(Transport::Udp);
    let refused: [fn(&mut iotx_coap_options_t); 16] = [
        |options| options.size = 0,
        |options| options.sign_method = 2,
        |options| options.sign_in_encoding = 2,
        |options| options.access_token_option = 62,
        |options| options.max_outstanding = 4097,
        |options| options.max_in_flight = 4097,
        |options| options.ack_timeout_ms = 999,
        |options| options.mtu = 255,
        |options| options.mtu = 16_385,
        |options| options.resume_limit_s = 59,
        |options| options.resume_limit_s = 604_801,
        |options| options.session_limit_s = 59,
        |options| options.session_limit_s = 2_592_001,
        |options| options.connect_limit_ms = 999,
        |options| options.connect_limit_ms = 600_001,
        |options| options.sign_in_limit_ms = 999,
    ];
    for (index, spoil) in refused.iter().enumerate() {
        let mut options = options();
        spoil(&mut options);
        assert!(init(&url, &options).is_none(), "number {index}");
    }
}

#[test]
fn options_of_an_older_and_of_a_newer_header_are_taken() {
    #[repr(C)]
    struct Newer {
        known: iotx_coap_options_t,
        added_later: [u64; 4],
    }
    let cloud = start(Config::default());
    let url = cloud.url(Transport::Udp);
    let mut older = options();
    // Knows no more than its first field; what follows is not looked at.
    older.size = 4;
    older.sign_method = 77;
    assert!(init(&url, &older).is_some());

    // A size that ends within a pointer: it is not followed.
    let mut odd = options();
    odd.trust_root_pem = std::ptr::without_provenance(usize::MAX / 3);
    odd.on_notice = Some(keep_notice);
    for size in 25..32 {
        odd.size = size;
        assert!(init(&url, &odd).is_some());
    }

    let mut newer = Newer { known: options(), added_later: [u64::MAX; 4] };
    newer.known.size = size_of::<Newer>().try_into().expect("a small structure");
    assert!(init(&url, &newer.known).is_some());
}

#[test]
fn a_refused_sign_in_is_told_with_its_code() {
    let stranger = Device::new("a1RP1qZfrEi", "example1", "another secret");
    let cloud = start(Config { devices: vec![stranger], ..Config::default() });
    let notices = Notices::default();
    let mut options = options();
    notices.subscribe(&mut options);
    let client = init(&cloud.url(Transport::Udp), &options).expect("a client");
    assert_eq!(client.sign_in(), -4);
    let all = notices.all();
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].0, all[0].1),
        (iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_SIGN_IN_FAILED, 0x81)
    );
}

#[test]
fn a_message_given_up_is_told_with_its_user_data() {
    let cloud = start(Config::default());
    let notices = Notices::default();
    let mut options = options();
    options.max_outstanding = 1;
    notices.subscribe(&mut options);
    let client = init(&cloud.url(Transport::Udp), &options).expect("a client");
    assert_eq!(client.sign_in(), 0);
    cloud.set_faults(Faults { drop: 1.0, ..Faults::none() });
    // The second takes the place of the first, which promised nothing.
    for message in 0..2 {
        assert_eq!(client.post("non", message, iotx_msg_type_t::IOTX_MESSAGE_NON), 0);
    }
    // SAFETY: the context lives.
    let timeout = unsafe { IOT_CoAP_GetTimeoutMs(client.context()) };
    assert!((0..=100).contains(&timeout), "there will be a notice: {timeout}");
    assert_eq!(flush(&client, 200), 1, "the second still waits");
    let all = notices.all();
    let (kind, _, reason, user_data) = *all.last().expect("a notice");
    assert_eq!(kind, iotx_coap_notice_kind_t::IOTX_COAP_NOTICE_GAVE_UP);
    assert_eq!(reason, iotx_coap_give_up_t::IOTX_COAP_GIVE_UP_DISPLACED);
    assert_ne!(user_data, 0);
    assert_eq!(statistics(&client).given_up, 1);
}

#[test]
fn statistics_count_what_happened() {
    let cloud = start(Config::default());
    let client = init(&cloud.url(Transport::Udp), &options()).expect("a client");
    assert_eq!(client.sign_in(), 0);
    for message in 0..10 {
        assert_eq!(client.confirm(message), 0);
    }
    assert_eq!(statistics(&client).outstanding, 10);
    assert_eq!(flush(&client, 5000), 0);
    let all = statistics(&client);
    assert_eq!((all.sent, all.resent, all.answered), (10, 0, 10));
    assert_eq!((all.given_up, all.outstanding, all.round_trips), (0, 0, 10));
    assert!(all.round_trip_min_ms <= all.round_trip_avg_ms);
    assert!(all.round_trip_avg_ms <= all.round_trip_max_ms);
    assert!(all.round_trip_max_ms < 5000);
    // Each carries an access token of about 150 bytes; each answer is short.
    assert!(all.bytes_sent > 10 * 150, "{}", all.bytes_sent);
    assert!(all.bytes_received > 0 && all.bytes_received < all.bytes_sent);
}

#[test]
fn a_poll_loop_serves_many_contexts() {
    const CLIENTS: usize = 20;
    let cloud = start(Config::default());
    let pem = CString::new(cloud.root_pem()).expect("PEM holds no NUL");
    let mut options = options();
    options.trust_root_pem = pem.as_ptr();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|index| {
            let transport = if index % 2 == 0 { Transport::Udp } else { Transport::Dtls };
            let client = init(&cloud.url(transport), &options).expect("a client");
            assert_eq!(client.sign_in(), 0);
            assert_eq!(client.confirm(index), 0);
            client
        })
        .collect();
    let start = Instant::now();
    while clients.iter().any(|client| client.answers().is_empty()) {
        assert!(start.elapsed() < SECONDS_5);
        let waiting: Vec<_> = clients.iter().filter(|client| client.answers().is_empty()).collect();
        let mut polled: Vec<_> = waiting
            .iter()
            // SAFETY: the context lives.
            .map(|client| unsafe { IOT_CoAP_GetFd(client.context()) })
            .map(|fd| {
                assert!(fd > 0);
                libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
            })
            .collect();
        // SAFETY: the context lives.
        let timeout =
            waiting.iter().map(|client| unsafe { IOT_CoAP_GetTimeoutMs(client.context()) });
        let timeout = timeout.min().expect("one waits");
        assert!((1..=3000).contains(&timeout), "a retransmission is due in {timeout} ms");
        let count = polled.len().try_into().expect("a few");
        // SAFETY: the array has `count` entries.
        assert!(unsafe { libc::poll(polled.as_mut_ptr(), count, timeout) } > 0);
        for (client, polled) in waiting.iter().zip(&polled) {
            if polled.revents != 0 {
                assert_eq!(client.yield_once(), 0);
            }
        }
    }
    // Nothing is waited for but the renewal of the access token.
    // SAFETY: the context lives.
    let timeout = unsafe { IOT_CoAP_GetTimeoutMs(clients[0].context()) };
    assert!(timeout > 40 * 3600 * 1000, "{timeout}");
}

#[test]
fn a_sign_in_that_was_started_ends_in_a_notice() {
    use iotx_coap_notice_kind_t::{IOTX_COAP_NOTICE_SIGN_IN_FAILED, IOTX_COAP_NOTICE_SIGNED_IN};

    let stranger = Device::new("a1RP1qZfrEi", "example1", "another secret");
    let silent = Faults { drop: 1.0, ..Faults::none() };
    for (config, kind, code) in [
        (Config::default(), IOTX_COAP_NOTICE_SIGNED_IN, 0),
        (
            Config { devices: vec![stranger], ..Config::default() },
            IOTX_COAP_NOTICE_SIGN_IN_FAILED,
            0x81,
        ),
        (Config { faults: silent, ..Config::default() }, IOTX_COAP_NOTICE_SIGN_IN_FAILED, 0),
    ] {
        let is_silent = config.faults.drop > 0.0;
        let cloud = start(config);
        let mut options = options();
        let notices = Notices::default();
        notices.subscribe(&mut options);
        let client = init(&cloud.url(Transport::Udp), &options).expect("a client");
        assert_eq!(client.confirm(1), -5);

        let begun = Instant::now();
        // The second joins the first, and there is one notice for both.
        for (most_ms, code) in [(0, -1), (1000, 0), (1000, 0)] {
            // SAFETY: the context lives.
            assert_eq!(unsafe { IOT_CoAP_StartSignIn(client.context(), most_ms) }, code);
        }
        assert!(begun.elapsed() < Duration::from_millis(900), "it waited");
        // The call that takes the answer tells of it; silence takes several.
        assert_eq!(client.yield_once(), 0);
        while is_silent && notices.all().is_empty() && begun.elapsed() < SECONDS_5 {
            assert_eq!(client.yield_once(), 0);
        }
        let told: Vec<_> = notices.all().iter().map(|notice| (notice.0, notice.1)).collect();
        assert_eq!(told, [(kind, code)]);
        assert_eq!(client.confirm(1), if kind == IOTX_COAP_NOTICE_SIGNED_IN { 0 } else { -5 });
    }
}

#[test]
fn codes_and_version_have_text() {
    let text = |pointer| {
        // SAFETY: a string that lives for ever.
        unsafe { CStr::from_ptr(pointer) }.to_str().expect("ASCII")
    };
    assert_eq!(text(IOT_CoAP_Version()), env!("CARGO_PKG_VERSION"));
    let texts: Vec<_> = (-9..=1).map(|code| text(IOT_CoAP_ErrorString(code))).collect();
    for (index, one) in texts.iter().enumerate() {
        assert!(!one.is_empty() && !texts[..index].contains(one), "{texts:?}");
    }
    assert_eq!(text(IOT_CoAP_ErrorString(-10)), text(IOT_CoAP_ErrorString(2)));
}

#[test]
fn nulls_are_refused() {
    let mut statistics = iotx_coap_statistics_t::default();
    // SAFETY: NULL is what each of them must refuse.
    unsafe {
        assert!(IOT_CoAP_InitWithOptions(null_mut(), null()).is_null());
        assert_eq!(IOT_CoAP_GetFd(null_mut()), -1);
        assert_eq!(IOT_CoAP_GetTimeoutMs(null_mut()), -1);
        assert_eq!(IOT_CoAP_Flush(null_mut(), 1), -1);
        assert_eq!(IOT_CoAP_StartSignIn(null_mut(), 1000), -1);
        assert_eq!(IOT_CoAP_GetStatistics(null_mut(), &raw mut statistics, 8), -1);
    }
}
