//! The answer to a request from the server: this client has no resources, and is no
//! proxy (RFC 7252 sections 5.2, 5.4, 5.7 and 5.8).

use core::ops::RangeInclusive;

use crate::code::Code;
use crate::format::Kind;
use crate::message::Message;
use crate::option::{OptionNumber, Options};

/// A critical option that a request may carry (section 5.10).
struct Known {
    number: OptionNumber,
    /// How long its value may be, in bytes.
    len: RangeInclusive<usize>,
    is_repeatable: bool,
}

const fn known(number: OptionNumber, shortest: usize, longest: usize) -> Known {
    Known { number, len: shortest..=longest, is_repeatable: false }
}

const fn repeatable(number: OptionNumber, longest: usize) -> Known {
    Known { number, len: 0..=longest, is_repeatable: true }
}

const KNOWN: [Known; 9] = [
    repeatable(OptionNumber::IF_MATCH, 8),
    known(OptionNumber::URI_HOST, 1, 255),
    known(OptionNumber::IF_NONE_MATCH, 0, 0),
    known(OptionNumber::URI_PORT, 0, 2),
    repeatable(OptionNumber::URI_PATH, 255),
    repeatable(OptionNumber::URI_QUERY, 255),
    known(OptionNumber::ACCEPT, 0, 2),
    known(OptionNumber::PROXY_URI, 1, 1034),
    known(OptionNumber::PROXY_SCHEME, 1, 255),
];

/// The first critical option that makes a request unacceptable: unknown, of a length
/// that it cannot have (section 5.4.3), or once too often (section 5.4.5).
fn unacceptable(options: Options<'_>) -> Option<OptionNumber> {
    let mut last = None;
    for option in options {
        let is_first = last.replace(option.number) != Some(option.number);
        let is_sound = KNOWN.iter().any(|known| {
            known.number == option.number
                && known.len.contains(&option.value.len())
                && (is_first || known.is_repeatable)
        });
        if option.number.is_critical() && !is_sound {
            return Some(option.number);
        }
    }
    None
}

/// What is done about a request from the server.
pub(crate) enum Answer {
    /// The request is answered with this code in a message of this type.
    Reply(Kind, Code),
    /// The request is ignored for this option.
    Ignore(OptionNumber),
    /// It is no request: its type does not go with a method.
    NoRequest,
}

/// Decides about a message whose code is a method.
pub(crate) fn answer(message: &Message<'_>) -> Answer {
    let unacceptable = unacceptable(message.options.clone());
    let mut numbers = message.options.clone().map(|option| option.number);
    let is_for_a_proxy = numbers
        .any(|number| matches!(number, OptionNumber::PROXY_URI | OptionNumber::PROXY_SCHEME));
    let code = match (unacceptable, message.code.detail()) {
        (Some(_), _) => Code::BAD_OPTION,
        _ if is_for_a_proxy => Code::PROXYING_NOT_SUPPORTED,
        // GET, POST, PUT and DELETE.
        (None, 1..=4) => Code::NOT_FOUND,
        (None, _) => Code::METHOD_NOT_ALLOWED,
    };
    match (message.kind, unacceptable) {
        (Kind::Confirmable, _) => Answer::Reply(Kind::Acknowledgement, code),
        // Section 5.4.1: rejected, which for a Non-confirmable request means ignored.
        (Kind::NonConfirmable, Some(number)) => Answer::Ignore(number),
        (Kind::NonConfirmable, None) => Answer::Reply(Kind::NonConfirmable, code),
        (Kind::Acknowledgement | Kind::Reset, _) => Answer::NoRequest,
    }
}
