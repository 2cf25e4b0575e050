//! Who may ask: not another site in the same browser, by name or by address, and
//! nobody without the password if there is one.
//!
//! A page of another site can make a browser send requests here (CSRF), and can make
//! its own name resolve to this machine to read the answers (DNS rebinding). The
//! former shows in `Origin` and `Sec-Fetch-Site` and cannot carry a header of our own
//! without being asked first; the latter shows in `Host`.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Shared;
use crate::web::{From, host, one};

/// What every request that changes something must carry, whatever its value.
pub(super) const ACTION_HEADER: HeaderName = HeaderName::from_static("x-iot-coap-console");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// A request that changes something has its body by then.
const BODY_WITHIN: Duration = Duration::from_secs(20);

/// Nothing but what this server serves; and the page's script can make no markup of
/// text, since it has no Trusted Types policy.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// Lets a request through, or refuses it, and dresses the response.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let from = request.extensions().get::<From>();
    let from = from.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |From(address)| *address);
    let given = given_password(request.headers());
    // The password first: before it nothing else is said.
    let admitted = admit(&shared, from, given).await;
    let admitted = admitted.and_then(|()| check(&request, shared.password.is_some()));
    let mut response = match admitted {
        Ok(()) if request.method() == Method::GET => next.run(request).await,
        Ok(()) => match tokio::time::timeout(BODY_WITHIN, next.run(request)).await {
            Ok(response) => response,
            Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
        },
        Err(refusal) => refusal.into_response(),
    };
    for (name, value) in HEADERS {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Host,
    Origin,
    Header,
    Password,
    /// Of an address that tries too many passwords.
    Guessing,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let text = match self {
            Self::Host => {
                "This console is for this machine: open it by its address, as in \
                 http://127.0.0.1:8080/, or set a password to open it by name.\n"
            }
            Self::Origin => "Another site may not ask this console for anything.\n",
            Self::Header => {
                "A request that changes something needs the header x-iot-coap-console: 1; from a \
                 shell curl -H 'x-iot-coap-console: 1'.\n"
            }
            Self::Password => "This console needs its password; any user name will do.\n",
            Self::Guessing => "Too many passwords are tried from here; come back later.\n",
        };
        match self {
            Self::Host => (StatusCode::MISDIRECTED_REQUEST, text).into_response(),
            Self::Origin | Self::Header => (StatusCode::FORBIDDEN, text).into_response(),
            Self::Guessing => (StatusCode::TOO_MANY_REQUESTS, text).into_response(),
            Self::Password => {
                let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"iot-coap-cloud\"")];
                (StatusCode::UNAUTHORIZED, challenge, text).into_response()
            }
        }
    }
}

/// Checks the password, if there is to be one.
async fn admit(shared: &Shared, from: IpAddr, given: Option<Vec<u8>>) -> Result<(), Refusal> {
    let Some(password) = &shared.password else { return Ok(()) };
    let given = given.ok_or(Refusal::Password)?;
    if shared.guesses.is_right(from, password, given).await? {
        Ok(())
    } else {
        Err(Refusal::Password)
    }
}

fn check(request: &Request, has_password: bool) -> Result<(), Refusal> {
    let headers = request.headers();
    let (host, is_here) = host(headers).ok_or(Refusal::Host)?;
    // With a password any name will do: a browser sends it to none but its own.
    if !has_password && !is_here {
        return Err(Refusal::Host);
    }
    if headers.contains_key(ORIGIN) {
        let origin = one(headers, &ORIGIN).ok_or(Refusal::Origin)?;
        // A proxy may have taken the encryption off.
        let own = ["http://", "https://"].iter().find_map(|scheme| origin.strip_prefix(scheme));
        if !own.is_some_and(|own| own.eq_ignore_ascii_case(host)) {
            return Err(Refusal::Origin);
        }
    }
    // A link to the page itself may be anywhere.
    let is_page = request.method() == Method::GET && request.uri().path() == "/";
    let site = one(headers, &SEC_FETCH_SITE).unwrap_or("none");
    if !is_page && !matches!(site, "none" | "same-origin") {
        return Err(Refusal::Origin);
    }
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if !safe && !headers.contains_key(ACTION_HEADER) {
        return Err(Refusal::Header);
    }
    Ok(())
}

/// The password in a request; empty if what should have it has none, `None` without any.
fn given_password(headers: &HeaderMap) -> Option<Vec<u8>> {
    let credentials = one(headers, &AUTHORIZATION)?;
    let attempt = credentials
        .split_once(' ')
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .and_then(|(_, encoded)| STANDARD.decode(encoded.trim()).ok())
        .unwrap_or_default();
    // RFC 7617: the user name ends at the first colon.
    let colon = attempt.iter().position(|byte| *byte == b':');
    Some(colon.map_or_else(Vec::new, |colon| attempt[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn checked(method: &str, path: &str, headers: &[(&str, &str)]) -> Result<(), Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        check(&request.body(Body::empty()).expect("a request"), false)
    }

    #[test]
    fn only_names_of_this_machine_are_served() {
        for host in ["127.0.0.1:8080", "localhost:9", "LocalHost", "[::1]:80", "127.9.9.9"] {
            assert_eq!(checked("GET", "/", &[("host", host)]), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example:8080",
            "192.0.2.1",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert_eq!(checked("GET", "/", &[("host", host)]), Err(Refusal::Host), "{host}");
        }
        assert_eq!(checked("GET", "/", &[]), Err(Refusal::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(checked("GET", "/", &twice), Err(Refusal::Host));
    }

    #[test]
    fn another_origin_is_refused_and_a_link_is_not() {
        let host = ("host", "localhost:8080");
        let own = ("origin", "http://localhost:8080");
        let action = ("x-iot-coap-console", "1");
        assert_eq!(checked("POST", "/x", &[host, own, action]), Ok(()));
        assert_eq!(checked("POST", "/x", &[host, action]), Ok(()));
        assert_eq!(checked("POST", "/x", &[host, own]), Err(Refusal::Header));
        for origin in ["null", "http://evil.example", "http://localhost:8081", "localhost:8080"] {
            let headers = [host, action, ("origin", origin)];
            assert_eq!(checked("POST", "/x", &headers), Err(Refusal::Origin), "{origin}");
        }
        for site in ["cross-site", "same-site"] {
            let headers = [host, action, ("sec-fetch-site", site)];
            assert_eq!(checked("GET", "/", &headers), Ok(()));
            assert_eq!(checked("GET", "/events", &headers), Err(Refusal::Origin));
            assert_eq!(checked("POST", "/", &headers), Err(Refusal::Origin));
        }
    }

    #[test]
    fn a_password_is_found_in_its_header() {
        let given = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(AUTHORIZATION, value.parse().expect("a value"));
            given_password(&headers)
        };
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(given(&basic("any:correct horse")), Some(b"correct horse".to_vec()));
        assert_eq!(given(&basic("a:b:c")), Some(b"b:c".to_vec()));
        for none in [basic("correct horse"), "Bearer x".into(), "Basic %".into()] {
            assert_eq!(given(&none), Some(Vec::new()), "{none}");
        }
        assert_eq!(given_password(&HeaderMap::new()), None);
    }
}
