//! Where an AppMaster's dispatchers are, and how it says who it is.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use tls::Fingerprint;

/// More are none that somebody runs.
const MAX_DISPATCHERS: usize = 16;

/// What a worker needs to dial home; it lasts as long as the AppMaster.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    /// At least one, all with the same scheme.
    dispatchers: Vec<String>,
    /// Of any of them; none where the system's authorities are trusted.
    pub(crate) certificates: Vec<Fingerprint>,
    pub task_id: String,
    pub attempt: u32,
    pub(crate) token: String,
}

/// As the task is told it, in texts.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// Separated by commas.
    pub dispatchers: &'a str,
    /// The same.
    pub certificates: Option<&'a str>,
    pub task_id: &'a str,
    pub attempt: &'a str,
    pub token: &'a str,
}

/// Why nobody can be dialled.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HomeError {
    #[error("'{url}' is not the URL of a dispatcher: expected http://HOST:PORT or https://HOST:PORT")]
    Url { url: String },
    #[error("expected from 1 to {MAX_DISPATCHERS} URLs of dispatchers, found {found}")]
    Count { found: usize },
    #[error("the certificate of the dispatcher: {0}")]
    Certificate(String),
    #[error("{url} is not HTTPS, though the certificate of the dispatcher is known")]
    NotSecure { url: String },
    #[error("the attempt is '{found}', expected a number")]
    Attempt { found: String },
    #[error("there is no token for the dispatcher")]
    NoToken,
}

impl Home {
    pub fn of(told: Told<'_>) -> Result<Self, HomeError> {
        let listed = |text: &str| -> Vec<String> {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        };
        let dispatchers = listed(told.dispatchers);
        if dispatchers.is_empty() || dispatchers.len() > MAX_DISPATCHERS {
            return Err(HomeError::Count { found: dispatchers.len() });
        }
        let certificates = listed(told.certificates.unwrap_or_default());
        let certificates: Result<Vec<Fingerprint>, _> =
            certificates.iter().map(|text| text.parse()).collect();
        let certificates = certificates.map_err(HomeError::Certificate)?;
        for url in &dispatchers {
            let parsed = base(url).ok_or_else(|| HomeError::Url { url: url.clone() })?;
            if !certificates.is_empty() && parsed.scheme() != "https" {
                return Err(HomeError::NotSecure { url: url.clone() });
            }
        }
        let attempt = told.attempt.parse();
        let attempt = attempt.map_err(|_| HomeError::Attempt { found: told.attempt.to_owned() })?;
        if told.token.is_empty() {
            return Err(HomeError::NoToken);
        }
        let (task_id, token) = (told.task_id.to_owned(), told.token.to_owned());
        Ok(Self { dispatchers, certificates, task_id, attempt, token })
    }

    /// Their addresses, as they were known when the task was launched.
    pub fn dispatchers(&self) -> &[String] {
        &self.dispatchers
    }

    pub fn certificate(&self) -> Option<Fingerprint> {
        self.certificates.first().copied()
    }

    pub fn token(&self) -> &str {
        &self.token
    }

    /// Where reports go, at each dispatcher.
    pub(crate) fn urls(&self) -> Vec<Url> {
        urls(&self.dispatchers, &self.task_id).collect()
    }
}

fn urls(dispatchers: &[String], task_id: &str) -> impl Iterator<Item = Url> {
    let at = |url: &String| {
        let mut url = base(url)?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(["v1", "appmasters", task_id]);
        Some(url)
    };
    dispatchers.iter().filter_map(at)
}

/// Whom to ask from now on, when one of those that were `known` has told of `dispatchers`: them, and those that were known and may
/// come back. None of them is reached with less protection than before.
pub(crate) fn more(known: &[Url], dispatchers: &[String], task_id: &str) -> Vec<Url> {
    let is_as_safe = |url: &Url| known.iter().all(|known| known.scheme() == url.scheme());
    let mut all: Vec<_> = urls(dispatchers, task_id).filter(is_as_safe).take(MAX_DISPATCHERS).collect();
    for url in known {
        if all.len() < MAX_DISPATCHERS && !all.contains(url) {
            all.push(url.clone());
        }
    }
    all
}

impl fmt::Debug for Home {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dispatchers, task_id, attempt, .. } = self;
        write!(out, "Home({task_id}, attempt {attempt}, at {})", dispatchers.join(","))
    }
}

/// Credentials in it would go to the log with it.
fn base(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_good = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_good.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Told<'_> = Told {
        dispatchers: "http://a:1, http://b:2/flink/",
        certificates: None,
        task_id: "c.1-x y",
        attempt: "3",
        token: "hush",
    };

    #[test]
    fn each_dispatcher_has_the_task_below_its_address() {
        let home = Home::of(GOOD).expect("good");
        let urls: Vec<_> = home.urls().iter().map(ToString::to_string).collect();
        assert_eq!(urls, ["http://a:1/v1/appmasters/c.1-x%20y", "http://b:2/flink/v1/appmasters/c.1-x%20y"]);
        assert_eq!(home.attempt, 3);
        assert!(!format!("{home:?}").contains("hush"));
    }

    #[test]
    fn dispatchers_that_came_later_are_asked_before_those_that_were_known() {
        let known = Home::of(GOOD).expect("good").urls();
        let told = |all: &[&str]| {
            let all: Vec<_> = all.iter().map(ToString::to_string).collect();
            more(&known, &all, "t").iter().map(|url| url.origin().ascii_serialization()).collect::<Vec<_>>()
        };
        assert_eq!(told(&["http://c:3"]), ["http://c:3", "http://a:1", "http://b:2"]);
        assert_eq!(told(&["https://c:3", "nobody", "http://u:p@d"]), ["http://a:1", "http://b:2"]);
        let known = Home::of(Told { task_id: "t", ..GOOD }).expect("good").urls();
        assert_eq!(more(&known, &["http://a:1".to_owned()], "t"), known, "none is there twice");
        let many: Vec<_> = (0..99).map(|number| format!("http://d:{number}")).collect();
        assert_eq!(more(&known, &many, "t").len(), MAX_DISPATCHERS);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let digest = "0a".repeat(32);
        for (told, expected) in [
            (Told { dispatchers: " , ", ..GOOD }, HomeError::Count { found: 0 }),
            (Told { dispatchers: "ftp://a", ..GOOD }, HomeError::Url { url: "ftp://a".to_owned() }),
            (Told { dispatchers: "http://u:p@a", ..GOOD }, HomeError::Url { url: "http://u:p@a".to_owned() }),
            (
                Told { certificates: Some(&digest), ..GOOD },
                HomeError::NotSecure { url: "http://a:1".to_owned() },
            ),
            (Told { attempt: "x", ..GOOD }, HomeError::Attempt { found: "x".to_owned() }),
            (Told { token: "", ..GOOD }, HomeError::NoToken),
        ] {
            assert_eq!(Home::of(told), Err(expected));
        }
        let error = Home::of(Told { certificates: Some("1"), ..GOOD }).expect_err("no digest");
        assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
    }
}
