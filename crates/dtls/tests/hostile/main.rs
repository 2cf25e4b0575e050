//! What a server, or somebody between, may do wrong on purpose: each is dropped
//! in silence and counted, or ends the handshake by the right error, and never
//! brings the device down or makes it believe anything.
#![cfg(feature = "full")]

mod fragments;
mod hellos;
mod key_exchange;
mod order;
mod padding;
mod records;
mod resumption;
