//! The server by OpenSSL, with streams in memory. It knows no connection ids, and a
//! session takes it some 42 kB.

mod association;
mod context;
mod record;
mod sessions;

pub(super) use sessions::Server;
