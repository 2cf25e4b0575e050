//! DTLS by the engine of this project: sessions of `iot-coap-dtls` over the port's sockets,
//! and the state that is remembered or kept for the next session.

mod age;
mod offer;
mod old_servers;
#[cfg(feature = "extension")]
mod owner;
mod resumption;
#[cfg(feature = "extension")]
mod saved;
mod session;
#[cfg(feature = "extension")]
mod store;
mod table;
mod terms;

pub(crate) use age::Limits;
pub(crate) use offer::Verdict;
#[cfg(all(feature = "std", feature = "port-linux"))]
pub(crate) use owner::leave_to_parent;
pub(crate) use session::{Session, WriteError};
#[cfg(feature = "extension")]
pub(crate) use store::{Saving, SessionStore, Written};
pub(crate) use terms::Terms;
