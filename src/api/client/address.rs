//! Where a dispatcher is, as people write it.

use std::path::{Path, PathBuf};

use reqwest::Url;

/// Where a dispatcher is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Socket(PathBuf),
    Url(Url),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no address of a dispatcher: expected `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH`"
)]
pub struct AddressError {
    text: String,
}

impl std::str::FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError { text: text.to_owned() };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(wrong()) } else { Ok(Self::Socket(PathBuf::from(path))) };
        }
        let url = Url::parse(text).map_err(|_| wrong())?;
        let is_good = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && matches!(url.path(), "" | "/")
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_good { Ok(Self::Url(url)) } else { Err(wrong()) }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => write!(out, "unix:{}", path.display()),
            Self::Url(url) => out.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

/// The socket of this machine's dispatcher.
impl Default for Address {
    fn default() -> Self {
        Self::Socket(Path::new(crate::SOCKET).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_urls_or_sockets() {
        for (text, expected) in [
            ("unix:/run/x.sock", Some("unix:/run/x.sock")),
            ("http://h:1", Some("http://h:1")),
            ("http://h:1/", Some("http://h:1")),
            ("https://[::1]:2", Some("https://[::1]:2")),
            ("unix:", None),
            ("h:1", None),
            ("ftp://h", None),
            ("http://h/path", None),
            ("http://u:p@h", None),
            ("http://h?x", None),
            ("", None),
        ] {
            let address = text.parse::<Address>().ok().map(|address| address.to_string());
            assert_eq!(address.as_deref(), expected, "{text}");
        }
        assert_eq!(Address::default().to_string(), "unix:/run/flink-on-mesos/dispatcher.sock");
    }
}
