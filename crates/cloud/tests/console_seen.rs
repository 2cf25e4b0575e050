//! Hazard: the console tells of an exchange, a DTLS session or a device something else than what
//! happened, or no more than the page has in its list.

use std::time::{Duration, Instant};

use coap_lite::MessageType;
use iot_coap_cloud::{Cloud, Config, Device, DtlsConfig, DtlsEngine, Event, ServerKeys, Transport};
use iot_coap_test_cloud::engine::{Session, Trust};
use iot_coap_test_cloud::http::*;
use iot_coap_test_cloud::*;
use serde_json::{Value, json};

/// The row of the first event that fits, when it has come.
fn row(cloud: &Cloud, fits: impl Fn(&Value) -> bool) -> Value {
    let (rows, _) = events(cloud, &[]).rows_until(&fits);
    rows.into_iter().find(|row| fits(row)).expect("it was found")
}

/// Direction and summary of each message that belongs to a row, without message ids.
fn exchanged(details: &Value) -> Vec<String> {
    let datagrams = details["datagrams"].as_array().expect("a list");
    let told = datagrams.iter().map(|each| {
        let (direction, summary) = (&each["direction"], each["summary"].as_str().expect("text"));
        let (what, id) = summary.split_once(" [0x").expect("an id");
        assert!(id.len() == 5 && id.ends_with(']'), "{summary}");
        format!("{} {what}", direction.as_str().expect("text"))
    });
    told.collect()
}

fn gone(cloud: &Cloud, path: &str) {
    let mut response = get(cloud, path, &[]);
    assert_eq!(response.status(), 410, "{path}");
    assert!(response.body_mut().read_to_string().expect("text").ends_with(".\n"));
}

#[test]
fn the_details_have_every_message_of_an_exchange() {
    for transport in [Transport::Udp, Transport::Dtls] {
        let ack_timeout = Duration::from_millis(80);
        let cloud = start(Config { console: Some(console()), ack_timeout, ..Config::default() });
        let mut device = TestDevice::signed_in(&cloud, transport);
        switch(&cloud, "separate=1");
        let request = device.message("x", b"{\"n\":1}");
        device.send(&request);
        let acknowledgement = device.receive();
        assert_eq!(acknowledgement.header.message_id, request.header.message_id);
        device.send(&request);
        let mut response = device.receive();
        while response.header.get_type() != MessageType::Confirmable {
            response = device.receive();
        }
        // It comes again for want of an acknowledgement.
        while device.receive().header.get_type() != MessageType::Confirmable {}
        device.acknowledge(&response);
        let answered = |event: &Event| matches!(event, Event::Answered { .. });
        cloud.wait_for(PATIENCE, answered).expect("it is acknowledged");

        let message = row(&cloud, says("{\"n\":1}"));
        let told = details(&cloud, &message);
        let of_copies =
            |told: &[String], what: &str| told.iter().filter(|each| *each == what).count();
        let exchanged = exchanged(&told);
        assert_eq!(exchanged[0], "in CON 0.02", "{exchanged:?}");
        assert_eq!(exchanged[1], "out ACK 0.00", "{exchanged:?}");
        assert_eq!(of_copies(&exchanged, "in CON 0.02"), 2, "{exchanged:?}");
        assert_eq!(of_copies(&exchanged, "out ACK 0.00"), 2, "{exchanged:?}");
        assert!(of_copies(&exchanged, "out CON 2.05") >= 2, "{exchanged:?}");
        assert_eq!(exchanged.last().map(String::as_str), Some("in ACK 0.00"), "{exchanged:?}");
        let datagrams = told["datagrams"].as_array().expect("a list");
        let first = &datagrams[0];
        let encoded = request.to_bytes_unlimited().expect("encoded");
        assert_eq!(first["bytes"], encoded.len());
        assert_eq!(first["summary"], format!("CON 0.02 [0x{:04x}]", request.header.message_id));
        assert_eq!((&first["code"], &first["payload"]["form"]), (&json!("0.02"), &json!("json")));
        let start: Vec<_> = encoded[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let dump = first["dump"].as_str().expect("text");
        assert!(dump.starts_with(&format!("0000  {}", start.join(" "))), "{dump}");
        let answer = datagrams.iter().find(|each| each["code"] == "2.05").expect("an answer");
        let shown = answer["payload"]["text"].as_str().expect("text");
        let compact = shown.split_whitespace().collect::<String>();
        assert_eq!(compact, text(&response).split_whitespace().collect::<String>());
        let format =
            json!({ "number": 12, "name": "Content-Format", "value": "50 (application/json)" });
        assert!(answer["options"].as_array().expect("a list").contains(&format), "{answer}");
        let times: Vec<_> = datagrams.iter().map(|each| each["unix_ms"].as_u64()).collect();
        assert!(times.is_sorted() && times[0] <= message["unix_ms"].as_u64(), "{times:?}");

        // Whatever happened in the exchange shows all of it.
        for kind in ["duplicate", "sent_again", "answered"] {
            let other = details(&cloud, &row(&cloud, |row| row["kind"] == kind));
            assert_eq!(other["datagrams"], told["datagrams"], "{kind}");
        }
        let server = events(&cloud, &[]).next().expect("hello").data["server"].clone();
        let path = format!("/row/{}?server=", message["number"]);
        let server = server.as_str().expect("text");
        assert_eq!(get_json(&cloud, &format!("{path}{server}")), told);
        gone(&cloud, &format!("{path}0123456789abcdef"));
        gone(&cloud, &format!("/row/{}", cloud.event_count()));
    }
}

#[test]
fn what_the_server_asks_is_an_exchange_too() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    cloud.ping_devices();
    let ping = device.receive();
    device.answer_empty(MessageType::Reset, &ping);
    let pinged = details(&cloud, &row(&cloud, |row| row["kind"] == "answered"));
    assert_eq!(exchanged(&pinged), ["out CON 0.00", "in RST 0.00"]);
    // Another request in between belongs to neither.
    let other = device.publish("x", b"1");
    assert_eq!(code(&other), "2.05");
    let message = details(&cloud, &row(&cloud, says("1")));
    assert_eq!(exchanged(&message), ["in CON 0.02", "out ACK 2.05"]);
}

