//! `POST /auth`: a device proves its identity and is given an access token.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;

use crate::access_token::{AccessTokens, TokenId, abbreviated};
use crate::answer::{
    Answer, BAD_REQUEST, CONTENT, Delivery, FORBIDDEN, METHOD_NOT_ALLOWED, NOT_ACCEPTABLE, Refused,
    UNAUTHORIZED, UNSUPPORTED_CONTENT_FORMAT,
};
use crate::devices::{DeviceNumber, Devices};
use crate::events::{Event, masked_value};
use crate::payload::Encoding;
use crate::request::Request;
use crate::sign::{SignMethod, equal, signature};
use crate::symmetric::SymmetricSessions;
use crate::text::cut;
use crate::transport::Transport;

/// RFC 7252's POST.
pub(crate) const POST: u8 = 2;

const CLIENT_ID_CHARACTERS: usize = 64;
const FORMATS: &str = "application/json (50), application/cbor (60)";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SignedIn {
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    random: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq_offset: Option<u64>,
}

/// A sign-in whose fields are all there and well formed.
struct SignIn {
    product_key: String,
    device_name: String,
    client_id: String,
    sign: String,
    method: SignMethod,
    separate: bool,
    fields: BTreeMap<String, String>,
}

impl SignIn {
    fn parse(fields: BTreeMap<String, String>) -> Result<Self, String> {
        let needed = |name: &str| match fields.get(name) {
            Some(value) if !value.is_empty() => Ok(value.clone()),
            _ => Err(format!("{name} is missing")),
        };
        let client_id = needed("clientId")?;
        if client_id.chars().count() > CLIENT_ID_CHARACTERS {
            return Err("clientId is longer than 64 characters".into());
        }
        let method = match fields.get("signmethod") {
            None => SignMethod::HmacMd5,
            Some(name) => {
                SignMethod::from_name(name).ok_or("signmethod is neither hmacmd5 nor hmacsha1")?
            }
        };
        let separate = match fields.get("ackMode").map(String::as_str) {
            None | Some("0") => false,
            Some("1") => true,
            Some(_) => return Err("ackMode is neither 0 nor 1".into()),
        };
        let digits = |name: &str| match fields.get(name) {
            Some(value) if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) => {
                Err(format!("{name} is not a decimal number"))
            }
            _ => Ok(()),
        };
        digits("seq")?;
        Ok(Self {
            product_key: needed("productKey")?,
            device_name: needed("deviceName")?,
            client_id,
            sign: needed("sign")?,
            method,
            separate,
            fields,
        })
    }

    /// The refusal of one whose device is not known, or did not sign it. The client is told the
    /// same of both, and the log which it was.
    fn unproven(&self, is_known: bool) -> Refused {
        let refused = Refused::new(UNAUTHORIZED, "no such device, or its signature is wrong");
        if !is_known {
            let remedy = "no device of this product key and name is registered: add it by --device \
                          KEY,NAME,SECRET or in the file of --devices, or correct the names";
            return refused.by("device", remedy);
        }
        let (length, makes) = (self.sign.chars().count(), self.method.digits());
        let name = self.method.name();
        let remedy = if length != makes {
            format!("sign has {length} characters, and {name} makes {makes}: check signmethod")
        } else if self.sign.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            "write sign in hexadecimal with small letters".into()
        } else {
            format!(
                "the device is known: compare its secret with that of --device or --devices, and \
                 check that {name} covers every field but version, sign, resources and \
                 signmethod, sorted by name"
            )
        };
        refused.by("signature", remedy)
    }

    /// The fields that not every sign-in has, for the event log, which shall not have `secret`.
    fn extras(&self, secret: &str) -> Vec<String> {
        const USUAL: [&str; 4] = ["productKey", "deviceName", "clientId", "sign"];
        self.fields
            .iter()
            .filter(|(name, _)| !USUAL.contains(&name.as_str()))
            .map(|(name, value)| cut(format!("{name}={}", masked_value(name, value, secret))))
            .collect()
    }
}

/// That a device has shown who it is, by its signature or by an access token.
#[derive(Clone, Copy)]
pub(crate) struct Proof {
    pub(crate) device: DeviceNumber,
    /// The token that it was given, or came with.
    pub(crate) token: TokenId,
    pub(crate) is_sign_in: bool,
}

/// Signs a device in, and says which it is.
pub(crate) fn sign_in(
    request: &Request<'_>,
    now: SystemTime,
    devices: &Devices,
    tokens: &mut AccessTokens,
    (sessions, most): (&mut SymmetricSessions, Option<usize>),
) -> Result<(Answer, Proof, Event), Refused> {
    if request.method != POST {
        return Err(Refused::new(METHOD_NOT_ALLOWED, "POST").by("method", "sign in by POST"));
    }
    let (format, encoding) = request
        .content_format
        .and_then(|format| Some((format, Encoding::from_format(format)?)))
        .ok_or_else(|| {
            let remedy = "set Content-Format to 50 (JSON) or 60 (CBOR), as the payload is";
            Refused::new(UNSUPPORTED_CONTENT_FORMAT, FORMATS).by("content_format", remedy)
        })?;
    let accepted = match request.accept {
        None => encoding,
        Some(accept) => Encoding::from_format(accept).ok_or_else(|| {
            let remedy = "set Accept to 50 (JSON) or 60 (CBOR), or leave it out";
            Refused::new(NOT_ACCEPTABLE, FORMATS).by("accept", remedy)
        })?,
    };
    let sign_in = encoding.decode(request.payload).and_then(SignIn::parse).map_err(|reason| {
        let remedy = "send an object with the texts productKey, deviceName, clientId and sign";
        Refused::new(BAD_REQUEST, reason).by("payload", remedy)
    })?;

    let device = devices.get(&sign_in.product_key, &sign_in.device_name);
    // An unknown device costs a signature too, and is told the same.
    let secret = device.map_or("", |(_, device)| device.device_secret.as_str());
    let expected = signature(sign_in.method, secret, &sign_in.fields);
    let genuine = equal(expected.as_bytes(), sign_in.sign.as_bytes());
    let is_known = device.is_some();
    let Some((number, device)) = device.filter(|_| genuine) else {
        return Err(sign_in.unproven(is_known));
    };
    if device.disabled {
        let remedy = "take disabled = true out of its table in the file of --devices";
        return Err(Refused::new(FORBIDDEN, "the device is disabled").by("disabled", remedy));
    }

    let (id, token) = tokens.issue(now, &device.product_key, &device.device_name);
    let terms = (request.peer.transport == Transport::Symmetric)
        .then(|| sessions.start(id, (number, most), &device.device_secret));
    let access_token = abbreviated(&token);
    let reply = SignedIn {
        token,
        seq_offset: terms.as_ref().map(|terms| terms.sequence_offset),
        random: terms.map(|terms| terms.random),
    };
    let mut answer = Answer::new(CONTENT, Some(accepted.format()), accepted.encode(&reply));
    if sign_in.separate {
        answer.delivery = Delivery::Separate { confirmable: request.confirmable };
    }
    let event = Event::SignedIn {
        transport: request.peer.transport,
        peer: request.peer.route.address,
        sign_method: sign_in.method.name().to_owned(),
        content_format: format,
        extras: sign_in.extras(&device.device_secret),
        message_id: request.message_id,
        access_token,
        expires: tokens.expiry(now),
        product_key: sign_in.product_key,
        device_name: sign_in.device_name,
        client_id: sign_in.client_id,
    };
    Ok((answer, Proof { device: number, token: id, is_sign_in: true }, event))
}
