//! What is odd but does not stop the start.

use std::fmt;
use std::ops::Deref;

use super::table::{Origin, Setting};

/// One line, and of what it speaks. Reads as its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key, or the variable's name; `None` where it is about more than one, or none.
    pub subject: Option<String>,
    pub origin: Option<Origin>,
    /// With all that the other fields say.
    pub text: String,
}

impl Warning {
    /// About the value of `key`: `rest` follows the key and its place.
    pub fn of_setting(key: &str, setting: &Setting, rest: impl fmt::Display) -> Self {
        Self {
            subject: Some(key.to_owned()),
            origin: Some(setting.origin.clone()),
            text: format!("`{key}` ({}) {rest}", setting.origin),
        }
    }

    /// About a line: `rest` follows its place.
    pub fn of_line(origin: Origin, rest: impl fmt::Display) -> Self {
        let text = format!("{origin}: {rest}");
        Self { subject: None, origin: Some(origin), text }
    }

    /// About `subject`, which the text names.
    pub fn about(subject: &str, text: String) -> Self {
        Self { subject: Some(subject.to_owned()), origin: None, text }
    }
}

impl From<String> for Warning {
    fn from(text: String) -> Self {
        Self { subject: None, origin: None, text }
    }
}

impl Deref for Warning {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl PartialEq<&str> for Warning {
    fn eq(&self, text: &&str) -> bool {
        self.text == **text
    }
}

impl PartialEq<String> for Warning {
    fn eq(&self, text: &String) -> bool {
        self.text == *text
    }
}
