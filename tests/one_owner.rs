//! One owner of a kept session: whatever happens to the programs that share a store, and
//! whenever they are killed, no number of a record is used twice under one key, which with
//! AES-GCM would give the keys away.
//!
//! The records are real ones, of processes that the kernel kills. `ONE_OWNER_ROUNDS` says how
//! many rounds there are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use iot_coap_cloud::{Cloud, Config, Transport};
use iot_coap_test_library::{Language, Linkage, compile, run, scratch_dir};
use iot_coap_test_support::scripted::Numbers;
use iot_coap_test_support::scripted::endpoint::Endpoint;
use iot_coap_test_support::waiting::becomes_so;

/// More than the records that are reserved at a time.
const MANY: u32 = 300;

struct Device {
    program: PathBuf,
    folder: PathBuf,
    url: String,
}

impl Device {
    fn new(name: &str, server: &Endpoint) -> Self {
        let folder = scratch_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        let program = compile("owner.c", Linkage::Static, Language::C89);
        Self { program, folder, url: format!("coaps://127.0.0.1:{}", server.port()) }
    }

    fn command(&self, case: &str, posts: u32, die_at: u32) -> Command {
        let mut command = Command::new(&self.program);
        command.args([&self.url, case, &posts.to_string(), &die_at.to_string()]);
        command.env("IOT_COAP_KV_DIR", &self.folder);
        command
    }

    /// Runs to its end.
    fn wake(&self, case: &str, posts: u32) -> String {
        let output = run(&mut self.command(case, posts, 0));
        checked(case, &output)
    }

    /// Runs up to a step, at which it is killed, if it gets there.
    fn wake_until(&self, case: &str, posts: u32, die_at: u32) {
        let output = run(&mut self.command(case, posts, die_at));
        if output.status.code().is_some() {
            checked(case, &output);
        }
    }

    fn start(&self, case: &str, posts: u32, die_at: u32) -> Child {
        let mut command = self.command(case, posts, die_at);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
    }

    /// Starts it, and waits until it sends with its session.
    fn start_sending(&self, posts: u32, server: &Endpoint) -> Child {
        let before = server.seen().records;
        let child = self.start("pause", posts, 0);
        assert!(becomes_so(|| server.seen().records > before + 3), "it sends nothing");
        child
    }

    /// What is in the store now.
    fn copy(&self) -> Vec<(PathBuf, Vec<u8>)> {
        values(&self.folder).filter_map(|path| Some((path.clone(), fs::read(path).ok()?))).collect()
    }

    fn clear(&self) {
        values(&self.folder).for_each(|path| drop(fs::remove_file(path)));
    }
}

/// The files of a store in which there are values.
fn values(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    files.filter(|path| path.file_name().is_none_or(|name| name.as_encoded_bytes()[0] != b'.'))
}

/// Puts a copy in place, file by file, each as a whole.
fn put_back(copy: &[(PathBuf, Vec<u8>)]) {
    for (path, content) in copy {
        let unfinished = path.with_file_name("copied");
        fs::write(&unfinished, content).expect("it can be written");
        fs::rename(&unfinished, path).expect("it can be renamed");
    }
}

/// What a process has printed that ended well.
fn checked(case: &str, output: &Output) -> String {
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {}\n{printed}\n{errors}", output.status);
    printed
}

/// Waits for the end of a process that was not killed.
fn ended_well(case: &str, child: Child) -> String {
    checked(case, &child.wait_with_output().expect("it is our process"))
}

fn start() -> (Cloud, Endpoint) {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let server = Endpoint::start(cloud.address(Transport::Udp));
    (cloud, server)
}

const REFUSED: &str = "is new, and will not be kept: another program keeps it";
const ENDED: &str = "was used or replaced by somebody else: this one ends";

fn nothing_was_repeated(server: &Endpoint, what: &str) {
    let seen = server.seen();
    assert!(seen.repeated.is_empty(), "{what}: {seen:?}");
}

#[test]
fn no_number_is_used_twice_by_any_two_owners_whenever_they_are_killed() {
    let rounds = std::env::var("ONE_OWNER_ROUNDS").map_or(250, |text| text.parse().expect("many"));
    let (_cloud, server) = start();
    let device = Device::new("rounds", &server);
    device.wake("pause", 1);
    let steps = |posts| {
        let printed = device.wake("pause", posts);
        let steps = printed.lines().find_map(|line| line.strip_prefix("steps "));
        steps.expect("it says").parse::<u32>().expect("a number")
    };
    let most = steps(2);
    assert!(most > 20, "{most}");
    let mut numbers = Numbers::new(std::process::id().into());
    let mut below = |limit: u32| (numbers.next() % u64::from(limit)) as u32;
    let mut restored = 0;
    for round in 0..rounds {
        // Most often there is a session to be fought for.
        restored += u32::from(device.wake("pause", 1).contains("DTLS session restored"));
        let step = 1 + round / 8 % most;
        match round % 8 {
            // Killed at every step of a short life, however it would have ended.
            0 => device.wake_until("pause", 2, step),
            1 => device.wake_until("deinit", 2, step),
            2 => device.wake_until("leave", 2, step),
            // A supervisor starts another one too early.
            3 | 4 => {
                let mut first = device.start("pause", MANY, 0);
                thread::sleep(Duration::from_millis(below(40).into()));
                device.wake_until("pause", 3, below(2 * most));
                thread::sleep(Duration::from_millis(below(20).into()));
                let _ = first.kill();
                first.wait().expect("it is our process");
            }
            5 => device.wake_until("fork", 6, below(2 * most)),
            6 => device.wake_until("twins", 2, below(2 * most)),
            // A copy takes the store's place while a session runs.
            _ => {
                let copy = device.copy();
                let first = device.start("pause", 2 * MANY, 0);
                thread::sleep(Duration::from_millis(below(60).into()));
                put_back(&copy);
                ended_well("replaced", first);
                if device.copy().iter().any(|kept| copy.contains(kept)) {
                    // One that was replaced at rest cannot be told from a true one.
                    device.clear();
                }
            }
        }
        nothing_was_repeated(&server, &format!("round {round}"));
        if round % 500 == 499 {
            eprintln!("{} rounds", round + 1);
        }
    }
    let seen = server.seen();
    eprintln!(
        "{rounds} rounds, {restored} with a kept session: {} records in {} sessions",
        seen.records, seen.sessions
    );
    assert!(seen.records > 3 * rounds as usize);
    assert!(restored > rounds / 2, "{restored} of {rounds}");
}

