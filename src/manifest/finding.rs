//! What is wrong or odd in a manifest, and where.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Such as `spec.jobManager.replicas`.
    pub field: String,
    /// Counted from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    pub reason: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.field.as_str()) {
            (Some(line), "") => write!(out, "line {line}: {}", self.reason),
            (Some(line), field) => write!(out, "{field} (line {line}): {}", self.reason),
            (None, field) => write!(out, "{field}: {}", self.reason),
        }
    }
}

/// Where each field stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(BTreeMap<String, usize>);

impl Lines {
    pub fn note(&mut self, field: &str, line: usize) {
        self.0.insert(field.to_owned(), line);
    }

    /// Of the field, or of the nearest one around it.
    pub fn of(&self, field: &str) -> Option<usize> {
        let mut field = field;
        loop {
            if let Some(line) = self.0.get(field) {
                return Some(*line);
            }
            field = field.rsplit_once('.').map_or("", |(around, _)| around);
            if field.is_empty() {
                return self.0.get("").copied();
            }
        }
    }

    pub fn finding(&self, field: impl Into<String>, reason: impl Into<String>) -> Finding {
        let field = field.into();
        Finding { line: self.of(&field), field, reason: reason.into() }
    }
}
