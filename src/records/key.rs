//! How records are named.

use std::fmt;

pub const MAX_KEY_BYTES: usize = 256;

/// ZooKeeper has a node for each.
pub const MAX_SEGMENTS: usize = 8;

/// The name of a record, such as `clusters/orders/spec`: segments of ASCII letters, digits and `-._~:@+`, none of them `.`
/// or `..`. So it is the same in a path of ZooKeeper, in a log line and in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a record's name has at most {MAX_KEY_BYTES} bytes, and this one has {0}")]
    Long(usize),
    #[error("a record's name has at most {MAX_SEGMENTS} segments: {0:?} has more")]
    Deep(String),
    #[error("a segment of a record's name is empty, \".\" or \"..\": {0:?}")]
    Segment(String),
    #[error("a record's name has letters, digits and -._~:@+ of ASCII between its slashes: {0:?}")]
    Character(String),
}

impl Key {
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_KEY_BYTES {
            return Err(KeyError::Long(text.len()));
        }
        if text.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(KeyError::Segment(text.to_owned()));
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~:@+".contains(&byte)) {
            return Err(KeyError::Character(text.to_owned()));
        }
        if text.split('/').count() > MAX_SEGMENTS {
            return Err(KeyError::Deep(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `other` or below it.
    pub fn is_at_or_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(&other.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_a_path_would_read_otherwise_are_refused() {
        for name in ["", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.", "a/.."] {
            assert_eq!(Key::parse(name), Err(KeyError::Segment(name.to_owned())), "{name}");
        }
        for name in ["a b", "a\0", "ä", "a\\b", "a%2fb", "a\n"] {
            assert_eq!(Key::parse(name), Err(KeyError::Character(name.to_owned())), "{name}");
        }
        let deep = ["a"; MAX_SEGMENTS + 1].join("/");
        assert_eq!(Key::parse(&deep), Err(KeyError::Deep(deep.clone())));
        assert_eq!(Key::parse(&"a".repeat(257)), Err(KeyError::Long(257)));
        for name in ["clusters/orders/spec", "audit/2026-01-02T03:04:05.678Z-1", "...", "a/.b/~c@d+e_"] {
            assert_eq!(Key::parse(name).expect("a name").as_str(), name);
        }
        Key::parse(&"a".repeat(256)).expect("as long as it may be");
    }

    #[test]
    fn below_is_meant_by_segments() {
        let key = |text| Key::parse(text).expect("a name");
        assert!(key("a/b").is_at_or_below(&key("a")) && key("a").is_at_or_below(&key("a")));
        assert!(!key("ab").is_at_or_below(&key("a")) && !key("a").is_at_or_below(&key("a/b")));
        assert!(!key("a-b/c").is_at_or_below(&key("a")));
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_stays_within_its_root(text in "[a-z./~%\\\\ ]{0,20}") {
            if let Ok(key) = Key::parse(&text) {
                let path = std::path::Path::new("/root").join(key.as_str());
                prop_assert!(path.starts_with("/root") && path.components().count() == text.split('/').count() + 2);
                prop_assert!(path.components().all(|part| part != std::path::Component::ParentDir));
            }
        }
    }
}
