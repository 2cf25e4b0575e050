//! The devices that the cloud knows, as a console would have registered them,
//! and the two ways to name them: `pk,dn,secret` and a TOML file.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

/// A registered device.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The key of its product, e.g. `a1RP1qZfrEi`.
    pub product_key: String,
    /// Its name within the product.
    pub device_name: String,
    /// The secret that signs its sign-ins.
    pub device_secret: String,
    /// A disabled device signs in to 4.03, and its access tokens are refused.
    #[serde(default)]
    pub disabled: bool,
}

impl Device {
    /// A device that may sign in.
    pub fn new(
        product_key: impl Into<String>,
        device_name: impl Into<String>,
        device_secret: impl Into<String>,
    ) -> Self {
        Self {
            product_key: product_key.into(),
            device_name: device_name.into(),
            device_secret: device_secret.into(),
            disabled: false,
        }
    }

    /// The identity of the vendor's published sample, so that a server started
    /// without any device is of use at once.
    pub fn sample() -> Self {
        Self::new("a1RP1qZfrEi", "example1", "fPloaszb6saUFJte4EhyuBHQpR9SuKHb")
    }
}

// The secret stays out of whatever prints a device.
impl fmt::Debug for Device {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Device")
            .field("product_key", &self.product_key)
            .field("device_name", &self.device_name)
            .field("disabled", &self.disabled)
            .finish_non_exhaustive()
    }
}

impl FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        match parts[..] {
            [product_key, device_name, secret]
                if ![product_key, device_name, secret].contains(&"") =>
            {
                Ok(Self::new(product_key, device_name, secret))
            }
            _ => Err("expected PRODUCT_KEY,DEVICE_NAME,DEVICE_SECRET".into()),
        }
    }
}

/// Reads devices from a TOML file of `[[device]]` tables.
///
/// # Errors
///
/// A sentence naming the file and what is wrong with it.
pub fn load_devices(path: &Path) -> Result<Vec<Device>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        device: Vec<Device>,
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    toml::from_str::<File>(&text)
        .map(|file| file.device)
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The registered devices by name.
pub(crate) struct Devices(HashMap<(String, String), Device>);

impl Devices {
    pub(crate) fn new(devices: Vec<Device>) -> Self {
        let mut registered = Self(HashMap::new());
        for device in devices {
            registered.set(device);
        }
        registered
    }

    pub(crate) fn get(&self, product_key: &str, device_name: &str) -> Option<&Device> {
        self.0.get(&(product_key.to_owned(), device_name.to_owned()))
    }

    pub(crate) fn set(&mut self, device: Device) {
        let name = (device.product_key.clone(), device.device_name.clone());
        self.0.insert(name, device);
    }
}

#[cfg(test)]
mod tests {
    use super::Device;

    #[test]
    fn a_device_is_three_words() {
        let device: Device = "pk, dn,secret".parse().expect("three words");
        assert_eq!(device, Device::new("pk", "dn", "secret"));
        for wrong in ["", "pk,dn", "pk,,secret", "a,b,c,d"] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", Device::new("pk", "dn", "hush")).contains("hush"));
    }
}
