//! The self-test that a porter runs first (`ports/template`): it finds nothing in a port that
//! is right, and says in words what is wrong with one that is not.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use iot_coap_test_library::linking::Pieces;
use iot_coap_test_library::{run, static_library};

/// Each way in which `tests/c/faulty_port.c` is wrong, and what is said of it.
const FAULTS: [(&str, &str); 37] = [
    (
        "clock stands still",
        "HAL_UptimeMs stands still at 5000 through 300 sleeps of 10 ms: start the timer, let its \
         interrupt through, and return milliseconds",
    ),
    ("clock counts microseconds", "in an instant: read both halves of a 64-bit counter"),
    ("clock counts ticks", "HAL_SleepMs(200) took 20 ms by HAL_UptimeMs: convert milliseconds to"),
    (
        "clock has seconds only",
        "HAL_UptimeMs moves in steps of 1000 ms: take a timer that is finer than 20 ms, or messages \
         are sent again too early and too late",
    ),
    (
        "sign extended",
        "since the sign of a 32-bit tick was extended; convert it to uint32_t before uint64_t",
    ),
    ("clock goes back", "HAL_UptimeMs goes back, from"),
    ("halves do not fit", "HAL_UptimeMs leaps, from"),
    (
        "sleep returns at once",
        "HAL_SleepMs(200) took 0 ms by HAL_UptimeMs: convert milliseconds to ticks, rounded up",
    ),
    ("sleeps in ticks", "ms by HAL_UptimeMs: it takes ticks for milliseconds"),
    (
        "random is constant",
        "HAL_Random(256) returns 4 each time: switch the generator's clock on, and wait until it \
         says that a number is ready",
    ),
    (
        "random counts",
        "HAL_Random(256) counts, in steps of 3: that is no generator; take the hardware's",
    ),
    (
        "random begins anew",
        "HAL_Random(256) begins anew after 500 numbers: take a generator with a",
    ),
    ("random lacks a bit", "HAL_Random(256) never changes the bits of 16: draw whole bytes"),
    ("random is uneven", "HAL_Random(256): some values come too often, or all too evenly"),
    (
        "random has 15 bits",
        "HAL_Random(65536) never changes the bits of 32768: the generator gives fewer than 16; put \
         two numbers together",
    ),
    (
        "region is a mask",
        "HAL_Random(1) returned 1: return less than its argument, by number % region",
    ),
    (
        "no heap",
        "HAL_Malloc(1) returned NULL at the start: give it a heap (the library needs 2 to 8 KB)",
    ),
    (
        "aligned to 4",
        "HAL_Malloc(1) returned memory 4 bytes beyond a multiple of 8: align the heap, and make \
         each block's header a multiple of 8",
    ),
    ("blocks overlap", "HAL_Malloc: a block of 13 bytes lies in that of another"),
    ("free does nothing", "HAL_Free gives nothing back: of 55 blocks only 0 could be had again"),
    ("no mutexes", "HAL_MutexCreate returned NULL: give the RTOS memory for mutexes"),
    ("one mutex for all", "HAL_MutexCreate returned the same mutex twice"),
    ("mutex lets all in", "HAL_MutexLock let a second thread in: it must wait until the first one"),
    (
        "mutexes leak",
        "HAL_MutexDestroy gives nothing back: after 14 of 200 mutexes there was no other one",
    ),
    ("create fails", "HAL_UDP_create returned -1 for the echoing host at port"),
    (
        "close leaks",
        "HAL_UDP_close gives nothing back: after 6 of 40 sockets HAL_UDP_create returned -1",
    ),
    ("sockets share a port", "with two sockets open, one read 50 bytes that were for the other"),
    ("write returns 0", "HAL_UDP_write of 1 bytes returned 0: return how many were sent"),
    (
        "long datagrams vanish",
        "no echo of 1280 bytes came, 4 times, but shorter ones did: make the",
    ),
    (
        "read does not wait",
        "HAL_UDP_readTimeout with 400 ms and nothing to read returned after 0 ms: it must wait, or \
         the library turns in circles",
    ),
    ("read waits too long", "its argument is milliseconds; convert them to ticks"),
    (
        "time-out is a failure",
        "HAL_UDP_readTimeout returned -4 when the time was up: return -2, or the library takes the \
         connection for broken and opens it anew",
    ),
    (
        "datagrams join",
        "two datagrams of 40 bytes were read as one of 80: return one datagram at a",
    ),
    (
        "the rest comes next",
        "the rest of a datagram that was cut came as another one, of 200 bytes: drop what there is \
         no room for",
    ),
    (
        "length is not cut",
        "HAL_UDP_readTimeout with room for 100 bytes returned 300 for a longer datagram: return how \
         many were written to p_data, and drop the rest",
    ),
    ("first byte is lost", "an echo of 37 bytes is not what was sent: copy p_data before"),
    (
        "room is ignored",
        "HAL_UDP_readTimeout wrote more than the 100 bytes that there was room for: copy at most \
         datalen bytes",
    ),
];

