//! The library, and the self-test of board ports, over a modem.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use iot_coap_cloud::{Cloud, Config, Event, Transport};

use crate::modem::{Manner, Modem};
use crate::{echo, program, with};

const POSTS: usize = 4;

fn device() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        program("modem_cloud", |pieces| vec![pieces.object("main", "c/modem_cloud.c", &[])])
    })
}

/// Signs in over each transport, and posts; returns the modem of the last one.
fn posts(manner: impl Fn() -> Manner) -> Modem {
    let mut last = None;
    for transport in [Transport::Udp, Transport::Symmetric, Transport::Dtls] {
        let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
        let mut modem = Modem::start(manner());
        let mut device = Command::new(device());
        device.arg(cloud.url(transport)).arg(cloud.root_path()).arg(POSTS.to_string());
        let output = with(&mut modem, device);
        let said =
            [output.stdout, output.stderr].map(|each| String::from_utf8_lossy(&each).into_owned());
        assert!(output.status.success(), "{transport:?}: {}\n{}", output.status, said.concat());
        assert_eq!(cloud.messages().len(), POSTS, "{transport:?}: {}", said.concat());
        let events = cloud.events();
        let sign_ins = events.iter().filter(|event| matches!(event, Event::SignedIn { .. }));
        assert_eq!(sign_ins.count(), 1, "{transport:?}: {}", said.concat());
        last = Some(modem);
    }
    last.expect("there are transports")
}

#[test]
fn the_library_signs_in_and_posts() {
    let modem = posts(Manner::default);
    // What is answered, and the goodbye, which is not.
    assert!(!modem.commands("AT+NSOST=").is_empty());
    let flagged = modem.commands("AT+NSOSTF=");
    assert!(flagged.iter().any(|command| command.contains(",0x400,")), "{flagged:?}");
    assert!(flagged.last().is_some_and(|command| command.contains(",0x200,")), "{flagged:?}");
    // The port has closed what it opened, besides what it closed at the start.
    assert_eq!(modem.commands("AT+NSOCL=").len(), 7 + modem.commands("AT+NSOCR=").len());
}

#[test]
fn the_library_works_over_a_modem_that_talks_between() {
    let manner = || {
        let mut count = 0;
        Manner {
            echoes: true,
            pieces: 3,
            distort: Box::new(move |_, reply| {
                count += 1;
                let text = String::from_utf8(reply).expect("replies are text");
                let between = format!(
                    "\r\n+CSCON:{}\r\n\r\n+CEREG:5,1,\"1A2B\",\"0\",9,,\"1\"\r\n",
                    count % 2
                );
                // Before the reply, and between its line and its end.
                (between.clone() + &text.replace("\r\nOK\r\n", &format!("{between}\r\nOK\r\n")))
                    .into()
            }),
            ..Manner::default()
        }
    };
    posts(manner);
}

/// One datagram in five arrives damaged, each third indication is late, and there is noise.
#[test]
fn the_library_works_over_a_bad_line() {
    let manner = || {
        let mut count = 0;
        Manner {
            distort: Box::new(move |command, mut reply| {
                count += 1;
                let data = reply.iter().rposition(|&byte| byte == b',');
                if let Some(at) = data.filter(|_| command.starts_with("AT+NSORF") && count % 5 == 0)
                {
                    reply[at - 3] = b'~';
                }
                if count % 3 == 0 {
                    reply.extend(b"\x00\xFF\x8D+NSO\xFE\r\n\x11");
                }
                reply
            }),
            ..Manner::default()
        }
    };
    posts(manner);
}

/// One thread waits for answers while another sends.
#[test]
fn several_threads_share_the_modem() {
    const COUNT: &str = "20";
    let threads = program("two_threads", |pieces| {
        vec![pieces.object("main", "../c_examples/two_threads.c", &[])]
    });
    let cloud = Cloud::start(Config::default()).expect("the local cloud starts");
    let mut modem = Modem::start(Manner { pieces: 7, ..Manner::default() });
    let mut command = Command::new(threads);
    command.arg(cloud.url(Transport::Udp)).arg(COUNT);
    let output = with(&mut modem, command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(cloud.messages().len().to_string(), COUNT, "{said}");
}

#[test]
fn the_self_test_finds_nothing() {
    let selftest = program("selftest", iot_coap_test_library::linking::Pieces::selftest);
    let mut modem = Modem::start(Manner { pieces: 40, ..Manner::default() });
    let mut command = Command::new(selftest);
    command.arg(echo(1).to_string());
    let output = with(&mut modem, command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
