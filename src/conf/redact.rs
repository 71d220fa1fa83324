//! What must not be shown.

use std::borrow::Cow;

/// Stands for a secret, as in Flink's own log.
pub const MASK: &str = "******";

/// The words of Flink 2.1 and later, which contain those of all earlier versions; a key that contains one,
/// whatever the case, holds a secret. `mesos.resourcemanager.framework.secret` is one by its name.
const SECRET_WORDS: [&str; 12] = [
    // For ZooKeeper; Flink shows it.
    "client.authorization",
    "password",
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

/// Holds a path, not the secret, and an error about the file must name it.
const PATHS: [&str; 2] = ["mesos.resourcemanager.framework.secret-file", "MESOS_FRAMEWORK_SECRET_FILE"];

/// Whether the value of `key` may not be shown.
pub fn is_secret(key: &str) -> bool {
    let key_lower = key.to_lowercase();
    !PATHS.contains(&key) && SECRET_WORDS.iter().any(|word| key_lower.contains(word))
}

/// `value` as logs, the status page and errors may show it: masked when `key` holds a secret; else without
/// the user and password of addresses (`zk://user:password@host`) and without secret system properties
/// (`-Djavax.net.ssl.keyStorePassword=…`).
pub fn shown<'a>(key: &str, value: &'a str) -> Cow<'a, str> {
    if is_secret(key) {
        return Cow::Borrowed(MASK);
    }
    let credentials = value.contains("://") && value.contains('@');
    if !credentials && !value.contains("-D") {
        return Cow::Borrowed(value);
    }
    let masked = value.split_inclusive(char::is_whitespace).map(mask_word);
    Cow::Owned(masked.collect())
}

fn mask_word(word: &str) -> String {
    let (bare, end) = word.split_at(word.trim_end().len());
    if let Some((name, _)) =
        bare.trim_start_matches(['"', '\'']).strip_prefix("-D").and_then(|rest| rest.split_once('='))
        && is_secret(name)
    {
        return format!("-D{name}={MASK}{end}");
    }
    let Some((scheme, rest)) = bare.split_once("://") else {
        return word.to_owned();
    };
    // A password may itself contain `@`, `/` and `,`: rather too much is masked than a part of it shown.
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{MASK}@{host}{end}"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_no_secret() {
        for (key, value, expected) in [
            ("mesos.resourcemanager.framework.secret", "x", MASK),
            ("security.ssl.rest.key-password", "x", MASK),
            ("security.ssl.rest.KEY-PASSWORD", "x", MASK),
            ("metrics.reporter.dghttp.apikey", "x", MASK),
            ("metrics.reporter.x.api-key", "x", MASK),
            ("fs.azure.account.key.a.blob", "x", MASK),
            ("rest.client.http-headers", "x", MASK),
            ("s3.access-key", "x", "x"),
            ("mesos.resourcemanager.framework.secret-file", "/run/secret", "/run/secret"),
            ("mesos.master", "zk://u:p@h1:2181,h2:2181/mesos", "zk://******@h1:2181,h2:2181/mesos"),
            ("mesos.master", "zk://u:p/,@x@h1:2181/mesos", "zk://******@h1:2181/mesos"),
            ("mesos.master", "zk://h1:2181/mesos", "zk://h1:2181/mesos"),
            ("uris", "http://a/x, https://u:p@b/y", "http://a/x, https://******@b/y"),
            ("rest.port", "8081", "8081"),
            (
                "env.java.opts.all",
                "-Xmx1g -Djavax.net.ssl.keyStorePassword=p -Da=b",
                "-Xmx1g -Djavax.net.ssl.keyStorePassword=****** -Da=b",
            ),
        ] {
            assert_eq!(shown(key, value), expected, "{key}");
        }
    }
}
