//! Answers requests from the server. This client has no resources, and is not a proxy (RFC
//! 7252 sections 5.2, 5.4, 5.7 and 5.8).

use crate::code::Code;
use crate::critical::{Known, unacceptable};
use crate::format::Kind;
use crate::message::Message;
use crate::option::OptionNumber;

/// The critical options that a request may carry (section 5.10).
const KNOWN: [Known; 9] = [
    Known::repeatable(OptionNumber::IF_MATCH, 8),
    Known::once(OptionNumber::URI_HOST, 1, 255),
    Known::once(OptionNumber::IF_NONE_MATCH, 0, 0),
    Known::once(OptionNumber::URI_PORT, 0, 2),
    Known::repeatable(OptionNumber::URI_PATH, 255),
    Known::repeatable(OptionNumber::URI_QUERY, 255),
    Known::once(OptionNumber::ACCEPT, 0, 2),
    Known::once(OptionNumber::PROXY_URI, 1, 1034),
    Known::once(OptionNumber::PROXY_SCHEME, 1, 255),
];

/// How to answer a request from the server.
pub(crate) enum Answer {
    /// Answer it with this code in a message of this type.
    Reply(Kind, Code),
    /// Ignore it because of this option.
    Ignore(OptionNumber),
    /// It is not a request: its type does not allow a method.
    NoRequest,
}

/// Decides how to answer a message whose code is a method.
pub(crate) fn answer(message: &Message<'_>) -> Answer {
    let unacceptable = unacceptable(message.options.clone(), &KNOWN, None);
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
        // Such a request is rejected, which means ignored if it is Non-confirmable (section
        // 5.4.1).
        (Kind::NonConfirmable, Some(number)) => Answer::Ignore(number),
        (Kind::NonConfirmable, None) => Answer::Reply(Kind::NonConfirmable, code),
        (Kind::Acknowledgement | Kind::Reset, _) => Answer::NoRequest,
    }
}
