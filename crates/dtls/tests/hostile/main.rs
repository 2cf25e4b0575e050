//! Hostile input from the server or from an attacker on the network. It is either dropped
//! and counted, or ends the handshake with the right error. It never crashes the client
//! and never makes it accept anything false.
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
