//! What `config --check --json` prints.

use conf::table::Origin;
use conf::warning::Warning;
use flink::version::Version;
use serde::Serialize;

use crate::role::findings::Finding;

/// One object.
#[derive(Serialize)]
pub struct Report<'a> {
    /// Whether there are no errors.
    valid: bool,
    /// The version of Flink, where one was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    flink: Option<String>,
    errors: Vec<Told<'a>>,
    warnings: Vec<Told<'a>>,
}

/// An error or a warning.
#[derive(Serialize)]
struct Told<'a> {
    /// The key, or the variable's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    /// The path of the file, or `FLINK_PROPERTIES`.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Counted from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    text: &'a str,
    /// Where the key is described.
    #[serde(skip_serializing_if = "Option::is_none")]
    documentation: Option<String>,
}

impl<'a> Report<'a> {
    pub fn new(version: Option<Version>, errors: &'a [Finding], warnings: &'a [Warning]) -> Self {
        let error =
            |error: &'a Finding| told(version, error.subject.as_deref(), error.origin.as_ref(), &error.text);
        let warning = |warning: &'a Warning| {
            told(version, warning.subject.as_deref(), warning.origin.as_ref(), &warning.text)
        };
        Self {
            valid: errors.is_empty(),
            flink: version.map(|version| version.to_string()),
            errors: errors.iter().map(error).collect(),
            warnings: warnings.iter().map(warning).collect(),
        }
    }

    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are always JSON")
    }
}

/// The last line of what is printed for people.
pub fn summary(errors: usize, warnings: usize) -> String {
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let valid = if errors == 0 { "valid" } else { "wrong" };
    let counts = match (errors, warnings) {
        (0, 0) => return format!("the configuration is {valid}"),
        (0, warnings) => counted(warnings, "warning"),
        (errors, 0) => counted(errors, "error"),
        (errors, warnings) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
    };
    format!("the configuration is {valid}: {counts}")
}

fn told<'a>(
    version: Option<Version>,
    key: Option<&'a str>,
    origin: Option<&Origin>,
    text: &'a str,
) -> Told<'a> {
    let (file, line) = match origin {
        Some(Origin::File { path, line }) => (Some(path.display().to_string()), Some(*line)),
        Some(Origin::Properties { line }) => (Some("FLINK_PROPERTIES".to_owned()), Some(*line)),
        Some(
            Origin::Default
            | Origin::Environment { .. }
            | Origin::Argument
            | Origin::Specification { .. }
            | Origin::Rewritten { .. },
        )
        | None => (None, None),
    };
    let documentation = key.and_then(|key| documentation(key, version));
    Told { key, file, line, text, documentation }
}

fn documentation(key: &str, version: Option<Version>) -> Option<String> {
    if key.starts_with("mesos.") {
        return Some("README.md#configuration".to_owned());
    }
    if key.starts_with("dispatcher.") {
        return Some("docs/dispatcher.md".to_owned());
    }
    // Variables have none of their own.
    let version = version.filter(|_| key.contains(['.', '-']))?;
    let release = format!("flink-docs-release-{}.{}", version.major, version.minor);
    Some(format!("https://nightlies.apache.org/flink/{release}/docs/deployment/config/"))
}
