//! Hazard: a board's generator starts with the same numbers each time, and so the device has
//! the same keys: anybody who has one such board could decrypt what the others say.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use iot_coap_test_library::linking::library_of;
use iot_coap_test_library::{Language, compile_against, scratch_dir, succeed};
use iot_coap_test_support::certificates::{self, Identity};
use iot_coap_test_support::folders::Folder;
use iot_coap_test_support::network::{Fate, Proxy};
use iot_coap_test_support::peers::echo::{Manner, Server};

const SECRET: &str = "fPloaszb6saUFJte4EhyuBHQpR9SuKHb";
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const CLIENT_KEY_EXCHANGE: u8 = 16;

/// What a start is like: all but the numbers of `HAL_Random`, which are always the same.
#[derive(Clone, Copy)]
struct Start<'a> {
    secret: &'a str,
    clock: &'a str,
    store: Option<&'a Path>,
}

const BARE: Start<'_> = Start { secret: SECRET, clock: "5000", store: None };

/// Without our port, and with our DTLS.
fn program() -> std::path::PathBuf {
    compile_against("same_random.c", &library_of("std,dtls"), Language::Sanitized)
}

/// One server under one address for all, whose name is part of what is mixed in.
struct Place {
    network: Proxy,
    root: String,
    _server: Server,
    _files: Folder,
}

impl Place {
    fn new() -> Self {
        static IDENTITIES: OnceLock<(Identity, Identity)> = OnceLock::new();
        let (root, leaf) = IDENTITIES.get_or_init(certificates::ecdsa);
        let server = Server::start(leaf, &Manner { resumes: false, ..Manner::default() });
        let network = Proxy::start(server.address(), |_, _| Fate::ARRIVES);
        let files = Folder::new();
        let root = files.write("root.pem", root.pem().as_bytes());
        Self { network, root, _server: server, _files: files }
    }

    /// The random bytes and the ephemeral key of a device that starts.
    fn start(&self, start: Start<'_>) -> [Vec<u8>; 2] {
        let before = self.network.from_client().len();
        let mut device = Command::new(program());
        device.arg(format!("coaps://localhost:{}", self.network.port()));
        device.args([&self.root, start.secret]).env("COARSE_CLOCK", start.clock);
        if let Some(store) = start.store {
            device.env("KV_DIR", store);
        }
        succeed(&mut device);
        let sent = self.network.from_client().split_off(before);
        // Behind the headers of record and message.
        let body_of = |kind: u8| {
            let is_it = |datagram: &&Vec<u8>| datagram[0] == HANDSHAKE && datagram[13] == kind;
            let datagram = sent.iter().find(is_it).expect("it was sent");
            let len = usize::from(u16::from_be_bytes([datagram[11], datagram[12]]));
            datagram[13 + 12..13 + len].to_vec()
        };
        [body_of(CLIENT_HELLO)[2..34].to_vec(), body_of(CLIENT_KEY_EXCHANGE)]
    }
}

fn assert_all_differ(starts: &[[Vec<u8>; 2]]) {
    for (index, one) in starts.iter().enumerate() {
        for other in &starts[..index] {
            assert_ne!(one[0], other[0], "the random bytes are the same");
            assert_ne!(one[1], other[1], "the ephemeral keys are the same");
        }
    }
}

/// If it were not, the others would prove nothing.
#[test]
fn the_generator_repeats_itself() {
    let place = Place::new();
    assert_eq!(place.start(BARE), place.start(BARE));
}

#[test]
fn with_a_store_no_two_starts_have_the_same_keys() {
    let place = Place::new();
    let folder = scratch_dir().join("starts");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let start = Start { store: Some(&folder), ..BARE };
    let starts = [BARE, start, start, start].map(|start| place.start(start));
    assert_all_differ(&starts);
    // One small entry, which is raised.
    let files: Vec<_> = std::fs::read_dir(&folder).expect("it is there").collect();
    assert_eq!(files.len(), 1);
    let path = files[0].as_ref().expect("it can be listed").path();
    assert_eq!(std::fs::read(path).expect("a file"), 3_u64.to_be_bytes());
}

#[test]
fn without_a_store_time_and_secret_tell_starts_apart() {
    let place = Place::new();
    let later = Start { clock: "6000", ..BARE };
    let other = Start { secret: "ANOTHERszb6saUFJte4EhyuBHQpR9SuK", ..BARE };
    assert_all_differ(&[BARE, later, other].map(|start| place.start(start)));
}
