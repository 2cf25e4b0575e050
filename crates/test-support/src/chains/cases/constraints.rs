//! Basic constraints, the lengths of paths, and name constraints.

use crate::forge::{BOOLEAN, extension, sequence, tlv};

use crate::chains::{
    BASIC_CONSTRAINTS, CRITICAL, Case, HOST, NAME_CONSTRAINTS, Path, SUBJECT_ALT_NAME, alt_names,
    basic_constraints, directory, dns, ip, mail, name, name_constraints, uri,
};

pub(super) fn cases() -> Vec<Case> {
    [path_lengths(), basic(), dns_constraints(), address_constraints(), other_constraints()]
        .into_iter()
        .flatten()
        .collect()
}

fn path_lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for authorities in 0..=3 {
        for position in 0..=authorities {
            for len in 0..=2 {
                let path = Path::new(authorities).with(position, |draft| {
                    draft.set(BASIC_CONSTRAINTS, basic_constraints(true, Some(len)));
                });
                let name = format!("path length: {len} at {position} of {authorities}");
                cases.push(path.case(name));
            }
        }
    }
    // An authority that issues a certificate for itself is not counted (RFC 5280, section
    // 6.1.4 (l)).
    let path = Path::new(2)
        .with(1, |draft| draft.set(BASIC_CONSTRAINTS, basic_constraints(true, Some(0))))
        .with(2, |draft| draft.says.subject = name("authority 1"));
    cases.push(path.case("path length: 0 above one that issued itself"));
    cases
}

fn basic() -> Vec<Case> {
    let constraints =
        |critical, content: &[u8]| extension(BASIC_CONSTRAINTS, critical, &sequence(&[content]));
    let kinds = [
        ("missing", None),
        ("empty", Some(constraints(CRITICAL, &[]))),
        ("an explicit false", Some(constraints(CRITICAL, &tlv(BOOLEAN, &[0])))),
        ("true", Some(constraints(CRITICAL, &tlv(BOOLEAN, &[0xff])))),
        ("true, not critical", Some(constraints(None, &tlv(BOOLEAN, &[0xff])))),
        ("true in BER", Some(constraints(CRITICAL, &tlv(BOOLEAN, &[1])))),
        ("a length without an authority", Some(constraints(CRITICAL, &[2, 1, 0]))),
        ("a negative length", Some(constraints(CRITICAL, &[1, 1, 0xff, 2, 1, 0x80]))),
        ("a length of 300", Some(constraints(CRITICAL, &[1, 1, 0xff, 2, 2, 1, 44]))),
        ("bytes behind it", Some(constraints(CRITICAL, &[1, 1, 0xff, 2, 1, 3, 5, 0]))),
    ];
    let mut cases = Vec::new();
    for (kind, constraints) in kinds {
        for (position, whose) in [(0, "the root"), (1, "an authority"), (2, "the server")] {
            let path = Path::new(1).with(position, |draft| {
                draft.remove(BASIC_CONSTRAINTS);
                if let Some(constraints) = &constraints {
                    draft.add(constraints.clone());
                }
            });
            cases.push(path.case(format!("basic constraints: {kind}, {whose}")));
        }
    }
    cases
}

/// A path whose authority or root constrains names, for a server that has these.
fn constrained(position: usize, constraints: Vec<u8>, names: &[Vec<u8>]) -> Path {
    Path::new(1)
        .with(position, |draft| draft.add(constraints))
        .with_leaf(|draft| draft.set(SUBJECT_ALT_NAME, alt_names(names)))
}

fn dns_constraints() -> Vec<Case> {
    let servers: [(&str, Vec<Vec<u8>>, &str); 3] = [
        ("one name", vec![dns(HOST)], HOST),
        ("a wildcard", vec![dns("*.example")], HOST),
        ("two names", vec![dns("other.test"), dns(HOST)], HOST),
    ];
    let bases =
        ["example", ".example", HOST, "a.server.example", "erver.example", "SERVER.example", ""];
    let mut cases = Vec::new();
    for (position, whose) in [(0, "root"), (1, "authority")] {
        for (server, names, host) in &servers {
            for base in bases {
                let permitted = name_constraints(&[dns(base)], &[]);
                let path = constrained(position, permitted, names).host(host);
                cases.push(path.case(format!("dns: {whose} permits {base:?}, {server}")));
                let excluded = name_constraints(&[], &[dns(base)]);
                let path = constrained(position, excluded, names).host(host);
                cases.push(path.case(format!("dns: {whose} excludes {base:?}, {server}")));
            }
        }
    }
    let both = |permitted: &str, excluded: &str| {
        let constraints = name_constraints(&[dns(permitted)], &[dns(excluded)]);
        constrained(1, constraints, &[dns(HOST)])
    };
    cases.push(both("example", "other.example").case("dns: permitted and not excluded"));
    cases.push(both("example", HOST).case("dns: permitted and excluded"));
    let several = name_constraints(&[dns("test"), dns("example")], &[]);
    cases.push(constrained(1, several, &[dns(HOST)]).case("dns: one of two is permitted"));
    cases
}

