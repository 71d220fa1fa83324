//! What a task's URIs ask for, and which the real agent refuses before it fetches anything.

use std::path::{Component, Path};

use mesos::wire::command::Uri;

/// One URI to be brought into the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    pub location: UriLocation,
    /// Below the sandbox.
    pub file: String,
    pub then: Then,
    /// Whether the agent's cache may keep it.
    pub is_cached: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UriLocation {
    /// http or https
    Url(String),
    /// A file of the agent's host.
    Path(String),
}

/// What is made of a file that has been fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Nothing,
    MakeExecutable,
    Extract(Archive),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archive {
    /// Compressed or not.
    Tar,
    Zip,
    /// A single file, whose name loses `.gz`.
    Gzip,
}

/// What to fetch, in order, or why that cannot be.
pub fn plan(uris: &[Uri]) -> Result<Vec<Fetch>, String> {
    uris.iter().map(read).collect()
}

fn read(uri: &Uri) -> Result<Fetch, String> {
    let text = uri.value.as_deref().unwrap_or_default().trim();
    if text.contains(['\\', '\'', '\0']) {
        return Err("Illegal characters in URI".to_owned());
    }
    let file = match uri.output_file.as_deref() {
        Some(file) => output_file(file)?,
        None => base_name(text)?,
    };
    let then = if uri.executable.unwrap_or_default() {
        Then::MakeExecutable
    } else if uri.extract.unwrap_or(true) {
        archive(&file).map_or(Then::Nothing, Then::Extract)
    } else {
        Then::Nothing
    };
    Ok(Fetch { location: location(text)?, file, then, is_cached: uri.cache.unwrap_or_default() })
}

fn location(text: &str) -> Result<UriLocation, String> {
    let path = text.strip_prefix("file://").unwrap_or(text);
    match text.split_once("://") {
        Some(("http" | "https", _)) => Ok(UriLocation::Url(text.to_owned())),
        None | Some(("file", _)) if path.starts_with('/') => Ok(UriLocation::Path(path.to_owned())),
        Some(("file", _)) => Err(format!("File URI only supports absolute paths: '{text}'")),
        None => Err(format!(
            "A relative path was passed for the resource but the Mesos framework home was not specified: '{text}'"
        )),
        Some((scheme, _)) => Err(format!("the embedded Mesos does not fetch by '{scheme}': '{text}'")),
    }
}

/// A query is part of the name.
fn base_name(text: &str) -> Result<String, String> {
    let malformed = || format!("Malformed URI (missing path): {text}");
    let path = text.split_once("://").map_or(text, |(_, rest)| rest);
    let is_remote = path.len() != text.len();
    match path.rsplit_once('/') {
        Some((_, "")) => Err(malformed()),
        Some((_, name)) => Ok(name.to_owned()),
        None if is_remote => Err(malformed()),
        None => Ok(path.to_owned()),
    }
}

fn output_file(file: &str) -> Result<String, String> {
    let is_below = Path::new(file).components().all(|part| matches!(part, Component::Normal(_)));
    if file.is_empty() || !is_below {
        return Err(format!("URI output file must be within the sandbox directory: '{file}'"));
    }
    Ok(file.to_owned())
}

fn archive(file: &str) -> Option<Archive> {
    const TAR: [&str; 7] = [".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz"];
    if TAR.iter().any(|ending| file.ends_with(ending)) {
        return Some(Archive::Tar);
    }
    match Path::new(file).extension()?.to_str()? {
        "gz" => Some(Archive::Gzip),
        "zip" => Some(Archive::Zip),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(value: &str) -> Uri {
        Uri { value: Some(value.to_owned()), ..Uri::default() }
    }

    #[test]
    fn names_and_what_becomes_of_them() {
        for (value, file, then) in [
            ("http://h:1/a/flink.tgz", "flink.tgz", Then::Extract(Archive::Tar)),
            ("https://h/x.jar", "x.jar", Then::Nothing),
            ("file:///opt/x.zip", "x.zip", Then::Extract(Archive::Zip)),
            ("/opt/notes.txt.gz", "notes.txt.gz", Then::Extract(Archive::Gzip)),
            ("http://h/a.tgz?b=c", "a.tgz?b=c", Then::Nothing),
        ] {
            let [fetch] = plan(&[uri(value)]).expect(value).try_into().expect("one");
            assert_eq!((fetch.file.as_str(), fetch.then), (file, then), "{value}");
        }
        let executable = Uri { executable: Some(true), ..uri("http://h/run.tgz") };
        assert_eq!(read(&executable).map(|fetch| fetch.then), Ok(Then::MakeExecutable));
        let kept = Uri { extract: Some(false), output_file: Some("conf/a.tgz".to_owned()), ..uri("/a") };
        let fetch = read(&kept).expect("good");
        assert_eq!((fetch.file.as_str(), fetch.then), ("conf/a.tgz", Then::Nothing));
        assert_eq!(fetch.location, UriLocation::Path("/a".to_owned()));
    }

    #[test]
    fn what_is_refused() {
        let out = |file: &str| Uri { output_file: Some(file.to_owned()), ..uri("/a") };
        for (uri, beginning) in [
            (uri("http://h"), "Malformed URI (missing path): http://h"),
            (uri("http://h/"), "Malformed URI"),
            (uri("http://h/a'b"), "Illegal characters in URI"),
            (uri("a.tgz"), "A relative path was passed"),
            (uri("file://a/b"), "File URI only supports absolute paths"),
            (uri("hdfs://n/a.tgz"), "the embedded Mesos does not fetch by 'hdfs'"),
            (out("/etc/passwd"), "URI output file must be within the sandbox directory"),
            (out("../x"), "URI output file must be within the sandbox directory"),
        ] {
            let refusal = plan(std::slice::from_ref(&uri)).expect_err(beginning);
            assert!(refusal.starts_with(beginning), "{refusal}");
        }
    }
}
