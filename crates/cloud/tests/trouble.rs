//! Hazard: a device does not get in, and whoever runs it as a command of the server sees nothing
//! of why; or its own messages drown in what went as it was asked to.

use std::io::{BufRead, BufReader, Read};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};

use coap_lite::MessageClass;
use iot_coap_test_cloud::program::program;
use iot_coap_test_cloud::*;
use serde_json::Value;

/// A server with a command that tells where the server is and ends when it is told to; the test
/// is the device.
struct Run {
    child: Child,
    coap: UdpSocket,
    coaps: UdpSocket,
}

impl Run {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let script =
            "echo \"$IOT_COAP_CLOUD_COAP\"; echo \"$IOT_COAP_CLOUD_COAPS\"; read -r _ || :";
        let mut child = program(arguments)
            .args(["--", "sh", "-c", script])
            .env("XDG_STATE_HOME", folder.file("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let [coap, coaps] = ["coap", "coaps"].map(|scheme| {
            let url = lines.next().expect("a line").expect("text");
            let address = url.strip_prefix(&format!("{scheme}://")).expect("a URL");
            socket_to(address.parse().expect("an address"))
        });
        Self { child, coap, coaps }
    }

    fn device(&self) -> TestDevice {
        TestDevice::new(Link::Udp(self.coap.try_clone().expect("a handle")))
    }

    /// What was printed on standard error, by the names of its events.
    fn end(mut self) -> (String, Vec<String>) {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
        assert!(self.child.wait().expect("it ends").success(), "{said}");
        let name = |line: &str| {
            let event: Value = serde_json::from_str(line).expect("JSON");
            event["event"].as_str().expect("a name").to_owned()
        };
        let names = said.lines().map(name).collect();
        (said, names)
    }
}

/// Signs in with a wrong secret, posts without an access token, asks for another path, and sends
/// what is no CoAP, and CoAP to the port of DTLS.
fn be_trouble(run: &Run) {
    let mut device = run.device();
    let mut request = device.post("other");
    request.header.code = MessageClass::Request(coap_lite::RequestType::Get);
    // First, since nothing answers them: the answers below come after.
    run.coaps.send(&request.to_bytes().expect("it is CoAP")).expect("sent");
    // The version is not 1.
    run.coap.send(&[0xff, 1, 2, 3]).expect("sent");
    assert_eq!(code(&device.exchange(&request)), "4.04");
    let secret = std::mem::replace(&mut device.identity.device_secret, "another".into());
    let sign_in = device.auth("hmacmd5", &[]);
    assert_eq!(code(&device.exchange(&sign_in)), "4.01");
    device.identity.device_secret = secret;
    device.access_token = vec![b'x'; 70];
    assert_eq!(code(&device.publish("x", b"1")), "4.01");
    device.sign_in();
}

#[test]
fn what_goes_wrong_is_said_beside_a_command_without_any_option() {
    let folder = Folder::new();
    let run = Run::start(&folder, &[]);
    be_trouble(&run);
    let (said, mut names) = run.end();
    names.sort();
    let expected = ["malformed", "message", "request_refused", "sign_in_refused", "wrong_port"];
    assert_eq!(names, expected, "{said}");
    for told in ["\"check\":\"signature\"", "not one of ours", "/other", "coap://127.0.0.1:"] {
        assert!(said.contains(told), "{told}: {said}");
    }
}

#[test]
fn with_a_log_it_is_said_there_and_with_v_everything_is_said() {
    let folder = Folder::new();
    let log = folder.file("log");
    let run = Run::start(&folder, &["--log", log.to_str().expect("text")]);
    be_trouble(&run);
    assert_eq!(run.end().1, [""; 0]);
    let logged = std::fs::read_to_string(log).expect("written");
    assert!(logged.contains("sign_in_refused") && logged.contains("\"ready\""), "{logged}");

    let run = Run::start(&folder, &["-v"]);
    be_trouble(&run);
    let (said, names) = run.end();
    for name in ["ready", "sign_in_refused", "signed_in", "wrong_port"] {
        assert!(names.iter().any(|each| each == name), "{name}: {said}");
    }
}

