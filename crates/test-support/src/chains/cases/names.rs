//! Which names stand for a host.

use crate::forge::{SEQUENCE, extension, tlv};

use crate::chains::{
    CRITICAL, Case, HOST, Path, SUBJECT_ALT_NAME, alt_names, dns, ip, mail, name, uri,
};

pub(super) fn cases() -> Vec<Case> {
    [hosts(), addresses(), common_names(), odd()].into_iter().flatten().collect()
}

fn named(names: &[Vec<u8>], host: &str) -> Path {
    let names = alt_names(names);
    Path::new(1).with_leaf(|draft| draft.set(SUBJECT_ALT_NAME, names)).host(host)
}

fn hosts() -> Vec<Case> {
    let label = "a".repeat(63);
    let longest = [&label[..], &label, &label, &"a".repeat(61)].join(".");
    let pairs = [
        (HOST, HOST),
        (HOST, "SERVER.Example"),
        ("SERVER.Example", HOST),
        (HOST, "erver.example"),
        (HOST, "a.server.example"),
        (HOST, "server.example.org"),
        (HOST, "server.example."),
        ("server.example.", HOST),
        ("server.example.", "server.example."),
        ("localhost", "localhost"),
        ("*.example", HOST),
        ("*.example", "a.server.example"),
        ("*.example", "example"),
        ("*.server.example", "a.server.example"),
        ("*.SERVER.example", "A.server.EXAMPLE"),
        ("*.server.example", "a.b.server.example"),
        ("*.server.example", HOST),
        ("a.*.example", "a.server.example"),
        ("s*.server.example", "sa.server.example"),
        ("*a.server.example", "sa.server.example"),
        ("s*a.server.example", "sxa.server.example"),
        ("**.server.example", "a.server.example"),
        ("*.*.example", "a.server.example"),
        ("*", "localhost"),
        ("*", HOST),
        ("*.", "localhost."),
        (".server.example", "a.server.example"),
        ("server..example", HOST),
        ("", HOST),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("*.example", "xn--bcher-kva.example"),
        ("xn--*.server.example", "xn--bcher.server.example"),
        ("b\u{fc}cher.example", "xn--bcher-kva.example"),
        ("under_score.example", "under_score.example"),
        ("*.under_score.example", "a.under_score.example"),
        ("-a.example", "-a.example"),
        ("a-.example", "a-.example"),
        ("1.example", "1.example"),
        ("server.example ", HOST),
        (" server.example", HOST),
        ("server.example\0.test", HOST),
        ("192.0.2.7", "192.0.2.7"),
    ];
    let mut cases: Vec<_> = pairs
        .into_iter()
        .map(|(says, host)| named(&[dns(says)], host).case(format!("name: {says:?} for {host:?}")))
        .collect();
    cases.push(named(&[dns(&label)], &label).case("name: a label of 63 letters"));
    cases.push(named(&[dns(&longest)], &longest).case("name: 253 letters"));
    cases
}

fn addresses() -> Vec<Case> {
    let four = ip(&[192, 0, 2, 7]);
    let six = ip(&[&[0x20, 1, 0xd, 0xb8], &[0; 11][..], &[7]].concat());
    let mapped = ip(&[&[0; 10][..], &[0xff, 0xff, 192, 0, 2, 7]].concat());
    let cases = [
        ("the same", &four, "192.0.2.7"),
        ("another", &four, "192.0.2.8"),
        ("for a name", &four, HOST),
        ("of version 6", &six, "2001:db8::7"),
        ("of version 6, in full", &six, "2001:0db8:0:0:0:0:0:0007"),
        ("of version 6, another", &six, "2001:db8::8"),
        ("of version 4 in version 6", &mapped, "192.0.2.7"),
        ("of version 6 for version 4", &six, "192.0.2.7"),
        ("of three bytes", &ip(&[192, 0, 2]), "192.0.2.7"),
        ("of five bytes", &ip(&[192, 0, 2, 7, 7]), "192.0.2.7"),
        ("of no byte", &ip(&[]), "192.0.2.7"),
        ("as text", &ip(b"192.0.2.7"), "192.0.2.7"),
    ];
    cases
        .into_iter()
        .map(|(what, name, host)| {
            named(std::slice::from_ref(name), host).case(format!("address: {what}"))
        })
        .collect()
}

/// The common name is never looked at (RFC 9525, section 2).
fn common_names() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, common, host) in [
        ("the host", HOST, HOST),
        ("a wildcard", "*.example", HOST),
        ("an address", "192.0.2.7", "192.0.2.7"),
    ] {
        for (also, names) in [
            ("no names", None),
            ("mail alone", Some(vec![mail("a@server.example")])),
            ("a page alone", Some(vec![uri("coap://server.example")])),
            ("another name", Some(vec![dns("other.example")])),
            ("no name in the list", Some(vec![])),
        ] {
            let path = Path::new(1).host(host).with_leaf(|draft| {
                draft.says.subject = name(common);
                draft.remove(SUBJECT_ALT_NAME);
                if let Some(names) = &names {
                    draft.add(alt_names(names));
                }
            });
            cases.push(path.case(format!("common name: {what}, {also}")));
        }
    }
    cases
}

fn odd() -> Vec<Case> {
    let empty_subject = |critical| {
        let names = extension(SUBJECT_ALT_NAME, critical, &tlv(SEQUENCE, &dns(HOST)));
        Path::new(1).with_leaf(|draft| {
            draft.says.subject = vec![0x30, 0];
            draft.set(SUBJECT_ALT_NAME, names);
        })
    };
    let critical = extension(SUBJECT_ALT_NAME, CRITICAL, &tlv(SEQUENCE, &dns(HOST)));
    let many: Vec<_> = (0..150).map(|number| dns(&format!("host-{number}.example"))).collect();
    let many = [&many[..], &[dns(HOST)]].concat();
    vec![
        empty_subject(CRITICAL).case("names: an empty subject, critical"),
        empty_subject(None).case("names: an empty subject, not critical"),
        Path::new(1)
            .with_leaf(|draft| draft.set(SUBJECT_ALT_NAME, critical))
            .case("names: critical"),
        named(&many, HOST).case("names: the last of many"),
        named(&[dns(HOST), dns(HOST)], HOST).case("names: twice the same"),
        named(&[tlv(0x89, b"what"), dns(HOST)], HOST).case("names: of an unknown kind before"),
        named(&[dns(HOST), tlv(0x89, b"what")], HOST).case("names: of an unknown kind behind"),
        named(&[tlv(0x82, &[0xff, 0xfe]), dns(HOST)], HOST).case("names: not ASCII before"),
        named(&[ip(&[1, 2, 3]), dns(HOST)], HOST).case("names: a wrong address before"),
        named(&[dns("*.*"), dns(HOST)], HOST).case("names: a wrong wildcard before"),
        named(&[mail("a@b"), uri("coap://c"), ip(&[1, 2, 3, 4]), dns(HOST)], HOST)
            .case("names: of every kind"),
    ]
}
