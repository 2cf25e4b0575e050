//! DTLS 1.2 for many clients over one socket, by OpenSSL with streams in
//! memory. Datagrams in, datagrams and plaintext out; it owns no socket.

mod association;
mod context;
mod record;
mod sessions;

pub(crate) use sessions::DtlsServer;