#[test]
fn what_was_asked_for_is_no_trouble() {
    let folder = Folder::new();
    let none = [""; 0];
    let run = Run::start(&folder, &["--token-uses", "1"]);
    let mut device = run.device();
    device.sign_in();
    assert_eq!(code(&device.publish("x", b"1")), "2.05");
    assert_eq!(code(&device.publish("x", b"2")), "4.01");
    assert_eq!(run.end().1, none);

    for (fault, signs_in) in [("server-error=1", true), ("auth-error=1", false)] {
        let run = Run::start(&folder, &["--faults", fault]);
        let mut device = run.device();
        let answer = if signs_in {
            device.sign_in();
            device.publish("x", b"1")
        } else {
            let sign_in = device.auth("hmacmd5", &[]);
            device.exchange(&sign_in)
        };
        assert_eq!(code(&answer), "5.00", "{fault}");
        assert_eq!(run.end().1, none, "{fault}");
    }
}

/// Why a handshake failed is in its last datagram, after which the command is gone.
#[test]
fn a_device_that_trusts_another_root_is_told_of_when_its_command_ended_at_once() {
    let folder = Folder::new();
    let script = "! openssl s_client -dtls1_2 -verify_return_error -connect \"${0#coaps://}\" \
        </dev/null >/dev/null 2>&1";
    for engine in ["own", "openssl"] {
        let arguments = ["--dtls-engine", engine, "--", "sh", "-c", script, "{coaps}"];
        let output = program(&arguments).env("XDG_STATE_HOME", folder.file("state")).output();
        let output = output.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{engine}: {said}");
        let event: Value = serde_json::from_str(&said).expect("one event");
        assert_eq!(event["event"], "dtls_failed", "{engine}");
        let remedy = event["remedy"].as_str().expect("it has one");
        let root = folder.file("state").join("iot-coap-cloud/root.pem");
        let root = root.to_str().expect("text");
        assert!(remedy.contains(root) && remedy.contains("local_root.c"), "{engine}: {remedy}");
    }
}

#[test]
fn a_handshake_that_fails_is_said() {
    let folder = Folder::new();
    let mut run = Run::start(&folder, &[]);
    let address = run.coaps.peer_addr().expect("connected").to_string();
    // It has not been told whom to trust.
    let client = Command::new("openssl")
        .args(["s_client", "-dtls1_2", "-verify_return_error", "-connect", &address])
        .stdin(Stdio::null())
        .output()
        .expect("openssl is there");
    assert!(!client.status.success());
    let mut lines = BufReader::new(run.child.stderr.take().expect("piped")).lines();
    let said = lines.next().expect("a line").expect("text");
    assert!(said.contains("\"event\":\"dtls_failed\""), "{said}");
    drop(run.child.stdin.take());
    assert!(run.child.wait().expect("it ends").success());
}

#[test]
fn a_command_of_which_nothing_came_is_told_so() {
    let folder = Folder::new();
    let run = |arguments: &[&str]| {
        let mut command = program(arguments);
        command.env("XDG_STATE_HOME", folder.file("state")).output().expect("it runs")
    };
    // One that sends at its end is heard all the same.
    let sends = "echo x >/dev/udp/127.0.0.1/${0##*:}";
    for (command, is_told) in [
        (&["true", "{coap}"][..], true),
        (&["true"], true),
        (&["true", "{console}"], false),
        (&["bash", "-c", sends, "{coap}"], false),
    ] {
        let arguments = ["--console", "127.0.0.1:0", "--"];
        let output = run(&[&arguments, command].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let remedy = "\"remedy\":\"does the command use {coap}, {coaps} or {coap-psk}?\"";
        let is_said = said.contains("\"event\":\"no_datagram\"") && said.contains(remedy);
        assert_eq!(is_said, is_told, "{command:?}: {said}");
    }
    let log = folder.file("silent");
    let logged = run(&["--log", log.to_str().expect("text"), "--", "true"]);
    assert!(logged.stderr.is_empty());
    assert!(std::fs::read_to_string(log).expect("written").contains("\"no_datagram\""));
}
