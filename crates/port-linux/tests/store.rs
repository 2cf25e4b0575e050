//! Hazards of the key/value store: a value half written, a secret that others
//! can read, keys that are no file names, values that are lost by a restart.

mod common;

use std::ffi::c_int;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::hal::{HAL_Kv_Del, HAL_Kv_Erase_All, HAL_Kv_Get, HAL_Kv_Set, c};
use iot_coap_port_linux::{KvLock, KvLockError, kv_is_builtin};
use iot_coap_test_support::folders::Folder;
use iot_coap_test_support::processes::in_child;
use iot_coap_test_support::waiting::becomes_so;

/// The store of this process.
fn open_store() -> &'static Path {
    static SET: Once = Once::new();
    static PATH: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();
    let path = PATH.get_or_init(|| {
        let scratch = std::mem::ManuallyDrop::new(Folder::new());
        scratch.file("a/b")
    });
    // SAFETY: every test comes through here before it reads the environment.
    SET.call_once(|| unsafe { std::env::set_var("IOT_COAP_KV_DIR", path) });
    path
}

fn set(key: &str, value: &[u8]) -> c_int {
    let len = c_int::try_from(value.len()).unwrap();
    // SAFETY: a NUL-terminated string and a slice with its length.
    unsafe { HAL_Kv_Set(c(key).as_ptr(), value.as_ptr().cast(), len, 1) }
}

/// The code, what `*len` became, and the buffer.
fn get_raw(key: &str, room: usize) -> (c_int, c_int, Vec<u8>) {
    let mut buffer = vec![0xEE; room];
    let mut len = c_int::try_from(room).unwrap();
    // SAFETY: a NUL-terminated string and a slice with its length.
    let code = unsafe { HAL_Kv_Get(c(key).as_ptr(), buffer.as_mut_ptr().cast(), &raw mut len) };
    (code, len, buffer)
}

fn get(key: &str) -> Option<Vec<u8>> {
    let (code, len, mut buffer) = get_raw(key, 20_000);
    (code == 0).then(|| {
        buffer.truncate(usize::try_from(len).unwrap());
        buffer
    })
}

fn del(key: &str) -> c_int {
    // SAFETY: a NUL-terminated string.
    unsafe { HAL_Kv_Del(c(key).as_ptr()) }
}

#[test]
fn values_come_back_until_they_are_deleted() {
    open_store();
    let key = "../odd key/%00\u{7f}";
    assert_eq!(get(key), None);
    assert_eq!(set(key, b"one"), 0);
    assert_eq!(get(key).as_deref(), Some(&b"one"[..]));
    assert_eq!(set(key, b"another\0one"), 0);
    assert_eq!(get(key).as_deref(), Some(&b"another\0one"[..]));
    assert_eq!(set(key, b""), 0);
    assert_eq!(get(key).as_deref(), Some(&b""[..]));
    assert_eq!(del(key), 0);
    assert_eq!(get(key), None);
    assert_eq!(del(key), -1);
}

#[test]
fn a_buffer_too_small_is_told_what_is_needed() {
    open_store();
    assert_eq!(set("long", &[5; 100]), 0);
    for room in [0, 1, 99] {
        let (code, len, _) = get_raw("long", room);
        assert_eq!((code, len), (-1, 100));
    }
    assert_eq!(get_raw("long", 100).0, 0);
    let (code, len, _) = get_raw("absent", 7);
    assert_eq!((code, len), (-1, 7));
}

#[test]
fn keys_and_values_are_bounded() {
    open_store();
    assert_eq!(set(&"k".repeat(127), b"v"), 0);
    assert_eq!(set(&"k".repeat(128), b"v"), -1);
    assert_eq!(set("", b"v"), -1);
    assert_eq!(set("large", &vec![1; 16_384]), 0);
    assert_eq!(get("large").map(|value| value.len()), Some(16_384));
    assert_eq!(set("large", &vec![2; 16_385]), -1);
    assert_eq!(get("large").map(|value| value[0]), Some(1), "the old value stays");
}

#[test]
fn only_the_user_can_read() {
    let path = open_store();
    assert_eq!(set("private", b"token"), 0);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path), 0o700);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&path.join("70726976617465")), 0o600);
}

