//! What the tests share.

// Each test program uses its own part.
#![allow(dead_code, unused_imports)]

mod basics;
#[path = "../../../port-linux/tests/common/certificates.rs"]
pub(crate) mod certificates;
pub(crate) mod in_memory;
pub(crate) mod link;
pub(crate) mod mbedtls;
pub(crate) mod peers;
#[path = "../../../port-linux/tests/common/proxy.rs"]
pub(crate) mod proxy;
pub(crate) mod servers;
mod trusting;

pub(crate) use basics::*;
pub(crate) use trusting::certificates;
