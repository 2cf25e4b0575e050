//! Hazards of a session's life: goodbyes, reconnects, records that are lost in
//! the port, threads that wait for each other.
#![cfg(feature = "_session")]

mod common;

use std::ptr::{null, null_mut};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::hal::{
    Dtls, DtlsOptions, HAL_DTLSSession_create, HAL_DTLSSession_free, HAL_DTLSSession_read,
    HAL_DTLSSession_write, c,
};
use common::{collect_log, logged, was_logged};
use iot_coap_test_support::certificates::{GOOD, Identity, ec_key, leaf, root};
use iot_coap_test_support::peers::echo::{BYE, LONG, Manner, Server, TWICE};
use iot_coap_test_support::threads::{is_waiting, this_thread};
use iot_coap_test_support::waiting::{becomes_so, timed};
use openssl::hash::MessageDigest;

const BAD_PARAMETER: u32 = 1 << 24 | 1;
const CLOSED: u32 = 1 << 24 | 6;

fn server(manner: &Manner) -> (Server, String) {
    collect_log();
    let root: Identity = root(ec_key(), MessageDigest::sha256());
    (Server::start(&leaf(&root, ec_key(), &GOOD), manner), root.pem())
}

fn session(manner: &Manner) -> (Server, Dtls) {
    let (server, authorities) = server(manner);
    let session = Dtls::create("localhost", server.port(), &authorities);
    (server, session.unwrap_or_else(|| panic!("{}", logged())))
}

#[test]
fn records_come_back_whole() {
    let (_server, session) = session(&Manner::default());
    for len in [1, 2, 100, 1280] {
        session.assert_echo(&vec![u8::try_from(len % 251).unwrap(); len]);
    }
}

#[test]
fn two_records_in_one_datagram_are_both_delivered() {
    let (_server, session) = session(&Manner::default());
    assert_eq!(session.write(TWICE).0, 0);
    assert_eq!(session.read(5000).as_deref(), Ok(&b"first"[..]));
    // It needs no datagram any more, so also without waiting.
    assert_eq!(session.read(0).as_deref(), Ok(&b"second"[..]));
    assert_eq!(session.read(0).as_deref(), Ok(&b""[..]));
}

#[test]
fn a_record_longer_than_the_buffer_is_dropped_whole() {
    let (_server, session) = session(&Manner::default());
    assert_eq!(session.write(LONG).0, 0);
    let mut buffer = [0; 100];
    assert_eq!(session.read_into(&mut buffer, 5000), (0, 5));
    assert_eq!(&buffer[..5], b"short");
}

#[test]
fn a_read_waits_as_long_as_asked() {
    let (_server, session) = session(&Manner::default());
    for ms in [0, 100, 600] {
        let (read, took) = timed(|| session.read(ms));
        assert_eq!(read.as_deref(), Ok(&b""[..]));
        assert!(took + Duration::from_millis(2) >= Duration::from_millis(ms.into()));
        assert!(took < Duration::from_millis((ms + 400).into()), "{ms} ms took {took:?}");
    }
}

#[test]
fn a_write_does_not_wait_for_a_read() {
    let (_server, session) = session(&Manner::default());
    thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let session = &session;
        let reading = scope.spawn(move || {
            tell.send(this_thread()).unwrap();
            session.read(10_000)
        });
        let thread = told.recv().unwrap();
        assert!(becomes_so(|| is_waiting(&thread)));
        let (wrote, took) = timed(|| session.write(b"meanwhile"));
        assert_eq!(wrote, (0, 9));
        assert!(took < Duration::from_millis(200), "took {took:?}");
        // And the reader gets the answer, at once.
        let (read, took) = timed(|| reading.join().unwrap());
        assert_eq!(read.as_deref(), Ok(&b"meanwhile"[..]));
        assert!(took < Duration::from_secs(3), "took {took:?}");
    });
}

