//! What a modem and the line to it do wrong: nothing overruns a buffer, which sanitizers would
//! see, and no call outlasts its time.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use iot_coap_test_support::waiting::timed;

use crate::modem::{BABBLE, Distort, HANG_UP, Manner, Modem, RESTART};
use crate::{echo, program, with};

const INVALID: i64 = -1;
const TIMED_OUT: i64 = -2;
const FAILED: i64 = -4;

/// The longest that a call may take that waits for no datagram, in ms: a reply that stays away,
/// and a sign of the modem that does.
const PATIENCE: u64 = 4000;

fn calls() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        program("modem_calls", |pieces| vec![pieces.object("main", "c/modem_calls.c", &[])])
    })
}

/// What a call returned, and how long it took, in ms.
#[derive(Debug)]
struct Returned {
    call: String,
    value: i64,
    ms: u64,
}

/// Makes these calls; `{port}` in them stands for a port.
fn called(modem: &mut Modem, port: u16, calls_text: &str) -> Vec<Returned> {
    called_by(calls(), modem, port, calls_text)
}

fn called_by(program: &Path, modem: &mut Modem, port: u16, calls_text: &str) -> Vec<Returned> {
    let text = calls_text.replace("{port}", &port.to_string());
    // One that does not end is ended, and fails.
    let mut command = Command::new("timeout");
    command.arg("120").arg(program).args(text.split_whitespace());
    let output = with(modem, command);
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{calls_text}: {}\n{said}\n{errors}", output.status);
    assert!(!said.contains("garbled"), "{calls_text}\n{said}");
    let lines = said.lines().map(|line| {
        let mut words = line.split(' ');
        let mut next = || words.next().expect("three words");
        let call = next().to_owned();
        let value = next().parse().expect("a number");
        Returned { call, value, ms: next().parse().expect("a number") }
    });
    lines.collect()
}

/// What the calls returned.
fn values(returned: &[Returned]) -> Vec<i64> {
    returned.iter().map(|each| each.value).collect()
}

fn distorting(distort: impl FnMut(&str, Vec<u8>) -> Vec<u8> + Send + 'static) -> Modem {
    let distort: Distort = Box::new(distort);
    Modem::start(Manner { distort, ..Manner::default() })
}

#[test]
fn datagrams_that_wait_are_read_one_by_one() {
    let mut modem = Modem::start(Manner::default());
    let calls = "create localhost {port} write 100 sleep 300 read 1500 900 read 99 900 read 1500 900 \
                 read 1500 900 close";
    let returned = called(&mut modem, echo(3), calls);
    assert_eq!(values(&returned), [0, 100, 0, 100, 99, 100, TIMED_OUT, 0], "{returned:?}");
    assert!((890..1500).contains(&returned[6].ms), "{returned:?}");
}

#[test]
fn what_is_told_of_by_no_indication_is_read_all_the_same() {
    let mut modem = Modem::start(Manner { indicates: false, ..Manner::default() });
    let calls = "create 127.0.0.1 {port} write 100 read 1500 5000 read 1500 5000 read 1500 3000";
    let returned = called(&mut modem, echo(2), calls);
    assert_eq!(values(&returned), [0, 100, 100, 100, TIMED_OUT], "{returned:?}");
    assert!(returned[2].ms < 3000 && returned[3].ms < 500, "{returned:?}");
}

#[test]
fn names_that_are_unknown_or_would_be_commands_are_refused() {
    let mut modem = Modem::start(Manner::default());
    let calls = "create no-such-host.invalid 7 create local\"host 7 create a,b 7 create 1.2.3 7 \
                 create 1.2.3.256 7 create localhost 0 write 1359 write 0 read 10 1";
    let returned = called(&mut modem, 7, calls);
    let expected = [-1, -1, -1, -1, -1, 0, INVALID, INVALID, TIMED_OUT];
    assert_eq!(values(&returned), expected, "{returned:?}");
    let asked = modem.commands("AT+QDNS");
    assert_eq!(asked.len(), 4, "{asked:?}");
}

