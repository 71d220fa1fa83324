//! What came of an order to an AppMaster.

use std::fmt;

use serde::{Deserialize, Serialize};

/// As the AppMaster says it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Carried {
    /// It is stored and will be carried out, or has been.
    Done,
    /// Nothing was done, and the same order would be refused again.
    Refused { why: String },
    /// Nothing was done; another order of the same kind may be carried out later, or by the AppMaster that leads.
    NotNow { why: String },
}

impl fmt::Display for Carried {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => out.write_str("done"),
            Self::Refused { why } => write!(out, "refused: {why}"),
            Self::NotNow { why } => write!(out, "not now: {why}"),
        }
    }
}
