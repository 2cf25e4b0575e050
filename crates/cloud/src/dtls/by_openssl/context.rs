//! The OpenSSL context that all sessions share: certificate, suites, tickets,
//! and the cookies that prove a client's address before it costs much.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::hash::MessageDigest;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslMode, SslOptions, SslSessionCacheMode,
    SslVersion,
};

use crate::certificates::ServerCertificate;
use crate::config::DtlsConfig;
use crate::dtls::claimed::{Claimed, without_key};
use crate::dtls::remedy::remedy;
use crate::events::Event;
use crate::random;
use crate::sign::{equal, hmac};

/// What the cookie callbacks know of the handshake they are called for.
struct Client {
    address: SocketAddr,
    verified: Arc<AtomicBool>,
    claimed: Arc<OnceLock<Claimed>>,
}

/// What becomes known of a client in its handshake.
#[derive(Default)]
pub(super) struct Shown {
    /// It has shown its cookie.
    pub(super) verified: Arc<AtomicBool>,
    /// Who it claims to be, if it has a pre-shared key.
    pub(super) claimed: Arc<OnceLock<Claimed>>,
}

/// Makes the `Ssl` of each session.
pub(super) struct Context {
    shared: SslContext,
    client: Index<Ssl, Client>,
    mtu: u32,
    has_key: bool,
    /// The file of the root that clients shall trust.
    root: PathBuf,
}

impl Context {
    pub(super) fn new(config: &DtlsConfig, certificate: &ServerCertificate) -> io::Result<Self> {
        let client: Index<Ssl, Client> = Ssl::new_ex_index()?;
        let mut builder = SslContext::builder(SslMethod::dtls_server())?;
        builder.set_min_proto_version(Some(SslVersion::DTLS1_2))?;
        // Without NO_QUERY_MTU OpenSSL asks the stream, which knows of none, and
        // cuts its flights into pieces of 256 bytes.
        builder.set_options(
            SslOptions::NO_QUERY_MTU
                | SslOptions::COOKIE_EXCHANGE
                | SslOptions::NO_RENEGOTIATION
                | SslOptions::CIPHER_SERVER_PREFERENCE,
        );
        builder.set_mode(SslMode::RELEASE_BUFFERS);
        builder.set_session_id_context(b"iot-coap-cloud")?;
        if !config.resumption {
            builder.set_options(SslOptions::NO_TICKET);
            builder.set_session_cache_mode(SslSessionCacheMode::OFF);
        }
        if let Some(ciphers) = &config.ciphers {
            builder.set_cipher_list(ciphers).map_err(|error| {
                let text = format!("OpenSSL knows no cipher list {ciphers:?}: {error}");
                io::Error::new(io::ErrorKind::InvalidInput, text)
            })?;
        }
        if let Some((identity, key)) = config.pre_shared_key.clone() {
            builder.set_psk_server_callback(move |ssl, shown, place| {
                let claimed = Claimed::of(shown.unwrap_or_default(), (&identity, &key));
                let known = claimed.is_known();
                if let Some(client) = ssl.ex_data(client) {
                    // Each handshake asks once.
                    let _ = client.claimed.set(claimed);
                }
                // A length of 0 says that the identity is not known.
                Ok(place.get_mut(..key.len()).filter(|_| known).map_or(0, |place| {
                    place.copy_from_slice(key.as_bytes());
                    key.len()
                }))
            });
        }
        show(&mut builder, certificate).map_err(|error| {
            let text = format!("the certificate and its key cannot be used: {error}");
            io::Error::new(io::ErrorKind::InvalidInput, text)
        })?;
        exchange_cookies(&mut builder, client);
        let has_key = config.pre_shared_key.is_some();
        let (mtu, root) = (config.mtu, certificate.root_path.clone());
        Ok(Self { shared: builder.build(), client, mtu, has_key, root })
    }

    /// Why a client does not get in, by what OpenSSL says and by who it claims to be.
    pub(super) fn reason(&self, said: &str, claimed: Option<&Claimed>) -> String {
        claimed.map_or_else(|| without_key(said.to_owned(), self.has_key), Claimed::reason)
    }

    /// The event of a handshake that failed.
    pub(super) fn failed(&self, peer: SocketAddr, reason: String) -> Event {
        let remedy = remedy(&reason, &self.root);
        Event::DtlsFailed { peer, reason, remedy }
    }

    /// A session to come, and what becomes known of its client.
    pub(super) fn session(&self, address: SocketAddr) -> Result<(Ssl, Shown), ErrorStack> {
        let Shown { verified, claimed } = Shown::default();
        let shown = Shown { verified: Arc::clone(&verified), claimed: Arc::clone(&claimed) };
        let mut ssl = Ssl::new(&self.shared)?;
        ssl.set_mtu(self.mtu)?;
        ssl.set_ex_data(self.client, Client { address, verified, claimed });
        Ok((ssl, shown))
    }
}

fn show(
    builder: &mut SslContextBuilder,
    certificate: &ServerCertificate,
) -> Result<(), ErrorStack> {
    builder.set_certificate(&certificate.leaf)?;
    for intermediate in &certificate.intermediates {
        builder.add_extra_chain_cert(intermediate.clone())?;
    }
    builder.set_private_key(&certificate.key)?;
    builder.check_private_key()
}

fn exchange_cookies(builder: &mut SslContextBuilder, client: Index<Ssl, Client>) {
    let secret: [u8; 32] = random::unpredictable();
    let cookie = move |address: SocketAddr| {
        let address = address.to_string();
        hmac(MessageDigest::sha256(), &secret, address.as_bytes())
    };
    builder.set_cookie_generate_cb(move |ssl, buffer| {
        let Some(client) = ssl.ex_data(client) else {
            return Err(ErrorStack::get());
        };
        let cookie = cookie(client.address);
        let Some(place) = buffer.get_mut(..cookie.len()) else {
            return Err(ErrorStack::get());
        };
        place.copy_from_slice(&cookie);
        Ok(cookie.len())
    });
    builder.set_cookie_verify_cb(move |ssl, shown| {
        ssl.ex_data(client).is_some_and(|client| {
            let genuine = equal(shown, &cookie(client.address));
            client.verified.fetch_or(genuine, Ordering::Relaxed);
            genuine
        })
    });
}
