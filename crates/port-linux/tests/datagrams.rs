//! Hazards of UDP: waits that end too early, too late or never, peers that are
//! not there, and datagrams that must not be handed over.

mod common;

use std::net::{Ipv6Addr, UdpSocket};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::hal::{
    HAL_UDP_close, HAL_UDP_create, HAL_UDP_readTimeout, HAL_UDP_write, INVALID, Udp,
};
use iot_coap_test_support::threads::{is_waiting, this_thread};
use iot_coap_test_support::waiting::{becomes_so, timed};

const TIMED_OUT: i32 = -2;

/// A peer on the loopback, and a handle connected to it.
fn pair() -> (UdpSocket, Udp) {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp = Udp::create("127.0.0.1", peer.local_addr().unwrap().port()).unwrap();
    // Teaches the peer the address of the handle.
    assert_eq!(udp.write(b"hello"), 5);
    let mut buffer = [0; 16];
    let (len, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"hello");
    peer.connect(from).unwrap();
    (peer, udp)
}

#[test]
fn ipv6_works_with_and_without_brackets() {
    let Ok(peer) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)) else {
        eprintln!("no IPv6 here");
        return;
    };
    for host in ["::1", "[::1]"] {
        let udp = Udp::create(host, peer.local_addr().unwrap().port()).unwrap();
        assert_eq!(udp.write(b"six"), 3);
        let mut buffer = [0; 16];
        let (_, from) = peer.recv_from(&mut buffer).unwrap();
        peer.send_to(b"answer", from).unwrap();
        assert_eq!(udp.read(&mut buffer, 2000), 6);
        assert_eq!(&buffer[..6], b"answer");
    }
}

#[test]
fn a_name_reaches_whichever_family_listens() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    // Resolves to both families on most machines; the first that connects wins.
    assert!(Udp::create("localhost", peer.local_addr().unwrap().port()).is_some());
}

#[test]
fn a_wait_lasts_as_long_as_asked() {
    let (_peer, udp) = pair();
    let mut buffer = [0; 16];
    for ms in [1, 100, 255, 256, 257, 700] {
        let (code, took) = timed(|| udp.read(&mut buffer, ms));
        assert_eq!(code, TIMED_OUT);
        let asked = Duration::from_millis(ms.into());
        assert!(took + Duration::from_millis(2) >= asked, "{ms} ms took {took:?}");
        assert!(took < asked + Duration::from_millis(400), "{ms} ms took {took:?}");
    }
}

#[test]
fn a_wait_ends_when_a_datagram_comes() {
    for (delay, ms) in [(50, 200), (50, 3000), (400, 3000)] {
        let (peer, udp) = pair();
        let sender = thread::spawn(move || {
            // The time at which a datagram comes is what this is about.
            thread::sleep(Duration::from_millis(delay));
            peer.send(b"late").unwrap();
            peer
        });
        let mut buffer = [0; 16];
        let (code, took) = timed(|| udp.read(&mut buffer, ms));
        assert_eq!(code, 4, "after {delay} of {ms} ms");
        assert!(took < Duration::from_millis(delay + 400), "took {took:?}");
        sender.join().unwrap();
    }
}

/// What is ignored does not begin the wait anew.
#[test]
fn an_empty_datagram_makes_no_wait_longer() {
    for (delay, ms) in [(90, 100), (250, 300), (600, 700)] {
        let (peer, udp) = pair();
        let sender = thread::spawn(move || {
            // The time at which it comes is what this is about.
            thread::sleep(Duration::from_millis(delay));
            peer.send(b"").unwrap();
            peer
        });
        let mut buffer = [0; 16];
        let (code, took) = timed(|| udp.read(&mut buffer, ms));
        assert_eq!(code, TIMED_OUT, "after {delay} of {ms} ms");
        assert!(took < Duration::from_millis(u64::from(ms) + 60), "{ms} ms took {took:?}");
        sender.join().unwrap();
    }
}

#[test]
fn zero_waits_for_ever() {
    let (peer, udp) = pair();
    let sender = thread::spawn(move || {
        // Longer than any limit of the port's own.
        thread::sleep(Duration::from_millis(900));
        peer.send(b"at last").unwrap();
        peer
    });
    let mut buffer = [0; 16];
    assert_eq!(udp.read(&mut buffer, 0), 7);
    sender.join().unwrap();
}

#[test]
fn a_refused_port_ends_a_wait_and_costs_no_datagram() {
    const REFUSED: i32 = -5;
    let (peer, udp) = pair();
    let port = peer.local_addr().unwrap();
    drop(peer);
    let mut buffer = [0; 16];
    for ms in [100, 600] {
        assert_eq!(udp.write(b"anyone?"), 7);
        let (code, took) = timed(|| udp.read(&mut buffer, ms));
        assert_eq!(code, REFUSED);
        assert!(took < Duration::from_millis(60), "{took:?}");
        // It is told once.
        assert_eq!(udp.read(&mut buffer, 20), TIMED_OUT);
    }
    // The error of one datagram does not cost the next one.
    assert_eq!(udp.write(b"first"), 5);
    let peer = UdpSocket::bind(port).unwrap();
    peer.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    assert_eq!(udp.write(b"second"), 6);
    let (len, _) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], b"second");
}

