//! Programs over simulated networks between real sockets, by the clock of the machine. It
//! takes minutes: `scripts/networks --compare` runs it, and writes what it prints into
//! `docs/networks-measured.md`.

mod compare;
mod servers;
mod trace;
mod wake_ups;

fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("compare") => print!("{}", compare::table()),
        Some("wake-ups") => print!("{}", wake_ups::table()),
        other => panic!("compare or wake-ups, not {other:?}"),
    }
}
