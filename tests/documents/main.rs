//! What the Markdown files promise: that their commands work, that their links and
//! the paths they name lead somewhere, and that the Chinese ones say what the English
//! ones say. The examples in the help of scripts and of `iot-coap-cloud` are tried as well.
//!
//! How a fenced block of commands begins says where it is tried:
//!
//! | begins with | tried |
//! | --- | --- |
//! | `` ```sh `` | here, by `commands`: `tests/documents/run` |
//! | `` ```sh serving `` | here, by `serving`: servers, which run until they are stopped |
//! | `` ```sh installed `` | by CTest, against the installed package: `tests/cmake/check_install.cmake` |
//! | `` ```sh board `` | by `scripts/firmware`, on the emulated board: `firmware/CMakeLists.txt` |
//! | `` ```sh slow `` | not: it takes minutes. What it names must be there |
//! | `` ```text `` | not: it cannot be, here |

mod commands;
mod help;
mod links;
mod markdown;
mod porting;
mod serving;
mod tables;
mod translations;
