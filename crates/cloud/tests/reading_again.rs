//! Hazard: somebody changes a file of a server that runs, and it goes on with the old one, or
//! with half of the new one, or loses those who are connected.

use iot_coap_cloud::{
    Certificates, Cloud, Config, Device, DtlsConfig, DtlsEngine, Event, Log, Transport,
};
use iot_coap_test_cloud::program::{Serving, serve};
use iot_coap_test_cloud::*;
use iot_coap_test_support::certificates::{self, GOOD, Identity, Leaf};

fn write_devices(folder: &Folder, devices: &[&Device]) -> String {
    let tables =
        devices.iter().map(|Device { product_key, device_name, device_secret, .. }| {
            format!(
                "[[device]]\nproduct_key = '{product_key}'\ndevice_name = '{device_name}'\n\
             device_secret = '{device_secret}'\n"
            )
        });
    folder.write_secret("devices.toml", tables.collect::<String>().as_bytes())
}

fn device_at(server: &Serving, identity: &Device) -> TestDevice {
    let mut device = TestDevice::new(Link::Udp(socket_to(server.address("coap"))));
    device.identity = identity.clone();
    device
}

/// What the server tells next of reading this file again.
fn next(server: &mut Serving, file: &str) -> serde_json::Value {
    loop {
        let event: serde_json::Value = serde_json::from_str(&server.line()).expect("JSON");
        if event["event"] == "read_again" && event["file"] == file {
            return event;
        }
    }
}

#[test]
fn devices_come_and_go_without_a_restart() {
    let folder = Folder::new();
    let [old, stays, new] = ["old", "stays", "new"].map(|name| Device::new("pk", name, "a secret"));
    let file = write_devices(&folder, &[&old, &stays]);
    let mut server = serve(&folder, &["--devices", &file]);
    let mut staying = device_at(&server, &stays);
    let mut removed = device_at(&server, &old);
    staying.sign_in();
    removed.sign_in();

    write_devices(&folder, &[&stays, &new]);
    server.signal("HUP");
    let read = next(&mut server, &file);
    assert!(read["error"].is_null(), "{read}");
    assert_eq!(code(&staying.publish("update", b"1")), "2.05");
    assert_eq!(code(&removed.publish("update", b"1")), "4.01");
    let again = removed.auth("hmacmd5", &[]);
    assert_eq!(code(&removed.exchange(&again)), "4.01");
    device_at(&server, &new).sign_in();

    // What cannot be read changes nothing, and no secret is told.
    for wrong in ["[[device]]\ndevice_secret = hush", "", "[[device]]\nproduct_key = 'pk'"] {
        std::fs::write(&file, wrong).expect("written");
        server.signal("HUP");
        let read = next(&mut server, &file);
        let error = read["error"].as_str().expect("an error");
        assert!(!error.contains("hush"), "{error}");
        assert_eq!(code(&staying.publish("update", wrong.as_bytes())), "2.05");
    }
    assert_eq!(server.end("TERM"), Some(0));
}

/// Writes a chain of one certificate, and its key.
fn write_certificate(folder: &Folder, server: &Identity) {
    std::fs::write(folder.file("chain.pem"), server.pem()).expect("written");
    let key = server.key.private_key_to_pem_pkcs8().expect("PEM");
    folder.write_secret("key.pem", &key);
}

/// What the event says that tells of the reading that `read` does; empty if it went well.
fn told(cloud: &Cloud, read: impl Fn()) -> String {
    let mark = cloud.event_count();
    read();
    match cloud.wait_for_since(mark, PATIENCE, |event| matches!(event, Event::ReadAgain { .. })) {
        Some(Event::ReadAgain { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_certificate_is_replaced_and_sessions_go_on() {
    let [(old_root, old), (new_root, new)] = [certificates::rsa(), certificates::ecdsa()];
    let expired = Leaf { valid: (-30, -1), ..GOOD };
    let expired = certificates::leaf(&new_root, certificates::ec_key(), &expired);
    let short = certificates::leaf(&old_root, certificates::rsa_key_of(1024), &GOOD);
    for engine in [DtlsEngine::Own, DtlsEngine::OpenSsl] {
        let folder = Folder::new();
        write_certificate(&folder, &old);
        let certificates = Certificates::Files {
            chain: folder.file("chain.pem"),
            key: folder.file("key.pem"),
            root: None,
        };
        let dtls = DtlsConfig { engine, certificates, ..DtlsConfig::default() };
        let cloud = start(Config { dtls, ..Config::default() });
        let client = |root: &Identity| DtlsClient {
            root_pem: root.pem(),
            host: None,
            ..DtlsClient::of(&cloud)
        };
        let session = client(&old_root).connect();
        let mut device = TestDevice::new(Link::Dtls(Box::new(session)));
        device.sign_in();

        write_certificate(&folder, &new);
        assert_eq!(told(&cloud, || cloud.renew_certificate()), "");
        assert!(client(&old_root).try_connect().is_err(), "{engine:?}");
        client(&new_root).connect();
        assert_eq!(code(&device.publish("update", b"1")), "2.05", "{engine:?}");

        // A program that replaces one file, and then the other.
        std::fs::write(folder.file("chain.pem"), old.pem()).expect("written");
        let error = told(&cloud, || cloud.renew_certificate());
        assert!(error.contains("--key") && error.contains("chain.pem"), "{error}");
        // What every client would refuse.
        for (refused, why) in [(&expired, "expired"), (&short, "1024 bits")] {
            write_certificate(&folder, refused);
            let error = told(&cloud, || cloud.renew_certificate());
            assert!(error.contains(why), "{error}");
        }
        client(&new_root).connect();
    }
}

#[test]
fn a_certificate_of_the_server_s_own_is_made_anew() {
    let cloud = cloud();
    let shown = || {
        let stream = DtlsClient::of(&cloud).connect();
        let certificate = stream.ssl().peer_certificate().expect("one is shown");
        certificate.serial_number().to_bn().expect("a number").to_vec()
    };
    let before = shown();
    assert_eq!(told(&cloud, || cloud.renew_certificate()), "");
    assert_ne!(shown(), before);
}

#[test]
fn a_log_that_was_moved_away_is_begun_anew() {
    let folder = Folder::new();
    let (log, moved) = (folder.file("events.log"), folder.file("events.log.1"));
    let cloud = start(Config { log: Log::File(log.clone()), ..Config::default() });
    TestDevice::signed_in(&cloud, Transport::Udp);
    std::fs::rename(&log, &moved).expect("it is there");
    assert_eq!(told(&cloud, || cloud.reopen_log()), "");
    TestDevice::signed_in(&cloud, Transport::Symmetric);
    cloud.stop().expect("it served");
    let [old, new] = [moved, log].map(|file| std::fs::read_to_string(file).expect("text"));
    let kinds = |text: &str| {
        let events = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let kind = |event: serde_json::Value| event["event"].as_str().expect("a word").to_owned();
        events.map(kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&old), ["ready", "signed_in"]);
    assert_eq!(kinds(&new), ["read_again", "signed_in"]);
}
