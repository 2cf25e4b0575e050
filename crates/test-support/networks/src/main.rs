//! Measures the client on simulated networks, in virtual time, and prints the tables of
//! `docs/networks-measured.md`: `scripts/networks` runs it. The same seeds give the same tables.

mod cloud;
mod device;
mod figures;
mod server;
mod simulation;
mod tables;

fn main() {
    print!("{}", tables::all());
}
