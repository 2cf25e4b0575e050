//! The DTLS server's certificate: an RSA root and a leaf of our own, or given
//! files. It makes and reads certificates; it serves none.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509NameBuilder};

use crate::private::{Kind, Readers, read_private};
use crate::state::{StateDir, about, read_or_create, replace};

const RSA_BITS: u32 = 2048;
const ROOT_NAME: &str = "iot-coap-cloud development root";
const DAY: i64 = 24 * 60 * 60;

/// Where the DTLS server's certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Certificates {
    /// An RSA root and a leaf of its own, kept under the state folder.
    Generated {
        /// Names and addresses of the leaf.
        names: Vec<String>,
        /// A leaf that expired yesterday.
        expired: bool,
    },
    /// Given PEM files.
    Files {
        /// The leaf first, then its intermediates.
        chain: PathBuf,
        /// The leaf's private key.
        key: PathBuf,
        /// The root that clients shall trust; the chain's last certificate by default.
        root: Option<PathBuf>,
    },
}

impl Certificates {
    /// A generated certificate; without names those of this machine.
    pub fn generated(mut names: Vec<String>, expired: bool) -> Self {
        if names.is_empty() {
            names.extend(["localhost", "127.0.0.1", "::1"].map(String::from));
        }
        Self::Generated { names, expired }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::generated(Vec::new(), false)
    }
}

/// What the DTLS server shows, and what its clients shall trust.
#[derive(Debug)]
pub(crate) struct ServerCertificate {
    pub(crate) leaf: X509,
    pub(crate) intermediates: Vec<X509>,
    pub(crate) key: PKey<Private>,
    pub(crate) root_pem: String,
    pub(crate) root_path: PathBuf,
}

/// Keys that last: those of the state folder, or of this process.
struct Authority {
    root_key: PKey<Private>,
    root: X509,
    server_key: PKey<Private>,
}

impl ServerCertificate {
    pub(crate) fn prepare(config: &Certificates, state: &StateDir) -> io::Result<Self> {
        match config {
            Certificates::Generated { names, expired } => generate(names, *expired, state),
            Certificates::Files { chain, key, root } => load(chain, key, root.as_deref()),
        }
    }
}

fn generate(names: &[String], expired: bool, state: &StateDir) -> io::Result<ServerCertificate> {
    let kept;
    let authority = if state.is_temporary() {
        // Making RSA keys takes a while: one pair serves a whole test process.
        process_authority()?
    } else {
        kept = Authority::of(state)?;
        &kept
    };
    let leaf = authority.issue(names, expired)?;
    let root_path = state.file("root.pem");
    let root_pem = authority.root.to_pem()?;
    replace(&root_path, &root_pem)?;
    Ok(ServerCertificate {
        leaf,
        intermediates: Vec::new(),
        key: authority.server_key.clone(),
        root_pem: String::from_utf8_lossy(&root_pem).into_owned(),
        root_path,
    })
}

const PRIVATE_KEY: Kind = Kind {
    what: "a private key in PEM",
    readers: Readers::Group,
    fits: |text| text.contains("PRIVATE KEY-----"),
};

fn load(chain: &Path, key: &Path, root: Option<&Path>) -> io::Result<ServerCertificate> {
    let read = |path: &Path| {
        fs::read(path).map_err(|error| about("cannot read the file of --chain", path, &error))
    };
    let invalid = |path: &Path, error: &str| {
        let error = io::Error::new(io::ErrorKind::InvalidData, error.to_owned());
        about("no valid PEM in", path, &error)
    };
    let mut certificates =
        X509::stack_from_pem(&read(chain)?).map_err(|error| invalid(chain, &error.to_string()))?;
    if certificates.is_empty() {
        return Err(invalid(chain, "it holds no certificate"));
    }
    let intermediates = certificates.split_off(1);
    let leaf = certificates.remove(0);
    let private = PKey::private_key_from_pem(&read_private(key, PRIVATE_KEY)?)
        .map_err(|error| invalid(key, &error.to_string()))?;
    for certificate in std::iter::once(&leaf).chain(&intermediates) {
        if let Some(reason) = doubt(certificate)? {
            let subject = certificate.subject_name();
            let error = format!("clients would refuse it: the certificate of {subject:?} {reason}");
            return Err(unfit(chain, &error));
        }
    }
    if !leaf.public_key()?.public_eq(&private) {
        let error = format!("the key of --key {} is another certificate's", key.display());
        return Err(unfit(chain, &error));
    }
    let (root_pem, root_path) = if let Some(root) = root {
        (read(root)?, root)
    } else {
        (intermediates.last().unwrap_or(&leaf).to_pem()?, chain)
    };
    Ok(ServerCertificate {
        leaf,
        intermediates,
        key: private,
        root_pem: String::from_utf8_lossy(&root_pem).into_owned(),
        root_path: root_path.to_path_buf(),
    })
}

