//! Hazard: what is taken away from the console is something else than what devices sent, cannot
//! be read by other programs, or has secrets in it.

use std::net::SocketAddr;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use coap_lite::{CoapOption, MessageType, Packet};
use iot_coap_cloud::{Cloud, Config, Device, Event, Transport};
use iot_coap_test_cloud::http::*;
use iot_coap_test_cloud::*;
use iot_coap_test_support::peers::hex;
use serde_json::Value;

/// At both families of addresses, with the sample and another device.
fn everywhere() -> Cloud {
    start(Config {
        bind: vec![[127, 0, 0, 1].into(), "::1".parse().expect("an address")],
        devices: vec![Device::sample(), Device::new(PRODUCT_KEY, "other", "hush-hush")],
        console: Some(console()),
        ..Config::default()
    })
}

fn over_ipv6(cloud: &Cloud) -> TestDevice {
    let url = cloud.url_v6(Transport::Udp).expect("it is bound");
    let address: SocketAddr = url.trim_start_matches("coap://").parse().expect("an address");
    let mut device = TestDevice::new(Link::Udp(socket_to(address)));
    device.identity = Device::new(PRODUCT_KEY, "other", "hush-hush");
    device.sign_in();
    device
}

fn download(cloud: &Cloud, path: &str) -> Vec<u8> {
    let mut response = get(cloud, path, &[]);
    assert_eq!(response.status(), 200, "{path}");
    let name =
        path[1..].split('?').next().expect("a name").replace("seen.", "iot-coap-cloud-seen.");
    let disposition = response.headers()["content-disposition"].to_str().expect("text");
    assert_eq!(disposition, format!("attachment; filename=\"{name}\""));
    response.body_mut().with_config().limit(1 << 30).read_to_vec().expect("all of it")
}

