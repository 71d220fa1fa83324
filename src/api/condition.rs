//! Which revision an order expects, as `If-Match` and `If-None-Match` say it.

use axum::extract::FromRequestParts;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};

use dispatcher::{Dispatcher, Match};

use super::answer::Problem;

/// A revision as an entity tag.
pub fn etag(revision: u64) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{revision}\"")).expect("digits in quotes")
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    pub matching: Match,
    /// `If-Match: *`
    pub must_exist: bool,
}

impl Condition {
    /// What [`Match`] cannot say.
    pub fn check(self, core: &Dispatcher, name: &str) -> Result<(), Problem> {
        if self.must_exist && core.last_manifest(name).is_none() {
            let text = format!("there is no cluster {name}, and If-Match expects one");
            return Err(Problem::new(StatusCode::PRECONDITION_FAILED, text));
        }
        Ok(())
    }

    pub fn is_any(self) -> bool {
        self == Self::default()
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Condition {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        condition(&parts.headers)
    }
}

fn condition(headers: &HeaderMap) -> Result<Condition, Problem> {
    match (single(headers, &IF_MATCH)?, single(headers, &IF_NONE_MATCH)?) {
        (None, None) => Ok(Condition::default()),
        (Some("*"), None) => Ok(Condition { must_exist: true, ..Condition::default() }),
        (Some(tag), None) => {
            let revision = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')?.parse().ok());
            let revision = revision.ok_or_else(|| {
                Problem::bad_request(format!(
                    "If-Match: expected `*` or one revision in quotes, such as `\"3\"`, found `{tag}`"
                ))
            })?;
            Ok(Condition { matching: Match::Revision(revision), must_exist: false })
        }
        (None, Some("*")) => Ok(Condition { matching: Match::Nothing, must_exist: false }),
        (None, Some(tag)) => Err(Problem::bad_request(format!("If-None-Match: expected `*`, found `{tag}`"))),
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("If-Match and If-None-Match are not expected together"))
        }
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let (first, more) = (values.next(), values.next());
    if more.is_some() {
        return Err(Problem::bad_request(format!("{name}: expected once")));
    }
    let text = |value: &'a HeaderValue| value.to_str().map(str::trim);
    first.map(text).transpose().map_err(|_| Problem::bad_request(format!("{name}: is no text")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&'static str, &'static str)]) -> Result<Condition, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        condition(&headers).map_err(|problem| problem.error)
    }

    #[test]
    fn conditions_are_one_revision_or_whether_there_is_one() {
        let matching = |matching| Ok(Condition { matching, must_exist: false });
        assert_eq!(read(&[]), matching(Match::Any));
        assert_eq!(read(&[("if-match", "\"3\"")]), matching(Match::Revision(3)));
        assert_eq!(read(&[("if-none-match", "*")]), matching(Match::Nothing));
        assert_eq!(read(&[("if-match", " * ")]), Ok(Condition { matching: Match::Any, must_exist: true }));
        for pairs in [
            &[("if-match", "3")][..],
            &[("if-match", "W/\"3\"")],
            &[("if-match", "\"3\", \"4\"")],
            &[("if-match", "\"-1\"")],
            &[("if-match", "")],
            &[("if-none-match", "\"3\"")],
            &[("if-match", "\"3\""), ("if-none-match", "*")],
            &[("if-match", "\"3\""), ("if-match", "\"4\"")],
        ] {
            assert!(read(pairs).is_err(), "{pairs:?}");
        }
    }
}
