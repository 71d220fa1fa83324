//! Options of a JVM without what is nobody's business.

use super::super::yaml::{self, Item};
use super::{MASK, is_secret_name, text};

/// Beginnings of system properties in whose values no secret has room, unless their name says so.
const HARMLESS_PROPERTIES: [&str; 23] = [
    "akka.",
    "com.sun.management.",
    "file.encoding",
    "io.netty.",
    "java.io.tmpdir",
    "java.library.path",
    "java.net.",
    "java.security.auth.login.config",
    "java.security.krb5.",
    "java.security.manager",
    "javax.net.debug",
    "javax.security.auth.useSubjectCredsOnly",
    "jdk.",
    "log.file",
    "log4j",
    "logback",
    "networkaddress.",
    "org.apache.flink.",
    "pekko.",
    "sun.",
    "user.",
    "zookeeper.client.secure",
    "zookeeper.ssl.",
];

/// A list of YAML stays one.
pub fn shown(value: &str) -> String {
    match yaml::items(value) {
        Some(items) => {
            Item::Texts(items.into_iter().map(|item| line(&item.into_text())).collect()).into_text()
        }
        None => line(value),
    }
}

/// The words as a shell would split them, with the blanks between.
fn line(text: &str) -> String {
    // Flink's scripts drop quotes around the whole.
    let whole = text.trim();
    let inner = whole.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = inner.filter(|inner| !inner.contains('"')) {
        return format!("\"{}\"", line(inner));
    }
    let (mut out, mut current, mut open, mut is_escaped) = (String::new(), String::new(), None, false);
    for c in text.chars() {
        if c.is_whitespace() && open.is_none() && !is_escaped {
            out += &word(&std::mem::take(&mut current));
            out.push(c);
            continue;
        }
        match open {
            _ if is_escaped => is_escaped = false,
            None if c == '\\' => is_escaped = true,
            Some('"') if c == '\\' => is_escaped = true,
            None if matches!(c, '"' | '\'') => open = Some(c),
            Some(quote) if c == quote => open = None,
            None | Some(_) => {}
        }
        current.push(c);
    }
    out + &word(&current)
}

pub fn word(argument: &str) -> String {
    let bare = argument.trim_start_matches(['"', '\'']);
    let quotes = &argument[..argument.len() - bare.len()];
    let (name, value) = bare.split_once('=').unwrap_or((bare, ""));
    if let Some(property) = name.strip_prefix("-D") {
        let is_harmless = HARMLESS_PROPERTIES.iter().any(|harmless| property.starts_with(harmless));
        return match value {
            "" => argument.to_owned(),
            _ if is_harmless && !is_secret_name(property) => format!("{quotes}{name}={}", text(value)),
            _ => format!("{quotes}{name}={MASK}"),
        };
    }
    let agent = ["-javaagent:", "-agentlib:", "-agentpath:"].iter().any(|agent| name.starts_with(agent));
    // A command that the JVM runs.
    let is_hook = name.starts_with("-XX:On");
    if (agent || is_hook) && !value.is_empty() {
        return format!("{quotes}{name}={MASK}");
    }
    if bare.starts_with(['-', '$', '@']) || bare.is_empty() { text(argument) } else { text_or_mask(argument) }
}

/// A path, a class or a number; anything else has no business among options.
fn text_or_mask(argument: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '-' | '_' | ':' | '$');
    let is_path_or_class = argument.contains(['/', '.']) && argument.chars().all(is_plain);
    if is_path_or_class { text(argument) } else { MASK.to_owned() }
}
