//! What to do about a client that does not take the server's certificate, as its alert says.

use std::path::Path;

/// The remedy for a handshake that failed for this reason, in the words of either engine; empty
/// if none is known. The root is the one that clients shall trust.
pub(super) fn remedy(reason: &str, root: &Path) -> String {
    // `unknown_ca` for one engine and `unknown ca` for the other.
    let said = reason.replace('_', " ");
    let Some((_, alert)) = said.split_once("alert ") else { return String::new() };
    let says = |name: &str| alert.starts_with(name);
    if says("unknown ca") {
        return format!(
            "give the device this cloud's root: {} (c_examples/local_root.c does for a program \
             of this machine, and docs/board.md says how for a board)",
            root.display()
        );
    }
    if says("certificate expired") {
        return "set the device's clock, and look whether the certificate has expired".into();
    }
    if says("certificate unknown") || says("bad certificate") {
        return "the host of the device's URL must be a name of the certificate: --cert-names \
                gives it others"
            .into();
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_engines_words_have_a_remedy() {
        let of = |reason: &str| remedy(reason, "/state/root.pem".as_ref());
        for (reason, says) in [
            ("the peer sent the alert unknown_ca (48)", "this cloud's root: /state/root.pem"),
            ("tlsv1 alert unknown ca", "this cloud's root: /state/root.pem"),
            ("the peer sent the alert certificate_expired (45)", "clock"),
            ("ssl/tls alert certificate expired", "clock"),
            ("the peer sent the alert certificate_unknown (46)", "--cert-names"),
            ("ssl/tls alert bad certificate", "--cert-names"),
        ] {
            assert!(of(reason).contains(says), "{reason}: {}", of(reason));
        }
        assert_eq!(of("too many handshakes"), "");
        assert_eq!(of("the peer sent the alert close_notify (0)"), "");
    }
}
