//! Several paths, long ones, and certificates in odd order.

use openssl::pkey::{PKey, Private};

use crate::chains::{
    BASIC_CONSTRAINTS, Case, DAY, Draft, HOST, OTHER_KEY, Path, basic_constraints, dns, key,
    key_usage, name, name_constraints,
};

type Change = fn(&mut Draft);

pub(super) fn cases() -> Vec<Case> {
    [lengths(), orders(), cross_signed(), roots()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Case> {
    let mut cases = Vec::new();
    for authorities in 0..=10 {
        let path = Path::new(authorities);
        cases.push(path.case(format!("path: {authorities} authorities")));
        if authorities > 0 {
            let all = path.signed();
            let trusted = vec![all[0].clone()];
            // Without the one below the root.
            let sent: Vec<_> = all[2..].iter().rev().cloned().collect();
            cases.push(path.of(format!("path: one of {authorities} is missing"), trusted, sent));
        }
    }
    cases
}

fn orders() -> Vec<Case> {
    let mut cases = Vec::new();
    for authorities in 2..=5 {
        let path = Path::new(authorities);
        let all = path.signed();
        let (root, server) = (all[0].clone(), all[authorities + 1].clone());
        let between = &all[1..=authorities];
        let mut push = |what: &str, sent: Vec<Vec<u8>>| {
            let sent = [vec![server.clone()], sent].concat();
            let name = format!("order: {what}, {authorities} authorities");
            cases.push(path.of(name, vec![root.clone()], sent));
        };
        let reversed = between.to_vec();
        let right: Vec<_> = between.iter().rev().cloned().collect();
        let mut rotated = right.clone();
        rotated.rotate_left(1);
        push("reversed", reversed);
        push("rotated", rotated);
        push("each twice", right.iter().flat_map(|one| [one.clone(), one.clone()]).collect());
        push("the root behind", [right.clone(), vec![root.clone()]].concat());
        push("the root before", [vec![root.clone()], right.clone()].concat());
        push("the server again", [right.clone(), vec![server.clone()]].concat());
    }
    for strangers in 1..=6 {
        let path = Path::new(1);
        let mut all = path.signed();
        let root = all.remove(0);
        let others: Vec<_> = (0..strangers)
            .map(|number| {
                let draft = Draft::authority(&format!("stranger {number}"), key(OTHER_KEY));
                draft.sign_itself()
            })
            .collect();
        let before = [vec![all[1].clone()], others.clone(), vec![all[0].clone()]].concat();
        let behind = [vec![all[1].clone(), all[0].clone()], others].concat();
        let name = format!("order: {strangers} strangers");
        cases.push(path.of(format!("{name} before"), vec![root.clone()], before));
        cases.push(path.of(format!("{name} behind"), vec![root], behind));
    }
    let path = Path::new(1);
    let mut all = path.signed();
    let root = all.remove(0);
    cases.push(path.of("order: the authority first", vec![root], all));
    cases
}

/// One authority with certificates of two issuers. `first` and `second` change them; both
/// issuers can be trusted, or one of them.
struct Cross {
    roots: [Draft; 2],
    authorities: [Draft; 2],
    path: Path,
}

impl Cross {
    fn new() -> Self {
        let root = |subject: &str, number| Draft::authority(subject, key(number));
        let authority = || Draft::authority("authority 1", key(1));
        Self {
            roots: [root("the root", 0), root("the other root", OTHER_KEY)],
            authorities: [authority(), authority()],
            path: Path::new(1),
        }
    }

    fn bad(change: impl FnOnce(&mut Draft)) -> Self {
        let mut cross = Self::new();
        change(&mut cross.authorities[0]);
        cross
    }

    /// The roots by their numbers, and the authority's certificates by the numbers of who
    /// signed them.
    fn case(&self, name: &str, trusted: &[usize], sent: &[usize]) -> Case {
        let server = self.path.signed().pop().unwrap();
        let trusted = trusted.iter().map(|&root| self.roots[root].sign_itself()).collect();
        let between = sent.iter().map(|&number| self.authorities[number].sign(&self.roots[number]));
        let sent = std::iter::once(server).chain(between).collect();
        self.path.of(format!("cross: {name}"), trusted, sent)
    }
}

fn cross_signed() -> Vec<Case> {
    let good = Cross::new();
    let mut cases = vec![
        good.case("the first root, both sent", &[0], &[0, 1]),
        good.case("the second root, both sent", &[1], &[0, 1]),
        good.case("the second root, the other order", &[1], &[1, 0]),
        good.case("both roots", &[0, 1], &[0, 1]),
        good.case("both roots, one sent", &[0, 1], &[1]),
        good.case("the first root, the second sent", &[0], &[1]),
    ];
    let bad: [(&str, Change); 6] = [
        ("expired", |draft| draft.set_dates(-9 * DAY, -DAY)),
        ("no authority", |draft| draft.set(BASIC_CONSTRAINTS, basic_constraints(false, None))),
        ("without keyCertSign", |draft| draft.add(key_usage(&[0, 6]))),
        ("constrained to others", |draft| draft.add(name_constraints(&[dns("test")], &[]))),
        ("of a wrong signature", |draft| draft.signer = Some(key(OTHER_KEY + 1))),
        ("unreadable", |draft| draft.spoil = |der| der[..der.len() / 2].to_vec()),
    ];
    for (what, change) in bad {
        let cross = Cross::bad(change);
        for (order, sent) in [("before", [0, 1]), ("behind", [1, 0])] {
            cases.push(cross.case(&format!("one {what} {order} a good one"), &[0, 1], &sent));
        }
        cases.push(cross.case(&format!("one {what} alone"), &[0, 1], &[0]));
    }
    // Two authorities that certify each other, and one that does itself.
    let path = Path::new(2);
    let all = path.signed();
    let mut first = Draft::authority("authority 1", key(1));
    let second = Draft::authority("authority 2", key(2));
    let circle = [all[3].clone(), all[2].clone(), first.sign(&second)];
    cases.push(path.of("cross: a circle", vec![all[0].clone()], circle.to_vec()));
    let circle = [&circle[..], &[all[1].clone()]].concat();
    cases.push(path.of("cross: a circle and a way out", vec![all[0].clone()], circle));
    let itself = first.sign_itself();
    let sent = [all[3].clone(), all[2].clone(), itself.clone()];
    cases.push(path.of("cross: one that signed itself", vec![all[0].clone()], sent.to_vec()));
    let sent = [&sent[..], &[all[1].clone()]].concat();
    cases.push(path.of("cross: one that also signed itself", vec![all[0].clone()], sent));
    // Renewed, with the same name and key.
    first.says.serial = vec![9];
    let renewed = first.sign(&Draft::authority("the root", key(0)));
    let sent = vec![all[3].clone(), all[2].clone(), all[1].clone(), renewed];
    cases.push(path.of("cross: one that was renewed", vec![all[0].clone()], sent));
    cases
}

fn root_of(common: &str, key: &'static PKey<Private>) -> Vec<u8> {
    Draft::authority(common, key).sign_itself()
}

fn roots() -> Vec<Case> {
    let path = Path::new(1);
    let all = path.signed();
    let sent = vec![all[2].clone(), all[1].clone()];
    let stranger = root_of("a stranger", key(OTHER_KEY));
    let impostor = root_of("the root", key(OTHER_KEY));
    let of = |name: &str, trusted: &[&Vec<u8>], sent: &[Vec<u8>]| {
        path.of(name, trusted.iter().map(|&root| root.clone()).collect(), sent.to_vec())
    };
    let with_root = [&sent[..], &all[..1]].concat();
    let mut other = Path::new(1).host(HOST);
    other = other.with(1, |draft| draft.says.issuer = name("nobody"));
    let orphan = other.signed().remove(1);
    vec![
        of("roots: a stranger", &[&stranger], &sent),
        of("roots: a stranger, and the root is sent", &[&stranger], &with_root),
        of("roots: a stranger and the root", &[&stranger, &all[0]], &sent),
        of("roots: another of the same name", &[&impostor], &sent),
        of("roots: another of the same name and the root", &[&impostor, &all[0]], &sent),
        of("roots: the root twice", &[&all[0], &all[0]], &sent),
        of("roots: the authority", &[&all[1]], &sent),
        of("roots: the authority, which is not sent", &[&all[1]], &sent[..1]),
        of("roots: both", &[&all[0], &all[1]], &sent),
        of("roots: an authority of an unknown issuer", &[&orphan], &sent[..1]),
    ]
}
