//! What is believed again: a session that is resumed or restored does not see the server's
//! certificates, whose dates bound it nevertheless.
#![cfg(feature = "full")]

use iot_coap_dtls::{
    CertificateError, Client, Config, Error, SavedSession, SealingKey, TrustAnchors,
};
use iot_coap_test_support::certificates::{
    GOOD, Identity, Leaf, ec_key, intermediate_valid, leaf, root,
};
use iot_coap_test_support::dtls::in_memory::{self, Ended};
use iot_coap_test_support::dtls::{SystemRandom, now};
use openssl::hash::MessageDigest;
use openssl::ssl::SslContext;

const DAY: u64 = 24 * 60 * 60;

struct Site {
    root: Identity,
    server: SslContext,
}

impl Site {
    /// A server by a leaf and an issuer that are valid for so many days from now on.
    fn new(leaf_days: i64, issuer_days: i64) -> Self {
        let root = root(ec_key(), MessageDigest::sha256());
        let issuer = intermediate_valid(&root, ec_key(), (-1, issuer_days));
        let server = leaf(&issuer, ec_key(), &Leaf { valid: (-1, leaf_days), ..GOOD });
        let server = in_memory::server(&server, &[&issuer], "ECDHE+AESGCM");
        Self { root, server }
    }

    /// A handshake at this date, with this session to resume.
    fn visit(&self, date: Option<u64>, session: Option<&SavedSession>) -> Ended {
        let anchors = TrustAnchors::from_pem(self.root.pem().as_bytes()).unwrap();
        let mut config = Config::with_certificates("localhost", anchors, date).unwrap();
        if let Some(session) = session {
            // As after a restart.
            let stored = SavedSession::from_bytes(&session.to_bytes().unwrap()).unwrap();
            config = config.resume(stored);
        }
        in_memory::handshake(&self.server, config)
    }

    fn first(&self, date: Option<u64>) -> (Client<SystemRandom>, SavedSession) {
        let mut client = self.visit(date, None).client;
        let session = client.take_saved_session().expect("OpenSSL gives a ticket");
        (client, session)
    }
}

const EXPIRED: fn(&Ended) -> bool =
    |ended| matches!(ended.result, Err(Error::Certificate(CertificateError::Expired { .. })));

#[test]
fn a_session_is_not_resumed_after_any_certificate_of_its_path_has_ended() {
    for (leaf_days, issuer_days) in [(10, 30), (30, 10)] {
        let site = Site::new(leaf_days, issuer_days);
        let (_, session) = site.first(Some(now()));
        let (_, without_dates) = site.first(None);
        let in_time = site.visit(Some(now() + 10 * DAY - 60), Some(&session));
        assert!(in_time.client.was_resumed() && in_time.client.certificate_dates_were_checked());
        for session in [&session, &without_dates] {
            // The full handshake finds out.
            let late = site.visit(Some(now() + 10 * DAY + 60), Some(session));
            assert!(EXPIRED(&late), "{:?}", late.result);
        }
    }
}

#[test]
fn a_session_whose_dates_were_not_checked_is_not_resumed_once_there_is_a_clock() {
    let site = Site::new(30, 30);
    let (_, session) = site.first(None);
    let again = site.visit(Some(now()), Some(&session)).client;
    assert!(!again.was_resumed() && again.certificate_dates_were_checked());
}

/// Resumed again and again, each time with a new ticket.
#[test]
fn a_resumed_session_says_what_was_true_of_the_first() {
    let site = Site::new(30, 30);
    for date in [Some(now()), None] {
        let (_, mut session) = site.first(date);
        for _ in 0..3 {
            // Without a clock.
            let mut client = site.visit(None, Some(&session)).client;
            assert!(client.was_resumed());
            assert_eq!(client.certificate_dates_were_checked(), date.is_some());
            assert_eq!(client.is_valid_at(Some(now())), date.is_some());
            assert!(!client.is_valid_at(Some(now() + 31 * DAY)));
            session = client.take_saved_session().expect("a session");
        }
        let with_clock = site.visit(Some(now()), Some(&session)).client;
        assert_eq!(with_clock.was_resumed(), date.is_some());
        assert!(with_clock.certificate_dates_were_checked());
    }
}

#[test]
fn a_restored_session_is_bounded_by_the_same_dates() {
    let key = SealingKey::new(b"a secret of this device").unwrap();
    let site = Site::new(30, 10);
    for (date, is_valid) in [(Some(now()), true), (None, false)] {
        let (mut client, _) = site.first(date);
        let blob = client.checkpoint(&key, b"", 1, 0).unwrap();
        let restored = Client::restore(&blob, &key, b"", 1, SystemRandom::default()).unwrap();
        assert_eq!(restored.certificate_dates_were_checked(), date.is_some());
        assert!(restored.is_valid_at(None));
        assert_eq!(restored.is_valid_at(Some(now())), is_valid);
        assert_eq!(restored.is_valid_at(Some(now() + 10 * DAY - 60)), is_valid);
        assert!(!restored.is_valid_at(Some(now() + 10 * DAY + 60)));
    }
}

#[test]
fn a_ticket_says_how_long_the_server_will_take_it() {
    let site = Site::new(30, 30);
    let (_, session) = site.first(Some(now()));
    // OpenSSL's default.
    assert_eq!(session.lifetime_hint(), Some(7200));
    let stored = SavedSession::from_bytes(&session.to_bytes().unwrap()).unwrap();
    assert_eq!(stored.lifetime_hint(), Some(7200));
}
