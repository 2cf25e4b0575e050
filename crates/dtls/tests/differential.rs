//! Compares this client with OpenSSL's: with the same server and the same offer they choose
//! the same suite, exchange the same plaintext, and accept the same certificates. A table
//! lists where this client is stricter on purpose.
#![cfg(feature = "full")]

use iot_coap_dtls::{Client, Config, Datagram, Instant, TrustAnchors};
use iot_coap_test_support::certificates::{
    GOOD, Identity, Leaf, Usage, ec_key, intermediate, leaf, root, rsa_key, rsa_key_of,
};
use iot_coap_test_support::dtls::in_memory::{self, Datagrams};
use iot_coap_test_support::dtls::{IDENTITY, PSK, now, pre_shared_key};
use openssl::hash::MessageDigest;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::verify::X509CheckFlags;

/// The suites that are offered with certificates, in order of preference, by OpenSSL's names.
const CERTIFICATE_SUITES: &str = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:\
     ECDHE-RSA-AES128-SHA256:AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA";
const PSK_SUITES: &str = "PSK-AES128-GCM-SHA256:PSK-AES128-CCM8:PSK-AES128-CBC-SHA";

/// `SSL_OP_NO_ENCRYPT_THEN_MAC`, which the `openssl` crate does not name.
const NO_ENCRYPT_THEN_MAC: u64 = 1 << 19;

/// Short and long lines, and lengths around the block size.
const LINES: [&[u8]; 6] = [b"", b"1", &[7; 15], &[8; 16], &[9; 17], &[0x55; 1000]];

/// The result of a handshake and of the exchange after it.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Refused,
    Connected { suite: String, at_client: Vec<Vec<u8>>, at_server: Vec<Vec<u8>> },
}

fn ours(server: &SslContext, config: Config) -> Outcome {
    let (ended, mut stream) = in_memory::session(server, config);
    let mut client = ended.client;
    if ended.result.is_err() {
        return Outcome::Refused;
    }
    let suite = client.cipher_suite().unwrap().to_owned();
    let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
    let mut buffer = [0; 2048];
    for line in LINES {
        let len = client.send(line, &mut buffer).unwrap();
        stream.get_mut().to_server.push_back(buffer[..len].to_vec());
        let at_its_end = read(&mut stream);
        // OpenSSL accepts an empty record, but does not send one.
        if line.is_empty() {
            assert!(at_its_end.is_empty());
            continue;
        }
        at_server.push(at_its_end);
        stream.ssl_write(line).unwrap();
        at_client.push(read_ours(&mut client, stream.get_mut()));
    }
    Outcome::Connected { suite, at_client, at_server }
}

fn read_ours<R: iot_coap_dtls::rand_core::TryCryptoRng>(
    client: &mut Client<R>,
    datagrams: &mut Datagrams,
) -> Vec<u8> {
    let mut datagram = datagrams.to_client.pop_front().unwrap();
    let mut datagram = Datagram::new(&mut datagram);
    client.handle_datagram(Instant::from_millis(0), &mut datagram).unwrap().unwrap().to_vec()
}

fn read(stream: &mut SslStream<Datagrams>) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let len = stream.ssl_read(&mut buffer).unwrap();
    buffer[..len].to_vec()
}

/// The same with OpenSSL on both sides.
fn theirs(server: &SslContext, client: Ssl) -> Outcome {
    let mut ssl = Ssl::new(server).unwrap();
    ssl.set_mtu(1200).unwrap();
    let mut server = SslStream::new(ssl, Datagrams::default()).unwrap();
    let mut client = SslStream::new(client, Datagrams::default()).unwrap();
    let mut done = [false; 2];
    loop {
        let mut anything_said = false;
        for (side, connect) in [true, false].into_iter().enumerate() {
            let result = if connect { client.connect() } else { server.accept() };
            match result {
                Ok(()) => done[side] = true,
                Err(error) if error.code() == ErrorCode::WANT_READ => {}
                Err(_) => return Outcome::Refused,
            }
            anything_said |= exchange(&mut client, &mut server);
        }
        if !anything_said {
            break;
        }
    }
    // Neither side reports it: a record that does not decrypt is dropped.
    if done != [true; 2] {
        return Outcome::Refused;
    }
    let suite = client.ssl().current_cipher().unwrap().standard_name().unwrap().to_owned();
    let (mut at_client, mut at_server) = (Vec::new(), Vec::new());
    for line in LINES.into_iter().filter(|line| !line.is_empty()) {
        client.ssl_write(line).unwrap();
        exchange(&mut client, &mut server);
        at_server.push(read(&mut server));
        server.ssl_write(line).unwrap();
        exchange(&mut client, &mut server);
        at_client.push(read(&mut client));
    }
    Outcome::Connected { suite, at_client, at_server }
}

