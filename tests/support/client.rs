//! Unused.
