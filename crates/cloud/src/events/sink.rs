//! Where event lines are written to: by a thread of its own, so that a reader who pauses costs
//! lines and not answers.

use std::io::{ErrorKind, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::log::unix_ms;

/// Lines that wait to be written have so many bytes at most; further ones are lost.
const MOST_WAITING: usize = 4 << 20;

/// How long the end of the server waits for what is still to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What both sides know.
#[derive(Default)]
struct Shared {
    /// Bytes that wait.
    waiting: AtomicUsize,
    /// Lines lost since that was last told.
    lost: AtomicU64,
}

type Writer = Box<dyn Write + Send>;

/// What the thread is given.
enum Given {
    Line(Vec<u8>),
    /// Where lines go from here on.
    Writer(Writer),
}

/// Writes lines, or loses and counts them.
pub(super) struct Sink {
    shared: Arc<Shared>,
    lines: Option<Sender<Given>>,
    done: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sink {
    pub(super) fn new(writer: Writer) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (lines, received) = channel();
        let (tell_done, done) = channel();
        let thread = std::thread::Builder::new().name("iot-coap-events".into()).spawn({
            let shared = Arc::clone(&shared);
            move || {
                write(writer, &received, &shared);
                // Nobody may be waiting.
                let _ = tell_done.send(());
            }
        })?;
        Ok(Self { shared, lines: Some(lines), done: Mutex::new(done), thread: Some(thread) })
    }

    /// Has a line written, if there is room for it.
    pub(super) fn write(&self, line: Vec<u8>) {
        let waiting = self.shared.waiting.fetch_add(line.len(), Ordering::Relaxed);
        if waiting + line.len() > MOST_WAITING {
            self.shared.waiting.fetch_sub(line.len(), Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        } else if let Some(lines) = &self.lines {
            // The thread lives as long as this does.
            let _ = lines.send(Given::Line(line));
        }
    }

    /// Has the lines from here on written elsewhere.
    pub(super) fn turn_to(&self, writer: Writer) {
        if let Some(lines) = &self.lines {
            let _ = lines.send(Given::Writer(writer));
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.lines = None;
        // A reader who pauses must not keep the server from ending.
        let done = self.done.get_mut().unwrap_or_else(PoisonError::into_inner);
        if done.recv_timeout(LAST_WORDS).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn write(mut writer: Writer, given: &Receiver<Given>, shared: &Shared) {
    // A line was begun that could not be ended, for want of room on the disk.
    let mut is_cut = false;
    while let Ok(given) = given.recv() {
        let line = match given {
            Given::Line(line) => line,
            Given::Writer(other) => {
                (writer, is_cut) = (other, false);
                continue;
            }
        };
        if is_cut {
            is_cut = put(&mut writer, b"\n").is_err();
        }
        // A reader that went away (`iot-coap-cloud | head`) must not end the server.
        let written = if is_cut { Err(false) } else { put(&mut writer, &line) };
        shared.waiting.fetch_sub(line.len(), Ordering::Relaxed);
        if let Err(is_begun) = written {
            is_cut |= is_begun;
            shared.lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let lost = shared.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let unix_ms = unix_ms();
            let line =
                format!("{{\"unix_ms\":{unix_ms},\"event\":\"lines_lost\",\"lines\":{lost}}}\n");
            if let Err(is_begun) = put(&mut writer, line.as_bytes()) {
                is_cut = is_begun;
                shared.lost.fetch_add(lost, Ordering::Relaxed);
            }
        }
    }
}

/// Writes all of it, or says whether a part of it was.
fn put(writer: &mut Writer, bytes: &[u8]) -> Result<(), bool> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match writer.write(rest) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return Err(rest.len() < bytes.len()),
            Ok(len) => rest = &rest[len..],
        }
    }
    writer.flush().map_err(|_| true)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// Takes nothing before its lock is free.
    struct Paused(Arc<Mutex<Vec<u8>>>);

    impl Write for Paused {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_pauses_loses_lines_that_are_counted() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let sink = Sink::new(Box::new(Paused(Arc::clone(&written)))).expect("a thread");
        let pause = written.lock().expect("no panic");
        let line = [vec![b'x'; 1 << 16], b"\n".to_vec()].concat();
        for _ in 0..100 {
            sink.write(line.clone());
        }
        drop(pause);
        drop(sink);
        let written = written.lock().expect("no panic");
        let text = String::from_utf8_lossy(&written);
        let (lost, kept): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| line.contains("lines_lost"));
        let lost: usize = lost
            .iter()
            .map(|line| {
                let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
                usize::try_from(line["lines"].as_u64().expect("a number")).expect("a few")
            })
            .sum();
        assert_eq!(kept.len() + lost, 100);
        assert!(kept.len() * line.len() <= MOST_WAITING + line.len(), "{}", kept.len());
    }

    /// A disk that has room for some bytes, and for more later.
    struct Disk(Arc<Mutex<(Vec<u8>, usize)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (content, room) = &mut *self.0.lock().expect("no panic");
            let len = bytes.len().min(*room - content.len());
            content.extend_from_slice(&bytes[..len]);
            if len == 0 { Err(ErrorKind::StorageFull.into()) } else { Ok(len) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_costs_lines_that_are_counted_and_cuts_one() {
        let line = b"{\"event\":\"x\"}\n";
        let disk = Arc::new(Mutex::new((Vec::new(), line.len() * 5 + 3)));
        let sink = Sink::new(Box::new(Disk(Arc::clone(&disk)))).expect("a thread");
        let write = |count: usize| (0..count).for_each(|_| sink.write(line.to_vec()));
        let until_written = || {
            while sink.shared.waiting.load(Ordering::Relaxed) > 0 {
                std::thread::yield_now();
            }
        };
        write(10);
        until_written();
        disk.lock().expect("no panic").1 += 10_000;
        write(2);
        drop(sink);
        let text = String::from_utf8(disk.lock().expect("no panic").0.clone()).expect("text");
        let (whole, cut): (Vec<&str>, Vec<&str>) =
            text.lines().partition(|line| serde_json::from_str::<serde_json::Value>(line).is_ok());
        assert_eq!(cut, ["{\"e"]);
        let lost: Vec<_> = whole.iter().filter(|line| line.contains("\"lines\":5}")).collect();
        assert_eq!((whole.len(), lost.len()), (8, 1), "{text}");
    }
}
