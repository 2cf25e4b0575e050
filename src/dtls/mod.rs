//! DTLS by the engine of this project: sessions of `iot-coap-dtls` over the port's
//! sockets, and what is remembered or kept of them for the next session.

mod old_servers;
mod resumption;
mod saved;
mod session;
mod store;
mod terms;

pub(crate) use session::{Session, WriteError};
pub(crate) use store::{Saving, SessionStore};
pub(crate) use terms::Terms;