#[test]
fn a_second_program_opens_a_session_of_its_own_and_says_why() {
    let (_cloud, server) = start();
    let device = Device::new("two-programs", &server);
    device.wake("pause", 1);
    let first = device.start_sending(4 * MANY, &server);
    let second = device.wake("pause", 3);
    assert_eq!(second.matches(REFUSED).count(), 1, "{second}");
    assert!(second.contains("DTLS session opened"), "{second}");
    let first = ended_well("first", first);
    assert!(first.contains("DTLS session restored") && !first.contains(ENDED), "{first}");
    let third = device.wake("pause", 1);
    assert!(third.contains("DTLS session restored"), "{third}");
    assert!(!third.contains("will not be kept"), "{third}");
    nothing_was_repeated(&server, "two programs");
}

#[test]
fn a_second_client_of_one_program_opens_a_session_of_its_own() {
    let (_cloud, server) = start();
    let device = Device::new("twins", &server);
    for how in ["opened", "restored"] {
        let printed = device.wake("twins", 2);
        assert!(printed.contains(&format!("DTLS session {how}")), "{printed}");
        let refused = "will not be kept: another client of this program keeps it";
        assert_eq!(printed.matches(refused).count(), 1, "{printed}");
    }
    nothing_was_repeated(&server, "two clients");
}

/// The lock of a process that is killed is free at once.
#[test]
fn a_killed_program_leaves_its_session_to_the_next() {
    let (_cloud, server) = start();
    let device = Device::new("killed", &server);
    device.wake("pause", 1);
    for _ in 0..3 {
        let mut first = device.start_sending(100 * MANY, &server);
        first.kill().expect("it is our process");
        first.wait().expect("it is our process");
        let next = device.wake("pause", 1);
        assert!(next.contains("DTLS session restored"), "{next}");
    }
    nothing_was_repeated(&server, "killed");
}

/// The lock is the parent's alone, though a child has its descriptors.
#[test]
fn a_child_that_outlives_its_parent_keeps_nobody_out() {
    let (_cloud, server) = start();
    let device = Device::new("orphan", &server);
    device.wake("pause", 1);
    for _ in 0..2 {
        device.wake("orphan", 1);
        let next = device.wake("pause", 1);
        assert!(next.contains("DTLS session restored"), "{next}");
    }
    nothing_was_repeated(&server, "orphan");
}

#[test]
fn a_session_whose_store_was_replaced_ends_before_its_numbers_are_used_twice() {
    let (_cloud, server) = start();
    let device = Device::new("replaced", &server);
    device.wake("pause", 1);
    let older = device.copy();
    device.wake("pause", 1);
    let first = device.start_sending(4 * MANY, &server);
    put_back(&older);
    let printed = ended_well("replaced", first);
    assert!(printed.contains("DTLS session restored"), "{printed}");
    assert_eq!(printed.matches(ENDED).count(), 1, "{printed}");
    assert_eq!(server.seen().sessions, 2, "it goes on with a new one: {printed}");
    // Which is kept in place of the copy.
    let next = device.wake("pause", 1);
    assert!(next.contains("DTLS session restored"), "{next}");
    assert_eq!(server.seen().sessions, 2, "{next}");
    nothing_was_repeated(&server, "replaced");
}

/// Locks and all: what the first program has locked is no file of the store any more.
#[test]
fn a_store_whose_directory_was_replaced_still_has_an_owner() {
    let (_cloud, server) = start();
    let device = Device::new("moved", &server);
    device.wake("pause", 1);
    let older = device.copy();
    let first = device.start_sending(4 * MANY, &server);
    let away = device.folder.with_extension("away");
    let _ = fs::remove_dir_all(&away);
    fs::rename(&device.folder, &away).expect("it can be renamed");
    fs::create_dir(&device.folder).expect("it can be made");
    put_back(&older);
    let second = device.wake("pause", 3);
    assert_eq!(second.matches(REFUSED).count(), 1, "{second}");
    assert!(second.contains("DTLS session opened"), "{second}");
    ended_well("moved", first);
    nothing_was_repeated(&server, "moved");
}

/// Deinit says goodbye: the server has forgotten the session when the device wakes.
#[test]
fn a_session_that_deinit_has_closed_is_not_kept() {
    let (_cloud, server) = start();
    let device = Device::new("closed", &server);
    for _ in 0..2 {
        let printed = device.wake("deinit", 2);
        assert!(printed.contains("DTLS session opened"), "{printed}");
        // Nor tried, which would take 10 s.
        assert!(!printed.contains("restored"), "{printed}");
    }
    device.wake("pause", 1);
    assert!(device.wake("deinit", 1).contains("DTLS session restored"));
    let printed = device.wake("pause", 1);
    assert!(printed.contains("DTLS session opened") && !printed.contains("restored"), "{printed}");
}