/// Delivers the datagrams of each side to the other. Each side reads from `to_server`.
/// Returns whether there were any.
fn exchange(client: &mut SslStream<Datagrams>, server: &mut SslStream<Datagrams>) -> bool {
    let from_client = std::mem::take(&mut client.get_mut().to_client);
    let from_server = std::mem::take(&mut server.get_mut().to_client);
    let anything = !from_client.is_empty() || !from_server.is_empty();
    server.get_mut().to_server.extend(from_client);
    client.get_mut().to_server.extend(from_server);
    anything
}

fn their_client(suites: &str) -> SslContextBuilder {
    let mut builder = SslContext::builder(SslMethod::dtls_client()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
    builder.set_cipher_list(&format!("{suites}:@SECLEVEL=2")).unwrap();
    builder.set_groups_list("X25519:P-256").unwrap();
    builder.set_options(SslOptions::NO_QUERY_MTU);
    builder
}

fn their_client_with_anchor(anchor: &Identity, host: &str) -> Ssl {
    let mut builder = their_client(CERTIFICATE_SUITES);
    builder.cert_store_mut().add_cert(anchor.certificate.clone()).unwrap();
    builder.set_verify(SslVerifyMode::PEER);
    let mut ssl = Ssl::new(&builder.build()).unwrap();
    ssl.set_mtu(1200).unwrap();
    let param = ssl.param_mut();
    param.set_hostflags(X509CheckFlags::NEVER_CHECK_SUBJECT);
    match host.parse() {
        Ok(address) => param.set_ip(address).unwrap(),
        Err(_) => param.set_host(host).unwrap(),
    }
    ssl
}

fn our_config(anchor: &Identity, host: &str) -> Config {
    let anchors = TrustAnchors::from_pem(anchor.pem().as_bytes()).unwrap();
    let config = Config::with_certificates(host, anchors, Some(now())).unwrap();
    config.cbc(true).static_rsa(true)
}

/// A server with certificates of one or both key types.
fn their_server(identities: &[&Identity], suites: &str, options: SslOptions) -> SslContext {
    let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
    builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
    builder.set_cipher_list(&format!("{suites}:@SECLEVEL=0")).unwrap();
    for identity in identities {
        builder.set_certificate(&identity.certificate).unwrap();
        builder.set_private_key(&identity.key).unwrap();
    }
    builder.set_options(options | SslOptions::NO_QUERY_MTU);
    builder.build()
}

#[test]
fn the_same_suite_and_the_same_plaintext() {
    let root = root(rsa_key(), MessageDigest::sha256());
    let (rsa, ecdsa) = (leaf(&root, rsa_key(), &GOOD), leaf(&root, ec_key(), &GOOD));
    let mut connected = Vec::new();
    for identities in [&[&rsa][..], &[&ecdsa], &[&rsa, &ecdsa]] {
        for suites in [
            "ALL",
            "AES256-SHA:AES128-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES128-SHA256",
            "AES128-SHA256",
            "AES256-SHA256",
            "AES128-SHA",
            "AES256-SHA",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-RSA-AES256-GCM-SHA384",
            "PSK-AES128-GCM-SHA256",
        ] {
            for options in [
                SslOptions::empty(),
                SslOptions::CIPHER_SERVER_PREFERENCE,
                SslOptions::NO_TICKET,
                SslOptions::from_bits_retain(NO_ENCRYPT_THEN_MAC),
            ] {
                let server = their_server(identities, suites, options);
                let theirs = theirs(&server, their_client_with_anchor(&root, "localhost"));
                let ours = ours(&server, our_config(&root, "localhost"));
                assert_eq!(ours, theirs, "{suites} {options:?}");
                if let Outcome::Connected { suite, .. } = ours {
                    connected.push(suite);
                }
            }
        }
    }
    connected.sort_unstable();
    connected.dedup();
    assert_eq!(connected.len(), 7, "{connected:?}");
}

#[test]
fn the_same_with_a_pre_shared_key() {
    let mut connected = Vec::new();
    for suites in ["ALL", "PSK-AES128-CCM8", "PSK-AES128-CBC-SHA", "PSK-AES256-CBC-SHA"] {
        let mut builder = SslContext::builder(SslMethod::dtls_server()).unwrap();
        builder.set_min_proto_version(Some(SslVersion::DTLS1_2)).unwrap();
        builder.set_cipher_list(&format!("{suites}:@SECLEVEL=0")).unwrap();
        builder.set_options(SslOptions::NO_QUERY_MTU);
        builder.set_psk_server_callback(|_, identity, key| {
            assert_eq!(identity, Some(IDENTITY.as_bytes()));
            key[..PSK.len()].copy_from_slice(PSK);
            Ok(PSK.len())
        });
        let server = builder.build();
        let mut builder = their_client(PSK_SUITES);
        builder.set_psk_client_callback(|_, _, identity, key| {
            identity[..IDENTITY.len()].copy_from_slice(IDENTITY.as_bytes());
            identity[IDENTITY.len()] = 0;
            key[..PSK.len()].copy_from_slice(PSK);
            Ok(PSK.len())
        });
        let mut client = Ssl::new(&builder.build()).unwrap();
        client.set_mtu(1200).unwrap();
        let theirs = theirs(&server, client);
        let ours = ours(&server, pre_shared_key().cbc(true));
        assert_eq!(ours, theirs, "{suites}");
        if let Outcome::Connected { suite, .. } = ours {
            connected.push(suite);
        }
    }
    assert_eq!(connected.len(), 3, "{connected:?}");
}

/// Whether this client should accept what OpenSSL accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judged {
    Alike,
    /// OpenSSL accepts it, this client does not, for this reason.
    Stricter(&'static str),
}

struct Row<'a> {
    name: &'a str,
    server: Identity,
    between: Vec<&'a Identity>,
    host: &'a str,
    suites: &'a str,
    judged: Judged,
}

