//! Where the packages lie: in the repository, or in an unpacked archive of a release.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use iot_coap_test_library::linking::library_of;
use iot_coap_test_library::{root, scratch_dir, succeed};

/// A library for this machine, without a board port: what `scripts/release` has for boards, with
/// `threads`.
pub(crate) fn library() -> &'static PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| library_of("bare,threads,full,dtls"))
}

/// A folder of this name for a test's own.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = scratch_dir().join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("the target folder can be written");
    folder
}

/// An unpacked archive of a release, in `name`, whose configuration `full` is `library`.
pub(crate) fn unpacked(name: &str, library: &Path) -> PathBuf {
    let unpacked = folder(name);
    let script = fs::read_to_string(root().join("scripts/release")).expect("it is there");
    let (_, copied) = script.split_once("    cp -r ").expect("it copies what an archive has");
    let (copied, _) = copied.split_once("\"$place\"\n").expect("into the archive's folder");
    let copied = copied.split('"').filter_map(|each| each.strip_prefix("$ROOT/"));
    let copied: Vec<_> = copied.map(|each| root().join(each)).collect();
    assert!(copied.len() > 4, "{copied:?}");
    succeed(Command::new("cp").arg("-r").args(copied).arg(&unpacked));
    let full = unpacked.join("lib/full");
    fs::create_dir_all(&full).expect("the target folder can be written");
    fs::copy(library, full.join("libiot_coap.a")).expect("there is a library");
    unpacked
}

/// An archive with one object that is nothing but ELF's header, for this machine by ELF's
/// number of it, and a text: what the checks of the packages look at.
pub(crate) fn archive_for(path: &Path, machine: u8, text: &str) {
    archive_with(path, machine, 0, text);
}

/// The same with these flags of that machine.
pub(crate) fn archive_with(path: &Path, machine: u8, flags: u8, text: &str) {
    let mut object = b"\x7fELF\x01\x01\x01".to_vec();
    object.resize(18, 0);
    object.extend([machine, 0]);
    object.resize(36, 0);
    object.push(flags);
    object.resize(52, 0);
    object.extend(text.as_bytes());
    object.push(0);
    let member = |name: &str, data: &[u8]| {
        let head = format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, data.len());
        let pad: &[u8] = if data.len().is_multiple_of(2) { b"" } else { b"\n" };
        [head.as_bytes(), data, pad].concat()
    };
    let whole = [b"!<arch>\n".to_vec(), member("/", b"odd"), member("a.o/", &object)].concat();
    fs::create_dir_all(path.parent().expect("it lies in a folder")).expect("it can be made");
    fs::write(path, whole).expect("the target folder can be written");
}