#[test]
fn there_are_two_sockets_and_each_can_be_had_again() {
    let mut modem = Modem::start(Manner::default());
    let calls = "create localhost {port} create localhost {port} create localhost {port} use 0 write 9 \
                 read 99 2000 close use 1 write 8 read 99 2000 create localhost {port} write 7 \
                 read 99 2000";
    let returned = called(&mut modem, echo(1), calls);
    let expected = [0, 0, -1, 0, 9, 9, 0, 0, 8, 8, 0, 7, 7];
    assert_eq!(values(&returned), expected, "{returned:?}");
}

/// One refusal is a datagram lost; a socket that goes on refusing is given up.
#[test]
fn errors_are_losses_and_then_the_end_of_a_socket() {
    let count = AtomicUsize::new(0);
    let mut modem = distorting(move |command, reply| {
        let refused = command.starts_with("AT+NSOST=")
            && !matches!(count.fetch_add(1, Ordering::Relaxed), 0 | 2);
        if refused { b"\r\n+CME ERROR: 4\r\n".to_vec() } else { reply }
    });
    let calls = "create 127.0.0.1 {port} write 10 write 11 write 12 write 13 write 14 write 15";
    let returned = called(&mut modem, echo(1), calls);
    assert_eq!(values(&returned), [0, 10, 11, 12, 13, 14, FAILED], "{returned:?}");

    let mut modem = distorting(|command, reply| match command {
        _ if command.starts_with("AT+NSOCR") => b"\r\nERROR\r\n".to_vec(),
        _ => reply,
    });
    assert_eq!(values(&called(&mut modem, 7, "create 127.0.0.1 7")), [-1]);
    assert_eq!(modem.commands("AT+NSOCR").len(), 3, "another port is tried");
}

/// A modem that stops: what is read, written, opened and closed meanwhile ends in time.
#[test]
fn a_modem_that_stops_answering_holds_nobody() {
    let mut is_silent = false;
    let mut modem = distorting(move |command, reply| {
        is_silent |= command.starts_with("AT+NSOST=") && command.contains(",20,");
        if is_silent { Vec::new() } else { reply }
    });
    let calls = "create 127.0.0.1 {port} write 10 read 99 2000 write 20 write 21 write 22 read 99 300 \
                 create localhost 7 close";
    let returned = called(&mut modem, echo(1), calls);
    assert_eq!(values(&returned)[..6], [0, 10, 10, 20, 21, FAILED], "{returned:?}");
    assert_eq!(values(&returned)[7..], [-1, 0], "{returned:?}");
    assert!(returned.iter().all(|each| each.ms < PATIENCE), "{returned:?}");
}

/// And goes on where it left off, once it answers again.
#[test]
fn a_modem_that_was_silent_for_a_while_is_used_again() {
    let mut left = 0;
    let mut modem = distorting(move |command, reply| {
        if command.starts_with("AT+NSOST=") && command.contains(",20,") {
            left = 2;
        }
        let is_silent = left > 0;
        left -= i32::from(is_silent);
        if is_silent { Vec::new() } else { reply }
    });
    let calls = "create 127.0.0.1 {port} write 20 write 21 write 22 read 99 2000 read 99 2000";
    let returned = called(&mut modem, echo(1), calls);
    // The sign is not given for the second one.
    assert_eq!(values(&returned), [0, 20, 21, 22, 20, 22], "{returned:?}");
}

/// A reply that comes after its time is not taken for the next command's.
#[test]
fn a_late_reply_is_not_that_of_the_next_command() {
    let late = Arc::new(std::sync::Mutex::new(Vec::new()));
    let mut modem = distorting(move |command, reply| {
        let mut late = late.lock().expect("nobody panics");
        if command.starts_with("AT+NSOST=") && command.contains(",20,") {
            *late = reply;
            return Vec::new();
        }
        // Before the sign that is asked for; and the sign.
        let mut both = std::mem::take(&mut *late);
        both.extend(reply);
        both
    });
    let calls = "create 127.0.0.1 {port} write 20 write 30 read 99 2000 read 99 2000 create 127.0.0.1 \
                 {port} write 40 read 99 2000";
    let returned = called(&mut modem, echo(1), calls);
    assert_eq!(values(&returned), [0, 20, 30, 20, 30, 0, 40, 40], "{returned:?}");
}