fn unfit(chain: &Path, reason: &str) -> io::Error {
    let error = io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
    about("cannot use the file of --chain", chain, &error)
}

/// Why every client would refuse a certificate.
fn doubt(certificate: &X509) -> Result<Option<String>, ErrorStack> {
    let now = days_from_now(0)?;
    let key = certificate.public_key()?;
    Ok(if *certificate.not_after() < *now {
        Some(format!("has expired on {}", certificate.not_after()))
    } else if *certificate.not_before() > *now {
        Some(format!("is not valid before {}", certificate.not_before()))
    } else if key.id() == Id::RSA && key.bits() < RSA_BITS {
        Some(format!("has a key of {} bits, and {RSA_BITS} are the least", key.bits()))
    } else {
        None
    })
}

fn process_authority() -> io::Result<&'static Authority> {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    if let Some(authority) = AUTHORITY.get() {
        return Ok(authority);
    }
    let root_key = new_key()?;
    let made = Authority { root: self_signed(&root_key)?, root_key, server_key: new_key()? };
    Ok(AUTHORITY.get_or_init(|| made))
}

impl Authority {
    fn of(state: &StateDir) -> io::Result<Self> {
        // Key and certificate in one file, so that they always belong together.
        let root_path = state.file("root-with-key.pem");
        let pem = read_or_create(&root_path, || {
            let key = new_key()?;
            let mut pem = key.private_key_to_pem_pkcs8()?;
            pem.extend(self_signed(&key)?.to_pem()?);
            Ok(pem)
        })?;
        let key_path = state.file("server-key.pem");
        let key_pem = read_or_create(&key_path, || Ok(new_key()?.private_key_to_pem_pkcs8()?))?;
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |error: ErrorStack| {
                let error = io::Error::new(io::ErrorKind::InvalidData, error.to_string());
                about(
                    "--state has a file that cannot be used; without it another is made, and \
                     devices must trust another root if it is that:",
                    &path,
                    &error,
                )
            }
        };
        let root = X509::from_pem(&pem).map_err(unusable(&root_path))?;
        if *root.not_after() < *days_from_now(7)? {
            // Made years ago; a new one takes its place.
            fs::remove_file(&root_path)?;
            return Self::of(state);
        }
        Ok(Self {
            root_key: PKey::private_key_from_pem(&pem).map_err(unusable(&root_path))?,
            root,
            server_key: PKey::private_key_from_pem(&key_pem).map_err(unusable(&key_path))?,
        })
    }

    fn issue(&self, names: &[String], expired: bool) -> Result<X509, ErrorStack> {
        let (from, to) = if expired { (-30, -1) } else { (-1, 397) };
        let first = names.first().map_or("localhost", String::as_str);
        let mut builder = certificate(first, from, to, &self.server_key)?;
        builder.set_issuer_name(self.root.subject_name())?;
        let mut alternatives = SubjectAlternativeName::new();
        for name in names {
            match name.parse::<IpAddr>() {
                Ok(_) => alternatives.ip(name),
                Err(_) => alternatives.dns(name),
            };
        }
        let context = builder.x509v3_context(Some(&self.root), None);
        let extensions = [
            BasicConstraints::new().critical().build()?,
            KeyUsage::new().critical().digital_signature().key_encipherment().build()?,
            ExtendedKeyUsage::new().server_auth().build()?,
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        let alternatives = (!names.is_empty()).then(|| alternatives.build(&context)).transpose()?;
        for extension in extensions.into_iter().chain(alternatives) {
            builder.append_extension(extension)?;
        }
        builder.sign(&self.root_key, MessageDigest::sha256())?;
        Ok(builder.build())
    }
}

