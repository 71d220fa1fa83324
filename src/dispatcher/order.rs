//! Who orders what, and under which condition.

use super::limits::{self, MAX_MESSAGE};
use super::refusal::Refusal;

/// What comes with each order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Who.
    pub user: String,
    /// From where, such as an address.
    pub from: String,
    /// Why.
    pub message: Option<String>,
    pub matching: Match,
    /// Nothing is changed; the answer is as if it were.
    pub dry_run: bool,
}

/// As which an order must find its cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Match {
    #[default]
    Any,
    /// There must be none.
    Nothing,
    /// The last revision that was applied.
    Revision(u64),
}

impl Order {
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let bytes = self.message.as_ref().map_or(0, String::len);
        if bytes > MAX_MESSAGE { Err(Refusal::LongMessage { bytes }) } else { Ok(()) }
    }

    /// `found`: the cluster's last revision, if there is one.
    pub(crate) fn check_match(&self, name: &str, found: Option<u64>) -> Result<(), Refusal> {
        let name = name.to_owned();
        match (self.matching, found) {
            (Match::Any, _) | (Match::Nothing, None) => Ok(()),
            (Match::Nothing, Some(_)) => Err(Refusal::Exists { name }),
            (Match::Revision(wanted), Some(found)) if wanted == found => Ok(()),
            (Match::Revision(wanted), Some(found)) => Err(Refusal::Conflict { name, found, wanted }),
            (Match::Revision(_), None) => Err(Refusal::NoSuchCluster { name }),
        }
    }

    pub(crate) fn user(&self) -> String {
        limits::cut(&self.user, limits::MAX_TEXT)
    }

    pub(crate) fn from(&self) -> String {
        limits::cut(&self.from, limits::MAX_TEXT)
    }
}
