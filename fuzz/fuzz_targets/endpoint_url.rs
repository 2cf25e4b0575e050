//! Endpoint URLs: any text. What is taken has a host and a port that can be
//! connected to, and means the same when it is written out and read again.

#![no_main]

use iot_coap_client::{Endpoint, HOST_MAX_LEN, Security, access_token_option_for_host};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|url: &str| {
    let Ok(endpoint) = Endpoint::parse(url) else { return };
    let Endpoint { security, host, port } = &endpoint;
    assert!(!host.is_empty());
    assert!(host.len() <= HOST_MAX_LEN && HOST_MAX_LEN < 128);
    assert_ne!(*port, 0);
    // It goes to the board port as a string of C, and into a log line.
    assert!(host.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(!host.contains(['/', '?', '#', '@', '[', ']', '\\']));
    access_token_option_for_host(host);

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