fn self_signed(key: &PKey<Private>) -> Result<X509, ErrorStack> {
    let mut builder = certificate(ROOT_NAME, -1, 3650, key)?;
    let name = name(ROOT_NAME)?;
    builder.set_issuer_name(&name.build())?;
    let context = builder.x509v3_context(None, None);
    let extensions = [
        BasicConstraints::new().critical().ca().build()?,
        KeyUsage::new().critical().key_cert_sign().crl_sign().build()?,
        SubjectKeyIdentifier::new().build(&context)?,
    ];
    for extension in extensions {
        builder.append_extension(extension)?;
    }
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build())
}

fn certificate(
    common_name: &str,
    from: i64,
    to: i64,
    key: &PKey<Private>,
) -> Result<X509Builder, ErrorStack> {
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    builder.set_serial_number(&*serial.to_asn1_integer()?)?;
    builder.set_subject_name(&name(common_name)?.build())?;
    builder.set_not_before(&*days_from_now(from)?)?;
    builder.set_not_after(&*days_from_now(to)?)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn name(common_name: &str) -> Result<X509NameBuilder, ErrorStack> {
    // X.520 limits a common name to 64 characters.
    let common_name: String = common_name.chars().take(64).collect();
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_nid(Nid::COMMONNAME, &common_name)?;
    Ok(name)
}

fn days_from_now(days: i64) -> Result<Asn1Time, ErrorStack> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX / 2);
    Asn1Time::from_unix(time_t(now + days * DAY))
}

/// C's type of times, which has 32 bits on some machines; the last that it has is 2038.
fn time_t<T: TryFrom<i64> + From<i32>>(seconds: i64) -> T {
    T::try_from(seconds).unwrap_or(i32::MAX.into())
}

fn new_key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_rsa(Rsa::generate(RSA_BITS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(config: &Certificates, state: &StateDir) -> ServerCertificate {
        ServerCertificate::prepare(config, state).expect("certificates can be made")
    }

    #[test]
    fn the_leaf_is_signed_by_the_root_and_names_the_hosts() {
        let state = StateDir::open(None).expect("a temporary folder");
        let made = prepare(&Certificates::default(), &state);
        let root = X509::from_pem(made.root_pem.as_bytes()).expect("a certificate");
        let root_key = root.public_key().expect("a key");
        assert!(made.leaf.verify(&root_key).expect("verifiable"));
        let names = made.leaf.subject_alt_names().expect("names");
        assert_eq!(names.iter().find_map(|name| name.dnsname()), Some("localhost"));
        assert_eq!(names.iter().filter(|name| name.ipaddress().is_some()).count(), 2);
        let file = fs::read_to_string(&made.root_path).expect("written");
        assert_eq!(file, made.root_pem);
    }

    #[test]
    fn a_state_folder_keeps_the_root() {
        let parent = StateDir::open(None).expect("a temporary folder");
        let folder = parent.file("state");
        let open = || StateDir::open(Some(&folder)).expect("a folder");
        let first = prepare(&Certificates::default(), &open());
        let second = prepare(&Certificates::default(), &open());
        assert_eq!(first.root_pem, second.root_pem);
        assert!(first.key.public_eq(&second.key));
    }

    #[test]
    fn an_expired_leaf_has_expired() {
        let state = StateDir::open(None).expect("a temporary folder");
        let config = Certificates::Generated { names: vec!["localhost".into()], expired: true };
        let made = prepare(&config, &state);
        assert!(*made.leaf.not_after() < *days_from_now(0).expect("now"));
    }
}
