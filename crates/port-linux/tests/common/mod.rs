//! What the tests share: the C interface as a program sees it.

// Each test program uses its own part.
#![allow(dead_code)]

pub(crate) mod hal;