#[test]
fn a_reader_never_sees_half_a_value() {
    open_store();
    let stop = AtomicBool::new(false);
    assert_eq!(set("torn", &[0; 4096]), 0);
    thread::scope(|scope| {
        for writer in 0..2_u8 {
            let stop = &stop;
            scope.spawn(move || {
                let mut round = 0_u8;
                while !stop.load(Ordering::Relaxed) {
                    round = round.wrapping_add(2);
                    assert_eq!(set("torn", &[round | writer; 4096]), 0);
                }
            });
        }
        for _ in 0..2000 {
            let value = get("torn").unwrap();
            assert_eq!(value.len(), 4096);
            assert!(value.iter().all(|byte| *byte == value[0]), "a torn value");
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
#[ignore = "run in a process of its own"]
fn child_sets() {
    assert_eq!(set("kept", b"over a restart"), 0);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_gets() {
    assert_eq!(get("kept").as_deref(), Some(&b"over a restart"[..]));
}

#[test]
#[ignore = "run in a process of its own"]
fn child_erases() {
    // SAFETY: it takes nothing.
    assert_eq!(unsafe { HAL_Kv_Erase_All() }, 0);
    assert_eq!(get("kept"), None);
}

#[test]
#[ignore = "run in a process of its own"]
fn child_has_no_place() {
    assert_eq!(set("kept", b"nowhere"), -1);
    assert_eq!(get("kept"), None);
}

#[test]
fn a_restart_keeps_what_was_set_in_each_of_the_places() {
    let scratch = Folder::new();
    let at = |part: &str| scratch.file(part).to_str().unwrap().to_owned();
    let (own, state, home) = (at("own"), at("state"), at("home"));
    let places: [(&[(&str, &str)], &str); 4] = [
        (&[("HOME", &home), ("XDG_STATE_HOME", &state), ("IOT_COAP_KV_DIR", &own)], "own"),
        (&[("HOME", &home), ("XDG_STATE_HOME", &state)], "state/iot-coap"),
        (&[("HOME", &home), ("XDG_STATE_HOME", "not/absolute")], "home/.local/state/iot-coap"),
        (&[("HOME", &home)], "home/.local/state/iot-coap"),
    ];
    for (environment, place) in places {
        in_child("child_sets", environment);
        assert!(scratch.file(place).join("6b657074").is_file(), "{place}");
        in_child("child_gets", environment);
        // What a power cut leaves goes too; what is not ours stays.
        fs::write(scratch.file(place).join(".new-01234567"), "half").unwrap();
        fs::write(scratch.file(place).join("README"), "not ours").unwrap();
        in_child("child_erases", environment);
        let left: Vec<_> = fs::read_dir(scratch.file(place))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["README"]);
    }
    in_child("child_has_no_place", &[]);
}

#[test]
fn nothing_half_written_is_left_behind() {
    let path = open_store();
    for round in 0..20_u8 {
        assert_eq!(set("tidy", &[round]), 0);
    }
    let has_unfinished = || {
        let mut entries = fs::read_dir(path).unwrap();
        entries.any(|entry| entry.unwrap().file_name().to_string_lossy().starts_with(".new-"))
    };
    // Other tests write meanwhile; theirs go away as well.
    assert!(becomes_so(|| !has_unfinished()));
}

#[test]
fn null_pointers_are_refused() {
    open_store();
    let mut len = 1;
    let mut byte = 0_u8;
    // SAFETY: null pointers are what the port must refuse; the rest is valid.
    unsafe {
        assert_eq!(HAL_Kv_Set(null(), (&raw const byte).cast(), 1, 0), -1);
        assert_eq!(HAL_Kv_Set(c"k".as_ptr(), null(), 1, 0), -1);
        assert_eq!(HAL_Kv_Set(c"k".as_ptr(), (&raw const byte).cast(), -1, 0), -1);
        assert_eq!(HAL_Kv_Get(null(), (&raw mut byte).cast(), &raw mut len), -1);
        assert_eq!(HAL_Kv_Get(c"k".as_ptr(), null_mut(), &raw mut len), -1);
        assert_eq!(HAL_Kv_Get(c"k".as_ptr(), (&raw mut byte).cast(), null_mut()), -1);
        len = -1;
        assert_eq!(HAL_Kv_Get(c"k".as_ptr(), (&raw mut byte).cast(), &raw mut len), -1);
        assert_eq!(HAL_Kv_Del(null()), -1);
    }
}

fn lock() -> Result<KvLock, KvLockError> {
    KvLock::new(&c("a session"))
}

#[test]
#[ignore = "run in a process of its own"]
fn child_finds_it_locked() {
    assert_eq!(lock().err(), Some(KvLockError::Held));
    assert!(KvLock::new(&c("another")).is_ok());
}

#[test]
#[ignore = "run in a process of its own"]
fn child_locks() {
    assert!(kv_is_builtin());
    drop(lock().expect("nobody has it"));
    let owner = lock().expect("it is free again");
    // A second copy of the library in one process is somebody else too.
    assert_eq!(lock().err(), Some(KvLockError::Held));
    in_child("child_finds_it_locked", &[("IOT_COAP_KV_DIR", &folder())]);
    // Whoever empties the store frees nothing.
    // SAFETY: it takes nothing.
    assert_eq!(unsafe { HAL_Kv_Erase_All() }, 0);
    assert_eq!(lock().err(), Some(KvLockError::Held));
    // SAFETY: the child only leaves the lock, and ends.
    let child = unsafe { libc::fork() };
    if child == 0 {
        owner.leave();
        let status = i32::from(lock().err() != Some(KvLockError::Held));
        // SAFETY: it takes a number.
        unsafe { libc::_exit(status) }
    }
    let mut status = -1;
    // SAFETY: a place for the result.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child finds it locked");
    assert_eq!(lock().err(), Some(KvLockError::Held), "and has freed nothing");
    drop(owner);
    let _to_the_end = std::mem::ManuallyDrop::new(lock().expect("it is free again"));
}

fn folder() -> String {
    std::env::var("IOT_COAP_KV_DIR").expect("it is set")
}

/// Two owners of one session would write with the same numbers.
#[test]
fn a_locked_key_is_refused_to_everybody_else_until_its_owner_ends() {
    let scratch = Folder::new();
    let folder = scratch.file("locks");
    // The second has what the first did not free before its end.
    for _ in 0..2 {
        in_child("child_locks", &[("IOT_COAP_KV_DIR", folder.to_str().unwrap())]);
    }
    let mut files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
    assert!(files.all(|name| name.to_string_lossy().starts_with(".lock-")));
}
