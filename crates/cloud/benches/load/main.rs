//! What one server bears, and what it takes: sign-ins, messages and handshakes a
//! second, and the memory of a device and of a DTLS session, with and without a
//! broker behind it. The program runs as its users run it, in a process of its
//! own, with its event lines on standard output; clients and broker share the
//! machine with it. `scripts/scale` runs this and keeps what it prints.

mod devices;
mod process;
mod sleepers;

use std::fmt::Write as _;
use std::time::Duration;

use iot_coap_cloud::Device;

use devices::{Measured, Place, measure, post};
use iot_coap_test_cloud::broker_programs::BrokerProgram;
use iot_coap_test_cloud::consumer::Consumer;
use iot_coap_test_cloud::program::{Serving, serve};
use iot_coap_test_cloud::{Folder, PRODUCT_KEY, TestDevice};

/// Devices at once; each waits for the answer before it sends again.
const CROWD: usize = 64;

const MESSAGES: usize = 131_072;
const MESSAGES_EACH: usize = MESSAGES / CROWD;

const HANDSHAKES_AT_ONCE: usize = 16;

/// Devices that sign in, to see what one takes.
const REGISTERED: u32 = 10_000;

/// Sessions of OpenSSL's that are opened, to see what one takes.
const SESSIONS_BY_OPENSSL: u32 = 5_000;

