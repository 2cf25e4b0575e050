//! The devices that the cloud knows, as a console would have registered them,
//! and the two ways to name them: `pk,dn,secret` and a TOML file.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::Path;
use std::str::FromStr;

use indexmap::IndexMap;
use serde::Deserialize;

use crate::private::{Kind, Readers, read_private};

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
            _ => Err("expected PRODUCT_KEY,DEVICE_NAME,DEVICE_SECRET, such as \
                         a1RP1qZfrEi,example1,fPloaszb6saUFJte4EhyuBHQpR9SuKHb"
                .into()),
        }
    }
}

const OF_DEVICES: Kind = Kind {
    what: "devices with their secrets",
    readers: Readers::Group,
    // An empty one has them later.
    fits: |text| {
        ["[[device]]", "device_secret"].iter().any(|each| text.contains(each))
            || text.trim().is_empty()
    },
};

/// Reads devices from a TOML file of `[[device]]` tables.
///
/// # Errors
///
/// A sentence naming the file and what is wrong with it, which may be that everybody can read
/// it; no secret stands in it.
pub fn load_devices(path: &Path) -> Result<Vec<Device>, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[serde(default)]
        device: Vec<Device>,
    }
    let shown = path.display();
    let content = read_private(path, OF_DEVICES).map_err(|error| error.to_string())?;
    let text = std::str::from_utf8(&content)
        .map_err(|error| format!("cannot read {shown}: it is no text ({error})"))?;
    let file: File = toml::from_str(text).map_err(|error| {
        // The error as it prints itself shows the line, and a secret may stand there.
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.lines().count().max(1);
        format!(
            "{shown}, line {line}: {}; the file has a table [[device]] with product_key, \
             device_name and device_secret for each device",
            error.message()
        )
    })?;
    for (number, device) in (1..).zip(&file.device) {
        let Device { product_key, device_name, device_secret, .. } = device;
        if [product_key, device_name, device_secret].iter().any(|word| word.trim().is_empty()) {
            return Err(format!(
                "{shown}: device {number} has an empty product_key, device_name or device_secret"
            ));
        }
    }
    Ok(file.device)
}

/// Whether no device stands there twice.
pub(crate) fn check_each_is_given_once(devices: &[Device]) -> io::Result<()> {
    let mut seen = HashSet::new();
    for Device { product_key, device_name, .. } in devices {
        if !seen.insert((product_key, device_name)) {
            let text = format!("the device {device_name} of product {product_key} is given twice");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
    }
    Ok(())
}

/// What a registered device is known by as long as the server runs: short, where its name
/// would be kept many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DeviceNumber(pub(crate) usize);

/// The registered devices by name. The place of one that is taken away stays, and with it the
/// numbers of the others.
#[derive(Default)]
pub(crate) struct Devices {
    by_name: IndexMap<(String, String), Option<Device>>,
    /// Digests of the secrets that were ever registered.
    secrets: HashSet<u64>,
    hasher: RandomState,
}

impl Devices {
    pub(crate) fn new(devices: Vec<Device>) -> Self {
        let mut registered = Self::default();
        for device in devices {
            registered.set(device);
        }
        registered
    }

    pub(crate) fn get(
        &self,
        product_key: &str,
        device_name: &str,
    ) -> Option<(DeviceNumber, &Device)> {
        let name = (product_key.to_owned(), device_name.to_owned());
        let (index, _, device) = self.by_name.get_full(&name)?;
        Some((DeviceNumber(index), device.as_ref()?))
    }

    /// The number of a device that was ever registered.
    pub(crate) fn number(&self, product_key: &str, device_name: &str) -> Option<DeviceNumber> {
        let name = (product_key.to_owned(), device_name.to_owned());
        self.by_name.get_index_of(&name).map(DeviceNumber)
    }

    /// Product key and name of a device that was ever registered.
    pub(crate) fn name(&self, number: DeviceNumber) -> Option<&(String, String)> {
        self.by_name.get_index(number.0).map(|(name, _)| name)
    }

    pub(crate) fn set(&mut self, device: Device) {
        let name = (device.product_key.clone(), device.device_name.clone());
        self.secrets.insert(self.hasher.hash_one(&device.device_secret));
        self.by_name.insert(name, Some(device));
    }

    /// Whether a text is the secret of some device, so that nobody else may read it.
    pub(crate) fn is_secret(&self, text: &str) -> bool {
        self.secrets.contains(&self.hasher.hash_one(text))
    }

    /// Has these be all that are registered.
    pub(crate) fn replace(&mut self, devices: Vec<Device>) {
        self.by_name.values_mut().for_each(|device| *device = None);
        for device in devices {
            self.set(device);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Device, Devices, check_each_is_given_once, load_devices};
    use crate::state::{StateDir, replace};

    #[test]
    fn a_device_is_three_words() {
        let device: Device = "pk, dn,secret".parse().expect("three words");
        assert_eq!(device, Device::new("pk", "dn", "secret"));
        for wrong in ["", "pk,dn", "pk,,secret", "a,b,c,d"] {
            assert!(wrong.parse::<Device>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_mistake_in_a_file_is_named_and_the_secret_is_not() {
        let state = StateDir::open(None).expect("a temporary folder");
        let path = state.file("devices.toml");
        let device = |secret: &str| {
            format!("[[device]]\nproduct_key = 'pk'\ndevice_name = 'dn'\n{secret}\n")
        };
        for (text, named) in [
            (device("device_secret = hush"), "line 4"),
            (device("device_secret = ''"), "device 1 has an empty"),
            (device("secret = 'hush'"), "device_secret"),
            ("pk,dn,hush".to_owned(), "[[device]]"),
        ] {
            replace(&path, text.as_bytes()).expect("written");
            let error = load_devices(&path).expect_err(named);
            assert!(error.contains(named) && error.contains("devices.toml"), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
        replace(&path, b"").expect("written");
        assert_eq!(load_devices(&path), Ok(Vec::new()));
    }

    #[test]
    fn a_device_that_stands_there_twice_is_found() {
        let device = |name: &str| Device::new("pk", name, "secret");
        assert!(check_each_is_given_once(&[device("a"), device("b")]).is_ok());
        let twice = check_each_is_given_once(&[device("a"), device("b"), device("a")]);
        let error = twice.expect_err("twice").to_string();
        assert!(error.contains("device a of product pk"), "{error}");
    }

    #[test]
    fn a_device_keeps_its_number_when_others_come_and_go() {
        let device = |name: &str| Device::new("pk", name, "secret");
        let mut devices = Devices::new(vec![device("a"), device("b")]);
        let number = |devices: &Devices, name| devices.get("pk", name).map(|(number, _)| number);
        let before = number(&devices, "b");
        devices.replace(vec![device("b"), device("c")]);
        assert_eq!(number(&devices, "a"), None);
        assert_eq!(number(&devices, "b"), before);
        assert!(number(&devices, "c").is_some_and(|other| Some(other) != before));
    }

    #[test]
    fn a_secret_is_not_printed() {
        assert!(!format!("{:?}", Device::new("pk", "dn", "hush")).contains("hush"));
    }
}
