//! What this engine accepts and another one refuses: to be looked at with suspicion.

use super::{BOTH, Disagreement, GNUTLS, OPENSSL, laxer};

pub(crate) const LAXER: &[Disagreement] = &[
    laxer(
        BOTH,
        "an anchor is a name and a key (RFC 5280, sections 6.1.1 (d) and 6.2): devices outlive \
         the dates of their roots",
        &[
            "dates: ends before it begins, the root",
            "dates: expired, the root",
            "dates: not yet valid, the root",
        ],
    ),
    laxer(
        BOTH,
        "the same: critical extensions of an anchor bind who issued it",
        &[
            "extension: of X.509's that there is not, the root, critical",
            "extension: of its own, the root, critical",
            "extension: TLS features, the root, critical",
        ],
    ),
    laxer(OPENSSL, "the same", &["extension: authority key identifier, the root, critical"]),
    laxer(
        GNUTLS,
        "the same",
        &[
            "extension: policy constraints, the root, critical",
            "extension: policy mappings, the root, critical",
        ],
    ),
    laxer(
        OPENSSL,
        "the end belongs to the validity (RFC 5280, section 4.1.2.5); OpenSSL leaves it out",
        &["date: checked at the start of 2050", "edge: ends now, …", "edge: valid for this…"],
    ),
    laxer(
        BOTH,
        "other paths are tried where one leads nowhere (RFC 4158, section 2.4.2); OpenSSL \
         decides at each step, and GnuTLS takes the chain as it is sent",
        &[
            "cross: a circle and a way out",
            "cross: one constrained to others before a good one",
            "cross: one no authority before a good one",
            "cross: one of a wrong signature before a good one",
            "cross: one without keyCertSign before a good one",
            "cross: the second root, both sent",
        ],
    ),
    laxer(OPENSSL, "the same", &["cross: one that also signed itself"]),
    laxer(GNUTLS, "the same", &["cross: one expired before a good one"]),
    laxer(OPENSSL, "the same for roots", &["roots: another of the same name and the root"]),
    laxer(
        BOTH,
        "what is not on the path is not read",
        &["cross: one unreadable before a good one", "cross: one unreadable behind a good one"],
    ),
    laxer(BOTH, "names are read up to the one that fits", &["names: of an unknown kind behind"]),
    laxer(
        BOTH,
        "a dot at the end of the host makes it absolute and is no part of it",
        &["name: \"server.example\" for \"server.example.\""],
    ),
    laxer(
        OPENSSL,
        "a wildcard stands beside labels of any letters that a name may have",
        &["name: \"*.under_score.example\" for \"a.under_score.example\""],
    ),
    laxer(
        OPENSSL,
        "nobody looks at serial numbers, as long as there are no revocation lists",
        &["serial: of no byte, …", "serial: with a zero in front, …"],
    ),
    laxer(
        OPENSSL,
        "Names are compared byte by byte and not read",
        &["string: not UTF-8 in UTF8String, …"],
    ),
    laxer(GNUTLS, "the same: an empty one is as good as another", &["issuer: an empty Name, …"]),
    laxer(
        GNUTLS,
        "of extensions that are not known it is not asked how often they come",
        &["extensions: an unknown one twice, …"],
    ),
    laxer(
        GNUTLS,
        "GnuTLS asks servers for no TLS feature here and takes it for missing",
        &["extension: TLS features, an authority", "extension: TLS features, the root"],
    ),
    laxer(
        GNUTLS,
        "constraints of one kind do not touch names of another (RFC 5280, section 4.2.1.10)",
        &["address: where names are permitted, …"],
    ),
    laxer(
        GNUTLS,
        "a server that is trusted as it is needs no issuer and issues nothing; GnuTLS takes \
         it only if it is self-signed and could be an authority",
        &[
            "trusted: as an authority that signs anything, issued",
            "trusted: as an authority, issued",
            "trusted: as it is, issued",
            "trusted: explicitly no authority, issued",
            "trusted: explicitly no authority, self-signed",
            "trusted: for servers, issued",
            "trusted: for signing, issued",
            "trusted: for signing, self-signed",
        ],
    ),
];
