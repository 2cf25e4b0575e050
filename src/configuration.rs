//! Reads what C passes in: strings that may lack their NUL, structures that may hold
//! anything. Everything is copied; no pointer of the caller is kept.

use core::ffi::c_char;
use core::fmt;

use iot_coap_client::{
    Device, DeviceError, Duration, Encoding, Endpoint, OptionNumber, SIGN_IN_LIMIT, SignMethod,
    UrlError,
};

use crate::layout;
use crate::link::DtlsOptions;
use crate::notices::Subscriber;
use crate::strings::bounded;
use crate::types::{iotx_coap_config_t, iotx_deviceinfo_t};

/// The longest URL, in bytes. A host has 127 at most, and a path is ignored.
const MAX_URL_LEN: usize = 512;

const DEFAULT_WAIT_MS: u32 = 2000;
const MAX_WAIT_MS: u32 = 600_000;

/// How long a connection may take to open, unless an option sets another limit. A handshake
/// with a round trip of 10 s takes half of it.
const DEFAULT_MAX_CONNECT_TIME: Duration = Duration::from_secs(60);

/// Why a configuration is invalid.
#[derive(Debug)]
pub(crate) enum ConfigError {
    Null(&'static str),
    Unterminated(&'static str),
    NotUtf8(&'static str),
    Url(UrlError),
    Device(DeviceError),
    /// A field of the options is out of range.
    #[cfg(feature = "extension")]
    Option(&'static str),
    #[cfg(feature = "extension")]
    OutOfMemory,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // In a configuration of V2.00, the field in the place of p_devinfo is never
            // set.
            Self::Null("p_devinfo") => write!(f, "p_devinfo is NULL; {}", layout::QUESTION),
            Self::Null(name) => write!(f, "{name} is NULL"),
            Self::Unterminated("p_url") => {
                write!(f, "p_url is longer than {MAX_URL_LEN} bytes")
            }
            Self::Unterminated(name) => {
                write!(f, "{name} is too long: it must end with NUL within its array")
            }
            Self::NotUtf8(name) => write!(f, "{name} is not UTF-8"),
            Self::Url(error) => write!(f, "p_url: {error}"),
            Self::Device(error) => write!(f, "p_devinfo: {error}"),
            #[cfg(feature = "extension")]
            Self::Option("size") => f.write_str("options: set size to sizeof(iotx_coap_options_t)"),
            #[cfg(feature = "extension")]
            Self::Option(name) => {
                write!(f, "options: {name} is out of range, see iot_coap_ext.h")
            }
            #[cfg(feature = "extension")]
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl From<UrlError> for ConfigError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

impl From<DeviceError> for ConfigError {
    fn from(error: DeviceError) -> Self {
        Self::Device(error)
    }
}

/// The configuration of `IOT_CoAP_Init`, checked.
pub(crate) struct Configuration {
    pub(crate) device: Device,
    pub(crate) endpoint: Endpoint,
    pub(crate) wait_ms: u32,
}

impl Configuration {
    /// # Safety
    ///
    /// `config` is NULL or points to a configuration; its `p_url` is NULL or
    /// points to a string, its `p_devinfo` is NULL or points to a device info.
    pub(crate) unsafe fn read(config: *const iotx_coap_config_t) -> Result<Self, ConfigError> {
        // SAFETY: NULL or a configuration, by the contract.
        let config = unsafe { config.as_ref() }.ok_or(ConfigError::Null("the configuration"))?;
        let info = config.p_devinfo.cast_const().cast::<iotx_deviceinfo_t>();
        // SAFETY: NULL or a device info, by the contract; an array of characters needs no
        // alignment.
        let info = unsafe { info.as_ref() }.ok_or(ConfigError::Null("p_devinfo"))?;
        let device = Device::new(
            field("product_key", &info.product_key)?,
            field("device_name", &info.device_name)?,
            field("device_id", &info.device_id)?,
            field("device_secret", &info.device_secret)?,
        )?;
        let endpoint = if config.p_url.is_null() {
            Endpoint::default_for(device.product_key())?
        } else {
            // SAFETY: not NULL, so it is a string, by the contract.
            let url = unsafe { bounded(config.p_url, MAX_URL_LEN) }
                .ok_or(ConfigError::Unterminated("p_url"))?;
            Endpoint::parse(core::str::from_utf8(url).map_err(|_| ConfigError::NotUtf8("p_url"))?)?
        };
        #[cfg(not(feature = "layout-v2-00"))]
        let wait_ms = wait_ms(config.wait_time_ms);
        #[cfg(feature = "layout-v2-00")]
        let wait_ms = DEFAULT_WAIT_MS;
        Ok(Self { device, endpoint, wait_ms })
    }
}

/// The options of `IOT_CoAP_InitWithOptions`, checked.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) sign_method: SignMethod,
    pub(crate) encoding: Encoding,
    pub(crate) access_token_option: Option<OptionNumber>,
    pub(crate) timestamp_ms: Option<u64>,
    pub(crate) dtls: DtlsOptions,
    pub(crate) subscriber: Option<Subscriber>,
    pub(crate) keep_access_token: bool,
    pub(crate) max_outstanding: Option<usize>,
    pub(crate) ack_timeout: Option<Duration>,
    pub(crate) connect_limit: Option<Duration>,
    pub(crate) sign_in_limit: Option<Duration>,
    pub(crate) keep_session: bool,
    /// `IOT_CoAP_Yield` returns with each answer.
    pub(crate) keeps_own_pace: bool,
    /// How many messages may be in flight; 0 for no limit.
    pub(crate) max_in_flight: u16,
}

impl Options {
    /// How long a connection may take to open. It is the limit of `IOT_CoAP_Init`, too.
    pub(crate) fn connect_limit(&self) -> Duration {
        self.connect_limit.unwrap_or_else(|| {
            DEFAULT_MAX_CONNECT_TIME.max(self.ack_timeout.unwrap_or_default().saturating_mul(8))
        })
    }

    /// How long `IOT_CoAP_DeviceNameAuth` may take.
    pub(crate) fn sign_in_limit(&self, wait_ms: u32) -> Duration {
        self.sign_in_limit.unwrap_or_else(|| {
            let slow = self.ack_timeout.unwrap_or_default().saturating_mul(4);
            SIGN_IN_LIMIT.max(slow).max(Duration::from_millis(wait_ms.into()))
        })
    }
}

/// Some firmware never sets `wait_time_ms`.
fn wait_ms(wait_time_ms: i32) -> u32 {
    match u32::try_from(wait_time_ms) {
        Ok(ms @ 1..=MAX_WAIT_MS) => ms,
        _ => DEFAULT_WAIT_MS,
    }
}

fn field<'a>(name: &'static str, array: &'a [c_char]) -> Result<&'a str, ConfigError> {
    // SAFETY: `c_char` has the size of a byte, whether it is signed or not.
    let bytes = unsafe { core::slice::from_raw_parts(array.as_ptr().cast::<u8>(), array.len()) };
    let end = bytes.iter().position(|&byte| byte == 0).ok_or(ConfigError::Unterminated(name))?;
    core::str::from_utf8(&bytes[..end]).map_err(|_| ConfigError::NotUtf8(name))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The arguments of a program, in memory of exactly their length.
    pub(crate) struct Handed {
        info: Box<[u8; 185]>,
        url: Option<Box<[u8]>>,
        is_odd: bool,
    }

    impl Handed {
        pub(crate) fn new(url: &str) -> Self {
            let mut handed = Self { info: Box::new([0; 185]), url: None, is_odd: false };
            handed.put(0, b"a1RP1qZfrEi");
            handed.put(21, b"example1");
            handed.put(119, b"a secret");
            handed.set_url(&[url.as_bytes(), b"\0"].concat());
            handed
        }

        fn put(&mut self, at: usize, text: &[u8]) {
            self.info[at..at + text.len()].copy_from_slice(text);
        }

        fn set_url(&mut self, url: &[u8]) {
            self.url = Some(url.into());
        }

        pub(crate) fn read(&mut self) -> Result<Configuration, ConfigError> {
            // SAFETY: a configuration; its URL ends with NUL or is long, and the device's
            // structure has 184 bytes.
            self.hand_over(|config| unsafe { Configuration::read(config) })
        }

        pub(crate) fn hand_over<R>(&mut self, to: impl FnOnce(*mut iotx_coap_config_t) -> R) -> R {
            let odd = usize::from(self.is_odd);
            self.info.copy_within(0..184, odd);
            let mut config = iotx_coap_config_t {
                p_url: self
                    .url
                    .as_mut()
                    .map_or(core::ptr::null_mut(), |url| url.as_mut_ptr().cast()),
                wait_time_ms: 20,
                p_devinfo: self.info[odd..odd + 184].as_mut_ptr().cast(),
                event_handle: None,
            };
            to(&raw mut config)
        }
    }

    fn error(handed: &mut Handed) -> String {
        handed.read().err().expect("it is refused").to_string()
    }

    #[test]
    fn a_device_may_lie_anywhere_and_each_field_is_read_to_its_end() {
        let mut handed = Handed::new("coap://127.0.0.1");
        handed.is_odd = true;
        let read = handed.read().expect("sound");
        assert_eq!(read.device.product_key(), "a1RP1qZfrEi");
        assert_eq!((read.endpoint.host.as_str(), read.wait_ms), ("127.0.0.1", 20));
        // As long as the fields may be, with a NUL in the last byte.
        let mut handed = Handed::new("coap://127.0.0.1");
        handed.put(0, &[b'k'; 20]);
        handed.put(21, &[b'n'; 32]);
        handed.put(54, &[b'i'; 64]);
        handed.put(119, &[b's'; 64]);
        assert_eq!(handed.read().expect("sound").device.device_name().len(), 32);
    }

    #[test]
    fn what_has_no_end_or_is_no_text_is_refused() {
        for (at, len, name) in [
            (0, 21, "product_key"),
            (21, 33, "device_name"),
            (54, 65, "device_id"),
            (119, 65, "device_secret"),
        ] {
            let mut handed = Handed::new("coap://127.0.0.1");
            handed.put(at, &vec![b'x'; len]);
            assert_eq!(
                error(&mut handed),
                format!("{name} is too long: it must end with NUL within its array")
            );
            handed.put(at, &[0xff, 0]);
            assert_eq!(error(&mut handed), format!("{name} is not UTF-8"));
        }
        // SAFETY: NULL is refused.
        let null = unsafe { Configuration::read(core::ptr::null()) };
        assert!(matches!(null, Err(ConfigError::Null("the configuration"))));
    }

    #[test]
    fn a_url_is_read_no_further_than_its_limit() {
        let mut handed = Handed::new("");
        // No NUL in all of its memory.
        handed.set_url(&vec![b'u'; MAX_URL_LEN + 1]);
        assert_eq!(error(&mut handed), "p_url is longer than 512 bytes");
        handed.set_url(b"coap://\xff\0");
        assert_eq!(error(&mut handed), "p_url is not UTF-8");
        let mut long = b"coap://127.0.0.1/".to_vec();
        long.resize(MAX_URL_LEN, b'p');
        long.push(0);
        handed.set_url(&long);
        assert!(handed.read().is_ok(), "a path is ignored");
        handed.url = None;
        let default = handed.read().expect("the device's own endpoint");
        assert!(default.endpoint.host.starts_with("a1RP1qZfrEi."), "{}", default.endpoint.host);
    }

    #[test]
    fn odd_wait_times_stand_for_the_default() {
        assert_eq!(wait_ms(1), 1);
        assert_eq!(wait_ms(600_000), 600_000);
        for odd in [0, -1, i32::MIN, 600_001, i32::MAX] {
            assert_eq!(wait_ms(odd), DEFAULT_WAIT_MS);
        }
    }

    #[test]
    fn a_string_is_read_up_to_its_limit_and_no_further() {
        let text = c"abc";
        // SAFETY: the text has three bytes and a NUL.
        assert_eq!(unsafe { bounded(text.as_ptr(), 3) }, Some(b"abc".as_slice()));
        // SAFETY: the text has four bytes, more than the two that are allowed.
        assert_eq!(unsafe { bounded(text.as_ptr(), 2) }, None);
    }

    /// As `iot_coap_ext.h` has it: 60 s or 8 times `ack_timeout_ms` to connect; 10 s, 4 times
    /// `ack_timeout_ms` or `wait_time_ms` to sign in; each time the longest of them.
    #[test]
    fn limits_that_are_not_set_follow_the_network() {
        for (ack_timeout_s, wait_ms, connect_s, sign_in_s) in [
            (0, 0, 60, 10),
            (2, 2000, 60, 10),
            (9, 2000, 72, 36),
            (2, 20_000, 60, 20),
            (60, 1, 480, 240),
        ] {
            let ack_timeout = (ack_timeout_s != 0).then(|| Duration::from_secs(ack_timeout_s));
            let mut options = Options { ack_timeout, ..Options::default() };
            assert_eq!(options.connect_limit(), Duration::from_secs(connect_s));
            assert_eq!(options.sign_in_limit(wait_ms), Duration::from_secs(sign_in_s));
            options.connect_limit = Some(Duration::from_secs(1));
            options.sign_in_limit = Some(Duration::from_secs(2));
            assert_eq!(options.connect_limit(), Duration::from_secs(1));
            assert_eq!(options.sign_in_limit(wait_ms), Duration::from_secs(2));
        }
    }
}
