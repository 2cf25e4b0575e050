//! A device's identity: its names in the cloud, and the secret that signs its sign-ins.
//! Lengths are checked, and the secret is wiped when it is dropped.

use alloc::boxed::Box;
use core::fmt;

use zeroize::Zeroizing;

use crate::out_of_memory::{OutOfMemory, joined};

/// The longest product key, in bytes (`IOTX_PRODUCT_KEY_LEN`).
pub const MAX_PRODUCT_KEY_LEN: usize = 20;
/// The longest device name, in bytes (`IOTX_DEVICE_NAME_LEN`).
pub const MAX_DEVICE_NAME_LEN: usize = 32;
/// The longest client id, in bytes (`IOTX_DEVICE_ID_LEN`).
pub const MAX_CLIENT_ID_LEN: usize = 64;
/// The longest device secret, in bytes (`IOTX_DEVICE_SECRET_LEN`).
pub const MAX_DEVICE_SECRET_LEN: usize = 64;

/// The identity with which a device signs in.
pub struct Device {
    pub(crate) product_key: Box<str>,
    pub(crate) device_name: Box<str>,
    pub(crate) client_id: Box<str>,
    pub(crate) device_secret: Zeroizing<Box<str>>,
}

/// Which part of an identity is wrong, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The named field is empty.
    Empty(&'static str),
    /// The named field is longer than this many bytes.
    TooLong(&'static str, usize),
    /// The heap is exhausted.
    OutOfMemory,
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty(field) => write!(f, "{field} is empty"),
            Self::TooLong(field, most) => write!(f, "{field} is longer than {most} bytes"),
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl core::error::Error for DeviceError {}

impl From<OutOfMemory> for DeviceError {
    fn from(_: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

impl Device {
    /// Makes an identity from its parts. An empty `client_id` stands for
    /// `<product_key>.<device_name>`.
    ///
    /// The texts are taken as they are. A secret that was read from a file must not have the
    /// end of its line: `trim_end` it, or the cloud refuses each sign-in with 4.01.
    ///
    /// # Errors
    ///
    /// [`DeviceError`] names the part that is empty or too long.
    pub fn new(
        product_key: &str,
        device_name: &str,
        client_id: &str,
        device_secret: &str,
    ) -> Result<Self, DeviceError> {
        let product_key = field("product_key", &[product_key], MAX_PRODUCT_KEY_LEN)?;
        let device_name = field("device_name", &[device_name], MAX_DEVICE_NAME_LEN)?;
        let client_id = if client_id.is_empty() {
            field("device_id", &[&product_key, ".", &device_name], MAX_CLIENT_ID_LEN)?
        } else {
            field("device_id", &[client_id], MAX_CLIENT_ID_LEN)?
        };
        let device_secret =
            Zeroizing::new(field("device_secret", &[device_secret], MAX_DEVICE_SECRET_LEN)?);
        Ok(Self { product_key, device_name, client_id, device_secret })
    }

    /// The product key.
    pub fn product_key(&self) -> &str {
        &self.product_key
    }

    /// The device name.
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// The device secret, for sealing data that only this device may read.
    pub fn device_secret(&self) -> &str {
        &self.device_secret
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device")
            .field("product_key", &self.product_key)
            .field("device_name", &self.device_name)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

fn field(name: &'static str, parts: &[&str], most: usize) -> Result<Box<str>, DeviceError> {
    let len = parts.iter().map(|part| part.len()).sum();
    match len {
        0 => return Err(DeviceError::Empty(name)),
        _ if len > most => return Err(DeviceError::TooLong(name, most)),
        _ => {}
    }
    // The capacity is the length, so nothing is allocated or copied.
    Ok(joined(parts)?.into_boxed_str())
}
