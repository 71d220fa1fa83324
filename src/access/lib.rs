//! Who may do what at the dispatcher: tokens, of which only hashes are kept, and what each lets its holder do. Pure: text in, values
//! out.
//!
//! ```text
//! Tokens::parse(text, defaults) → Tokens | all that is wrong, with lines
//! tokens.find(token, now) → Grant → may_edit(), may_take(role, user)
//! token::made_of(random) → a new token; Entry → the lines to add to the file
//! ```

#![forbid(unsafe_code)]

mod grant;
mod read;
pub mod token;
mod tokens;

#[cfg(test)]
mod tests;

pub use grant::{Defaults, Denied, Grant, Role};
pub use read::Wrong;
pub use token::Entry;
pub use tokens::Tokens;
