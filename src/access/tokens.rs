//! All tokens that there are.

use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::grant::{Defaults, Grant};
use super::read::{self, Wrong};
use super::token;

/// What the file of tokens says.
#[derive(Clone, Debug, Default)]
pub struct Tokens(Vec<Known>);

/// One of them.
#[derive(Clone, Debug)]
pub struct Known {
    pub hash: [u8; 32],
    /// In milliseconds since 1970.
    pub expires: Option<u64>,
    pub grant: Arc<Grant>,
}

impl Tokens {
    /// All that is wrong at once.
    pub fn parse(text: &str, defaults: &Arc<Defaults>) -> Result<Self, Vec<Wrong>> {
        read::tokens(text, defaults).map(Self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// What the holder of this token may do; none of one that is not known, or no more. `now` is in milliseconds since 1970. How
    /// long that takes tells nothing about the hashes.
    pub fn find(&self, token: &str, now: u64) -> Option<&Arc<Grant>> {
        let hash = token::hash(token);
        let mut found = None;
        for known in &self.0 {
            if bool::from(known.hash.ct_eq(&hash)) {
                found = Some(known);
            }
        }
        let is_valid = |known: &&Known| known.expires.is_none_or(|expires| now < expires);
        found.filter(is_valid).map(|known| &known.grant)
    }
}