/// The socket after that has the number of the one before, which is open still when the library
/// opens the next one: what comes is for one of them only, and to close one leaves the other.
#[test]
fn a_modem_that_starts_anew_knows_no_socket() {
    let mut modem = distorting(|command, reply| {
        let restarts = command.starts_with("AT+NSOST=") && command.contains(",20,");
        if restarts { RESTART.to_vec() } else { reply }
    });
    let calls = "create 127.0.0.1 {port} write 20 write 21 write 22 create 127.0.0.1 {port} write 30 \
                 sleep 200 use 0 read 99 500 close use 1 read 99 2000 write 31 read 99 2000";
    let returned = called(&mut modem, echo(1), calls);
    let expected = [0, 20, 21, FAILED, 0, 30, 0, 0, FAILED, 0, 0, 30, 31, 31];
    assert_eq!(values(&returned), expected, "{returned:?}");
}

/// A socket is connected to its peer: what others send is not for it.
#[test]
fn datagrams_of_others_are_dropped() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            let _ = other.send_to(&[7; 33], from);
            let _ = socket.send_to(&datagram[..len], from);
        }
    });
    let mut modem = Modem::start(Manner::default());
    let calls = "create 127.0.0.1 {port} write 10 read 99 2000 read 99 600";
    let returned = called(&mut modem, port, calls);
    assert_eq!(values(&returned), [0, 10, 10, TIMED_OUT], "{returned:?}");
}

#[test]
fn a_modem_is_told_what_is_expected() {
    let mut modem = Modem::start(Manner::default());
    let calls =
        "create 127.0.0.1 {port} expect 0 write 1 expect 1 write 2 expect 2 write 3 write 4";
    called(&mut modem, echo(1), calls);
    let sent = modem.commands("AT+NSOST");
    let begins = ["AT+NSOSTF=", "AT+NSOSTF=", "AT+NSOST=", "AT+NSOST="];
    assert!(sent.iter().zip(begins).all(|(sent, begin)| sent.starts_with(begin)), "{sent:?}");
    assert!(sent[0].contains(",0x200,1,01") && sent[1].contains(",0x400,2,0203"), "{sent:?}");
}

/// Lines that are longer than any buffer, and datagrams that are longer than they say, or shorter,
/// or no numbers.
#[test]
fn lines_that_are_wrong_are_dropped() {
    let end = "\r\n\r\nOK\r\n";
    let wrong = [
        format!("\r\n+LONG:{}{end}", "A".repeat(5000)),
        format!("\r\n{}{end}", "0,1,2,3,".repeat(300)),
        format!("\r\n0,127.0.0.1,{{port}},1300,{},0{end}", "AB".repeat(3000)),
        format!("\r\n0,127.0.0.1,{{port}},1400,{},0{end}", "AB".repeat(1400)),
        format!("\r\n0,127.0.0.1,{{port}},1,ABC,0{end}"),
        format!("\r\n0,127.0.0.1,{{port}},2,A-BC,0{end}"),
        format!("\r\n0,127.0.0.1,{{port}},2,AB,0{end}"),
        format!("\r\n0,127.0.0.1,{{port}},99999999999,AB,0{end}"),
        format!("\r\n0,127.0.0.1,{{port}},-1,AB,0{end}"),
        format!("\r\n5,127.0.0.1,{{port}},1,AB,0{end}"),
        format!("\r\n0,127.0.0.999,{{port}},1,AB,0{end}"),
        format!("\r\n0,,,,,,,,,,,\r\n,,,,{end}"),
    ];
    std::thread::scope(|scope| {
        for wrong in wrong {
            scope.spawn(move || {
                let port = echo(3);
                let text = wrong.replace("{port}", &port.to_string());
                let mut is_first = true;
                let mut modem = distorting(move |command, reply| {
                    if command.starts_with("AT+NSORF") && std::mem::replace(&mut is_first, false) {
                        return text.clone().into_bytes();
                    }
                    reply
                });
                let calls = "create 127.0.0.1 {port} write 40 sleep 200 read 40 3000 read 64 3000";
                let returned = called(&mut modem, port, calls);
                // The first one was lost to what was wrong, of which nothing is handed over.
                assert_eq!(values(&returned), [0, 40, 0, 40, 40], "{wrong}: {returned:?}");
            });
        }
    });
}