/// The port of a host on this machine that sends everything back, as long as the test runs.
fn echo() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            let _ = socket.send_to(&datagram[..len], from);
        }
    });
    port
}

/// The self-test over a port in these objects.
fn program(pieces: &Pieces, name: &str, port: &[PathBuf]) -> PathBuf {
    pieces.program(name, &[&pieces.selftest()[..], port].concat())
}

/// Whether it found nothing, and what it said.
fn tested(program: &Path, echo: u16, fault: &str) -> (bool, String) {
    let output = run(Command::new(program).arg(echo.to_string()).arg(fault));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code();
    assert!(matches!(code, Some(0 | 1)), "{fault}: {code:?}\n{said}");
    (code == Some(0), said)
}

#[test]
fn each_fault_is_said_in_words() {
    let pieces = Pieces::new("faulty");
    let port = pieces.object("faulty_port", "c/faulty_port.c", &[]);
    let program = program(&pieces, "faulty", &[port]);
    let echo = echo();
    // They mostly sleep.
    thread::scope(|scope| {
        for (fault, sentence) in FAULTS {
            let program = &program;
            scope.spawn(move || {
                let (is_fine, said) = tested(program, echo, fault);
                let faults = said.lines().filter(|line| line.starts_with("FAULT "));
                assert!(
                    !is_fine && faults.into_iter().any(|line| line.contains(sentence)),
                    "{fault}: not said: {sentence}\n{said}"
                );
            });
        }
        for sound in ["", "a tick that wraps"] {
            let program = &program;
            scope.spawn(move || {
                let (is_fine, said) = tested(program, echo, sound);
                assert!(is_fine, "{sound}: {said}");
                assert!(said.contains("and then NULL, and the same again"), "{said}");
            });
        }
    });
}

/// A fault of the port that no row expects could otherwise stay untested.
#[test]
fn each_fault_of_the_port_is_expected() {
    let source = include_str!("c/faulty_port.c");
    for named in source.split("is(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let is_expected = FAULTS.iter().any(|(fault, _)| *fault == named);
        assert!(is_expected || named == "a tick that wraps", "{named}");
    }
    assert!(FAULTS.iter().all(|(fault, _)| source.contains(&format!("is(\"{fault}\")"))));
}

#[test]
fn the_port_for_linux_is_right() {
    let pieces = Pieces::new("linux");
    let program = program(&pieces, "linux", &[static_library()]);
    let (is_fine, said) = tested(&program, echo(), "");
    assert!(is_fine, "{said}");
}

/// The template as it is: a porter is told what to write.
#[test]
fn the_template_compiles_and_is_told_what_it_lacks() {
    let pieces = Pieces::new("template");
    let optional = ["PSK", "IDENTITY", "EXPECT"].map(|each| format!("-DIOT_COAP_PORT_{each}"));
    let optional = optional.each_ref().map(String::as_str);
    for (with, arguments) in [("needed", &[][..]), ("optional", &optional)] {
        let port = ["system", "udp"].map(|part| {
            pieces.object(
                &format!("{part}-{with}"),
                &format!("../ports/template/{part}.c"),
                arguments,
            )
        });
        let program = program(&pieces, with, &port);
        let (is_fine, said) = tested(&program, 7, "");
        assert!(!is_fine, "{said}");
        for function in ["HAL_UptimeMs", "HAL_Random", "HAL_Malloc", "HAL_MutexCreate"] {
            assert!(said.contains(&format!("FAULT {function}")), "{function}\n{said}");
        }
        assert!(said.contains("HAL_UDP_* are not tested: that takes a clock"), "{said}");
    }
}
