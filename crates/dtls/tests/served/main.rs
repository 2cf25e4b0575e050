//! The server's side: with the engine's own client on bad networks, with clients that nobody here
//! wrote, and with clients that mean no good.
#![cfg(all(feature = "full", feature = "server"))]

mod certificates;
mod cookies;
mod example;
mod export;
mod foreign;
mod forged;
mod fragments;
mod half_open;
mod heap;
mod hellos;
mod hostile;
mod key_exchange;
mod libcoap;
mod loss;
mod lossy;
mod mbedtls;
mod order;
mod orders;
mod padding;
mod pair;
mod records;
mod strangers;
mod suites;
mod tickets;
