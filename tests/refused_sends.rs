//! A network that refuses to send: `IOTX_ERR_SEND_MSG_FAILED` where nothing
//! else will send the message, and nothing lost that the library has accepted.

use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

#[test]
fn a_refused_message_is_kept_or_refused_in_turn() {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    for transport in [Transport::Udp, Transport::Symmetric] {
        let program = compile("refused_sends.c", Linkage::Static, Language::Sanitized);
        let before = cloud.messages().len();
        succeed(Command::new(program).arg(cloud.url(transport)));
        let messages = cloud.messages().split_off(before);
        let arrived: Vec<_> = messages.iter().map(|message| message.payload.as_slice()).collect();
        assert_eq!(arrived, [br#"{"kind":"con"}"#, br#"{"kind":"non"}"#], "{transport:?}");
    }
}
