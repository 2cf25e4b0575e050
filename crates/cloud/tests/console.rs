//! Hazard: another page, another machine or a slow browser gets at the cloud through
//! its console; or the console tells something else than what happened.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use coap_lite::{MessageClass, MessageType};
use iot_coap_cloud::{Config, ConsoleConfig, Event, Faults, Transport};
use iot_coap_test_cloud::http::*;
use iot_coap_test_cloud::*;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use serde_json::{Value, json};

/// What tells of devices, once the sample has signed in.
const TOLD: [&str; 6] = [
    "/events",
    "/sessions",
    "/row/0",
    "/device?product_key=a1RP1qZfrEi&device_name=example1",
    "/seen.jsonl",
    "/seen.pcapng",
];

#[test]
fn a_message_is_told_with_its_options_and_its_device() {
    let cloud = with_console();
    let mut stream = events(&cloud, &[]);
    let hello = stream.next().expect("hello");
    assert_eq!((hello.name.as_str(), &hello.data["urls"]), ("hello", &json!(cloud.urls())));

    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    device.publish("user/temperature", br#"{"celsius":21.50}"#);
    let (rows, _) = stream.rows_until(says(r#"{"celsius":21.50}"#));
    let kinds: Vec<_> = rows.iter().map(|row| row["kind"].as_str().expect("a name")).collect();
    assert_eq!(kinds, ["ready", "signed_in", "message"]);
    let message = &rows[2];
    assert_eq!(message["device"], "a1RP1qZfrEi/example1");
    assert_eq!(message["subject"], "/a1RP1qZfrEi/example1/user/temperature");
    assert_eq!((&message["code"], &message["transport"]), (&json!("2.05"), &json!("udp")));
    assert_eq!(message["message_type"], "CON");
    for left in ["fields", "options", "payload"] {
        assert!(message.get(left).is_none(), "a row is slim: {message}");
    }
    let details = details(&cloud, message);
    assert_eq!(details["payload"]["form"], "json");
    assert_eq!(details["payload"]["text"], r#"{"celsius": 21.50}"#);
    assert!(details["fields"].as_array().expect("a list").contains(&json!(["number", "1"])));
    let options = details["options"].as_array().expect("a list");
    let path = json!({ "number": 11, "name": "Uri-Path", "value": "temperature" });
    let format =
        json!({ "number": 12, "name": "Content-Format", "value": "50 (application/json)" });
    assert!(options.contains(&path) && options.contains(&format), "{options:?}");

    let row = loop {
        let tick = stream.next_named("tick").data;
        if let Some(row) =
            tick["devices"].as_array().expect("a list").iter().find(|row| row["taken"] == 1)
        {
            break row.clone();
        }
    };
    let [signed_in, expires] =
        ["signed_in", "expires"].map(|name| row[name].as_u64().expect("a time"));
    assert_eq!(
        expires - signed_in / 1_000 - 48 * 3_600,
        u64::from(!signed_in.is_multiple_of(1_000))
    );
}

#[test]
fn a_page_that_comes_back_is_told_what_it_has_not_seen_and_no_more() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    device.publish("x", b"1");
    let (seen, place) = events(&cloud, &[]).rows_until(says("1"));
    for payload in [b"2", b"3", b"4"] {
        device.publish("x", payload);
    }
    let numbers = |rows: &[Value]| -> Vec<u64> {
        rows.iter().map(|row| row["number"].as_u64().expect("a number")).collect()
    };
    let (rest, _) = events(&cloud, &[("last-event-id", &place)]).rows_until(says("4"));
    let all = [numbers(&seen), numbers(&rest)].concat();
    assert_eq!(all, (0..cloud.event_count() as u64).collect::<Vec<_>>());

    // The place of another server, or none, is no place here.
    for elsewhere in ["0000000000000000-3", "nonsense", "-1", &format!("{place}9")] {
        let (rows, _) = events(&cloud, &[("last-event-id", elsewhere)]).rows_until(says("4"));
        assert_eq!(rows.len(), cloud.event_count(), "{elsewhere}");
    }
}

#[test]
fn a_switch_changes_what_the_device_experiences() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);

    switch(&cloud, "drop=1");
    let request = device.message("x", b"1");
    device.send(&request);
    assert!(device.try_receive(SILENCE).is_none(), "it is lost");

    switch(&cloud, "drop=0,separate=1");
    device.send(&request);
    assert_eq!(device.receive().header.code, MessageClass::Empty);
    let response = device.receive();
    assert_eq!(
        (code(&response).as_str(), response.header.get_type()),
        ("2.05", MessageType::Confirmable)
    );
    device.acknowledge(&response);

    switch(&cloud, "separate=0,delay=60..70");
    let start = Instant::now();
    device.publish("x", b"2");
    assert!(start.elapsed() >= Duration::from_millis(120), "there and back");
    // What is not named stays.
    let body = json!({ "faults": "seed=5", "replace": true }).to_string();
    let (_, text) = post(&cloud, "/faults", &[ACTION, JSON_BODY], &body);
    assert!(text.contains("\"text\":\"seed=5\""), "{text}");

    assert_eq!(post(&cloud, "/expire-tokens", &[ACTION], "").0, 200);
    assert_eq!(code(&device.publish("x", b"3")), "4.01");

    let mut secured = TestDevice::signed_in(&cloud, Transport::Dtls);
    assert_eq!(post(&cloud, "/close-sessions", &[ACTION], ""), (200, r#"{"count":1}"#.into()));
    assert_eq!(secured.link.receive(PATIENCE), Some(Vec::new()), "close_notify");

    assert_eq!(post(&cloud, "/ping", &[ACTION], ""), (200, r#"{"count":1}"#.into()));
    let ping = device.receive();
    assert_eq!(
        (ping.header.code, ping.header.get_type()),
        (MessageClass::Empty, MessageType::Confirmable)
    );
}

#[test]
fn a_round_trip_and_a_repetition_are_measured() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let request = device.message("x", b"1");
    device.exchange(&request);
    std::thread::sleep(Duration::from_millis(30));
    device.exchange(&request);
    cloud.ping_devices();
    let ping = device.receive();
    std::thread::sleep(Duration::from_millis(30));
    device.answer_empty(MessageType::Reset, &ping);
    let answered = cloud.wait_for(PATIENCE, |event| matches!(event, Event::Answered { .. }));
    let Some(Event::Answered { after_ms, sent, .. }) = answered else { panic!("no answer") };
    assert!(after_ms >= 30 && sent == 1, "{after_ms} ms, sent {sent} times");

    let mut stream = events(&cloud, &[]);
    let (rows, _) = stream.rows_until(|row| row["kind"] == "answered");
    let again = rows.iter().find(|row| row["kind"] == "duplicate").expect("it came again");
    assert_eq!(again["device"], "a1RP1qZfrEi/example1");
    let seconds = loop {
        let tick = stream.next_named("tick").data;
        let seconds = tick["seconds"].as_array().expect("a list").clone();
        if seconds.iter().any(|second| second["round_trips"] == json!([[after_ms, 1]])) {
            break seconds;
        }
    };
    let sum = |name: &str| seconds.iter().filter_map(|second| second[name].as_u64()).sum::<u64>();
    assert_eq!((sum("requests"), sum("repeated"), sum("sent_again")), (2, 1, 0));
}

#[test]
fn wrong_faults_change_nothing() {
    let cloud = with_console();
    switch(&cloud, "separate=1");
    let marked = cloud.event_count();
    let long = "x".repeat(5_000);
    for (body, status, says) in [
        (r#"{"faults":"drop=1,dorp=1"}"#, 422, "dorp"),
        (r#"{"faults":"drop=2"}"#, 422, "share of 0 to 1"),
        (r#"{"faults":7}"#, 422, "string"),
        (r#"{"fault":"drop=1"}"#, 422, "unknown field"),
        ("{", 400, "JSON"),
        (long.as_str(), 413, "length"),
    ] {
        let (given, text) = post(&cloud, "/faults", &[ACTION, JSON_BODY], body);
        assert_eq!(given, status, "{text}");
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(post(&cloud, "/faults", &[ACTION], r#"{"faults":"drop=1"}"#).0, 415);
    assert_eq!(cloud.event_count(), marked);
    let tick = events(&cloud, &[]).next_named("tick").data;
    assert_eq!((&tick["faults"]["drop"], &tick["faults"]["separate"]), (&json!(0.0), &json!(1.0)));
}

#[test]
fn another_site_and_another_name_are_refused() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let port = cloud.console_address().expect("there is one").port();
    let rebound = format!("evil.example:{port}");
    let other_port = format!("http://127.0.0.1:{}", port ^ 1);
    for (headers, status) in [
        (vec![], 403),
        (vec![ACTION, ("origin", "http://evil.example")], 403),
        (vec![ACTION, ("origin", "null")], 403),
        (vec![ACTION, ("origin", other_port.as_str())], 403),
        (vec![ACTION, ("sec-fetch-site", "cross-site")], 403),
        (vec![ACTION, ("host", rebound.as_str())], 421),
    ] {
        let (given, text) = post(&cloud, "/expire-tokens", &headers, "");
        assert_eq!(given, status, "{headers:?}: {text}");
    }
    assert_eq!(code(&device.publish("x", b"1")), "2.05", "the token is valid still");

    let cross = [("sec-fetch-site", "cross-site")];
    for path in TOLD {
        assert_eq!(get(&cloud, path, &[("host", &rebound)]).status(), 421, "{path}");
        assert_eq!(get(&cloud, path, &cross).status(), 403, "{path}");
        assert_eq!(get(&cloud, path, &[]).status(), 200, "{path}");
    }
    for path in ["/", "/console.js"] {
        assert_eq!(get(&cloud, path, &[("host", &rebound)]).status(), 421, "{path}");
    }
    assert_eq!(get(&cloud, "/", &cross).status(), 200, "a link may lead here");
    // A browser asks before it sends a header that is not its own.
    let preflight = agent()
        .options(format!("{}/expire-tokens", console_url(&cloud)))
        .header("origin", "http://evil.example")
        .header("access-control-request-method", "POST")
        .call()
        .expect("an answer");
    assert_eq!(preflight.status(), 403);
    assert!(!preflight.headers().contains_key("access-control-allow-origin"));
    assert_eq!(get(&cloud, "/expire-tokens", &[ACTION]).status(), 405);
    assert_eq!(get(&cloud, "/nothing", &[]).status(), 404);
}

#[test]
fn every_answer_forbids_what_the_page_does_not_need() {
    let cloud = with_console();
    for path in ["/", "/console.js", "/events", "/nothing"] {
        let response = get(&cloud, path, &[]);
        let header = |name: &str| response.headers()[name].to_str().expect("text").to_owned();
        let policy = header("content-security-policy");
        for part in
            ["default-src 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
    }
}

#[test]
fn without_a_password_no_other_machine_is_served() {
    for address in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:80"] {
        let address: SocketAddr = address.parse().expect("an address");
        let error = ConsoleConfig::new(address, None).expect_err("it is refused");
        let text = error.to_string();
        assert!(text.contains("--console-password-file") && text.contains("127.0.0.1"), "{text}");
    }

    let password = "correct horse battery".parse().expect("long enough");
    let console = ConsoleConfig::new(([0, 0, 0, 0], 0).into(), Some(password)).expect("allowed");
    let cloud = start(Config { console: Some(console), ..Config::default() });
    let port = cloud.console_address().expect("there is one").port();
    let status = |path: &str, password: Option<&str>| {
        use base64::Engine as _;
        let mut request = agent().get(format!("http://127.0.0.1:{port}{path}"));
        if let Some(password) = password {
            let credentials = format!("anyone:{password}");
            let encoded = base64::engine::general_purpose::STANDARD.encode(credentials);
            request = request.header("authorization", format!("Basic {encoded}"));
        }
        request.call().expect("an answer").status().as_u16()
    };
    TestDevice::signed_in(&cloud, Transport::Udp);
    for path in ["/", "/console.js"].into_iter().chain(TOLD) {
        assert_eq!(status(path, None), 401, "{path}");
        assert_eq!(status(path, Some("correct horse batter")), 401, "{path}");
        assert_eq!(status(path, Some("correct horse battery")), 200, "{path}");
    }
}

#[test]
fn a_page_that_does_not_read_holds_nothing_up_and_is_told_what_it_missed() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    let address = cloud.console_address().expect("there is one");
    let mut slow = TcpStream::connect(address).expect("it connects");
    set_socket_recv_buffer_size(&slow, 65_536).expect("a small buffer");
    slow.set_read_timeout(Some(PATIENCE)).expect("not zero");
    write!(slow, "GET /events HTTP/1.0\r\nHost: {address}\r\n\r\n").expect("sent");

    // More than all buffers between the two hold.
    let payload = "温".repeat(160);
    let count = 20_000;
    for _ in 0..count {
        assert_eq!(code(&device.publish("x", payload.as_bytes())), "2.05");
    }
    let (mut rows, mut missed, mut next) = (0, 0, 0);
    let mut stream = Events(BufReader::new(slow));
    while next < cloud.event_count() as u64 {
        let batch = stream.next_named("rows").data;
        missed += batch["missed"].as_u64().expect("a count");
        for row in batch["rows"].as_array().expect("a list") {
            rows += 1;
            next = row["number"].as_u64().expect("a number") + 1;
        }
    }
    assert!(missed > 0);
    assert_eq!(rows + missed, cloud.event_count() as u64);
    assert_eq!(cloud.messages().len(), count);
}

#[test]
fn whoever_finds_no_room_is_told_and_it_comes_back() {
    let cloud = with_console();
    let pages: Vec<_> = (0..24).map(|_| events(&cloud, &[])).collect();
    let refused = get(&cloud, "/", &[]);
    assert_eq!(refused.status(), 503);
    let text = refused.into_body().read_to_string().expect("text");
    assert!(text.contains("Too many pages"), "{text}");
    drop(pages);
    let deadline = Instant::now() + PATIENCE;
    while get(&cloud, "/", &[]).status() != 200 {
        assert!(Instant::now() < deadline, "the room stays taken");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_console_ends_with_its_cloud() {
    let cloud = with_console();
    let address = cloud.console_address().expect("there is one");
    let mut stream = events(&cloud, &[]);
    stream.next_named("tick");
    cloud.set_faults(Faults::none());
    cloud.stop().expect("it ends");
    while stream.next().is_some() {}
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

/// The names of the words in one language of the page.
fn words(text: &str) -> Vec<String> {
    let names = text.split("': ").filter_map(|part| part.rsplit_once('\''));
    names.map(|(_, name)| name.to_owned()).collect()
}

/// What stands in double quotes behind each `before`.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| part.split_once('"').map(|(name, _)| name)).collect()
}

#[test]
fn both_languages_have_every_word_that_the_page_uses() {
    let cloud = with_console();
    let file = |path: &str| get(&cloud, path, &[]).body_mut().read_to_string().expect("text");
    let english = words(&file("/english.js"));
    assert!(english.len() > 150);
    assert_eq!(english, words(&file("/chinese.js")));
    let page = file("/");
    for attribute in ["data-t", "data-label", "data-title", "data-placeholder"] {
        for name in quoted(&page, &format!(" {attribute}=\"")) {
            assert!(english.contains(&name.to_owned()), "{name}");
        }
    }
    let sources = concat!(env!("CARGO_MANIFEST_DIR"), "/src/console/page");
    let mut scripts = 0;
    for entry in std::fs::read_dir(sources).expect("it is there") {
        let path = entry.expect("it is there").path();
        if path.extension().is_none_or(|extension| extension != "js") {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).expect("text");
        scripts += 1;
        // What is not served is missing in every browser.
        for used in file(&format!("/{name}")).split("words('").skip(1) {
            let (word, rest) = used.split_once('\'').expect("its end");
            // Others are the start of one.
            let whole = !rest.starts_with(" +");
            let known = |each: &String| if whole { each == word } else { each.starts_with(word) };
            assert!(english.iter().any(known), "{name}: {word}");
        }
    }
    assert!(scripts > 10);
    // Whatever the cloud can tell has its word, too.
    for (source, before, prefix) in [
        (include_str!("../src/console/row.rs"), "kind = \"", "kind"),
        (include_str!("../src/console/details.rs"), "add(\"", "field"),
    ] {
        let names = quoted(source, before);
        assert!(names.len() > 10, "{before}");
        for name in names.iter().filter(|name| !name.is_empty()) {
            assert!(english.contains(&format!("{prefix}-{name}")), "{prefix}-{name}");
        }
    }
}
