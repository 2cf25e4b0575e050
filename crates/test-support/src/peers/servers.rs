//! What a test wants of a server, said to each kind of server in its own words.

use super::mbedtls;
use super::{Peer, Proof};

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// OpenSSL's `s_server`.
    OpenSsl,
    /// GnuTLS's `gnutls-serv`.
    GnuTls,
    /// 2.28, of Debian 12.
    Mbed2,
    /// 3.6, which knows connection ids.
    Mbed3,
}

impl Server {
    /// One of each.
    pub const ALL: [Self; 4] = [Self::OpenSsl, Self::GnuTls, Self::Mbed2, Self::Mbed3];
}

/// A cipher suite: its number, its name in IANA's registry, and what OpenSSL and
/// GnuTLS call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    number: u16,
    /// As IANA's registry has it.
    pub name: &'static str,
    openssl: &'static str,
    gnutls: &'static str,
}

const fn suite(
    number: u16,
    name: &'static str,
    openssl: &'static str,
    gnutls: &'static str,
) -> Suite {
    Suite { number, name, openssl, gnutls }
}

impl Suite {
    /// ECDHE with an ECDSA certificate, AES-128-GCM.
    pub const ECDHE_ECDSA_GCM: Self = suite(
        0xc02b,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "+ECDHE-ECDSA:+AES-128-GCM:+AEAD",
    );
    /// ECDHE with an ECDSA certificate, AES-128-CCM with a tag of 8 bytes.
    pub const ECDHE_ECDSA_CCM_8: Self = suite(
        0xc0ae,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
        "ECDHE-ECDSA-AES128-CCM8",
        "+ECDHE-ECDSA:+AES-128-CCM-8:+AEAD",
    );
    /// ECDHE with an RSA certificate, AES-128-GCM.
    pub const ECDHE_RSA_GCM: Self = suite(
        0xc02f,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "+ECDHE-RSA:+AES-128-GCM:+AEAD",
    );
    /// ECDHE with an RSA certificate, AES-128-CBC.
    pub const ECDHE_RSA_CBC: Self = suite(
        0xc027,
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        "ECDHE-RSA-AES128-SHA256",
        "+ECDHE-RSA:+AES-128-CBC:+SHA256",
    );
    /// The same with SHA-1, which says that a record is whole.
    pub const ECDHE_RSA_CBC_SHA1: Self = suite(
        0xc013,
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        "ECDHE-RSA-AES128-SHA",
        "+ECDHE-RSA:+AES-128-CBC:+SHA1",
    );
    /// Both with an ECDSA certificate.
    pub const ECDHE_ECDSA_CBC: [Self; 2] = [
        suite(
            0xc023,
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
            "ECDHE-ECDSA-AES128-SHA256",
            "+ECDHE-ECDSA:+AES-128-CBC:+SHA256",
        ),
        suite(
            0xc009,
            "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
            "ECDHE-ECDSA-AES128-SHA",
            "+ECDHE-ECDSA:+AES-128-CBC:+SHA1",
        ),
    ];
    /// Those that exchange a key by RSA, for old servers.
    pub const RSA_CBC: [Self; 4] = [
        suite(
            0x003c,
            "TLS_RSA_WITH_AES_128_CBC_SHA256",
            "AES128-SHA256",
            "+RSA:+AES-128-CBC:+SHA256",
        ),
        suite(
            0x003d,
            "TLS_RSA_WITH_AES_256_CBC_SHA256",
            "AES256-SHA256",
            "+RSA:+AES-256-CBC:+SHA256",
        ),
        suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", "+RSA:+AES-128-CBC:+SHA1"),
        suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", "+RSA:+AES-256-CBC:+SHA1"),
    ];
    /// A pre-shared key, AES-128-GCM.
    pub const PSK_GCM: Self = suite(
        0x00a8,
        "TLS_PSK_WITH_AES_128_GCM_SHA256",
        "PSK-AES128-GCM-SHA256",
        "+PSK:+AES-128-GCM:+AEAD",
    );
    /// A pre-shared key, AES-128-CCM with a tag of 8 bytes.
    pub const PSK_CCM_8: Self =
        suite(0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8", "PSK-AES128-CCM8", "+PSK:+AES-128-CCM-8:+AEAD");
    /// All that the C SDK's v3.2.0 offers.
    pub const PSK_CBC: Self = suite(
        0x008c,
        "TLS_PSK_WITH_AES_128_CBC_SHA",
        "PSK-AES128-CBC-SHA",
        "+PSK:+AES-128-CBC:+SHA1",
    );
}

/// The group of ephemeral keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Curve25519.
    X25519,
    /// NIST's P-256.
    P256,
}