#[test]
fn many_threads_share_a_session() {
    let (_server, session) = session(&Manner::default());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..25 {
                    assert_eq!(session.write(b"shared").0, 0);
                }
            });
        }
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut count = 0;
                    while let Ok(record) = session.read(1500) {
                        if record.is_empty() {
                            break;
                        }
                        assert_eq!(record, b"shared");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        let read: u32 = readers.into_iter().map(|reader| reader.join().unwrap()).sum();
        // Not more than the replay window (64): a reader that is overtaken by as many
        // records loses its own, as on a network.
        assert_eq!(read, 50);
    });
}

#[test]
fn a_goodbye_of_the_peer_is_told_every_time() {
    let (_server, session) = session(&Manner::default());
    assert_eq!(session.write(BYE).0, 0);
    assert_eq!(session.read(5000), Err(CLOSED));
    assert_eq!(session.read(100), Err(CLOSED));
    assert_eq!(session.write(b"anyone?"), (CLOSED, 0));
}

#[test]
fn freeing_says_goodbye() {
    let (server, session) = session(&Manner::default());
    session.assert_echo(b"hello");
    drop(session);
    assert!(server.sees_goodbyes(1));
}

#[test]
fn a_reconnect_resumes_the_session() {
    let (server, authorities) = server(&Manner::default());
    for round in 0..3 {
        let session = Dtls::create("localhost", server.port(), &authorities).unwrap();
        session.assert_echo(b"again");
        assert_eq!((server.handshakes(), server.resumed()), (round + 1, round));
    }
    assert!(was_logged(&[&format!("port {} resumed", server.port())]), "{}", logged());
    // Another name of the same server is another peer.
    Dtls::create("127.0.0.1", server.port(), &authorities).unwrap().assert_echo(b"other");
    assert_eq!(server.resumed(), 2);
}

#[test]
fn a_server_that_does_not_resume_gets_a_full_handshake() {
    let (server, authorities) = server(&Manner { resumes: false, ..Manner::default() });
    for _ in 0..2 {
        Dtls::create("localhost", server.port(), &authorities).unwrap().assert_echo(b"again");
    }
    assert_eq!((server.handshakes(), server.resumed()), (2, 0));
}

#[test]
fn the_port_says_that_its_sessions_are_its_own() {
    assert!(iot_coap_port::dtls::is_builtin());
}

#[test]
fn null_pointers_are_refused() {
    let (server, authorities) = server(&Manner::default());
    let (host, authorities) = (c("localhost"), c(&authorities));
    let (good_host, good_authorities) = (host.as_ptr(), authorities.as_ptr());
    let port = server.port();
    let create = |host, authorities| {
        let options = DtlsOptions { authorities, host, port };
        // SAFETY: valid options; their nulls are what the port must refuse.
        unsafe { HAL_DTLSSession_create(&raw const options) }
    };
    assert!(create(null(), good_authorities).is_null());
    assert!(create(good_host, null()).is_null());
    assert!(create(c"".as_ptr(), good_authorities).is_null());
    let session = create(good_host, good_authorities);
    assert!(!session.is_null());
    let mut byte = 1_u8;
    let byte = &raw mut byte;
    let mut len = 1;
    // SAFETY: null pointers are what the port must refuse; the rest is valid.
    unsafe {
        assert!(HAL_DTLSSession_create(null()).is_null());
        assert_eq!(HAL_DTLSSession_write(null_mut(), byte, &raw mut len), BAD_PARAMETER);
        assert_eq!(len, 0);
        assert_eq!(HAL_DTLSSession_write(session, byte, null_mut()), BAD_PARAMETER);
        len = 1;
        assert_eq!(HAL_DTLSSession_write(session, null(), &raw mut len), BAD_PARAMETER);
        len = 1;
        assert_eq!(HAL_DTLSSession_read(null_mut(), byte, &raw mut len, 10), BAD_PARAMETER);
        assert_eq!(HAL_DTLSSession_read(session, byte, null_mut(), 10), BAD_PARAMETER);
        len = 1;
        assert_eq!(HAL_DTLSSession_read(session, null_mut(), &raw mut len, 10), BAD_PARAMETER);
        assert_eq!(HAL_DTLSSession_free(null_mut()), BAD_PARAMETER);
        assert_eq!(HAL_DTLSSession_free(session), 0);
    }
}
