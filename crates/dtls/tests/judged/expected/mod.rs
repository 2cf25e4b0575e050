//! Where this engine judges otherwise than OpenSSL (3.0) or GnuTLS (3.7), and why.

mod laxer;
mod stricter;

pub(crate) use laxer::LAXER;
pub(crate) use stricter::STRICTER;

/// Whom this engine is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Engine {
    OpenSsl,
    GnuTls,
}

/// What this engine is, compared with another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Than {
    /// It refuses what the other accepts.
    Stricter,
    /// It accepts what the other refuses.
    Laxer,
}

/// Cases in which engines differ for one reason.
pub(crate) struct Disagreement {
    pub(crate) engines: &'static [Engine],
    pub(crate) ours: Than,
    /// Their names; `…` stands for anything, and every case that fits must be one.
    pub(crate) cases: &'static [&'static str],
    pub(crate) reason: &'static str,
}

impl Disagreement {
    /// The names among these that one of its own stands for.
    pub(crate) fn matching<'n>(
        pattern: &str,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Vec<&'n str> {
        let fits = |name: &&str| match pattern.split_once('…') {
            Some((start, end)) => {
                name.len() >= start.len() + end.len()
                    && name.starts_with(start)
                    && name.ends_with(end)
            }
            None => *name == pattern,
        };
        names.into_iter().filter(fits).collect()
    }
}

const BOTH: &[Engine] = &[Engine::OpenSsl, Engine::GnuTls];
const OPENSSL: &[Engine] = &[Engine::OpenSsl];
const GNUTLS: &[Engine] = &[Engine::GnuTls];

/// What this engine refuses and another accepts.
const fn stricter(
    engines: &'static [Engine],
    reason: &'static str,
    cases: &'static [&'static str],
) -> Disagreement {
    Disagreement { engines, ours: Than::Stricter, cases, reason }
}

/// What this engine accepts and another refuses.
const fn laxer(
    engines: &'static [Engine],
    reason: &'static str,
    cases: &'static [&'static str],
) -> Disagreement {
    Disagreement { engines, ours: Than::Laxer, cases, reason }
}
