//! The log: each refused call says in one line what was wrong, naming the
//! function; nothing is said before a level is set; no secret ever.

use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use iot_coap_cloud::{Cloud, Config, Device, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

/// Each mistake of `log_lines.c`, and what its line must name.
const MISTAKES: [(&str, &str); 17] = [
    ("Init(NULL)", "IOT_CoAP_Init: the configuration is NULL"),
    ("Init without p_devinfo", "IOT_CoAP_Init: p_devinfo is NULL"),
    ("Init with an unterminated device_name", "IOT_CoAP_Init: device_name is too long"),
    ("Init without device_secret", "IOT_CoAP_Init: p_devinfo: device_secret is empty"),
    ("http://localhost", "IOT_CoAP_Init: p_url: the URL must start with coap://"),
    ("coap://localhost:99999", "IOT_CoAP_Init: p_url: the port must be"),
    ("coap://", "IOT_CoAP_Init: p_url: the URL needs a host"),
    ("SendMessage before sign-in", "IOT_CoAP_SendMessage: not signed in: call IOT_CoAP_DeviceName"),
    ("SendMessage(NULL)", "IOT_CoAP_SendMessage: the context is NULL"),
    ("SendMessage without path", "IOT_CoAP_SendMessage: p_path is NULL"),
    ("SendMessage without message", "IOT_CoAP_SendMessage: p_message is NULL"),
    ("SendMessage to an empty path", "IOT_CoAP_SendMessage: the path is empty"),
    ("SendMessage to a long path", "IOT_CoAP_SendMessage: the path is longer than 135"),
    ("SendMessage of a long payload", "IOT_CoAP_SendMessage: path, access token and payload"),
    ("GetMessageCode(NULL)", "IOT_CoAP_GetMessageCode: a pointer is NULL"),
    ("Ioctl 999", "IOT_Ioctl: unknown option 999"),
    ("SetupConnInfo(NULL)", "IOT_SetupConnInfo: product_key, device_name or device_secret is NULL"),
];

fn log(transport: Transport) -> String {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let program = compile("log_lines.c", Linkage::Static, Language::Sanitized);
    succeed(Command::new(program).arg(cloud.url(transport)).arg(cloud.root_path()))
}

/// The lines that follow an announcement, up to the next.
fn lines_of<'a>(log: &'a str, announced: &str) -> Vec<&'a str> {
    let mut lines = log.lines().skip_while(|line| line.strip_prefix("> ") != Some(announced));
    assert!(lines.next().is_some(), "{announced} is announced");
    lines.take_while(|line| !line.starts_with("> ")).collect()
}

#[test]
fn each_refused_call_says_why_in_one_line() {
    let log = log(Transport::Udp);
    assert!(log.starts_with("> "), "nothing is logged before a level is set:\n{log}");
    for (announced, expected) in MISTAKES {
        let lines = lines_of(&log, announced);
        let [line] = lines[..] else { panic!("{announced}: {lines:?}") };
        let text = line.strip_prefix("[iot-coap] error: ");
        assert!(text.is_some_and(|text| text.starts_with(expected)), "{announced}: {line}");
    }
    // A program that does not look at what Init returned is told so once.
    assert_eq!(lines_of(&log, "Yield(NULL)"), [""; 0]);
    assert_eq!(log.lines().filter(|line| line.starts_with("> ")).count(), MISTAKES.len() + 2);
}

#[test]
fn a_server_that_is_not_there_is_named_at_once() {
    let program = compile("unanswered.c", Linkage::Static, Language::Sanitized);
    // A port that nobody listens at: it was just given back.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    drop(socket);
    for scheme in ["coap", "coap-psk", "coaps"] {
        let start = Instant::now();
        let log = succeed(Command::new(&program).arg(format!("{scheme}://127.0.0.1:{port}")));
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        let named = format!("[iot-coap] error: nobody listens at 127.0.0.1 port {port}");
        let mut mentions = log.lines().filter_map(|line| line.strip_prefix(&named));
        assert_eq!(mentions.next(), Some("; still trying"), "{scheme}: {log}");
        // Once more when the call has failed.
        assert_eq!(mentions.next(), Some(""), "{scheme}: {log}");
        assert_eq!(mentions.next(), None, "{scheme}: {log}");
        // The port is known to be closed, so it is not that of another scheme.
        assert!(!log.contains("is the port that of the scheme?"), "{scheme}: {log}");
    }
}