const ECDHE: &str = "ECDHE+AESGCM";
const STATIC_RSA: &str = "AES128-SHA256";

fn row(name: &str, server: Identity) -> Row<'_> {
    let (host, suites) = ("localhost", ECDHE);
    Row { name, server, between: Vec::new(), host, suites, judged: Judged::Alike }
}

#[test]
fn the_same_servers_are_believed() {
    let anchor = root(rsa_key(), MessageDigest::sha1());
    let stranger = root(rsa_key(), MessageDigest::sha256());
    let middle = intermediate(&anchor, ec_key());
    let no_authority = leaf(&anchor, ec_key(), &GOOD);
    let of = |says: Leaf<'_>| leaf(&anchor, ec_key(), &says);
    let rsa_of = |says: Leaf<'_>| leaf(&anchor, rsa_key(), &says);
    let named = |names: &'static [&'static str]| of(Leaf { names, ..GOOD });
    let used = |usages: &'static [Usage]| Leaf { usages, ..GOOD };
    let stricter = Judged::Stricter;
    let rows = [
        row("ECDSA under a SHA-1 root", of(GOOD)),
        row("RSA", rsa_of(GOOD)),
        Row { suites: STATIC_RSA, ..row("static RSA", rsa_of(GOOD)) },
        Row { host: "127.0.0.1", ..row("an address", of(GOOD)) },
        Row { host: "127.0.0.2", ..row("another address", of(GOOD)) },
        Row { host: "localhost.example", ..row("another host", of(GOOD)) },
        Row { host: "LOCALHOST", ..row("in capitals", of(GOOD)) },
        row("no name", named(&["IP:127.0.0.1"])),
        Row { host: "127.0.0.1", ..row("an address as a name", named(&["DNS:127.0.0.1"])) },
        Row { host: "a.example.org", ..row("a wildcard", named(&["DNS:*.example.org"])) },
        Row { host: "a.b.example.org", ..row("of two labels", named(&["DNS:*.example.org"])) },
        Row { host: "example.org", ..row("of no label", named(&["DNS:*.example.org"])) },
        row("expired", of(Leaf { valid: (-9, -1), ..GOOD })),
        row("not yet valid", of(Leaf { valid: (1, 9), ..GOOD })),
        row("an unknown root", leaf(&stranger, ec_key(), &GOOD)),
        Row { between: vec![&stranger], ..row("sent along", leaf(&stranger, ec_key(), &GOOD)) },
        Row { between: vec![&middle], ..row("an intermediate", leaf(&middle, ec_key(), &GOOD)) },
        row("an intermediate is missing", leaf(&middle, ec_key(), &GOOD)),
        Row {
            between: vec![&no_authority],
            ..row("an issuer that is no authority", leaf(&no_authority, ec_key(), &GOOD))
        },
        row("for clients", of(used(&[Usage::ClientAuthentication]))),
        row("for servers", of(used(&[Usage::ServerAuthentication, Usage::DigitalSignature]))),
        row("signed by SHA-1", of(Leaf { digest: MessageDigest::sha1, ..GOOD })),
        row("signed by SHA-512", of(Leaf { digest: MessageDigest::sha512, ..GOOD })),
        row("a short key", leaf(&anchor, rsa_key_of(1024), &GOOD)),
        Row {
            judged: stricter("a key for encrypting has signed"),
            ..row("for encrypting only", rsa_of(used(&[Usage::KeyEncipherment])))
        },
        Row {
            suites: STATIC_RSA,
            judged: stricter("a key for signing has decrypted"),
            ..row("for signing only", rsa_of(used(&[Usage::DigitalSignature])))
        },
        Row {
            judged: stricter("an authority is no server"),
            ..row("an authority", intermediate(&anchor, ec_key()))
        },
    ];
    let mut believed = 0;
    for row in &rows {
        let server = in_memory::server(&row.server, &row.between, row.suites);
        let theirs = theirs(&server, their_client_with_anchor(&anchor, row.host));
        let ours = ours(&server, our_config(&anchor, row.host));
        believed += usize::from(ours != Outcome::Refused);
        match row.judged {
            Judged::Alike => assert_eq!(ours, theirs, "{}", row.name),
            Judged::Stricter(reason) => {
                assert_eq!(ours, Outcome::Refused, "{}: {reason}", row.name);
            }
        }
    }
    assert_eq!(believed, 9);
}
