//! The store's directory and its files. Every file is opened relative to one directory
//! descriptor, so that renaming a parent cannot split an operation.

use core::ffi::{CStr, c_int};
use core::fmt::Write;
use core::mem::MaybeUninit;

use super::name::FileName;
use crate::fd::{Fd, errno};
use crate::log::{Level, log};
use crate::random::iotx_linux_random;
use crate::text::{Text, with_environment};

/// `PATH_MAX`.
type Path = Text<4096>;

/// Only the user who runs the program may look inside.
const DIRECTORY_MODE: libc::mode_t = 0o700;
const FILE_MODE: libc::mode_t = 0o600;

/// How many random names are tried. A name exists already only if a power cut left its file
/// behind.
const MAX_NAME_ATTEMPTS: u32 = 8;

pub(super) struct Directory(Fd);

impl Directory {
    pub(super) fn open() -> Option<Self> {
        Self::open_path(path()?.as_c_str())
    }

    pub(super) fn open_or_create() -> Option<Self> {
        let path = path()?;
        if let Some(directory) = Self::open_path(path.as_c_str()) {
            return Some(directory);
        }
        create_with_parents(path.as_bytes());
        let directory = Self::open_path(path.as_c_str());
        if directory.is_none() {
            log(
                Level::Error,
                format_args!("cannot make the store {:?}, errno {}", path.as_c_str(), errno()),
            );
        }
        directory
    }

    fn open_path(path: &CStr) -> Option<Self> {
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
        // SAFETY: the path ends in NUL.
        Fd::new(unsafe { libc::open(path.as_ptr(), flags) }).map(Self)
    }

    fn open_file(&self, name: &FileName, flags: c_int) -> Option<Fd> {
        let flags = flags | libc::O_CLOEXEC | libc::O_NOFOLLOW;
        // SAFETY: a live descriptor and a name that ends in NUL.
        Fd::new(unsafe { libc::openat(self.0.raw(), name.as_c_str().as_ptr(), flags, FILE_MODE) })
    }

    /// Opens a lock file, and makes it if it does not exist.
    pub(super) fn open_lock(&self, name: &FileName) -> Option<Fd> {
        self.open_file(name, libc::O_RDWR | libc::O_CREAT)
    }

    /// Opens a lock file outside this directory, named after the directory's path, the key
    /// and the user. `None` if that is impossible.
    ///
    /// The file is empty, and stays after it is unlocked. If another user has made a file
    /// with this name, it is ignored, so that nobody is locked out.
    pub(super) fn open_lock_apart(&self, key: &[u8]) -> Option<Fd> {
        let mut of_self = Text::<32>::new();
        write!(of_self, "/proc/self/fd/{}", self.0.raw()).ok()?;
        let mut path = [0; 4096];
        // SAFETY: the path ends in NUL, and the buffer has the given length.
        let len = unsafe {
            libc::readlink(of_self.as_c_str().as_ptr(), path.as_mut_ptr().cast(), path.len())
        };
        let path: &[u8] = path.get(..usize::try_from(len).ok()?)?;
        // SAFETY: geteuid has no precondition.
        let user = unsafe { libc::geteuid() };
        let mut name = Text::<64>::new();
        write!(name, "/dev/shm/iot-coap.{user}.{:016x}", fnv_1a([path, b"\0", key])).ok()?;
        let flags = libc::O_RDWR | libc::O_CREAT | libc::O_CLOEXEC | libc::O_NOFOLLOW;
        // SAFETY: a name that ends in NUL.
        let file = Fd::new(unsafe { libc::open(name.as_c_str().as_ptr(), flags, FILE_MODE) })?;
        (status(&file)?.st_uid == user).then_some(file)
    }

    /// Reads as much of a value as fits; returns its whole length.
    pub(super) fn read(&self, name: &FileName, buffer: &mut [MaybeUninit<u8>]) -> Option<usize> {
        let file = self.open_file(name, libc::O_RDONLY)?;
        let mut filled = 0;
        while let Some(free) = buffer.get_mut(filled..).filter(|free| !free.is_empty()) {
            // SAFETY: the rest of the buffer is valid for writes of its length.
            let got = unsafe { libc::read(file.raw(), free.as_mut_ptr().cast(), free.len()) };
            match usize::try_from(got) {
                Ok(0) => return Some(filled),
                Ok(got) => filled += got,
                Err(_) if errno() == libc::EINTR => {}
                Err(_) => return None,
            }
        }
        // The buffer is full, and the file may be longer. A file never changes after it has
        // got its name.
        usize::try_from(status(&file)?.st_size).ok()
    }

    /// Replaces the whole value, or nothing.
    pub(super) fn replace(&self, name: &FileName, value: &[u8], sync: bool) -> Option<()> {
        let (file, unfinished) = self.create_unfinished()?;
        // The value must reach the disk before its name, even without `sync`: otherwise a
        // power cut could leave the name on an empty file. SAFETY: a live descriptor.
        let written = write_all(&file, value).is_some() && unsafe { libc::fsync(file.raw()) } == 0;
        // SAFETY: a live descriptor and two names that end in NUL.
        let renamed = written
            && unsafe {
                libc::renameat(
                    self.0.raw(),
                    unfinished.as_c_str().as_ptr(),
                    self.0.raw(),
                    name.as_c_str().as_ptr(),
                )
            } == 0;
        if !renamed {
            log(Level::Error, format_args!("cannot store a value, errno {}", errno()));
            self.remove(&unfinished);
            return None;
        }
        if sync { self.sync() } else { Some(()) }
    }

