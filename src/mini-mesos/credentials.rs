//! Who may speak to the master, and how a request says who it is.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Principals and their secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials(BTreeMap<String, String>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    #[error("line {line}: expected a principal and a secret, separated by a blank")]
    Line { line: usize },
    #[error("expected {{\"credentials\": [{{\"principal\": …, \"secret\": …}}]}}: {detail}")]
    Json { detail: String },
    #[error("no credentials in it")]
    Empty,
}

#[derive(Deserialize)]
struct File {
    credentials: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    principal: String,
    secret: String,
}

impl Credentials {
    /// Reads either form of the real master's file: JSON, or a principal and a secret on each line.
    pub fn parse(text: &str) -> Result<Self, CredentialsError> {
        let all = if text.trim_start().starts_with('{') { parse_json(text)? } else { parse_lines(text)? };
        if all.is_empty() { Err(CredentialsError::Empty) } else { Ok(Self(all)) }
    }

    /// The principal that an `Authorization` header proves.
    pub fn authenticate(&self, header: Option<&str>) -> Option<String> {
        let encoded = header?.strip_prefix("Basic ")?;
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        // Neither of the two can hold a colon: the real master splits at each and wants exactly two parts.
        let (principal, secret) = decoded.split_once(':')?;
        let is_right = self.0.get(principal).is_some_and(|expected| expected == secret);
        is_right.then(|| principal.to_owned())
    }
}

fn parse_json(text: &str) -> Result<BTreeMap<String, String>, CredentialsError> {
    let file: File = serde_json::from_slice(text.as_bytes())
        .map_err(|error| CredentialsError::Json { detail: error.to_string() })?;
    Ok(file.credentials.into_iter().map(|one| (one.principal, one.secret)).collect())
}

fn parse_lines(text: &str) -> Result<BTreeMap<String, String>, CredentialsError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let credential = |(index, line): (usize, &str)| {
        let parts: Vec<_> = line.split_whitespace().collect();
        let [principal, secret] = parts.as_slice() else {
            return Err(CredentialsError::Line { line: index + 1 });
        };
        Ok(((*principal).to_owned(), (*secret).to_owned()))
    };
    lines.map(credential).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_file() {
        let lines = Credentials::parse("flink s3cret\n\nother  x\n").expect("lines");
        let json =
            r#"{"credentials":[{"principal":"flink","secret":"s3cret"},{"principal":"other","secret":"x"}]}"#;
        assert_eq!(Credentials::parse(json), Ok(lines));
        assert_eq!(Credentials::parse("flink s3cret\nother"), Err(CredentialsError::Line { line: 2 }));
        assert_eq!(Credentials::parse("\n"), Err(CredentialsError::Empty));
        assert!(matches!(Credentials::parse("{}"), Err(CredentialsError::Json { .. })));
    }

    #[test]
    fn headers() {
        let credentials = Credentials::parse("flink s3cret").expect("credentials");
        let of = |text: &str| credentials.authenticate(Some(&format!("Basic {}", STANDARD.encode(text))));
        assert_eq!(of("flink:s3cret").as_deref(), Some("flink"));
        for wrong in ["flink:wrong", "nobody:s3cret", "flink", "flink:s3cret:more", ""] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        for header in [None, Some("Bearer x"), Some("Basic !"), Some("")] {
            assert_eq!(credentials.authenticate(header), None, "{header:?}");
        }
    }
}
