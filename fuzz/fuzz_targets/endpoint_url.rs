//! Endpoint URLs: any text. What is accepted has a host and a port that can be
//! connected to, and means the same when it is written out and read again.

#![no_main]

use iot_coap_client::{Config, Device, Endpoint, MAX_HOST_LEN, Security};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|url: &str| {
    let Ok(endpoint) = Endpoint::parse(url) else { return };
    let Endpoint { security, host, port } = &endpoint;
    assert!(!host.is_empty());
    assert!(host.len() <= MAX_HOST_LEN && MAX_HOST_LEN < 128);
    assert_ne!(*port, 0);
    // It goes to the board port as a string of C, and into a log line.
    assert!(host.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!host.contains(['/', '?', '#', '@', '[', ']', '\\']));
    // The host also decides about the option of the access token.
    let device = Device::new("key", "name", "", "secret").expect("an identity");
    let _ = Config::new(device, &endpoint, 1);

    let scheme = match security {
        Security::None => "coap",
        Security::Dtls => "coaps",
        Security::Symmetric => "coap-psk",
    };
    let written = if host.contains(':') {
        format!("{scheme}://[{host}]:{port}")
    } else {
        format!("{scheme}://{host}:{port}")
    };
    assert_eq!(Endpoint::parse(&written).as_ref(), Ok(&endpoint));
});
