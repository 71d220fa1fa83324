//! How much there may be of what.

/// Within the sizes that `records` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub clusters: usize,
    /// AppMasters of one cluster; each is a whole JVM that mostly waits.
    pub app_masters: u32,
    /// Of one cluster. The one that runs is kept in any case.
    pub revisions: usize,
    /// Of one cluster, besides those that have not ended.
    pub attempts: usize,
    /// Of one cluster.
    pub events: usize,
    /// Of all clusters.
    pub audit: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { clusters: 5000, app_masters: 16, revisions: 10, attempts: 20, events: 30, audit: 2000 }
    }
}

/// Of what somebody says why.
pub const MAX_MESSAGE: usize = 1024;

/// Of one text in an event or an entry of the audit, in bytes.
pub const MAX_TEXT: usize = 400;

/// Of the fields that an entry of the audit tells of.
pub const MAX_FIELDS: usize = 50;

/// The text, cut where it is too long.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", &text[..end])
}
