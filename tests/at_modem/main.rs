//! The port for modems with AT commands (`ports/at-modem`), against a modem that a test plays.

mod cloud;
mod hazards;
mod modem;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use iot_coap_test_library::linking::Pieces;
use iot_coap_test_library::{run, static_library};

use modem::Modem;

/// A C program over the modem's port, for the rest of which it has the port for Linux.
fn program(name: &str, objects: impl FnOnce(&Pieces) -> Vec<PathBuf>) -> PathBuf {
    let pieces = Pieces::new(name);
    let mut inputs = objects(&pieces);
    for part in ["at", "bc95", "udp"] {
        inputs.push(pieces.object(part, &format!("../ports/at-modem/{part}.c"), &[]));
    }
    inputs.push(pieces.object("modem_uart", "c/modem_uart.c", &[]));
    inputs.push(static_library());
    pieces.program(name, &inputs)
}

/// Runs it with a modem, to its end.
fn with(modem: &mut Modem, mut program: Command) -> Output {
    run(program.stdin(modem.uart()))
}

/// A host on this machine that sends each datagram back so many times, as long as the test runs:
/// its port.
fn echo(times: usize) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        let mut datagram = [0; 2048];
        while let Ok((len, from)) = socket.recv_from(&mut datagram) {
            for _ in 0..times {
                let _ = socket.send_to(&datagram[..len], from);
            }
        }
    });
    port
}