#[test]
fn what_is_forgotten_is_gone() {
    let cloud =
        start(Config { console: Some(console()), remembered_events: 3, ..Config::default() });
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    for _ in 0..3 {
        device.publish("x", b"1");
    }
    gone(&cloud, "/row/0");
    assert_eq!(get(&cloud, "/row/x", &[]).status(), 400);
}

#[test]
fn an_answer_takes_from_the_socket_to_the_socket_faults_included() {
    for transport in [Transport::Udp, Transport::Dtls] {
        let cloud = with_console();
        let mut device = TestDevice::over(&cloud, transport);
        let start = Instant::now();
        device.sign_in();
        let took = start.elapsed();
        let fast = answer_times(&cloud, 1);
        let counted = fast.iter().position(|count| *count == 1).expect("it is counted");
        let least = counted.checked_sub(1).map_or(0, |before| ANSWER_BOUNDS_MS[before]);
        assert!(Duration::from_millis(least) < took, "{fast:?} in {took:?}");
        switch(&cloud, "delay=130..130");
        device.publish("x", b"1");
        let slow = answer_times(&cloud, 2);
        assert_eq!(above_200_ms(&slow), above_200_ms(&fast) + 1, "{slow:?}");
        // The messages say the same: when they came to the socket, and when they left for it.
        let told = details(&cloud, &row(&cloud, says("1")));
        let [came, left] =
            [0, 1].map(|at| told["datagrams"][at]["unix_ms"].as_u64().expect("a time"));
        assert!(left - came >= 259, "{told}");
        // Refused ones are answered too.
        switch(&cloud, "delay=0..0");
        let refused = device.post("/nothing");
        assert_eq!(code(&device.exchange(&refused)), "4.04");
        answer_times(&cloud, 3);
        // Copies are answered again, and counted no more.
        let request = device.message("x", b"2");
        device.exchange(&request);
        device.exchange(&request);
        answer_times(&cloud, 4);
    }
}

#[test]
fn a_lost_answer_is_none_and_its_copy_is_the_answer() {
    let cloud = with_console();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    switch(&cloud, "separate=1,separate-delay=1000");
    let request = device.message("x", b"1");
    device.send(&request);
    assert_eq!(device.receive().header.get_type(), MessageType::Acknowledgement);
    // The acknowledgement is no answer yet, and what comes now is lost.
    switch(&cloud, "drop=1");
    let lost = |event: &Event| {
        matches!(event, Event::Fault { fault, direction: Some(direction), .. }
            if fault == "drop" && direction == "out")
    };
    cloud.wait_for(PATIENCE, lost).expect("it is lost");
    let before = answer_times(&cloud, 1);
    let fault = details(&cloud, &row(&cloud, |row| row["subject"] == "drop"));
    assert_eq!(exchanged(&fault), ["in CON 0.02", "out ACK 0.00", "out CON 2.05"]);
    switch(&cloud, "drop=0");
    let response = device.receive();
    device.acknowledge(&response);
    let times = answer_times(&cloud, 2);
    assert_eq!(above_200_ms(&times), above_200_ms(&before) + 1, "from the request on: {times:?}");
}