fn address_constraints() -> Vec<Case> {
    let net_4 = ip(&[192, 0, 2, 0, 255, 255, 255, 0]);
    let net_6 = ip(&[&[0x20, 1, 0xd, 0xb8], &[0; 12][..], &[0xff; 4], &[0; 12]].concat());
    let holes = ip(&[192, 0, 2, 0, 255, 0, 255, 0]);
    let short = ip(&[192, 0, 2, 0, 255, 255, 255]);
    let address_4 = |last| ip(&[192, 0, 2, last]);
    let address_6 = ip(&[&[0x20, 1, 0xd, 0xb8], &[0; 11][..], &[7]].concat());
    let outside = ip(&[198, 51, 100, 7]);
    let mut cases = Vec::new();
    let mut push = |what: &str, permitted: &[Vec<u8>], excluded: &[Vec<u8>], names: &[Vec<u8>]| {
        for (position, whose) in [(0, "root"), (1, "authority")] {
            let host = match names[0].get(2..) {
                Some([a, b, c, d]) => format!("{a}.{b}.{c}.{d}"),
                _ if names[0] == address_6 => "2001:db8::7".to_owned(),
                _ => HOST.to_owned(),
            };
            let path = constrained(position, name_constraints(permitted, excluded), names);
            cases.push(path.host(&host).case(format!("address: {what}, {whose}")));
        }
    };
    let (inside, inside_6) = ([address_4(7)], [address_6.clone()]);
    let (net, net_6) = ([net_4], [net_6]);
    push("in a permitted network", &net, &[], &inside);
    push("outside a permitted network", &net, &[], &[outside]);
    push("in an excluded network", &[], &net, &inside);
    push("of version 6 in a permitted network", &net_6, &[], &inside_6);
    push("of version 6 in an excluded network", &[], &net_6, &inside_6);
    push("of version 6 where version 4 is permitted", &net, &[], &inside_6);
    push("where names are permitted", &[dns("example")], &[], &inside);
    push("a name where networks are permitted", &net, &[], &[dns(HOST)]);
    push("one of two is excluded", &[], &net, &[dns(HOST), address_4(9)]);
    push("a mask with holes", &[holes], &[], &inside);
    push("a mask that is too short", &[short], &[], &inside);
    cases
}

/// Of kinds that servers are not asked for.
fn other_constraints() -> Vec<Case> {
    let ours = directory(&name("the server"));
    let others = directory(&name("another"));
    let mut cases = Vec::new();
    let mut push = |what: &str, permitted: &[Vec<u8>], excluded: &[Vec<u8>], names: &[Vec<u8>]| {
        let path = constrained(1, name_constraints(permitted, excluded), names);
        cases.push(path.case(format!("constraint: {what}")));
    };
    let host = [dns(HOST)];
    push("the subject is permitted", std::slice::from_ref(&ours), &[], &host);
    push("another subject is permitted", std::slice::from_ref(&others), &[], &host);
    push("the subject is excluded", &[], std::slice::from_ref(&ours), &host);
    push("another subject is excluded", &[], std::slice::from_ref(&others), &host);
    push("mail is permitted, none there", &[mail("example")], &[], &host);
    push("mail is permitted", &[mail("example")], &[], &[dns(HOST), mail("a@example")]);
    push("mail is excluded", &[], &[mail("example")], &[dns(HOST), mail("a@example")]);
    push("other mail is excluded", &[], &[mail("test")], &[dns(HOST), mail("a@example")]);
    let page = uri("coap://server.example/");
    push("a page is permitted", &[uri("server.example")], &[], &[dns(HOST), page.clone()]);
    push("a page is excluded", &[], &[uri("server.example")], &[dns(HOST), page.clone()]);
    push("another page is excluded", &[], &[uri("other.example")], &[dns(HOST), page]);
    push("nothing is constrained", &[], &[], &host);
    let not_critical = extension(NAME_CONSTRAINTS, None, &[0x30, 0]);
    cases.push(constrained(1, not_critical, &host).case("constraint: empty, not critical"));
    let at_the_server = name_constraints(&[dns("test")], &[]);
    cases.push(constrained(2, at_the_server, &host).case("constraint: of the server's own"));
    let two = Path::new(2)
        .with(1, |draft| draft.add(name_constraints(&[dns("example")], &[])))
        .with(2, |draft| draft.add(name_constraints(&[dns("test")], &[])));
    cases.push(two.case("constraint: two that leave nothing"));
    cases
}
