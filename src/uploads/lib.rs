//! Artifacts: files that users hand to the dispatcher, such as the jars of their jobs. Each is known by the SHA-256 of its content,
//! and kept as long as a specification refers to it.
//!
//! [`keeping`] decides what may come and what goes; [`store`] has the files.

#![forbid(unsafe_code)]

mod keeping;
mod part;
mod store;
#[cfg(test)]
mod tests;

pub use keeping::{About, Keeping, Limits, Listed, Refusal};
pub use store::{Begun, Coming, FileError, Store, UploadError};
