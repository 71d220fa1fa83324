//! How specifications refer to what was uploaded to the dispatcher.

use std::fmt;
use std::str::FromStr;

use base::digest::Digest;

pub const SCHEME: &str = "artifact://";

/// Longer ones no file system takes.
pub const MAX_ARTIFACT_NAME: usize = 200;

/// `artifact://DIGEST/NAME`; the name is for people, and of the file that the AppMaster makes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactUri {
    pub digest: Digest,
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`artifact://` with 64 hexadecimal digits and, if wanted, `/` and the name of a file")]
pub struct ArtifactUriError;

impl ArtifactUri {
    /// What of a name can stand in a URI: other characters become `_`.
    pub fn named(digest: Digest, name: Option<&str>) -> Self {
        let plain = |name: &str| {
            let is_first_dot = |(at, c): (usize, char)| if at == 0 && c == '.' { '_' } else { c };
            let plain = name.chars().map(|c| if is_plain(c) { c } else { '_' });
            plain.enumerate().map(is_first_dot).take(MAX_ARTIFACT_NAME).collect::<String>()
        };
        Self { digest, name: name.map(plain).filter(|name| !name.is_empty()) }
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+')
}

impl FromStr for ArtifactUri {
    type Err = ArtifactUriError;

    fn from_str(text: &str) -> Result<Self, ArtifactUriError> {
        let rest = text.strip_prefix(SCHEME).ok_or(ArtifactUriError)?;
        let (digest, name) = rest.split_once('/').map_or((rest, None), |(digest, name)| (digest, Some(name)));
        let digest = digest.parse().map_err(|_| ArtifactUriError)?;
        let uri = Self::named(digest, name);
        // What is not its own name is not taken.
        if uri.name.as_deref() == name { Ok(uri) } else { Err(ArtifactUriError) }
    }
}

impl fmt::Display for ArtifactUri {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{SCHEME}{}", self.digest)?;
        self.name.iter().try_for_each(|name| write!(out, "/{name}"))
    }
}

/// What a file that is fetched from there is called; none where nothing of that is plain.
pub fn file_name(uri: &str) -> Option<String> {
    if let Ok(uri) = uri.parse::<ArtifactUri>() {
        return uri.name;
    }
    let (_, rest) = uri.split_once("://")?;
    let (_, path) = rest.split(['?', '#']).next()?.split_once('/')?;
    let last = path.rsplit('/').next()?;
    ArtifactUri::named(Digest::of(last), Some(last)).name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_has_a_digest_and_a_plain_name() {
        let digest = Digest::of("a");
        for name in [None, Some("orders-1.0.jar")] {
            let uri = ArtifactUri::named(digest, name);
            assert_eq!(uri.to_string().parse(), Ok(uri));
        }
        assert_eq!(ArtifactUri::named(digest, Some("")).name, None);
        let odd = ArtifactUri::named(digest, Some("../my jär.jar"));
        assert_eq!(odd.name.as_deref(), Some("_._my_j_r.jar"));
        assert_eq!(odd.to_string().parse(), Ok(odd));
        for wrong in ["", "/", "/a/b", "/..", "/.a", "/a b", "/ä", "0", "?a"] {
            let text = format!("{SCHEME}{digest}{wrong}");
            assert_eq!(text.parse::<ArtifactUri>().is_ok(), wrong.is_empty(), "{text}");
        }
        assert!(format!("artifact:{digest}").parse::<ArtifactUri>().is_err());
    }
}
