//! The one text that a specification has.

use base::digest::{Sha256, hexadecimal};

use super::specification::{Manifest, Specification};

/// A node of ZooKeeper holds a MiB at most, and a transaction with it.
pub const MAX_CANONICAL: usize = 256 << 10;

/// Why a manifest has no text in which it could be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    #[error("{bytes} bytes in JSON are more than the {MAX_CANONICAL} that can be kept")]
    TooLarge { bytes: usize },
}

/// JSON without blanks: fields in the order of their definition, maps in the order of their keys.
pub fn of(manifest: &Manifest) -> Result<String, CanonicalError> {
    let text = serde_json::to_string(manifest).expect("all keys are texts");
    if text.len() > MAX_CANONICAL {
        return Err(CanonicalError::TooLarge { bytes: text.len() });
    }
    Ok(text)
}

impl Manifest {
    /// What is kept; [`super::read`] and serde read it.
    pub fn canonical(&self) -> Result<String, CanonicalError> {
        of(self)
    }
}

impl Specification {
    /// SHA-256 of the canonical form in hexadecimal digits; name, labels and annotations are no part of it.
    pub fn digest(&self) -> String {
        let text = serde_json::to_string(self).expect("all keys are texts");
        hexadecimal(&Sha256::of(text))
    }
}