fn main() {
    let folder = Folder::new();
    let mut table = String::from(
        "| | a second | median | 99th percentile | server's processor time each |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    let mut memory = String::from("| memory | |\n| --- | --- |\n");
    alone(&folder, &mut table, &mut memory);
    handshakes(&folder, &mut table, &mut memory);
    sleepers::run(&folder, &mut table, &mut memory);
    with_a_broker(&folder, &mut table, &mut memory);
    // "OpenSSL", its version, and a date that says nothing.
    let openssl: Vec<&str> = openssl::version::version().split(' ').take(2).collect();
    println!("On {}, {}:\n", process::machine(), openssl.join(" "));
    println!("{table}\n{memory}");
}

fn alone(folder: &Folder, table: &mut String, memory: &mut String) {
    let few = started(folder, 1, &[]);
    let bare = process::memory(few.pid());
    drop(few);
    let server = started(folder, REGISTERED, &[]);
    let (pid, place) = (server.pid(), place(&server));
    let registered = process::memory(pid);

    let mut crowd: Vec<TestDevice> = (0..CROWD).map(|_| device(place.over_udp(), 0)).collect();
    row(table, "sign-ins over UDP", &measure(pid, &mut crowd, 300, sign_in));
    row(table, "messages over UDP", &measure(pid, &mut crowd, MESSAGES_EACH, post));
    let before = process::memory(pid);
    measure(pid, &mut crowd, MESSAGES_EACH, post);
    let exchange = process::memory(pid).saturating_sub(before) / MESSAGES as u64;
    let mut crowd = over_dtls(&place);
    row(table, "messages over DTLS", &measure(pid, &mut crowd, MESSAGES_EACH / 2, post));
    drop(crowd);
    let full = process::memory(pid);
    for number in 0..REGISTERED {
        let mut device = device(place.over_udp(), number);
        sign_in(&mut device);
        post(&mut device);
    }
    let seen = process::memory(pid);
    entry(memory, "the server, with one device registered", bare);
    entry(memory, "a registered device", registered.saturating_sub(bare) / u64::from(REGISTERED));
    entry(memory, "an exchange, for 247 s", exchange);
    let device = seen.saturating_sub(full) / u64::from(REGISTERED);
    entry(memory, "a device that has signed in, besides", device.saturating_sub(2 * exchange));
}

/// By both engines, in one run.
fn handshakes(folder: &Folder, table: &mut String, memory: &mut String) {
    for (engine, of) in [("own", ""), ("openssl", ", OpenSSL's engine")] {
        let server = started(folder, 1, &["--dtls-engine", engine]);
        let (pid, place) = (server.pid(), place(&server));
        let mut places = vec![place.clone(); HANDSHAKES_AT_ONCE];
        let whole = measure(pid, &mut places, 100, |place| drop(place.ping()));
        row(table, &format!("DTLS sessions for one ping, ECDHE-RSA 2048{of}"), &whole);
        let mut sessions: Vec<_> =
            places.into_iter().map(|place| (Some(place.ping()), place)).collect();
        let resumed =
            measure(pid, &mut sessions, 100, |(session, place)| place.ping_again(session));
        row(table, &format!("DTLS sessions for one ping, resumed{of}"), &resumed);
        if engine == "openssl" {
            let before = process::memory(pid);
            for _ in 0..SESSIONS_BY_OPENSSL {
                // The client goes without a word, so that the session stays.
                sign_in(&mut device(place.over_dtls(), 0));
            }
            let session = process::memory(pid).saturating_sub(before);
            entry(
                memory,
                "an open DTLS session, OpenSSL's engine",
                session / u64::from(SESSIONS_BY_OPENSSL),
            );
        }
    }
}

fn with_a_broker(folder: &Folder, table: &mut String, memory: &mut String) {
    // More than the broker's default of 20 in flight.
    let broker =
        BrokerProgram::mosquitto(folder, "allow_anonymous true\nmax_inflight_messages 1000");
    let _consumer = Consumer::subscribe(broker.port, &format!("/{PRODUCT_KEY}/#"));
    let mut server = started(folder, 1, &["--forward", &broker.url()]);
    server.drain_events();
    let (pid, place) = (server.pid(), place(&server));
    let mut crowd: Vec<TestDevice> = (0..CROWD).map(|_| device(place.over_udp(), 0)).collect();
    crowd.iter_mut().for_each(sign_in);
    let measured = measure(pid, &mut crowd, MESSAGES_EACH / 2, post);
    row(table, "messages over UDP, forwarded", &measured);
    let mut crowd = over_dtls(&place);
    let measured = measure(pid, &mut crowd, MESSAGES_EACH / 2, post);
    row(table, "messages over DTLS, forwarded", &measured);
    entry(memory, "the server, forwarding", process::memory(pid));
}

/// A server with so many devices registered; without a broker its events are read
/// and forgotten from the start.
fn started(folder: &Folder, registered: u32, arguments: &[&str]) -> Serving {
    let mut file = String::new();
    for number in 0..registered {
        let Device { product_key, device_name, device_secret, .. } = identity(number);
        writeln!(
            file,
            "[[device]]\nproduct_key = \"{product_key}\"\ndevice_name = \"{device_name}\"\n\
             device_secret = \"{device_secret}\""
        )
        .expect("a string takes everything");
    }
    let path = folder.write_secret("devices.toml", file.as_bytes());
    let devices = ["--devices", path.as_str()];
    let mut server = serve(folder, &[&devices[..], arguments].concat());
    if !arguments.contains(&"--forward") {
        server.drain_events();
    }
    server
}

fn identity(number: u32) -> Device {
    Device::new(PRODUCT_KEY, format!("device-{number:05}"), "fPloaszb6saUFJte4EhyuBHQpR9SuKHb")
}

fn device(mut device: TestDevice, number: u32) -> TestDevice {
    device.identity = identity(number);
    device
}

fn sign_in(device: &mut TestDevice) {
    device.sign_in();
}

fn over_dtls(place: &Place) -> Vec<TestDevice> {
    (0..CROWD)
        .map(|_| {
            let mut device = device(place.over_dtls(), 0);
            device.sign_in();
            device
        })
        .collect()
}

fn place(server: &Serving) -> Place {
    let root = server.ready["root"].as_str().expect("a path");
    Place {
        plain: server.address("coap"),
        secure: server.address("coaps"),
        root_pem: std::fs::read_to_string(root).expect("a root"),
    }
}

fn row(table: &mut String, what: &str, measured: &Measured) {
    let Measured { rate, median, late, processor } = measured;
    let milliseconds = |time: &Duration| time.as_secs_f64() * 1e3;
    let line = format!(
        "| {what} | {rate:.0} | {:.2} ms | {:.2} ms | {} us |",
        milliseconds(median),
        milliseconds(late),
        processor.as_micros()
    );
    eprintln!("{line}");
    table.push_str(&line);
    table.push('\n');
}

fn entry(memory: &mut String, what: &str, bytes: u64) {
    let size = match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    };
    let line = format!("| {what} | {size} |");
    eprintln!("{line}");
    memory.push_str(&line);
    memory.push('\n');
}
