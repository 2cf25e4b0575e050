//! What a server, or somebody between, may do wrong on purpose: each is dropped
//! in silence and counted, or ends the handshake by the right error, and never
//! brings the device down or makes it believe anything.
#![cfg(feature = "full")]

#[path = "../../../port-linux/tests/common/certificates.rs"]
#[allow(dead_code)]
mod certificates;
#[path = "../scripted/mod.rs"]
mod scripted;

mod fragments;
mod hellos;
mod key_exchange;
mod order;
mod padding;
mod records;
mod resumption;