/// How a server lets clients resume their sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resumption {
    /// It does not.
    None,
    /// By tickets, which clients keep (RFC 5077).
    Tickets,
    /// By session ids, which the server keeps.
    Ids,
}

/// What a server is to be like.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each stands for an option of a server")]
pub struct Wish {
    /// The only suite; any if none.
    pub suite: Option<Suite>,
    /// The only group; any if none.
    pub group: Option<Group>,
    /// Whether it takes encrypt-then-MAC (RFC 7366).
    pub encrypt_then_mac: bool,
    /// OpenSSL's server always has it.
    pub extended_master_secret: bool,
    /// Whether it knows secure renegotiation (RFC 5746); of GnuTLS only.
    pub renegotiation_info: bool,
    /// The only scheme of its signatures, as OpenSSL calls it and GnuTLS; any if none.
    pub signatures: Option<(&'static str, &'static str)>,
    /// Whether it asks for a cookie first (RFC 6347, section 4.2.1).
    pub cookies: bool,
    /// How clients may resume.
    pub resumption: Resumption,
    /// Whether it asks clients for a certificate.
    pub requests_certificate: bool,
    /// The longest datagram of the server's, roughly.
    pub mtu: Option<u16>,
    /// Before the server sends a flight again, at first. Of OpenSSL's and
    /// GnuTLS's servers it is always a second.
    pub timeout_ms: u32,
    /// What clients are to put into their records, in hexadecimal digits; of
    /// Mbed TLS 3.6 only.
    pub connection_id: Option<&'static str>,
    /// The UDP port of 127.0.0.1 that plaintext goes to, and that the answers come from,
    /// rather than going back as it is; of Mbed TLS only.
    pub forward: Option<u16>,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            suite: None,
            group: None,
            encrypt_then_mac: true,
            extended_master_secret: true,
            renegotiation_info: true,
            signatures: None,
            cookies: false,
            resumption: Resumption::None,
            requests_certificate: false,
            mtu: None,
            timeout_ms: 1000,
            connection_id: None,
            forward: None,
        }
    }
}

impl Wish {
    /// A server of this suite alone.
    pub fn only(suite: Suite) -> Self {
        Self { suite: Some(suite), ..Self::default() }
    }

    /// Starts such a server of this kind.
    pub fn start(&self, server: Server, proof: &Proof<'_>) -> Peer {
        match server {
            Server::OpenSsl => self.openssl(proof),
            Server::GnuTls => self.gnutls(proof),
            Server::Mbed2 => Peer::mbedtls(mbedtls::server_2_28(), proof, &as_refs(&self.mbed())),
            Server::Mbed3 => Peer::mbedtls(mbedtls::server_3_6(), proof, &as_refs(&self.mbed())),
        }
    }

