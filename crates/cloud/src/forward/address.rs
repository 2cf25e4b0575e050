//! The address of a broker, as `--forward` takes it. Nothing is resolved here.

use std::fmt;
use std::str::FromStr;

/// `mqtt://[USER@]HOST[:PORT]` or `mqtts://…`, over TCP or TLS.
///
/// ```
/// use iot_coap_cloud::BrokerAddress;
/// let address: BrokerAddress = "mqtts://cloud@broker.example".parse().unwrap();
/// assert_eq!(address.to_string(), "mqtts://broker.example:8883");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerAddress {
    /// TLS: the broker proves its name.
    pub secure: bool,
    /// Name or address; an IPv6 address without its brackets.
    pub host: String,
    /// 1883 by default, 8883 with TLS.
    pub port: u16,
    /// User name; its password never stands in an address.
    pub user: Option<String>,
}

impl FromStr for BrokerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let example = "mqtt://broker.example:1883 or mqtts://user@broker.example";
        Self::parse(text).map_err(|reason| format!("{reason}; such as {example}"))
    }
}

impl BrokerAddress {
    fn parse(text: &str) -> Result<Self, String> {
        let (secure, rest) = match text.split_once("://") {
            Some(("mqtt", rest)) => (false, rest),
            Some(("mqtts", rest)) => (true, rest),
            _ => return Err("expected mqtt://[USER@]HOST[:PORT] or mqtts://…".into()),
        };
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        if user.is_some_and(|user| user.contains(':')) {
            // It would be seen by everybody who lists this machine's processes.
            return Err("a password does not belong into an address: give it by \
                        --forward-password-file or IOT_COAP_CLOUD_FORWARD_PASSWORD"
                .into());
        }
        if user == Some("") {
            return Err("the user name before @ is missing".into());
        }
        let place = place.strip_suffix('/').unwrap_or(place);
        let (host, port) = split_port(place)?;
        if host.is_empty() || host.contains(['/', '?', '#', ' ']) {
            return Err(format!("{host:?} is no host; an address ends with its port"));
        }
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: port.unwrap_or(if secure { 8883 } else { 1883 }),
            user: user.map(str::to_owned),
        })
    }
}

fn split_port(place: &str) -> Result<(&str, Option<u16>), String> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("the ] of an IPv6 address is missing")?;
            (host, rest.strip_prefix(':'))
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        },
    };
    let number = |port: &str| match port.parse() {
        Ok(0) | Err(_) => Err(format!("{port:?} is no port of 1 to 65535")),
        Ok(number) => Ok(number),
    };
    Ok((host, port.map(number).transpose()?))
}

/// Without the user name, as events and errors show it.
impl fmt::Display for BrokerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "mqtts" } else { "mqtt" };
        let Self { host, port, .. } = self;
        if host.contains(':') {
            write!(formatter, "{scheme}://[{host}]:{port}")
        } else {
            write!(formatter, "{scheme}://{host}:{port}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_written() {
        for (text, shown, user) in [
            ("mqtt://localhost", "mqtt://localhost:1883", None),
            ("mqtts://127.0.0.1/", "mqtts://127.0.0.1:8883", None),
            ("mqtt://[::1]", "mqtt://[::1]:1883", None),
            ("mqtts://me@[::1]:99", "mqtts://[::1]:99", Some("me")),
            ("mqtt://a@b@host:7", "mqtt://host:7", Some("a@b")),
        ] {
            let address: BrokerAddress = text.parse().expect(text);
            assert_eq!((address.to_string().as_str(), address.user.as_deref()), (shown, user));
        }
    }

    #[test]
    fn a_mistake_is_named() {
        for (text, named) in [
            ("localhost:1883", "mqtt://"),
            ("http://localhost", "mqtt://"),
            ("mqtt://", "no host"),
            ("mqtt://host:0", "port"),
            ("mqtt://host:65536", "port"),
            ("mqtt://host/topic", "no host"),
            ("mqtt://[::1", "]"),
            ("mqtt://@host", "user name"),
            ("mqtt://me:hush@host", "--forward-password-file"),
        ] {
            let error = text.parse::<BrokerAddress>().expect_err(text);
            assert!(error.contains(named), "{text}: {error}");
            assert!(!error.contains("hush"));
        }
    }
}
