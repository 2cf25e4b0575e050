//! Servers with a simulated link before them, and the programs that come over it.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, DtlsConfig, DtlsEngine, Transport};
use iot_coap_test_library::{Language, Linkage, compile, scratch_dir};
use iot_coap_test_support::certificates;
use iot_coap_test_support::network::{Fate, Proxy, SimulatedLink};
use iot_coap_test_support::peers::servers::{Server, Wish};
use iot_coap_test_support::peers::{Peer, Proof};

use crate::trace::{Over, Trace};

/// Whom the servers know by a pre-shared key.
const IDENTITY: &str = "sensor-7";
const KEY: &str = "0123456789abcdef";

/// The local cloud, a DTLS server by Mbed TLS in front of it where there is to be one, and
/// the network.
pub(crate) struct Behind {
    over: Over,
    /// In PEM. None: a pre-shared key.
    root: Option<String>,
    proxy: Proxy,
    _peer: Option<Peer>,
    _cloud: Cloud,
}

impl Behind {
    /// Over UDP.
    pub(crate) fn udp() -> Self {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let proxy = Proxy::start(cloud.address(Transport::Udp), |_, _| Fate::ARRIVES);
        Self { over: Over::Udp, root: None, proxy, _peer: None, _cloud: cloud }
    }

    /// Over the local cloud's DTLS by OpenSSL: with an RSA certificate, cookies and tickets,
    /// and without connection ids.
    pub(crate) fn openssl() -> Self {
        let dtls = DtlsConfig { engine: DtlsEngine::OpenSsl, ..DtlsConfig::default() };
        let cloud = Cloud::start(Config { dtls, ..Config::default() });
        let cloud = cloud.expect("the local cloud starts");
        let proxy = Proxy::start(cloud.address(Transport::Dtls), |_, _| Fate::ARRIVES);
        let root = Some(cloud.root_pem().to_owned());
        Self { over: Over::Dtls, root, proxy, _peer: None, _cloud: cloud }
    }

    /// Over DTLS with a pre-shared key.
    pub(crate) fn pre_shared_key() -> Self {
        let proof = Proof::PreSharedKey { identity: IDENTITY, key: KEY.as_bytes() };
        Self::dtls(Wish::default(), &proof, None)
    }

    /// Over DTLS with an RSA certificate and connection ids.
    pub(crate) fn with_connection_ids() -> Self {
        let (root, leaf) = certificates::rsa();
        let wish = Wish { connection_id: Some("c0ffee0102"), ..Wish::default() };
        Self::dtls(wish, &Proof::Certificate(&leaf, &[]), Some(root.pem()))
    }

    fn dtls(wish: Wish, proof: &Proof<'_>, root: Option<String>) -> Self {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let forward = Some(cloud.address(Transport::Udp).port());
        let peer = Wish { forward, cookies: true, ..wish }.start(Server::Mbed3, proof);
        let proxy = Proxy::start(peer.address(), |_, _| Fate::ARRIVES);
        Self { over: Over::Dtls, root, proxy, _peer: Some(peer), _cloud: cloud }
    }

    /// What passes while a program runs over a link.
    pub(crate) fn trace(&self, link: SimulatedLink, program: &mut Command) -> (Trace, Output) {
        // What the last program said as it ended has passed by then.
        thread::sleep(Duration::from_millis(300));
        self.proxy.change(link);
        let output = program.stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("{program:?}: {error}"));
        // Its goodbye is under way when it has ended.
        thread::sleep(Duration::from_millis(100));
        (Trace { over: self.over, passed: self.proxy.passed() }, output)
    }

    /// libcoap's client, with a message as long as those of this library: 147 bytes of its
    /// option are the access token.
    pub(crate) fn libcoap(&self) -> Command {
        let (name, scheme) = match self.over {
            Over::Udp => ("coap-client-notls", "coap"),
            Over::Dtls => ("coap-client-openssl", "coaps"),
        };
        let mut command = Command::new(name);
        command.args(["-m", "post", "-t", "50", "-A", "50", "-B", "300", "-e"]);
        command.arg("7".repeat(200)).arg("-O").arg(format!("61,{}", "t".repeat(147)));
        if self.over == Over::Dtls {
            command.args(["-k", KEY, "-u", IDENTITY]);
        }
        let path = "topic/a1RP1qZfrEi/example1/update";
        command.arg(format!("{scheme}://127.0.0.1:{}/{path}", self.proxy.port()));
        command
    }

    /// `tests/c/one_message.c` of one device.
    pub(crate) fn device(&self, name: &str) -> Device<'_> {
        let program = compile("one_message.c", Linkage::Static, Language::C89);
        let store = scratch_dir().join(name);
        let _ = std::fs::remove_dir_all(&store);
        Device { behind: self, program, store }
    }
}

/// A device with its store.
pub(crate) struct Device<'b> {
    behind: &'b Behind,
    program: PathBuf,
    store: PathBuf,
}

impl Device<'_> {
    /// Wakes for a message, with so much of what was kept.
    pub(crate) fn wakes(&self, ack_timeout_ms: u32, with: &str) -> Command {
        let scheme = if self.behind.over == Over::Udp { "coap" } else { "coaps" };
        let mut command = Command::new(&self.program);
        command.arg(format!("{scheme}://localhost:{}", self.behind.proxy.port()));
        command.args([&ack_timeout_ms.to_string(), with]).env("IOT_COAP_KV_DIR", &self.store);
        match &self.behind.root {
            Some(root) => command.env("ROOT_PEM", root),
            None => command.env("PSK_IDENTITY", IDENTITY).env("PSK_KEY", KEY),
        };
        command
    }

    /// Wakes on a network without faults or delay.
    pub(crate) fn has_woken(&self, with: &str) {
        let link = SimulatedLink::ideal(|_, _| Fate::ARRIVES);
        let (_, output) = self.behind.trace(link, &mut self.wakes(0, with));
        assert_well("the first waking", &output);
    }
}

/// What a program said where it failed.
pub(crate) fn assert_well(what: &str, output: &Output) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{errors}", output.status);
}
