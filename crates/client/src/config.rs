//! How a client behaves.

use iot_coap_time::Duration;

use crate::access_token::ACCESS_TOKEN_LIFETIME;
use crate::auth::SignInOptions;
use crate::auth::{Encoding, SignMethod};
use crate::device::Device;
use crate::endpoint::{Endpoint, Security};
use crate::option::{OptionNumber, access_token_option_for_host};
use crate::timing::TransmissionParameters;

/// The default of [`Config::max_outstanding`].
pub const DEFAULT_MAX_OUTSTANDING: usize = 32;

/// How a client behaves.
#[derive(Debug)]
pub struct Config {
    pub(crate) device: Device,
    /// Only [`Security::Symmetric`] concerns the client, since DTLS is below it.
    pub(crate) security: Security,
    pub(crate) access_token_option: OptionNumber,
    pub(crate) access_token_lifetime: Duration,
    pub(crate) sign_in: SignInOptions,
    pub(crate) transmission: TransmissionParameters,
    pub(crate) max_outstanding: usize,
    pub(crate) max_in_flight: u16,
    pub(crate) seed: u64,
}

impl Config {
    /// The default configuration of `device` at `endpoint`. Message ids, tokens and
    /// timeouts start from `seed`: 64 random bits, which must differ from one start of the
    /// device to the next.
    ///
    /// Of the endpoint, only the host and whether it is [`Security::Symmetric`] count here.
    /// To resolve the name, and the DTLS of [`Security::Dtls`], are the caller's part.
    #[must_use]
    pub fn new(device: Device, endpoint: &Endpoint, seed: u64) -> Self {
        Self {
            device,
            security: endpoint.security,
            access_token_option: access_token_option_for_host(&endpoint.host),
            access_token_lifetime: ACCESS_TOKEN_LIFETIME,
            sign_in: SignInOptions::default(),
            transmission: TransmissionParameters::default(),
            max_outstanding: DEFAULT_MAX_OUTSTANDING,
            max_in_flight: 0,
            seed,
        }
    }

    /// The hash of the HMAC that signs a sign-in.
    #[must_use]
    pub fn sign_method(mut self, method: SignMethod) -> Self {
        self.sign_in.method = method;
        self
    }

    /// How sign-ins and their replies are encoded.
    #[must_use]
    pub fn encoding(mut self, encoding: Encoding) -> Self {
        self.sign_in.encoding = encoding;
        self
    }

    /// A timestamp to send with a sign-in, in milliseconds since 1970; none by default. The
    /// cloud does not check how old it is. Has no effect without the feature `timestamp`.
    #[must_use]
    pub fn timestamp_ms(mut self, timestamp_ms: Option<u64>) -> Self {
        self.sign_in.timestamp_ms = timestamp_ms;
        self
    }

    /// The option that carries the access token. The default depends on the endpoint's
    /// host: 2088 below `link.aliyuncs.com` and `iothub.aliyuncs.com`, otherwise 61. If the
    /// number cannot follow the other options, [`Client::send`](crate::Client::send) fails
    /// with [`SendError::AccessTokenOption`](crate::SendError::AccessTokenOption).
    #[must_use]
    pub fn access_token_option(mut self, option: OptionNumber) -> Self {
        self.access_token_option = option;
        self
    }

    /// How long an access token is valid; [`ACCESS_TOKEN_LIFETIME`] by default.
    #[must_use]
    pub fn access_token_lifetime(mut self, lifetime: Duration) -> Self {
        self.access_token_lifetime = lifetime;
        self
    }

    /// How many messages may be outstanding at a time; [`DEFAULT_MAX_OUTSTANDING`] by
    /// default. If one more is sent, the oldest Non-confirmable message is given up for it;
    /// if there is none, the new message is refused.
    #[must_use]
    pub fn max_outstanding(mut self, max_outstanding: usize) -> Self {
        self.max_outstanding = max_outstanding;
        self
    }

    /// How many Confirmable messages may be in flight at a time, that is, transmitted but
    /// neither acknowledged nor answered (`NSTART`, RFC 7252 section 4.7). 0, the default,
    /// sets no limit; the RFC's default is 1. [`Client::send`](crate::Client::send) accepts
    /// more messages, which wait for their turn. A sign-in never waits, and Non-confirmable
    /// messages neither wait nor count. Has no effect without the feature `in-flight`.
    #[must_use]
    pub fn max_in_flight(mut self, max_in_flight: u16) -> Self {
        self.max_in_flight = max_in_flight;
        self
    }

    /// The timers of the message layer.
    #[must_use]
    pub fn transmission(mut self, transmission: TransmissionParameters) -> Self {
        self.transmission = transmission;
        self
    }
}