/// A device that has shown who it is, by the engine of this project.
fn by_engine(cloud: &Cloud) -> TestDevice {
    let config = Trust::Root(cloud.root_pem().to_owned()).config();
    let session = Session::connect(cloud.address(Transport::Dtls), config);
    let mut device = TestDevice::new(Link::Engine(Box::new(session)));
    device.sign_in();
    device
}

fn move_away(device: &mut TestDevice) -> [String; 2] {
    let Link::Engine(session) = &mut device.link else { panic!("a device by the engine") };
    let from = session.socket.local_addr().expect("bound").to_string();
    session.move_away();
    [from, session.socket.local_addr().expect("bound").to_string()]
}

/// The sessions once they are as they shall be.
fn sessions_when(cloud: &Cloud, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = get_json(cloud, "/sessions");
        let sessions = told["sessions"].as_array().expect("a list").clone();
        assert_eq!(told["total"], sessions.len());
        if fits(&sessions) {
            return sessions;
        }
        assert!(Instant::now() < deadline, "{told:#}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn sessions_are_told_with_their_moves_and_saves() {
    let seal_after = Duration::from_millis(1);
    let dtls = DtlsConfig { engine: DtlsEngine::Own, seal_after, ..DtlsConfig::default() };
    let cloud = start(Config { console: Some(console()), dtls, ..Config::default() });
    // Its record has no connection id.
    let mut still = TestDevice::over(&cloud, Transport::Dtls);
    let mut mobile = by_engine(&cloud);
    let sealed = |saves| {
        move |sessions: &[Value]| {
            sessions.iter().any(|each| each["saves"] == saves && each["sealed"] == true)
        }
    };
    sessions_when(&cloud, sealed(1));
    let [from, to] = move_away(&mut mobile);
    assert_eq!(code(&mobile.publish("x", b"1")), "2.05");
    let sessions = sessions_when(&cloud, sealed(2));
    assert_eq!(sessions.len(), 2);
    // The one used last is the first.
    let first = &sessions[0];
    assert_eq!(first["device"], "a1RP1qZfrEi/example1");
    assert_eq!((&first["peer"], &first["last_moved_from"]), (&json!(to), &json!(from)));
    assert_eq!((&first["moves"], &first["resumed"]), (&json!(1), &json!(false)));
    assert_eq!(first["connection_id"].as_str().map(str::len), Some(8));
    let opened = row(&cloud, |row| row["kind"] == "dtls_opened" && row["peer"] == from);
    assert_eq!((&first["cipher"], &first["opened"]), (&opened["subject"], &opened["unix_ms"]));
    assert_eq!((&sessions[1]["device"], &sessions[1]["connection_id"]), (&Value::Null, &json!("")));
    still.sign_in();
    let sessions = sessions_when(&cloud, |sessions| sessions[0]["connection_id"] == "");
    assert_eq!(sessions[0]["device"], "a1RP1qZfrEi/example1");
    assert_eq!(sessions[0]["moves"], 0);
    assert_eq!(cloud.close_dtls_sessions(), 2);
    assert_eq!(get_json(&cloud, "/sessions"), json!({ "total": 0, "sessions": [] }));
}

#[test]
fn the_sessions_of_openssl_are_told() {
    let dtls = DtlsConfig { engine: DtlsEngine::OpenSsl, ..DtlsConfig::default() };
    let cloud = start(Config { console: Some(console()), dtls, ..Config::default() });
    let mut device = TestDevice::over(&cloud, Transport::Dtls);
    let before = sessions_when(&cloud, |sessions| sessions.len() == 1);
    assert_eq!(before[0]["device"], Value::Null);
    device.sign_in();
    let sessions = get_json(&cloud, "/sessions")["sessions"].clone();
    let session = &sessions[0];
    assert_eq!(session["device"], "a1RP1qZfrEi/example1");
    assert_eq!((&session["saves"], &session["sealed"]), (&json!(0), &json!(false)));
    assert!(!session["cipher"].as_str().expect("text").is_empty());
    let mut message = TestDevice::signed_in(&cloud, Transport::Dtls);
    message.publish("x", b"1");
    let told = details(&cloud, &row(&cloud, says("1")));
    assert_eq!(exchanged(&told), ["in CON 0.02", "out ACK 2.05"]);
}

#[test]
fn a_session_is_told_right_after_a_restart() {
    let folder = Folder::new();
    let state_dir = Some(folder.file("state"));
    let keys = ServerKeys::random();
    let cloud_on = |port| {
        let dtls =
            DtlsConfig { engine: DtlsEngine::Own, save_sessions: true, ..DtlsConfig::default() };
        start(Config {
            console: Some(console()),
            dtls,
            dtls_port: Some(port),
            state_dir: state_dir.clone(),
            keys: Some(keys.clone()),
            ..Config::default()
        })
    };
    let cloud = cloud_on(0);
    let port = cloud.address(Transport::Dtls).port();
    let mut device = by_engine(&cloud);
    move_away(&mut device);
    device.publish("x", b"1");
    let [before] = &sessions_when(&cloud, |sessions| sessions.len() == 1)[..] else { panic!() };
    cloud.stop().expect("it ends");
    let cloud = cloud_on(port);
    let after = &get_json(&cloud, "/sessions")["sessions"][0];
    for same in ["peer", "connection_id", "moves"] {
        assert_eq!(after[same], before[same], "{same}");
    }
    assert_eq!(
        (&before["moves"], &before["saves"], &after["saves"]),
        (&json!(1), &json!(0), &json!(1))
    );
    assert_eq!(after["sealed"], true);
    for unknown in ["opened", "resumed", "last_moved_from", "device"] {
        assert_eq!(after[unknown], Value::Null, "{unknown}");
    }
    device.publish("x", b"2");
    let after = &get_json(&cloud, "/sessions")["sessions"][0];
    assert_eq!(after["device"], "a1RP1qZfrEi/example1");
}

#[test]
fn a_device_is_told_from_all_that_is_remembered() {
    let other = Device::new(PRODUCT_KEY, "other", "hush-hush");
    let devices = vec![Device::sample(), other.clone()];
    let ack_timeout = Duration::from_millis(80);
    let cloud =
        start(Config { console: Some(console()), devices, ack_timeout, ..Config::default() });
    let path = "/device?product_key=a1RP1qZfrEi&device_name=example1";
    let mut unknown = get(&cloud, path, &[]);
    assert_eq!(unknown.status(), 404);
    assert!(unknown.body_mut().read_to_string().expect("text").ends_with(".\n"));

    let mut device = by_engine(&cloud);
    move_away(&mut device);
    let again = device.message("x", b"first");
    device.exchange(&again);
    device.exchange(&again);
    let mut crowd = TestDevice::over(&cloud, Transport::Udp);
    crowd.identity = other;
    crowd.sign_in();
    for _ in 0..1_200 {
        crowd.publish("x", b"1");
    }
    for number in 0..600 {
        device.publish("x", number.to_string().as_bytes());
    }
    cloud.ping_devices();
    let again =
        |event: &Event| matches!(event, Event::SentAgain { transport: Transport::Dtls, .. });
    cloud.wait_for(PATIENCE, again).expect("it is sent again");
    let ping = device.receive();
    device.answer_empty(MessageType::Reset, &ping);
    let answered =
        |event: &Event| matches!(event, Event::Answered { transport: Transport::Dtls, .. });
    cloud.wait_for(PATIENCE, answered).expect("it is answered");

    let told = get_json(&cloud, path);
    let facts = &told["device"];
    assert!(facts["sent_again"].as_u64() > Some(0), "{facts:#}");
    for (name, count) in [
        ("sign_ins", 1),
        ("taken", 601),
        ("refused", 0),
        ("repeated", 1),
        ("unanswered", 0),
        ("dtls_opened", 1),
        ("dtls_resumed", 0),
        ("moves", 1),
    ] {
        assert_eq!(facts[name], count, "{name} in {facts:#}");
    }
    assert!(facts["first_seen"].as_u64() <= facts["last_seen"].as_u64());
    assert_eq!(told["sessions"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["sessions"][0]["device"], "a1RP1qZfrEi/example1");
    assert_eq!(told["token"]["expired_early"], false);
    assert_eq!(told["token"]["expires"], facts["expires"]);
    let rows = told["rows"].as_array().expect("a list");
    assert_eq!(rows.len(), 500);
    assert!(told["remembered"].as_u64() > Some(603), "{}", told["remembered"]);
    assert!(rows.iter().all(|row| row["device"] == "a1RP1qZfrEi/example1"));
    assert!(rows.iter().map(|row| row["number"].as_u64()).is_sorted());
    assert_eq!(rows.iter().rfind(|row| row["kind"] == "message").expect("one")["brief"], "599");

    cloud.expire_tokens();
    assert_eq!(get_json(&cloud, path)["token"]["expired_early"], true);
}
