//! What must not be shown. The type of a key says what of its value is a secret (`keys::types`); of keys that are not known here, and
//! of text that can be anything, words do.

mod java_options;

use std::borrow::Cow;

use super::keys;
use super::settings::task;
use super::variables;
use base::addresses;
pub use base::addresses::MASK;

/// What of a value is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// There is no room for one.
    Nothing,
    /// A text that can be anything: what looks like a secret.
    Text,
    /// Whoever logs in, and what follows a `?` or a `#`.
    Addresses,
    /// The values of system properties but those that are known to be harmless, and what is given to java agents.
    JavaOptions,
    /// The values but those of options that are known to be harmless.
    DockerParameters,
    Everything,
}

/// The words of Flink 2.1 and later, which contain those of all earlier versions, and more: a name that contains one, whatever the
/// case, is one of a secret.
const SECRET_WORDS: [&str; 15] = [
    // For ZooKeeper; Flink shows it.
    "client.authorization",
    "password",
    "passwd",
    "passphrase",
    "credential",
    "secret",
    "fs.azure.account.key",
    "apikey",
    "api-key",
    "auth-params",
    "service-key",
    "token",
    "basic-auth",
    "jaas.config",
    "http-headers",
];

/// Variables that hold java options, and those that hold keys of any kind.
const JAVA_OPTION_VARIABLES: [&str; 6] = [
    "FLINK_ENV_JAVA_OPTS",
    "FLINK_ENV_JAVA_OPTS_JM",
    "FLINK_ENV_JAVA_OPTS_TM",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JVM_ARGS",
];
const PROPERTIES_VARIABLE: &str = "FLINK_PROPERTIES";

/// Options of `docker run` in whose values no secret has room.
const HARMLESS_DOCKER_OPTIONS: [&str; 29] = [
    "add-host",
    "cap-add",
    "cap-drop",
    "cgroup-parent",
    "cpu-shares",
    "cpus",
    "device",
    "dns",
    "gpus",
    "group-add",
    "hostname",
    "init",
    "ipc",
    "log-driver",
    "memory",
    "memory-swap",
    "net",
    "network",
    "pid",
    "privileged",
    "read-only",
    "restart",
    "rm",
    "runtime",
    "shm-size",
    "ulimit",
    "user",
    "userns",
    "workdir",
];

/// Whether a name is that of a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// What of the value of `key` is a secret; `key` may also be the name of a variable.
pub fn secrecy(key: &str) -> Secrecy {
    let named = |definition: &&keys::Definition| definition.name == key || definition.aliases.contains(&key);
    if let Some(definition) = keys::all().find(named) {
        return definition.secrecy;
    }
    if let Some(family) = keys::FAMILIES.iter().find(|family| key.starts_with(family.prefix)) {
        return family.secrecy;
    }
    if let Some(set) = variables::all().find(|variable| variable.name() == key) {
        return set.keys().first().map_or(Secrecy::Text, |key| secrecy(key));
    }
    // Under `mesos.` it is a key of ours that is misspelled.
    if is_secret_name(key) || key.starts_with("mesos.") || key == PROPERTIES_VARIABLE {
        return Secrecy::Everything;
    }
    if JAVA_OPTION_VARIABLES.contains(&key) { Secrecy::JavaOptions } else { Secrecy::Text }
}

/// `value` as logs, the status page and errors may show it.
pub fn shown<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    let masked = match secrecy(key) {
        Secrecy::Nothing => return Cow::Borrowed(value),
        Secrecy::Everything => return Cow::Borrowed(MASK),
        Secrecy::Text => text(value),
        Secrecy::Addresses => addresses::shown(value),
        Secrecy::JavaOptions => java_options::shown(value),
        Secrecy::DockerParameters => docker_parameters(value),
    };
    if masked == value { Cow::Borrowed(value) } else { Cow::Owned(masked) }
}

/// An argument of a java command line as it may be shown.
pub fn java_argument(argument: &str) -> String {
    if argument.starts_with('-') { java_options::word(argument) } else { text(argument) }
}

/// What was `expected` in place of `value`, which may quote a piece of it: without those that are not `shown`.
pub fn expected_without(expected: &str, value: &str, shown: &str) -> String {
    if shown == value {
        return expected.to_owned();
    }
    let is_quote = |c: char| matches!(c, '`' | '\'' | '"');
    let hidden = |piece: &str| !piece.trim().is_empty() && value.contains(piece) && !shown.contains(piece);
    let pieces = expected.split_inclusive(is_quote).map(|piece| {
        let quoted = piece.trim_end_matches(is_quote);
        let quote = &piece[quoted.len()..];
        if hidden(quoted) { format!("{MASK}{quote}") } else { piece.to_owned() }
    });
    pieces.collect()
}

/// All of it where a name of a secret has a value within, as in YAML and in lists of `name=value`.
fn text(value: &str) -> String {
    if names_a_secret(value) {
        return MASK.to_owned();
    }
    let words = value.split_inclusive(char::is_whitespace).map(|word| {
        let is_property = word.trim_start_matches(['"', '\'']).starts_with("-D");
        let is_secret = is_property && word.split_once('=').is_some_and(|(name, _)| is_secret_name(name));
        let blanks = &word[word.trim_end().len()..];
        if is_secret { java_options::word(word.trim_end()) + blanks } else { word.to_owned() }
    });
    addresses::shown(&words.collect::<String>())
}

fn names_a_secret(value: &str) -> bool {
    let lower = value.to_lowercase();
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    SECRET_WORDS.iter().any(|word| {
        lower.match_indices(word).any(|(at, _)| {
            // A property is masked by itself.
            let begin = lower[..at].rfind(|c| !is_name(c)).map_or(0, |index| index + 1);
            let rest = lower[at..].trim_start_matches(is_name).trim_start_matches(['"', '\'']).trim_start();
            !lower[begin..].starts_with("-d")
                && (rest.starts_with('=') || (rest.starts_with(':') && !rest.starts_with("://")))
        })
    })
}

fn docker_parameters(value: &str) -> String {
    let Ok(pairs) = task::docker_parameters(value) else { return MASK.to_owned() };
    let shown = pairs.into_iter().map(|(option, value)| {
        let is_harmless = HARMLESS_DOCKER_OPTIONS.contains(&option.as_str());
        // The name of a variable is none.
        let kept = match value.split_once('=') {
            Some((name, _)) if matches!(option.as_str(), "e" | "env") => format!("{name}={MASK}"),
            _ if is_harmless => value,
            _ => MASK.to_owned(),
        };
        format!("{option}={kept}")
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests;