#[test]
fn the_wrong_port_and_an_unknown_root_are_told_what_to_do() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let program = compile("unanswered.c", Linkage::Static, Language::Sanitized);
    let log_of = |scheme: &str, transport| {
        let port = cloud.address(transport).port();
        succeed(Command::new(&program).arg(format!("{scheme}://127.0.0.1:{port}")))
    };
    let log = log_of("coap", Transport::Dtls);
    assert!(log.contains("is the port that of the scheme?"), "{log}");
    let log = log_of("coap-psk", Transport::Udp);
    assert!(log.contains("is the port that of the scheme?"), "{log}");
    let log = log_of("coaps", Transport::Udp);
    assert!(log.contains("is the port that of the scheme?"), "{log}");
    let log = log_of("coaps", Transport::Dtls);
    assert!(!log.contains("is the port that of the scheme?"), "{log}");
    assert!(log.contains("return its root from iotx_coap_get_ca"), "{log}");
}

#[test]
fn a_refused_device_is_told_what_to_check() {
    let cloud = Cloud::start(Config { devices: Vec::new(), ..Config::default() });
    let cloud = cloud.expect("the local cloud starts");
    let program = compile("unanswered.c", Linkage::Static, Language::Sanitized);
    let log = succeed(Command::new(&program).arg(cloud.url(Transport::Udp)));
    assert!(log.contains("product_key, device_name and device_secret"), "{log}");
    assert!(!log.contains(&Device::sample().device_secret), "{log}");
}

/// A message that is sent again is seen by its id, and what answers it by its token.
#[test]
fn what_is_sent_and_sent_again_is_logged_for_debugging() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let program = compile("unanswered.c", Linkage::Static, Language::Sanitized);
    let url = format!("coap://{}", socket.local_addr().expect("an address"));
    let (log, message) = thread::scope(|scope| {
        let log = scope.spawn(|| succeed(Command::new(&program).arg(url)));
        let mut datagram = [0; 1280];
        let (len, peer) = socket.recv_from(&mut datagram).expect("a sign-in");
        let first = datagram[..len].to_vec();
        let (len, _) = socket.recv_from(&mut datagram).expect("it again");
        assert_eq!(first, datagram[..len]);
        // A Reset of it.
        socket.send_to(&[0x70, 0, first[2], first[3]], peer).expect("a socket");
        (log.join().expect("a program"), first)
    });
    let expected = format!(
        "[iot-coap] debug: message {:02x}{:02x}{:02x}{:02x}: sent CON 0.02, message id {}, {} bytes",
        message[4],
        message[5],
        message[6],
        message[7],
        u16::from_be_bytes([message[2], message[3]]),
        message.len()
    );
    assert_eq!(log.lines().filter(|line| *line == expected).count(), 2, "{expected}: {log}");
}

/// Whoever follows a message through the log finds what answered it under the same token.
#[test]
fn a_message_is_called_the_same_when_it_is_answered() {
    let log = log(Transport::Udp);
    let messages: Vec<(&str, &str)> = lines_of(&log, "session")
        .iter()
        .filter_map(|line| line.split_once("debug: message ")?.1.split_once(": "))
        .collect();
    let (sent, answered): (Vec<_>, Vec<_>) =
        messages.iter().partition(|(_, what)| what.starts_with("sent "));
    assert!(!answered.is_empty(), "{log}");
    for (token, _) in answered {
        assert!(sent.iter().any(|(each, _)| *each == token), "{token}: {log}");
    }
}

/// What is odd about a message, but sent all the same.
#[test]
fn odd_messages_are_mentioned_once() {
    let log = log(Transport::Udp);
    let session = lines_of(&log, "session");
    for odd in [
        "question mark",
        "warning: IOT_CoAP_SendMessage: msg_type 4711 is taken for IOTX_MESSAGE_CON",
        "warning: IOT_CoAP_SendMessage: content_type -7 is taken for IOTX_CONTENT_TYPE_JSON",
    ] {
        let mentions = session.iter().filter(|line| line.contains(odd)).count();
        assert_eq!(mentions, 1, "{odd}: {session:#?}");
    }
}

#[test]
fn secrets_are_logged_at_no_level() {
    for transport in [Transport::Udp, Transport::Dtls, Transport::Symmetric] {
        let log = log(transport);
        assert!(lines_of(&log, "session").iter().any(|line| line.contains("debug: ")), "{log}");
        assert!(!log.contains(&Device::sample().device_secret), "{log}");
        // Where every access token begins: {" in base64.
        assert!(!log.contains("eyJ"), "{log}");
    }
}
