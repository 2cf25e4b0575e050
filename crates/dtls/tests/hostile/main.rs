//! Hostile input from the server or from an attacker on the network. It is either dropped
//! and counted, or ends the handshake with the right error. It never crashes the client
//! and never makes it accept anything false.
#![cfg(feature = "full")]

mod forged;
mod fragments;
mod hellos;
mod key_exchange;
mod order;
mod padding;
mod pss;
mod records;
mod resumption;