/// A generator of the same bytes for each seed (xorshift).
fn noise(seed: u64) -> impl FnMut() -> u8 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    }
}

#[test]
fn noise_overruns_nothing_and_holds_nobody() {
    const ALPHABET: &[u8] = b"0123456789ABCDEF,,,,\r\n\r\n+NSONMI:OKERROR\"\x00\xFF.";
    std::thread::scope(|scope| {
        for seed in 1..=24 {
            scope.spawn(move || {
                let mut next = noise(seed);
                let mut has_opened = false;
                let mut modem = distorting(move |command, mut reply| {
                    if !has_opened {
                        has_opened = command.starts_with("AT+NSOCR");
                        return reply;
                    }
                    // Instead of the reply, in it, or before it; as bytes, or as what looks right.
                    let at = usize::from(next()) % (reply.len() + 1);
                    let len = 1 + usize::from(next()) * 8;
                    let is_text = next().is_multiple_of(2);
                    let bytes = (0..len).map(|_| {
                        let byte = next();
                        if is_text { ALPHABET[usize::from(byte) % ALPHABET.len()] } else { byte }
                    });
                    let bytes: Vec<_> = bytes.collect();
                    match next() % 3 {
                        0 => bytes,
                        1 => reply.splice(at..at, bytes).collect::<Vec<_>>().into_iter().chain(reply).collect(),
                        _ => bytes.into_iter().chain(reply).collect(),
                    }
                });
                let calls = "create 127.0.0.1 {port} write 100 read 50 500 write 1300 read 1358 500 read 1 500 \
                             create localhost 7 write 3 read 3 500 close use 0 read 100 500 close";
                let returned = called(&mut modem, echo(2), calls);
                // A look-up, and three tries to open.
                let most = |call: &str| if call == "create" { 21_000 + 4 * PATIENCE } else { 2 * PATIENCE + 500 };
                assert!(returned.iter().all(|each| each.ms < most(&each.call)), "{seed}: {returned:?}");
                assert!(returned.iter().all(|each| each.value >= FAILED), "{seed}: {returned:?}");
            });
        }
    });
}

#[test]
fn a_uart_that_fails_is_said_at_once() {
    let mut modem =
        distorting(
            |command, reply| {
                if command.starts_with("AT+NSOST=") { HANG_UP.to_vec() } else { reply }
            },
        );
    let calls = "create 127.0.0.1 {port} write 10 read 99 60000 write 10 close create localhost 7";
    let returned = called(&mut modem, 7, calls);
    assert_eq!(values(&returned), [0, 10, FAILED, 10, 0, -1], "{returned:?}");
    assert!(returned.iter().all(|each| each.ms < 1000), "{returned:?}");
}

/// A clock that stands still, and a line on which noise does not end or nothing comes.
#[test]
fn a_clock_that_stands_still_holds_nobody() {
    let frozen = program("frozen", |pieces| {
        vec![pieces.object("main", "c/modem_calls.c", &["-DFROZEN_CLOCK"])]
    });
    // Nobody echoes: what the modem tells of would end a wait.
    let nobody = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = nobody.local_addr().expect("it is bound").port();
    for noise in
        [&b""[..], BABBLE, &b"+".repeat(99_999), &b"0,".repeat(99_999), &b"OK,\r\n".repeat(9999)]
    {
        let mut is_bad = false;
        let text = noise.to_vec();
        let mut modem = distorting(move |command, reply| {
            is_bad |= command.starts_with("AT+NSOST=");
            if is_bad { text.clone() } else { reply }
        });
        let calls = "create 127.0.0.1 {port} read 99 500 write 10 read 99 500 read 99 500 write 11 \
                     close";
        let (returned, took) = timed(|| called_by(&frozen, &mut modem, port, calls));
        let begin = String::from_utf8_lossy(&noise[..noise.len().min(6)]);
        assert_eq!(values(&returned)[..3], [0, TIMED_OUT, 10], "{begin}: {returned:?}");
        assert!(took < Duration::from_secs(20), "{begin}: {took:?}");
    }
}