    fn openssl(&self, proof: &Proof<'_>) -> Peer {
        assert!(self.extended_master_secret && self.renegotiation_info);
        assert!(self.connection_id.is_none() && self.forward.is_none());
        let mut options: Vec<String> = Vec::new();
        let mut add = |words: &[&str]| options.extend(words.iter().map(ToString::to_string));
        if let Some(suite) = self.suite {
            add(&["-cipher", suite.openssl]);
        }
        match self.group {
            Some(Group::X25519) => add(&["-groups", "X25519"]),
            Some(Group::P256) => add(&["-groups", "P-256"]),
            None => {}
        }
        if !self.encrypt_then_mac {
            add(&["-no_etm"]);
        }
        if let Some((scheme, _)) = self.signatures {
            add(&["-sigalgs", scheme]);
        }
        if self.cookies {
            add(&["-listen"]);
        }
        match self.resumption {
            Resumption::None => add(&["-no_ticket", "-no_cache"]),
            Resumption::Tickets => {}
            Resumption::Ids => add(&["-no_ticket"]),
        }
        if self.requests_certificate {
            add(&["-verify", "2"]);
        }
        if let Some(mtu) = self.mtu {
            add(&["-mtu", &mtu.to_string()]);
        }
        Peer::openssl(proof, &as_refs(&options))
    }

    fn gnutls(&self, proof: &Proof<'_>) -> Peer {
        assert!(self.connection_id.is_none() && self.forward.is_none());
        let mut priority = String::from(match self.suite {
            None => "NORMAL:-VERS-ALL:+VERS-DTLS1.2:+PSK",
            Some(_) => "NONE:+VERS-DTLS1.2:+COMP-NULL:+SIGN-ALL:+CTYPE-ALL:+GROUP-ALL",
        });
        if let Some(suite) = self.suite {
            priority += ":";
            priority += suite.gnutls;
        }
        match self.group {
            Some(Group::X25519) => priority += ":-GROUP-ALL:+GROUP-X25519",
            Some(Group::P256) => priority += ":-GROUP-ALL:+GROUP-SECP256R1",
            None => {}
        }
        if !self.encrypt_then_mac {
            priority += ":%NO_ETM";
        }
        if !self.extended_master_secret {
            priority += ":%NO_SESSION_HASH";
        }
        if !self.renegotiation_info {
            priority += ":%DISABLE_SAFE_RENEGOTIATION";
        }
        if let Some((_, scheme)) = self.signatures {
            priority += ":-SIGN-ALL:+SIGN-";
            priority += scheme;
        }
        let mut options = Vec::new();
        if !self.cookies {
            options.push("--nocookie".to_owned());
        }
        if self.resumption != Resumption::Tickets {
            options.push("--noticket".to_owned());
        }
        if self.resumption == Resumption::None {
            options.push("--nodb".to_owned());
        }
        if !self.requests_certificate {
            options.push("--disable-client-cert".to_owned());
        }
        if let Some(mtu) = self.mtu {
            options.push(format!("--mtu={mtu}"));
        }
        Peer::gnutls(proof, &priority, &as_refs(&options))
    }

    fn mbed(&self) -> Vec<String> {
        assert!(self.renegotiation_info && self.signatures.is_none());
        let mut options = vec![
            format!("etm={}", u8::from(self.encrypt_then_mac)),
            format!("ems={}", u8::from(self.extended_master_secret)),
        ];
        options.push(format!("timeout={}", self.timeout_ms));
        if let Some(suite) = self.suite {
            options.push(format!("suites={:#x}", suite.number));
        }
        match self.group {
            Some(Group::X25519) => options.push("group=x25519".to_owned()),
            Some(Group::P256) => options.push("group=p256".to_owned()),
            None => {}
        }
        if self.cookies {
            options.push("cookies=1".to_owned());
        }
        match self.resumption {
            Resumption::None => {}
            Resumption::Tickets => options.push("tickets=1".to_owned()),
            Resumption::Ids => options.push("cache=1".to_owned()),
        }
        if self.requests_certificate {
            options.push("request_certificate=1".to_owned());
        }
        if let Some(mtu) = self.mtu {
            options.push(format!("mtu={mtu}"));
        }
        if let Some(id) = self.connection_id {
            options.push(format!("cid={id}"));
        }
        if let Some(port) = self.forward {
            options.push(format!("forward={port}"));
        }
        options
    }
}

fn as_refs(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}
