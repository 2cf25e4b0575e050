//! The server by `iot-coap-dtls`. A session is found by its connection id, or by the
//! client's address if the client knows no ids; nothing is kept of a client before it has
//! shown by a cookie that it is where it says.

mod clock;
mod context;
mod cookies;
mod crowd;
mod handshake;
mod id;
mod interface;
mod owners;
mod places;
mod saved;
mod saving;
mod server;
mod session;
mod sessions;
mod signatures;

pub(crate) use id::LEN as CONNECTION_ID_LEN;
pub(super) use server::Server;
