//! Whether a master leads, which this one always does unless a fault says otherwise.

/// How it answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "faults", derive(serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Leadership {
    #[default]
    Leads,
    /// 404: its routes are not there yet.
    #[cfg(feature = "faults")]
    Boots,
    /// 503
    #[cfg(feature = "faults")]
    NoLeader,
    /// 503
    #[cfg(feature = "faults")]
    Recovers,
    /// 307 to `host:port`.
    #[cfg(feature = "faults")]
    Redirects(String),
}
