//! Hazard: a key is replaced and devices lose their access tokens, or a key that
//! everybody can read signs them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use iot_coap_cloud::{
    Certificates, Cloud, Config, DtlsConfig, Event, ServerKeys, Transport, load_devices,
};
use iot_coap_test_cloud::*;

/// A file of the keys named by these letters.
fn write_keys(path: &Path, letters: &str) {
    let lines: Vec<String> = letters.chars().map(|letter| letter.to_string().repeat(64)).collect();
    std::fs::write(path, lines.join("\n")).expect("written");
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("ours");
}

fn with_keys(path: &Path) -> Cloud {
    let keys = ServerKeys::load(path).expect("keys");
    start(Config { keys: Some(keys), ..Config::default() })
}

/// What a server says to a message with this access token.
fn says(cloud: &Cloud, token: &[u8]) -> String {
    let mut device = TestDevice::over(cloud, Transport::Udp);
    device.access_token = token.to_vec();
    code(&device.publish("x", b"1"))
}

#[test]
fn the_first_key_signs_and_all_verify() {
    let folder = Folder::new();
    let file = folder.file("keys");
    let mut servers = Vec::new();
    for letters in ["a", "ab", "ba", "b"] {
        write_keys(&file, letters);
        servers.push(with_keys(&file));
    }
    let tokens: Vec<Vec<u8>> = servers
        .iter()
        .map(|server| TestDevice::signed_in(server, Transport::Udp).access_token)
        .collect();
    // Each step of a rotation beside the one before it.
    for (server, accepted) in servers.iter().zip([
        ["2.05", "2.05", "4.01", "4.01"],
        ["2.05", "2.05", "2.05", "2.05"],
        ["2.05", "2.05", "2.05", "2.05"],
        ["4.01", "4.01", "2.05", "2.05"],
    ]) {
        let said: Vec<String> = tokens.iter().map(|token| says(server, token)).collect();
        assert_eq!(said, accepted);
    }
}

#[test]
fn a_running_server_changes_its_keys_and_keeps_them_when_it_cannot() {
    let folder = Folder::new();
    let file = folder.file("keys");
    write_keys(&file, "a");
    let cloud = with_keys(&file);
    let before = TestDevice::signed_in(&cloud, Transport::Udp).access_token;
    let reload = || {
        let mark = cloud.event_count();
        cloud.reload_keys(&file);
        match cloud.wait_for_since(mark, PATIENCE, |event| matches!(event, Event::ReadAgain { .. }))
        {
            Some(Event::ReadAgain { error, .. }) => error,
            other => panic!("{other:?}"),
        }
    };

    write_keys(&file, "ba");
    assert_eq!(reload(), "");
    let after = TestDevice::signed_in(&cloud, Transport::Udp).access_token;
    assert_eq!([says(&cloud, &before), says(&cloud, &after)], ["2.05", "2.05"]);

    std::fs::write(&file, "nonsense").expect("written");
    let error = reload();
    assert!(error.contains("line 1") && !error.contains("nonsense"), "{error}");
    assert_eq!([says(&cloud, &before), says(&cloud, &after)], ["2.05", "2.05"]);

    write_keys(&file, "b");
    assert_eq!(reload(), "");
    assert_eq!([says(&cloud, &before), says(&cloud, &after)], ["4.01", "2.05"]);
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let folder = Folder::new();
    let file = folder.file("keys");
    write_keys(&file, "a");
    for mode in [0o640, 0o604, 0o620, 0o602] {
        std::fs::set_permissions(&file, Permissions::from_mode(mode)).expect("ours");
        let error = ServerKeys::load(&file).expect_err("open to others").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
    std::fs::set_permissions(&file, Permissions::from_mode(0o400)).expect("ours");
    assert!(ServerKeys::load(&file).is_ok());
}

#[test]
fn servers_that_start_at_once_make_one_file() {
    let folder = Folder::new();
    let file = folder.file("keys");
    let made: Vec<ServerKeys> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| ServerKeys::load_or_create(&file).expect("a key")))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(made.iter().all(|keys| *keys == made[0]));
    let mode = std::fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn files_with_secrets_that_everybody_can_read_are_refused() {
    let folder = Folder::new();
    let state = folder.file("state");
    let own = |state_dir| Config { state_dir: Some(state_dir), ..Config::default() };
    let cloud = start(own(state.clone()));
    let chain = folder.write("chain.pem", cloud.root_pem().as_bytes()).into();
    cloud.stop().expect("stops");
    let key = state.join("server-key.pem");
    let devices = folder.write_secret("devices.toml", b"");
    let open = |path: &Path| {
        std::fs::set_permissions(path, Permissions::from_mode(0o644)).expect("ours");
    };
    assert!(load_devices(devices.as_ref()).is_ok());
    open(devices.as_ref());
    let of_devices = load_devices(devices.as_ref()).expect_err("open");
    open(&key);
    let certificates = Certificates::Files { chain, key, root: None };
    let given = Cloud::start(Config {
        dtls: DtlsConfig { certificates, ..DtlsConfig::default() },
        ..Config::default()
    });
    let of_key = given.err().expect("open").to_string();
    let of_own = Cloud::start(own(state)).err().expect("open").to_string();
    for error in [of_devices, of_key, of_own] {
        assert!(error.contains("run: chmod 6"), "{error}");
    }
}
