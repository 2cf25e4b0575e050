//! Hazards of sessions that are kept without power: with a server that knows
//! connection ids they go on from another port without a handshake, and what was
//! used once is refused.
#![cfg(all(feature = "dtls", not(feature = "openssl")))]

mod common;

use std::ffi::{c_char, c_uint, c_void};

use common::hal::{Dtls, DtlsOptions, c};
use iot_coap_test_support::certificates;
use iot_coap_test_support::peers::servers::{Server, Wish};
use iot_coap_test_support::peers::{Peer, Proof};

#[repr(C)]
struct Keep {
    secret: *const u8,
    secret_len: c_uint,
    reserve: c_uint,
    generation: u64,
    context: *const c_char,
}

unsafe extern "C" {
    fn HAL_DTLSSession_save(
        session: *mut c_void,
        keep: *const Keep,
        blob: *mut u8,
        len: *mut c_uint,
    ) -> c_uint;
    fn HAL_DTLSSession_saved(session: *mut c_void) -> c_uint;
    fn HAL_DTLSSession_restore(
        options: *const DtlsOptions,
        keep: *const Keep,
        blob: *const u8,
        len: c_uint,
    ) -> *mut c_void;
}

const SECRET: &[u8] = b"fPloaszb6saUFJte4EhyuBHQpR9SuKHb";
const RESERVATION_SPENT: c_uint = 1 << 24 | 9;

fn with_keep<R>(generation: u64, reserve: c_uint, call: impl FnOnce(*const Keep) -> R) -> R {
    let context = c("localhost/device");
    let (secret, context) = (SECRET.as_ptr(), context.as_ptr());
    let secret_len = c_uint::try_from(SECRET.len()).unwrap();
    let keep = Keep { secret, secret_len, reserve, generation, context };
    call(&raw const keep)
}

fn save(session: &Dtls, generation: u64, reserve: c_uint) -> Vec<u8> {
    let mut blob = vec![0; 512];
    let mut len = 512;
    let code = with_keep(generation, reserve, |keep| {
        // SAFETY: a live session, valid options, and a buffer of so many bytes.
        unsafe { HAL_DTLSSession_save(session.0, keep, blob.as_mut_ptr(), &raw mut len) }
    });
    assert_eq!(code, 0);
    // SAFETY: a live session.
    assert_eq!(unsafe { HAL_DTLSSession_saved(session.0) }, 0);
    blob.truncate(usize::try_from(len).unwrap());
    blob
}

fn restore(peer: &Peer, authorities: &str, blob: &[u8], oldest: u64) -> Option<Dtls> {
    let (host, authorities) = (c("localhost"), c(authorities));
    let port = peer.address().port();
    let options = DtlsOptions { authorities: authorities.as_ptr(), host: host.as_ptr(), port };
    let len = c_uint::try_from(blob.len()).unwrap();
    let session = with_keep(oldest, 0, |keep| {
        // SAFETY: valid options with NUL-terminated strings, and a slice with
        // its length.
        unsafe { HAL_DTLSSession_restore(&raw const options, keep, blob.as_ptr(), len) }
    });
    (!session.is_null()).then(|| Dtls(session))
}

#[test]
fn a_session_goes_on_from_another_port_without_a_handshake() {
    let (root, leaf) = certificates::rsa();
    let wish = Wish { connection_id: Some("c0ffee0102"), ..Wish::default() };
    let peer = wish.start(Server::Mbed3, &Proof::Certificate(&leaf, &[]));
    let session = Dtls::create("localhost", peer.address().port(), &root.pem()).unwrap();
    peer.wait_for("connected");
    session.assert_echo(b"echo 1");
    let mut blob = save(&session, 1, 0);
    // It sleeps: not a word more.
    assert_eq!(session.write(b"x").0, RESERVATION_SPENT);
    drop(session);

    for generation in 2..5 {
        let session = restore(&peer, &root.pem(), &blob, generation - 1).unwrap();
        // Nothing before it is kept again.
        assert_eq!(session.write(b"x").0, RESERVATION_SPENT);
        blob = save(&session, generation, 2);
        session.assert_echo(b"echo 2");
        peer.wait_for("moved");
        session.assert_echo(b"echo 3");
        assert_eq!(session.write(b"x").0, RESERVATION_SPENT);
        // The power fails: the next one goes on behind what was reserved.
    }
}

#[test]
fn what_was_used_once_leads_to_a_handshake() {
    let (root, leaf) = certificates::rsa();
    let wish = Wish { connection_id: Some("c0ffee0102"), ..Wish::default() };
    let peer = wish.start(Server::Mbed3, &Proof::Certificate(&leaf, &[]));
    let session = Dtls::create("localhost", peer.address().port(), &root.pem()).unwrap();
    peer.wait_for("connected");
    let blob = save(&session, 1, 0);
    drop(session);

    let session = restore(&peer, &root.pem(), &blob, 2).unwrap();
    // A session of its own, which needs no reservation.
    peer.wait_for("connected");
    session.assert_echo(b"echo 1");
}
