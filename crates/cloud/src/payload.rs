//! The two encodings that the cloud speaks, JSON and CBOR, for flat objects, and the
//! names of these and other formats.

use std::collections::BTreeMap;

use serde::Serialize;

/// Content-Format of `text/plain`, in which errors are told.
pub(crate) const TEXT: u16 = 0;
/// Content-Format of `application/json`.
pub(crate) const JSON: u16 = 50;
/// Content-Format of `application/cbor`.
pub(crate) const CBOR: u16 = 60;

/// The media type of a Content-Format (RFC 7252 section 12.3, RFC 8949, RFC 8428).
pub(crate) fn media_type(format: u16) -> Option<&'static str> {
    Some(match format {
        TEXT => "text/plain; charset=utf-8",
        40 => "application/link-format",
        41 => "application/xml",
        42 => "application/octet-stream",
        47 => "application/exi",
        JSON => "application/json",
        CBOR => "application/cbor",
        110 => "application/senml+json",
        112 => "application/senml+cbor",
        _ => return None,
    })
}

/// An encoding of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Json,
    Cbor,
}

impl Encoding {
    pub(crate) fn from_format(format: u16) -> Option<Self> {
        match format {
            JSON => Some(Self::Json),
            CBOR => Some(Self::Cbor),
            _ => None,
        }
    }

    pub(crate) fn format(self) -> u16 {
        match self {
            Self::Json => JSON,
            Self::Cbor => CBOR,
        }
    }

    pub(crate) fn encode(self, object: &impl Serialize) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Json => {
                serde_json::to_writer(&mut bytes, object).expect("plain fields serialize");
            }
            Self::Cbor => {
                ciborium::into_writer(object, &mut bytes).expect("plain fields serialize");
            }
        }
        bytes
    }

    /// The fields of an object, numbers as the text that a signature covers.
    pub(crate) fn decode(self, bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
        match self {
            Self::Json => fields_of_json(bytes),
            Self::Cbor => fields_of_cbor(bytes),
        }
    }
}

fn fields_of_json(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    use serde_json::Value;
    let object: serde_json::Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| format!("not a JSON object: {error}"))?;
    object
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(text) => Ok((name, text)),
            Value::Number(number) => Ok((name, number.to_string())),
            Value::Bool(flag) => Ok((name, flag.to_string())),
            _ => Err(format!("{name} is neither text nor a number")),
        })
        .collect()
}

fn fields_of_cbor(bytes: &[u8]) -> Result<BTreeMap<String, String>, String> {
    use ciborium::Value;
    let mut rest = bytes;
    let value: Value =
        ciborium::from_reader(&mut rest).map_err(|error| format!("not valid CBOR: {error}"))?;
    if !rest.is_empty() {
        return Err("bytes follow the CBOR item".into());
    }
    let Value::Map(entries) = value else {
        return Err("not a CBOR map".into());
    };
    let mut fields = BTreeMap::new();
    for (name, value) in entries {
        let Value::Text(name) = name else {
            return Err("a name in the CBOR map is not text".into());
        };
        let text = match value {
            Value::Text(text) => text,
            Value::Integer(number) => i128::from(number).to_string(),
            Value::Bool(flag) => flag.to_string(),
            _ => return Err(format!("{name} is neither text nor a number")),
        };
        if fields.insert(name.clone(), text).is_some() {
            return Err(format!("{name} is given twice"));
        }
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_their_digits() {
        let json = Encoding::Json.decode(br#"{"a":"x","n":7}"#).expect("valid");
        // {"a": "x", "n": 7}
        let cbor =
            Encoding::Cbor.decode(&[0xA2, 0x61, b'a', 0x61, b'x', 0x61, b'n', 7]).expect("valid");
        assert_eq!(json, cbor);
        assert_eq!(json["n"], "7");
    }

    #[test]
    fn what_is_no_flat_object_is_refused() {
        for bytes in [&b"[1]"[..], b"{", b"", br#"{"a":{}}"#, br#"{"a":1} x"#] {
            assert!(Encoding::Json.decode(bytes).is_err(), "{bytes:?}");
        }
        let nested = vec![0x81; 2_000];
        let twice: &[u8] = &[0xA2, 0x61, b'a', 1, 0x61, b'a', 2];
        for bytes in [&[0x80][..], &[0xA1], &[], &[0xA0, 0], &[0xA1, 1, 1], &nested, twice] {
            assert!(Encoding::Cbor.decode(bytes).is_err());
        }
    }
}
