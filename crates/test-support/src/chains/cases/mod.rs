//! The cases, by what is odd about them.

mod constraints;
mod dates;
mod encodings;
mod keys;
mod names;
mod paths;
mod trusted;
mod usages;

use crate::chains::Case;

/// All of them. Each has a name of its own, which begins with its kind.
pub fn all() -> Vec<Case> {
    [
        constraints::cases(),
        dates::cases(),
        encodings::cases(),
        keys::cases(),
        names::cases(),
        paths::cases(),
        trusted::cases(),
        usages::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
