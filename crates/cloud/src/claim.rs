//! Whose request was refused, as far as it says so. Anybody can say anything: a claim is for the
//! log alone, and never has a secret or a signature.

use std::collections::BTreeMap;

use crate::devices::Devices;
use crate::events::masked_value;
use crate::payload::Encoding;
use crate::request::Request;
use crate::text::cut;

/// What stands for a name that is a secret by mistake.
const HIDDEN: &str = "********";

/// The device that a request names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// Empty where it names none.
    pub(crate) product_key: String,
    pub(crate) device_name: String,
}

impl Claim {
    /// Names of a topic are those of its path, names of a sign-in those of its payload.
    pub(crate) fn of(request: &Request<'_>, devices: &Devices) -> Self {
        let fields = match request.path.first().map(String::as_str) {
            Some("topic") => {
                let segment = |index| request.path.get(index).cloned().unwrap_or_default();
                return Self::shown(&segment(1), &segment(2), "", devices);
            }
            Some("auth") => fields(request),
            _ => return Self::default(),
        };
        let field = |name: &str| fields.get(name).map(String::as_str).unwrap_or_default();
        Self::shown(field("productKey"), field("deviceName"), field("sign"), devices)
    }

    fn shown(product_key: &str, device_name: &str, sign: &str, devices: &Devices) -> Self {
        let device = devices.get(product_key, device_name);
        let secret = device.map_or("", |(_, device)| device.device_secret.as_str());
        let shown = |name: &str| {
            if devices.is_secret(name) {
                return HIDDEN.to_owned();
            }
            // What is called a name is no secret by its name.
            cut(masked_value("", &masked_value("", name, sign), secret))
        };
        Self { product_key: shown(product_key), device_name: shown(device_name) }
    }
}

/// The fields of a sign-in, whatever format it says that they have; none if they cannot be read.
fn fields(request: &Request<'_>) -> BTreeMap<String, String> {
    let said = request.content_format.and_then(Encoding::from_format);
    let encodings = said.map_or_else(|| vec![Encoding::Json, Encoding::Cbor], |said| vec![said]);
    let mut read = encodings.iter().map(|encoding| encoding.decode(request.payload));
    read.find_map(Result::ok).unwrap_or_default()
}
