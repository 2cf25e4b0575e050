//! Hazard: a device with a pre-shared key does not get in, and the log does not say that its
//! identity or its key is another one; or it says the key.

use std::thread;

use iot_coap_cloud::{Cloud, Config, DtlsConfig, DtlsEngine, Event, Transport};
use iot_coap_test_cloud::engine::{Session, Trust};
use iot_coap_test_cloud::*;

const IDENTITY: &str = "sensor-7";
const KEY: &str = "a key with enough entropy";

fn cloud_by(engine: DtlsEngine, key: Option<(&str, &str)>) -> Cloud {
    let pre_shared_key = key.map(|(identity, key)| (identity.into(), key.into()));
    start(Config {
        dtls: DtlsConfig { engine, pre_shared_key, ..DtlsConfig::default() },
        ..Config::default()
    })
}

/// Why a client with this identity and key does not get in.
fn refused(cloud: &Cloud, identity: &str, key: &str) -> String {
    let config = Trust::Key(identity.into(), key.into()).config();
    let socket = socket_to(cloud.address(Transport::Dtls));
    let mark = cloud.event_count();
    // It goes on trying, and the server tells at once.
    let client = thread::spawn(move || Session::over(socket, config).err());
    let failed = |event: &Event| matches!(event, Event::DtlsFailed { .. });
    let failed = cloud.wait_for_since(mark, PATIENCE, failed);
    let Some(Event::DtlsFailed { reason, .. }) = failed else { panic!("it is told") };
    drop(client);
    reason
}

#[test]
fn a_key_that_differs_is_told_at_once_with_its_identity() {
    let cloud = cloud_by(DtlsEngine::Own, Some((IDENTITY, KEY)));
    let reason = refused(&cloud, IDENTITY, "another key");
    assert!(reason.contains("the key differs") && reason.contains(IDENTITY), "{reason}");
    assert!(!reason.contains(KEY), "{reason}");
    // Whoever has the key gets in all the same, and nothing is told of him.
    let mark = cloud.event_count();
    Session::connect(
        cloud.address(Transport::Dtls),
        Trust::Key(IDENTITY.into(), KEY.into()).config(),
    );
    let opened = cloud.wait_for_since(mark, PATIENCE, |event| {
        matches!(event, Event::DtlsOpened { .. } | Event::DtlsFailed { .. })
    });
    assert!(matches!(opened, Some(Event::DtlsOpened { .. })), "{opened:?}");
}

#[test]
fn an_identity_that_is_unknown_is_told_beside_the_one_that_is_not() {
    for engine in [DtlsEngine::Own, DtlsEngine::OpenSsl] {
        let cloud = cloud_by(engine, Some((IDENTITY, KEY)));
        let reason = refused(&cloud, "sensor-8", KEY);
        assert!(reason.contains("sensor-8") && reason.contains(IDENTITY), "{engine:?}: {reason}");
        let swapped = refused(&cloud, KEY, IDENTITY);
        assert!(swapped.contains("each other's places"), "{engine:?}: {swapped}");
        assert!(!(reason + &swapped).contains(KEY), "{engine:?}");
    }
}

#[test]
fn a_server_without_a_key_says_which_option_gives_it_one() {
    for engine in [DtlsEngine::Own, DtlsEngine::OpenSsl] {
        let cloud = cloud_by(engine, None);
        let reason = refused(&cloud, IDENTITY, KEY);
        assert!(reason.contains("--psk"), "{engine:?}: {reason}");
    }
}
