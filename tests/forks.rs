//! Processes that fork while they have a context: both sides go on, the parent with the
//! connection that it had, the child with one of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Command;

use iot_coap_cloud::{Cloud, Config, Event, Transport};
use iot_coap_test_library::{Language, Linkage, compile, succeed};

const TRANSPORTS: [Transport; 3] = [Transport::Udp, Transport::Dtls, Transport::Symmetric];

/// What the cloud saw.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// How many messages came from each address, the fewest first.
    messages: Vec<usize>,
    sign_ins: usize,
    handshakes: usize,
}

/// Runs a case of `forked.c`, which checks what the two processes see.
fn run(case: &str, linkage: Linkage, transport: Transport) -> Seen {
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    run_with(&cloud, "forked.c", linkage, &cloud.url(transport), case)
}

fn run_with(cloud: &Cloud, source: &str, linkage: Linkage, url: &str, case: &str) -> Seen {
    let program = compile(source, linkage, Language::Sanitized);
    succeed(Command::new(program).arg(url).arg(cloud.root_path()).arg(case));
    let events = cloud.events();
    let mut messages = BTreeMap::<SocketAddr, usize>::new();
    for event in &events {
        // One that is refused bears a sequence number that the other process has used.
        if let Event::Message(message) = event {
            assert!(message.number != 0 && !message.duplicate, "{case}: {message:?}");
            *messages.entry(message.peer).or_default() += 1;
        }
    }
    let mut messages: Vec<_> = messages.into_values().collect();
    messages.sort_unstable();
    let count = |fits: fn(&Event) -> bool| events.iter().filter(|event| fits(event)).count();
    Seen {
        messages,
        sign_ins: count(|event| matches!(event, Event::SignedIn { .. })),
        handshakes: count(|event| matches!(event, Event::DtlsOpened { .. })),
    }
}

/// Runs a case over each transport. `messages`: how many each connection carries, the
/// fewest first. `keys`: how many sign-ins symmetric mode takes, since both processes would
/// otherwise use the same sequence numbers under one key.
fn runs(case: &str, messages: &[usize], handshakes: usize, keys: usize) {
    for transport in TRANSPORTS {
        let expected = Seen {
            messages: messages.to_vec(),
            sign_ins: if transport == Transport::Symmetric { keys } else { 1 },
            handshakes: if transport == Transport::Dtls { handshakes } else { 0 },
        };
        assert_eq!(run(case, Linkage::Static, transport), expected, "{case} over {transport:?}");
    }
}

#[test]
fn both_processes_go_on_at_the_same_time() {
    runs("both", &[5, 7], 2, 2);
}

#[test]
fn the_shared_library_notices_forks_too() {
    let seen = run("both", Linkage::Shared, Transport::Dtls);
    assert_eq!(seen, Seen { messages: vec![5, 7], sign_ins: 1, handshakes: 2 });
}

/// Their functions would write an alert, and know of no forks.
#[test]
fn sessions_of_the_programs_own_are_left_alone_too() {
    for case in ["both", "daemonises"] {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let url = cloud.url(Transport::Udp).replace("coap://", "coaps://");
        let seen = run_with(&cloud, "forked_dtls.c", Linkage::Static, &url, case);
        let messages = if case == "both" { vec![5, 7] } else { vec![3] };
        assert_eq!(seen, Seen { messages, sign_ins: 1, handshakes: 0 });
    }
}

#[test]
fn a_child_that_closes_its_copy_leaves_the_parent_its_session() {
    runs("closes", &[3], 1, 1);
}

#[test]
fn a_child_goes_on_when_its_parent_has_ended() {
    runs("daemonises", &[3], 2, 2);
}

#[test]
fn a_child_has_no_part_of_the_threads_of_its_parent() {
    runs("beside-a-thread", &[1, 1], 2, 2);
}

#[test]
fn both_processes_return_from_a_callback() {
    runs("in-a-callback", &[3, 5], 2, 2);
}

/// What is not answered at the fork is sent by both; in symmetric mode, by the child under
/// a key of its own.
#[test]
fn a_wait_goes_on_in_both_processes() {
    runs("in-a-flush", &[1, 2], 2, 2);
}

#[test]
fn a_context_that_was_locked_is_refused_and_not_waited_for() {
    for transport in TRANSPORTS {
        let seen = run("while-locked", Linkage::Static, transport);
        assert_eq!(seen.messages, [2, 2], "{transport:?}");
    }
}

#[test]
fn each_process_polls_for_itself() {
    for transport in TRANSPORTS {
        let seen = run("polls", Linkage::Static, transport);
        assert_eq!(seen.messages.len(), 2, "{transport:?}: {seen:?}");
        assert_eq!(seen.messages[0], 2, "{transport:?}: {seen:?}");
    }
}
