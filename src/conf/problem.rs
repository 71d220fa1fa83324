//! A value that is wrong, told so that it can be put right.

use std::fmt;

use super::redact;
use super::table::Origin;

/// A wrong or missing value of a key or an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key, or the variable's name.
    pub subject: String,
    pub found: Found,
    /// Fits behind "expected": `a whole number from 1 to 65535`.
    pub expected: String,
}

/// What stands there instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    Value { value: String, origin: Origin },
}

impl fmt::Display for Problem {
    /// Without what of the value is a secret.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, found, expected } = self;
        match found {
            Found::Nothing => write!(out, "`{subject}` is not set, expected {expected}"),
            Found::Value { value, origin } => {
                let (shown, expected) = redact::mismatch(subject, value, expected);
                write!(out, "`{subject}` is `{shown}` ({origin}), expected {expected}")
            }
        }
    }
}
