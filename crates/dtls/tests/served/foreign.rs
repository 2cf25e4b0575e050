//! Clients that nobody here wrote: `openssl s_client` and `gnutls-cli`.

use iot_coap_dtls::server::Config;
use iot_coap_test_support::dtls::PSK;
use iot_coap_test_support::served::clients::{ForeignClient, Trust};
use iot_coap_test_support::served::socket::SocketServer;
use iot_coap_test_support::served::{Endpoint, pre_shared_key};
use iot_coap_test_support::waiting::becomes_so;

const KEY: Trust<'static> = Trust::PreSharedKey(PSK);

fn start(config: Config) -> SocketServer {
    SocketServer::start(Endpoint::new(config))
}

/// The suite of the only connection.
fn suite(server: &SocketServer) -> &'static str {
    server.endpoint.lock().unwrap().only().connection.cipher_suite().unwrap()
}

#[test]
fn openssl_with_a_pre_shared_key() {
    for (cipher, options, name) in [
        ("PSK-AES128-GCM-SHA256", &[][..], "TLS_PSK_WITH_AES_128_GCM_SHA256"),
        ("PSK-AES128-CCM8", &[], "TLS_PSK_WITH_AES_128_CCM_8"),
        ("PSK-AES128-CBC-SHA", &[], "TLS_PSK_WITH_AES_128_CBC_SHA"),
        ("PSK-AES128-CBC-SHA", &["-no_etm"], "TLS_PSK_WITH_AES_128_CBC_SHA"),
        ("PSK-AES128-GCM-SHA256", &["-maxfraglen", "512"], "TLS_PSK_WITH_AES_128_GCM_SHA256"),
        ("ALL", &[], "TLS_PSK_WITH_AES_128_GCM_SHA256"),
    ] {
        let server = start(pre_shared_key().cbc(true));
        let options = [&["-cipher", cipher][..], options].concat();
        let mut client = ForeignClient::openssl(server.address(), &KEY, &options);
        client.exchange("it is 21.5 degrees");
        client.exchange(&"x".repeat(400));
        assert_eq!(suite(&server), name);
    }
}

#[test]
fn gnutls_with_a_pre_shared_key() {
    const CBC: &str = ":-CIPHER-ALL:+AES-128-CBC:-MAC-ALL:+SHA1";
    for (rest, name) in [
        ("", "TLS_PSK_WITH_AES_128_GCM_SHA256"),
        // Without an extended master secret.
        (":%NO_SESSION_HASH", "TLS_PSK_WITH_AES_128_GCM_SHA256"),
        (":-CIPHER-ALL:+AES-128-CCM-8", "TLS_PSK_WITH_AES_128_CCM_8"),
        (CBC, "TLS_PSK_WITH_AES_128_CBC_SHA"),
        (&format!("{CBC}:%NO_ETM"), "TLS_PSK_WITH_AES_128_CBC_SHA"),
    ] {
        let server = start(pre_shared_key().cbc(true));
        let priority = format!("NORMAL:-KX-ALL:+PSK:-VERS-ALL:+VERS-DTLS1.2{rest}");
        let mut client = ForeignClient::gnutls(server.address(), &KEY, &priority, &[]);
        client.exchange("it is 21.5 degrees");
        assert_eq!(suite(&server), name);
    }
}

/// It gets no answer, as if its identity were unknown.
#[test]
fn a_client_with_a_wrong_key_is_not_answered() {
    let server = start(pre_shared_key());
    let wrong = Trust::PreSharedKey(b"another key than that");
    let client = ForeignClient::openssl(server.address(), &wrong, &["-cipher", "PSK"]);
    let is_forged = || {
        let mut endpoint = server.endpoint.lock().unwrap();
        endpoint.served.first_mut().is_some_and(|served| served.connection.dropped().forged > 0)
    };
    assert!(becomes_so(is_forged));
    assert!(!client.printed().contains("alert"), "{}", client.printed());
}
