//! What this engine refuses and another one accepts.

use super::{BOTH, Disagreement, GNUTLS, OPENSSL, stricter};

pub(crate) const STRICTER: &[Disagreement] = &[
    stricter(
        BOTH,
        "an authority is no server, unless it is trusted itself",
        &[
            "basic constraints: true, not critical, the server",
            "basic constraints: true, the server",
        ],
    ),
    stricter(
        GNUTLS,
        "a root of version 3 that does not say so is no authority (RFC 5280, section 4.2.1.9)",
        &[
            "basic constraints: missing, the root",
            "version: 3 without extensions, the root",
            "trusted: issued again",
            "trusted: what a server issued",
        ],
    ),
    stricter(
        GNUTLS,
        "the common name is never taken as a name (RFC 9525, section 2)",
        &[
            "common name: the host, mail alone",
            "common name: the host, no name in the list",
            "common name: the host, no names",
            "trusted: with a common name alone, self-signed",
        ],
    ),
    stricter(
        GNUTLS,
        "versions before 3 have neither names nor usages; a root of version 2 is not read",
        &["trusted: of version 1, self-signed", "version: 2 without extensions, the root"],
    ),
    stricter(
        OPENSSL,
        "the same, though extensions are there that may not be (RFC 5280, section 4.1.2.9)",
        &["version: 1 with extensions, …", "version: 2 with extensions, …"],
    ),
    stricter(
        BOTH,
        "there is no version 4, the default is not written out in DER, and unique identifiers \
         are not to be used (RFC 5280, section 4.1.2.8)",
        &["version: 1 in full, the root", "version: 3 with unique identifiers, …", "version: 4, …"],
    ),
    stricter(
        BOTH,
        "ECDHE asks for digitalSignature (RFC 5246, section 7.4.2; RFC 8422, section 2.2)",
        &[
            "key usage: keyAgreement, the server",
            "key usage: keyCertSign and keyAgreement, the server",
            "key usage: keyCertSign and keyEncipherment, the server",
            "key usage: keyEncipherment, the server",
        ],
    ),
    stricter(OPENSSL, "the same", &["trusted: for encrypting, …"]),
    stricter(
        GNUTLS,
        "the same; certtool does not know what the key is for",
        &[
            "key usage: cRLSign, the server",
            "key usage: dataEncipherment, the server",
            "key usage: decipherOnly, the server",
            "key usage: encipherOnly, the server",
            "key usage: keyCertSign and cRLSign, the server",
            "key usage: keyCertSign and dataEncipherment, the server",
            "key usage: keyCertSign and decipherOnly, the server",
            "key usage: keyCertSign and encipherOnly, the server",
            "key usage: keyCertSign and nonRepudiation, the server",
            "key usage: keyCertSign, the server",
            "key usage: none, the server",
            "key usage: nonRepudiation, the server",
            "trusted: as an authority that signs certificates alone, self-signed",
        ],
    ),
    stricter(
        GNUTLS,
        "anyExtendedKeyUsage is not enough for a server (RFC 5280, section 4.2.1.12, lets \
         clients ask for more)",
        &[
            "extended key usage: any and clients, the server…",
            "extended key usage: any, the server…",
        ],
    ),
    stricter(
        GNUTLS,
        "GnuTLS takes roots for anything, and an empty list of usages for all",
        &[
            "extended key usage: OCSP and code, the root…",
            "extended key usage: any and clients, the root…",
            "extended key usage: any, the root…",
            "extended key usage: clients, the root…",
            "extended key usage: code, the root…",
            "extended key usage: none, …",
        ],
    ),
    stricter(
        BOTH,
        "policies are not evaluated, so critical ones are unknown extensions",
        &[
            "extension: any policy, an authority, critical",
            "extension: any policy, the server, critical",
            "extension: certificate policies, an authority, critical",
            "extension: certificate policies, the server, critical",
            "extension: inhibit any policy, an authority, critical",
            "extension: inhibit any policy, the server, critical",
        ],
    ),
    stricter(
        OPENSSL,
        "the same",
        &[
            "extension: policy constraints, an authority, critical",
            "extension: policy constraints, the server, critical",
            "extension: policy mappings, an authority, critical",
            "extension: policy mappings, the server, critical",
        ],
    ),
    stricter(
        GNUTLS,
        "extensions that change nothing here are not known, and must not be critical (RFC \
         5280, section 4.2.1.1)",
        &[
            "extension: TLS features, the server, critical",
            "extension: authority key identifier, an authority, critical",
            "extension: authority key identifier, the server, critical",
        ],
    ),
    stricter(
        BOTH,
        "constraints of names that are not of hosts are refused where they could apply (RFC \
         5280, section 4.2.1.10)",
        &[
            "constraint: a page is permitted",
            "constraint: mail is permitted",
            "constraint: other mail is excluded",
            "constraint: the subject is permitted",
        ],
    ),
    stricter(
        OPENSSL,
        "the same",
        &["constraint: another page is excluded", "constraint: another subject is excluded"],
    ),
    stricter(GNUTLS, "the same", &["constraint: another subject is permitted"]),
    stricter(
        OPENSSL,
        "a network is a prefix (RFC 5280, section 4.2.1.10, RFC 4632)",
        &["address: a mask with holes, …"],
    ),
    stricter(
        GNUTLS,
        "addresses of both versions are one kind of names",
        &["address: of version 6 where version 4 is permitted, …"],
    ),
    stricter(BOTH, "no path is longer than 255", &["basic constraints: a length of 300, …"]),
    stricter(
        GNUTLS,
        "lengths are not negative, and nothing stands behind them (RFC 5280, section 4.2.1.9)",
        &[
            "basic constraints: a negative length, …",
            "basic constraints: bytes behind it, the server",
        ],
    ),
    stricter(
        BOTH,
        "DER alone is read (X.690, sections 10.1 and 11.1)",
        &[
            "basic constraints: true in BER, …",
            "extensions: a long length of names",
            "extensions: true in BER",
            "length: a long length, …",
            "length: a long one in the key, …",
            "length: a long one in the subject, …",
        ],
    ),
    stricter(
        OPENSSL,
        "the same; OpenSSL also reads what stands before other bytes",
        &[
            "extensions: bytes behind the names",
            "length: an indefinite length, the root",
            "length: bytes behind it, the root",
        ],
    ),
    stricter(
        GNUTLS,
        "the same for signatures and for key usages",
        &[
            "extensions: a number as key usage, the server",
            "signature: with a long length",
            "signature: with zeros in front",
        ],
    ),
    stricter(
        GNUTLS,
        "dates that are not on the calendar, or without seconds (RFC 5280, section 4.1.2.5)",
        &[
            "date: GeneralizedTime without seconds, …",
            "date: UTCTime without seconds, …",
            "date: a leap second, …",
            "date: the 30th of February, …",
        ],
    ),
    stricter(
        OPENSSL,
        "without a clock there must be a time at which the path was valid",
        &[
            "no clock: a server that ends before it begins",
            "no clock: never valid together",
            "trusted: never valid, self-signed, no clock",
        ],
    ),
    stricter(
        BOTH,
        "ECDSA with SHA-256 and SHA-384, on P-256 and P-384, and RSA of 2048 bits and more are \
         what there is; other kinds would cost flash",
        &[
            "digest: P-256 with SHA-224, …",
            "digest: P-256 with SHA-512, …",
            "digest: P-384 with SHA-224, …",
            "digest: P-384 with SHA-512, …",
            "digest: RSA with SHA-224, …",
            "key: Ed25519, …",
            "key: P-521, …",
        ],
    ),
    stricter(OPENSSL, "the same", &["key: RSA of 2040 bits, …", "key: secp256k1, …"]),
    stricter(
        BOTH,
        "an ECDSA algorithm has no parameters, not even NULL (RFC 5758, section 3.2)",
        &["signature: with NULL as a parameter"],
    ),
    stricter(
        GNUTLS,
        "the algorithms inside and outside are the same, byte by byte (RFC 5280, section 4.1.1.2)",
        &["signature: with NULL inside alone"],
    ),
    stricter(
        BOTH,
        "Names are compared byte by byte (RFC 5280, section 7.1, lets who issues them write \
         them alike)",
        &["issuer: as BMPString", "issuer: as PrintableString", "issuer: as TeletexString"],
    ),
    stricter(
        OPENSSL,
        "the same; GnuTLS compares letters as they are",
        &[
            "issuer: as IA5String",
            "issuer: as UniversalString",
            "issuer: in capitals",
            "issuer: with a space behind",
            "issuer: with two spaces",
        ],
    ),
    stricter(
        BOTH,
        "a wildcard is a whole label (RFC 9525, section 6.3)",
        &["name: \"*a.server.example\" for \"sa.server.example\""],
    ),
    stricter(OPENSSL, "the same", &["name: \"s*.server.example\" for \"sa.server.example\""]),
    stricter(
        BOTH,
        "a name in a certificate has no dot at its end, and a label no hyphen at its ends (RFC \
         1034, section 3.5)",
        &[
            "name: \"server.example.\" for \"server.example.\"",
            "name: \"-a.example\" for \"-a.example\"",
            "name: \"a-.example\" for \"a-.example\"",
        ],
    ),
    stricter(
        BOTH,
        "the first five certificates behind the server's are looked at, so that the work is \
         bounded",
        &[
            "order: 5 strangers before",
            "order: 6 strangers before",
            "order: each twice, 4 authorities",
            "order: each twice, 5 authorities",
            "order: the root before, 5 authorities",
            "path: 10 authorities",
            "path: 6 authorities",
            "path: 7 authorities",
            "path: 8 authorities",
            "path: 9 authorities",
        ],
    ),
    stricter(
        OPENSSL,
        "RSA-PSS is that of rsa_pss_rsae_*: one hash, and a salt as long (RFC 8446, section \
         4.2.3)",
        &[
            "pss: SHA-1 for the mask",
            "pss: SHA-512 for the mask",
            "pss: a salt of 20 bytes",
            "pss: a salt of no byte",
        ],
    ),
    stricter(
        BOTH,
        "rsa_pss_pss_* is not offered; the others do not look at how the key is used",
        &["pss: a key for nothing else, the server"],
    ),
];
