//! What the Markdown files promise: that their commands work, that their links and
//! the paths they name lead somewhere, and that the Chinese ones say what the English
//! ones say.
//!
//! How a fenced block of commands begins says where it is tried:
//!
//! | begins with | tried |
//! | --- | --- |
//! | `` ```sh `` | here, in the guides that `commands` lists: `tests/documents/run` |
//! | `` ```sh installed `` | by CTest, against the installed package |
//! | `` ```sh board `` | by `scripts/firmware`, on the emulated board |
//! | `` ```sh slow `` | not: it takes minutes. What it names must be there |
//! | `` ```text `` | not: it cannot be, here |

mod commands;
mod links;
mod markdown;
mod porting;
mod translations;
