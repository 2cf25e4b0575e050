//! DTLS by the engine of this project: sessions of `iot-coap-dtls` over the port's
//! sockets, and what is remembered or kept of them for the next session.

mod resumption;
mod saved;
mod session;
#[cfg(feature = "extension")]
mod store;

pub(crate) use session::{Session, Terms, WriteError};
#[cfg(feature = "extension")]
pub(crate) use store::{Saving, SessionStore};
