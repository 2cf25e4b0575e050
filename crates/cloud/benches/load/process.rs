//! What a process has taken of the machine, as Linux tells it.

use std::fs::read_to_string;
use std::time::Duration;

/// The kernel's clock tick in user space: `USER_HZ`, 100 on every architecture
/// that Debian knows.
const TICK: Duration = Duration::from_millis(10);

/// Processor time, in user space and in the kernel.
pub(crate) fn processor_time(pid: u32) -> Duration {
    let stat = read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let ticks: u32 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u32>().expect("a number"))
        .sum();
    TICK * ticks
}

/// Resident memory in bytes.
pub(crate) fn memory(pid: u32) -> u64 {
    let status = read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let kilobytes = line.split_whitespace().next().expect("a number");
    kilobytes.parse::<u64>().expect("a number") * 1024
}

/// The processor and how many of them there are.
pub(crate) fn machine() -> String {
    let info = read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or("an unknown processor", |(_, model)| model.trim());
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{count} x {model}")
}
