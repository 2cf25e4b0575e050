use super::*;

fn peer(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn signed_in(number: usize, unix_ms: u64, name: &str, port: u16) -> Recorded {
    let event = Event::SignedIn {
        transport: Transport::Udp,
        peer: peer(port),
        product_key: "pk".into(),
        device_name: name.into(),
        client_id: String::new(),
        sign_method: "hmacmd5".into(),
        content_format: 50,
        extras: Vec::new(),
        message_id: 1,
        access_token: String::new(),
        expires: 100,
    };
    Recorded { number, unix_ms, cause: None, event }
}

fn repeated(unix_ms: u64, port: u16) -> Recorded {
    let event = Event::Duplicate {
        transport: Transport::Udp,
        peer: peer(port),
        message_id: 1,
        confirmable: true,
        after_ms: 2_000,
    };
    Recorded { number: 0, unix_ms, cause: None, event }
}

#[test]
fn a_repetition_is_the_device_s_that_sent_it() {
    let mut dashboard = Dashboard::default();
    dashboard.take(&signed_in(0, 1_000, "a", 1));
    dashboard.take(&signed_in(1, 1_000, "b", 2));
    let (rows, mark) = dashboard.devices_since(0, 10);
    assert_eq!(rows.len(), 2);
    dashboard.take(&repeated(3_000, 2));
    dashboard.take(&repeated(3_000, 3));
    let (rows, _) = dashboard.devices_since(mark, 10);
    assert_eq!(rows.len(), 1);
    assert_eq!((rows[0].device_name.as_str(), rows[0].repeated), ("b", 1));
    assert_eq!(rows[0].last_seen, 3_000);
    assert_eq!(dashboard.seconds_from(3, Vec::new())[0].repeated, 2);
}

#[test]
fn tokens_declared_expired_are_until_the_next_sign_in() {
    let mut dashboard = Dashboard::default();
    dashboard.take(&signed_in(0, 1_000, "a", 1));
    let event = Event::TokensExpired;
    dashboard.take(&Recorded { number: 1, unix_ms: 2_000, cause: None, event });
    assert!(dashboard.devices_since(0, 1).0[0].expired_early);
    dashboard.take(&signed_in(2, 3_000, "a", 1));
    assert!(!dashboard.devices_since(0, 1).0[0].expired_early);
}

#[test]
fn changes_come_in_parts_and_none_is_left_out() {
    let mut dashboard = Dashboard::default();
    for number in 0..5 {
        dashboard.take(&signed_in(number, 1_000, &number.to_string(), 1));
    }
    let (first, mark) = dashboard.devices_since(0, 3);
    let (second, mark) = dashboard.devices_since(mark, 3);
    assert_eq!((first.len(), second.len()), (3, 2));
    assert!(dashboard.devices_since(mark, 3).0.is_empty());
}

#[test]
fn old_seconds_and_devices_make_room() {
    let mut dashboard = Dashboard::default();
    for number in 0..DEVICES + 10 {
        let name = number.to_string();
        dashboard.take(&signed_in(number, number as u64 * 1_000, &name, 1));
    }
    assert_eq!(dashboard.devices_since(0, usize::MAX).0.len(), DEVICES);
    assert!(dashboard.seconds_from(0, Vec::new()).len() as u64 <= SECONDS + 1);
    // A clock set back.
    dashboard.take(&repeated(0, 1));
    assert_eq!(dashboard.seconds_from(0, Vec::new()).last().map(|last| last.repeated), Some(1));
}