/// The JSON lines of everything, or of a device.
fn lines(cloud: &Cloud, query: &str) -> Vec<Value> {
    let content = download(cloud, &format!("/seen.jsonl{query}"));
    let text = String::from_utf8(content).expect("text");
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// A request as it is taken away: its token is hidden, but for its ends.
fn as_taken(request: &Packet) -> Vec<u8> {
    let mut request = request.clone();
    for option in [61, 2088].map(CoapOption::from) {
        if let Some(token) = request.get_first_option(option).cloned() {
            let (start, end) = (token[..6].to_vec(), token[token.len() - 4..].to_vec());
            let hidden = [start, vec![b'*'; token.len() - 10], end].concat();
            request.set_option(option, [hidden].into());
        }
    }
    request.to_bytes_unlimited().expect("there is no limit")
}

/// What tshark says of each packet of a capture, by these fields.
fn dissected<const N: usize>(capture: &[u8], fields: [&str; N]) -> Vec<[String; N]> {
    let folder = Folder::new();
    let file = folder.file("seen.pcapng");
    std::fs::write(&file, capture).expect("written");
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&file).args(["-T", "fields", "-E", "separator=/t"]);
    for preference in ["udp.check_checksum:TRUE", "ip.check_checksum:TRUE"] {
        tshark.args(["-o", preference]);
    }
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output().expect("tshark is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("text");
    let packet = |line: &str| {
        let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
        fields.try_into().expect("as many as asked for")
    };
    text.lines().map(packet).collect()
}

/// What devices send and how.
struct Fleet {
    devices: Vec<(TestDevice, &'static str)>,
}

impl Fleet {
    fn of(cloud: &Cloud) -> Self {
        let by = |transport, comment| (TestDevice::signed_in(cloud, transport), comment);
        let devices = vec![
            by(Transport::Udp, "coap"),
            (over_ipv6(cloud), "coap"),
            by(Transport::Dtls, "coaps, DTLS session 1"),
        ];
        Self { devices }
    }
}

#[test]
fn tshark_reads_the_capture_as_what_devices_sent() {
    let cloud = everywhere();
    let before = SystemTime::now().duration_since(UNIX_EPOCH).expect("later").as_secs_f64();
    let mut fleet = Fleet::of(&cloud);
    let payloads: [&[u8]; 4] = [b"{\"n\":1}", &[0, 0xFF, 0x80], b"", &[b'7'; 1_000]];
    let mut expected = Vec::new();
    for (device, comment) in &mut fleet.devices {
        for payload in payloads {
            let mut request = device.message("user/temperature", payload);
            if payload.len() == 3 {
                request.header.set_type(MessageType::NonConfirmable);
            }
            device.send(&request);
            let answer = device.receive();
            expected.push((request, answer, *comment));
        }
    }
    let capture = download(&cloud, "/seen.pcapng");
    let fields = [
        "udp.payload",
        "udp.srcport",
        "udp.dstport",
        "ip.src",
        "ipv6.src",
        "coap.type",
        "coap.code",
        "coap.mid",
        "coap.opt.uri_path_recon",
        "frame.comment",
        "frame.time_epoch",
        "udp.checksum.status",
        "coap.payload_length",
    ];
    let packets = dissected(&capture, fields);
    let path = |request: &Packet| {
        let segments = request.get_option(CoapOption::UriPath).expect("a path").iter();
        let segments: Vec<_> = segments.map(|each| String::from_utf8_lossy(each)).collect();
        format!("/{}", segments.join("/"))
    };
    for (request, answer, comment) in &expected {
        for (packet, direction) in [(request, "in"), (answer, "out")] {
            let payload = hex(&as_taken(packet));
            let is_ipv6 = request
                .get_option(CoapOption::UriPath)
                .is_some_and(|path| path.iter().any(|segment| segment == b"other"));
            let source = if is_ipv6 { ["", "::1"] } else { ["127.0.0.1", ""] };
            // Answers to different devices may be the same.
            let found = packets
                .iter()
                .find(|each| each[0] == payload && each[3..5] == source && each[9] == *comment);
            let found = found.unwrap_or_else(|| panic!("{direction} {payload} in {packets:#?}"));
            let [_, from, to, _, _, kind, code, id, uri, .., checksum, payload_length] = found;
            let (device, server) = if direction == "in" { (from, to) } else { (to, from) };
            assert_eq!(server, "5683");
            assert!(device.parse::<u16>().is_ok_and(|port| port > 1_023 && port != 5_683));
            assert_eq!(kind.parse(), Ok(packet.header.get_type() as u8));
            assert_eq!(code.parse(), Ok(u8::from(packet.header.code)));
            assert_eq!(id.parse(), Ok(packet.header.message_id));
            if direction == "in" {
                assert_eq!(uri, &path(request));
            }
            assert_eq!(checksum, "1");
            let length = if payload_length.is_empty() { "0" } else { payload_length };
            assert_eq!(length.parse(), Ok(packet.payload.len()));
        }
    }
    let after = SystemTime::now().duration_since(UNIX_EPOCH).expect("later").as_secs_f64();
    let times: Vec<f64> = packets.iter().map(|each| each[10].parse().expect("seconds")).collect();
    assert!(times.is_sorted() && times[0] >= before - 0.001 && times[0] <= after, "{times:?}");
    assert!(times.iter().any(|time| (time * 1e6).round() % 1_000.0 != 0.0), "microseconds");
    // Nothing is left out, and nothing is told twice: sign-ins, requests, and their answers.
    assert_eq!(packets.len(), 2 * (fleet.devices.len() + expected.len()));

    // Of one device.
    let of_other = dissected(
        &download(&cloud, "/seen.pcapng?device=a1RP1qZfrEi/other"),
        ["ipv6.src", "coap.code"],
    );
    assert_eq!(of_other.len(), 2 * (1 + payloads.len()));
    assert!(of_other.iter().all(|[source, _]| source == "::1"));
    let of_none = dissected(&download(&cloud, "/seen.pcapng?device=a/b"), ["coap.code"]);
    assert!(of_none.is_empty());
}

#[test]
fn the_capture_says_what_faults_did_to_a_message() {
    let cloud = everywhere();
    let mut device = TestDevice::signed_in(&cloud, Transport::Udp);
    switch(&cloud, "delay=20..20");
    device.publish("late", b"1");
    switch(&cloud, "delay=0..0,separate=1,separate-delay=1000");
    let request = device.message("lost", b"2");
    device.send(&request);
    device.receive();
    switch(&cloud, "drop=1");
    let dropped = |event: &Event| matches!(event, Event::Fault { fault, .. } if fault == "drop");
    cloud.wait_for(PATIENCE, dropped).expect("it is lost");
    let packets = dissected(&download(&cloud, "/seen.pcapng"), ["coap.code", "frame.comment"]);
    let comments: Vec<_> = packets.iter().map(|[_, comment]| comment.as_str()).collect();
    let late = "coap, held back by the fault delay";
    let expected = ["coap", "coap", late, late, "coap", "coap", "coap, lost by the fault drop"];
    assert_eq!(comments[..7], expected);
}

#[test]
fn every_line_has_what_the_details_have_and_the_messages_whole() {
    let cloud = everywhere();
    let mut fleet = Fleet::of(&cloud);
    let mut sent = Vec::new();
    for (device, _) in &mut fleet.devices {
        let request = device.message("x", "{\"n\":\"\u{202e}\"}".as_bytes());
        let answer = device.exchange(&request);
        sent.push((as_taken(&request), answer.to_bytes_unlimited().expect("encoded")));
    }
    // More than one part of it.
    let (device, _) = &mut fleet.devices[0];
    for _ in 0..600 {
        device.publish("x", b"2");
    }
    let all = lines(&cloud, "");
    let numbers: Vec<_> = all.iter().map(|line| line["number"].as_u64()).collect();
    assert_eq!(numbers, (0..cloud.event_count() as u64).map(Some).collect::<Vec<_>>());
    for (request, answer) in sent {
        let line = all
            .iter()
            .find(|line| line["datagrams"][0]["hex"] == hex(&request))
            .expect("it is there");
        assert_eq!(line["datagrams"][1]["hex"], hex(&answer));
        let mut details = details(&cloud, line);
        let mut line = line.clone();
        for told in [&mut line, &mut details] {
            for datagram in told["datagrams"].as_array_mut().expect("a list") {
                let datagram = datagram.as_object_mut().expect("an object");
                assert!(datagram.remove("hex").is_some() ^ datagram.remove("dump").is_some());
            }
        }
        assert_eq!(line, details);
    }
    // What turns the direction of writing is escaped.
    let content = String::from_utf8(download(&cloud, "/seen.jsonl")).expect("text");
    assert!(!content.contains('\u{202e}') && content.contains("\\u202e"));
    let other = lines(&cloud, "?device=a1RP1qZfrEi/other");
    let kinds: Vec<_> = other.iter().map(|line| line["kind"].as_str().expect("text")).collect();
    assert_eq!(kinds, ["signed_in", "message"]);
    assert!(lines(&cloud, "?device=nobody").is_empty());
    let kind = get(&cloud, "/seen.jsonl", &[]).headers()["content-type"].clone();
    assert_eq!(kind, "application/jsonl");
}

#[test]
fn no_secret_and_no_whole_token_is_in_any_response() {
    let cloud = with_console();
    let mut device = TestDevice::over(&cloud, Transport::Udp);
    let request = device.auth("hmacmd5", &[("version", DEVICE_SECRET)]);
    device.exchange(&request);
    let sign_in: Value = serde_json::from_slice(&request.payload).expect("JSON");
    let mut secrets = vec![DEVICE_SECRET.to_owned()];
    for sign_in in [sign_in, device.fields("hmacmd5", &[])] {
        secrets.push(sign_in["sign"].as_str().expect("text").to_owned());
    }
    device.sign_in();
    let token = String::from_utf8(device.access_token.clone()).expect("text");

    // A device that tells what it should not, wherever it can.
    for leak in [token.as_str(), DEVICE_SECRET] {
        let json = format!("{{\"a\":\"{leak}\"}}");
        device.publish("x", json.as_bytes());
        device.publish("x", format!("{leak}\u{7}\0").as_bytes());
        let mut cbor = device.post("/topic/a1RP1qZfrEi/example1/x");
        add_integer(&mut cbor, CoapOption::ContentFormat, CBOR);
        cbor.add_option(CoapOption::from(2088), device.access_token.clone());
        // A byte string.
        cbor.payload = [&[0x58, leak.len() as u8], leak.as_bytes()].concat();
        device.exchange(&cbor);
        for option in [61, 2088, 2090, 65_000] {
            let mut other = device.post("/topic/a1RP1qZfrEi/example1/x");
            other.add_option(CoapOption::from(option), leak.as_bytes().to_vec());
            device.exchange(&other);
        }
        let path = format!("/topic/a1RP1qZfrEi/example1/{leak}");
        let message = device.message_to(&path, b"1");
        device.exchange(&message);
        let elsewhere = device.post(&format!("/{leak}"));
        device.exchange(&elsewhere);
    }
    let last = device.publish("last", b"1");
    assert_eq!(code(&last), "2.05");

    let mut told = String::new();
    for path in ["/", "/console.js", "/words.js", "/list.js"] {
        told += &get(&cloud, path, &[]).body_mut().read_to_string().expect("text");
    }
    let mut stream = events(&cloud, &[]);
    let is_last = |row: &Value| row["subject"].as_str().is_some_and(|path| path.ends_with("/last"));
    let (rows, _) = stream.rows_until(is_last);
    told += &Value::from(rows.clone()).to_string();
    told += &stream.next_named("tick").data.to_string();
    let details: Vec<_> = rows.iter().map(|row| details(&cloud, row)).collect();
    told += &Value::from(details.clone()).to_string();
    let path = "/device?product_key=a1RP1qZfrEi&device_name=example1";
    told += &get_json(&cloud, path).to_string();
    told += &String::from_utf8(download(&cloud, "/seen.jsonl")).expect("text");
    told += &String::from_utf8_lossy(&download(&cloud, "/seen.pcapng"));
    secrets.push(token);
    for secret in secrets {
        let octets: Vec<_> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        // A line of a dump has sixteen bytes.
        for form in [secret, octets.concat(), octets[8..16].join(" ")] {
            assert!(!told.contains(&form), "{form}");
        }
    }
    // And they were there to be told.
    let payloads = details
        .iter()
        .filter(|row| row["payload"]["text"].as_str().is_some_and(|text| text.contains("***")))
        .count();
    assert!(payloads >= 2, "{payloads}");
    assert!(told.contains("eyJ0b2"), "a token is abbreviated");
}