#[test]
fn an_empty_datagram_is_not_end_of_file() {
    let (peer, udp) = pair();
    let mut buffer = [0; 16];
    for ms in [100, 600] {
        peer.send(b"").unwrap();
        assert_eq!(udp.read(&mut buffer, ms), TIMED_OUT);
        peer.send(b"").unwrap();
        peer.send(b"real").unwrap();
        assert_eq!(udp.read(&mut buffer, ms), 4);
    }
}

#[test]
fn a_datagram_longer_than_the_buffer_is_dropped_whole() {
    let (peer, udp) = pair();
    let mut buffer = [0; 8];
    peer.send(b"nine byte").unwrap();
    peer.send(b"eight by").unwrap();
    assert_eq!(udp.read(&mut buffer, 600), 8);
    assert_eq!(&buffer, b"eight by");
    peer.send(&[7; 9]).unwrap();
    assert_eq!(udp.read(&mut buffer, 100), TIMED_OUT);
}

#[test]
fn a_stream_of_junk_does_not_lengthen_the_wait() {
    let (peer, udp) = pair();
    let end = Instant::now() + Duration::from_secs(2);
    let sender = thread::spawn(move || {
        while Instant::now() < end {
            let _ = peer.send(b"");
            // Sets the pace of the stream.
            thread::sleep(Duration::from_millis(1));
        }
    });
    let (code, took) = timed(|| udp.read(&mut [0; 8], 400));
    assert_eq!(code, TIMED_OUT);
    assert!(took < Duration::from_millis(900), "took {took:?}");
    sender.join().unwrap();
}

#[test]
fn a_socket_that_is_shut_down_reads_as_end_of_file() {
    let (_peer, udp) = pair();
    // SAFETY: a live descriptor.
    let code = unsafe { libc::shutdown(udp.descriptor(), libc::SHUT_RD) };
    assert_eq!(code, 0);
    assert_eq!(udp.read(&mut [0; 8], 5000), 0);
}

#[test]
fn a_signal_interrupts_a_wait() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a handler that does nothing, with and without a restart.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as *const () as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &raw const action, std::ptr::null_mut()), 0);
    }
    for ms in [250, 5000] {
        let (_peer, udp) = pair();
        let over = AtomicBool::new(false);
        // SAFETY: it only names this thread.
        let reading = (unsafe { libc::pthread_self() }, this_thread());
        thread::scope(|scope| {
            // Again and again: the first may come just before the wait.
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    if is_waiting(&reading.1) {
                        // SAFETY: the thread waits for this one at the end.
                        unsafe { libc::pthread_kill(reading.0, libc::SIGUSR1) };
                    }
                    thread::yield_now();
                }
            });
            assert_eq!(udp.read(&mut [0; 8], ms), -3);
            over.store(true, Ordering::SeqCst);
        });
    }
}

#[test]
fn the_socket_is_not_inherited_and_never_a_standard_stream() {
    let (_peer, udp) = pair();
    assert!(udp.descriptor() > 2);
    // SAFETY: a live descriptor.
    let flags = unsafe { libc::fcntl(udp.descriptor(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

#[test]
fn nonsense_is_refused() {
    for (host, port) in [("", 5683), ("[]", 5683), ("127.0.0.1", 0), ("no such host", 5683)] {
        assert!(Udp::create(host, port).is_none(), "{host:?} {port}");
    }
    assert!(Udp::create(&"h".repeat(400), 5683).is_none());
    let mut byte = 0_u8;
    let byte = &raw mut byte;
    let (_peer, udp) = pair();
    // SAFETY: null pointers and dead handles are what the port must refuse.
    unsafe {
        assert_eq!(HAL_UDP_create(null(), 5683), INVALID);
        for handle in [null_mut(), INVALID] {
            assert_eq!(HAL_UDP_readTimeout(handle, byte, 1, 10), -1);
            assert!(HAL_UDP_write(handle, byte, 1) < 0);
            HAL_UDP_close(handle);
        }
        assert_eq!(HAL_UDP_readTimeout(udp.0, null_mut(), 1, 10), -1);
        assert_eq!(HAL_UDP_readTimeout(udp.0, byte, 0, 10), -1);
        assert!(HAL_UDP_write(udp.0, null(), 1) < 0);
    }
}

/// A wait for two sockets ends as soon as something comes to either.
#[test]
fn a_wait_for_two_sockets_is_for_both() {
    let pairs = [pair(), pair()];
    let handles = [pairs[0].1.0, pairs[1].1.0];
    let (is_there, took) = timed(|| iot_coap_port_linux::await_either(handles, 60));
    assert!(!is_there && took >= Duration::from_millis(60), "{took:?}");
    let mut buffer = [0; 16];
    for (peer, udp) in &pairs {
        let waiting = thread::scope(|scope| {
            let thread = this_thread();
            scope.spawn(move || {
                assert!(becomes_so(|| is_waiting(&thread)));
                peer.send(b"here").unwrap();
            });
            timed(|| iot_coap_port_linux::await_either(handles, 5000))
        });
        assert!(waiting.0 && waiting.1 < Duration::from_secs(2), "{waiting:?}");
        assert_eq!(udp.read(&mut buffer, 1000), 4);
    }
    // An error is something to read, too.
    iot_coap_port_linux::stop_reading(handles[1]);
    assert!(iot_coap_port_linux::await_either(handles, 5000));
}
