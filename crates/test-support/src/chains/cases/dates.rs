//! Dates: of each certificate on the path, with a clock and without, and how they are
//! written.

use crate::forge::{GENERALIZED_TIME, UTC_TIME, tlv};

use crate::chains::{Case, DAY, NOW, Path, When, generalized};

/// The 1st of January 2050.
const YEAR_2050: i64 = 2_524_608_000;

pub(super) fn cases() -> Vec<Case> {
    [positions(), edges(), without_a_clock(), forms()].into_iter().flatten().collect()
}

const POSITIONS: [(usize, &str); 3] = [(0, "the root"), (1, "an authority"), (2, "the server")];

fn positions() -> Vec<Case> {
    let mut cases = Vec::new();
    for (position, whose) in POSITIONS {
        for (what, from, until) in [
            ("expired", -30 * DAY, -DAY),
            ("not yet valid", DAY, 30 * DAY),
            ("ends before it begins", DAY, -DAY),
            ("for a thousand years", -DAY, 365_000 * DAY),
        ] {
            let path = Path::new(1).with(position, |draft| draft.set_dates(from, until));
            cases.push(path.case(format!("dates: {what}, {whose}")));
        }
    }
    cases
}

/// Both ends belong to the validity (RFC 5280, section 4.1.2.5).
fn edges() -> Vec<Case> {
    let mut cases = Vec::new();
    for (position, whose) in [(1, "an authority"), (2, "the server")] {
        for (what, from, until) in [
            ("begins now", 0, DAY),
            ("begins in a second", 1, DAY),
            ("ends now", -DAY, 0),
            ("ended a second ago", -DAY, -1),
            ("valid for this second alone", 0, 0),
        ] {
            let path = Path::new(1)
                .with(position, |draft| draft.set_dates(from, until))
                .when(When::At(*NOW));
            cases.push(path.case(format!("edge: {what}, {whose}")));
        }
    }
    cases
}

fn without_a_clock() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, authority, server) in [
        ("all valid", (-DAY, DAY), (-DAY, DAY)),
        ("long expired", (-90 * DAY, -50 * DAY), (-80 * DAY, -60 * DAY)),
        ("not yet valid", (50 * DAY, 90 * DAY), (60 * DAY, 80 * DAY)),
        ("never valid together", (-90 * DAY, -50 * DAY), (-40 * DAY, DAY)),
        ("an authority that came later", (-DAY, 9 * DAY), (-9 * DAY, DAY)),
        ("a server that ends before it begins", (-DAY, DAY), (DAY, -DAY)),
    ] {
        let path = Path::new(1)
            .with(1, |draft| draft.set_dates(authority.0, authority.1))
            .with(2, |draft| draft.set_dates(server.0, server.1))
            .when(When::Unknown);
        cases.push(path.case(format!("no clock: {what}")));
    }
    cases
}

fn forms() -> Vec<Case> {
    let utc = |text: &str| tlv(UTC_TIME, text.as_bytes());
    let general = |text: &str| tlv(GENERALIZED_TIME, text.as_bytes());
    let this_year = generalized(*NOW - DAY);
    let later = generalized(*NOW + 30 * DAY);
    let mut cases = Vec::new();
    for (position, whose) in POSITIONS {
        for (what, end) in [
            ("the end of 2049 as UTCTime", utc("491231235959Z")),
            ("the end of 2049 as GeneralizedTime", general("20491231235959Z")),
            ("2050 as GeneralizedTime", general("20500101000000Z")),
            ("the last date there is", general("99991231235959Z")),
            ("1950 as UTCTime", utc("500101000000Z")),
            ("this year as GeneralizedTime", general(&later)),
            ("UTCTime without seconds", utc(&[&later[2..12], "Z"].concat())),
            ("UTCTime with an offset", utc(&[&later[2..14], "+0100"].concat())),
            ("UTCTime without a zone", utc(&later[2..14])),
            ("GeneralizedTime with a fraction", general(&[&later[..14], ".5Z"].concat())),
            ("GeneralizedTime without seconds", general(&[&later[..12], "Z"].concat())),
            ("GeneralizedTime with an offset", general(&[&later[..14], "+0100"].concat())),
            ("the 30th of February", general("20600230000000Z")),
            ("the 29th of February", general("20600229000000Z")),
            ("hour 24", general("20600101240000Z")),
            ("a leap second", general("20591231235960Z")),
            ("no date", tlv(UTC_TIME, &[])),
        ] {
            let path = Path::new(1).with(position, |draft| draft.says.not_after = end);
            cases.push(path.case(format!("date: {what}, {whose}")));
        }
        let begin = general(&this_year);
        let path = Path::new(1).with(position, |draft| draft.says.not_before = begin);
        cases.push(path.case(format!("date: begins as GeneralizedTime, {whose}")));
    }
    for (what, when) in [("before", YEAR_2050 - 1), ("at the start of", YEAR_2050)] {
        let path = Path::new(1)
            .with(0, |draft| draft.set_dates(-DAY, 99_999 * DAY))
            .with(1, |draft| draft.set_dates(-DAY, 99_999 * DAY))
            .with(2, |draft| draft.set_dates(-DAY, YEAR_2050 - *NOW))
            .when(When::At(when));
        cases.push(path.case(format!("date: checked {what} 2050")));
    }
    cases
}