    fn create_unfinished(&self) -> Option<(Fd, FileName)> {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
        (0..MAX_NAME_ATTEMPTS).find_map(|_| {
            let name = FileName::unfinished(iotx_linux_random(0))?;
            Some((self.open_file(&name, flags)?, name))
        })
    }

    fn sync(&self) -> Option<()> {
        // SAFETY: a live descriptor.
        (unsafe { libc::fsync(self.0.raw()) } == 0).then_some(())
    }

    pub(super) fn remove(&self, name: &FileName) -> Option<()> {
        self.unlink(name.as_c_str())
    }

    fn unlink(&self, name: &CStr) -> Option<()> {
        // SAFETY: a live descriptor and a name that ends in NUL.
        (unsafe { libc::unlinkat(self.0.raw(), name.as_ptr(), 0) } == 0).then_some(())
    }

    /// Removes every file of the store, including files that a power cut left behind. Lock
    /// files stay.
    pub(super) fn erase(self) -> Option<()> {
        // A descriptor of its own, since closedir closes it.
        // SAFETY: a live descriptor and an integer.
        let raw = unsafe { libc::fcntl(self.0.raw(), libc::F_DUPFD_CLOEXEC, 0) };
        let listed = Fd::new(raw)?;
        // SAFETY: a live descriptor of a directory.
        let stream = unsafe { libc::fdopendir(listed.raw()) };
        if stream.is_null() {
            return None;
        }
        let _now_the_streams = listed.into_raw();
        let mut done = Some(());
        loop {
            // SAFETY: the stream is open, and only this thread uses it.
            let entry = unsafe { libc::readdir(stream) };
            if entry.is_null() {
                break;
            }
            // SAFETY: the entry is valid until the next readdir, and its name
            // ends in NUL.
            let name = unsafe { CStr::from_ptr((&raw const (*entry).d_name).cast()) };
            if FileName::is_ours(name.to_bytes()) && self.unlink(name).is_none() {
                done = None;
            }
        }
        // SAFETY: the stream is open and not used again.
        unsafe { libc::closedir(stream) };
        done
    }
}

/// `$IOT_COAP_KV_DIR`, or else `iot-coap` in the user's state directory.
fn path() -> Option<Path> {
    let joined = |base: &CStr, rest: &[u8]| {
        let mut path = Path::new();
        path.push(base.to_bytes())?;
        path.push(rest)?;
        Some(path)
    };
    // The XDG specification says to ignore a relative path.
    let absolute = |base: &CStr, rest: &[u8]| {
        joined(base, rest).filter(|path| path.as_bytes().starts_with(b"/"))
    };
    let found = with_environment(c"IOT_COAP_KV_DIR", |own| joined(own, b""))
        .flatten()
        .or_else(|| {
            with_environment(c"XDG_STATE_HOME", |state| absolute(state, b"/iot-coap")).flatten()
        })
        .or_else(|| {
            with_environment(c"HOME", |home| joined(home, b"/.local/state/iot-coap")).flatten()
        });
    if found.is_none() {
        log(
            Level::Error,
            format_args!("no place for the key/value store: set IOT_COAP_KV_DIR or HOME"),
        );
    }
    found
}

/// Failures show when the directory is opened.
fn create_with_parents(path: &[u8]) {
    let mut part = Path::new();
    for component in path.split_inclusive(|byte| *byte == b'/') {
        if part.push(component).is_none() {
            return;
        }
        // SAFETY: the path ends in NUL.
        unsafe { libc::mkdir(part.as_c_str().as_ptr(), DIRECTORY_MODE) };
    }
}

fn status(file: &Fd) -> Option<libc::stat> {
    // SAFETY: all zeros is a valid stat, and it is only written to.
    let mut status: libc::stat = unsafe { core::mem::zeroed() };
    // SAFETY: a live descriptor and a place for the result.
    (unsafe { libc::fstat(file.raw(), &raw mut status) } == 0).then_some(status)
}

/// A hash of a text. Two stores with the same hash could not keep sessions at the same
/// time.
fn fnv_1a(parts: [&[u8]; 3]) -> u64 {
    parts.into_iter().flatten().fold(0xCBF2_9CE4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

fn write_all(file: &Fd, mut value: &[u8]) -> Option<()> {
    while !value.is_empty() {
        // SAFETY: the slice is valid for reads of its length.
        let put = unsafe { libc::write(file.raw(), value.as_ptr().cast(), value.len()) };
        match usize::try_from(put) {
            Ok(put) => value = value.get(put..)?,
            Err(_) if errno() == libc::EINTR => {}
            Err(_) => return None,
        }
    }
    Some(())
}
