//! Which files of a sandbox are logs. A sandbox holds what its task was given, too, such as configuration with secrets.

use std::fmt;
use std::str::FromStr;

const ENDINGS: [&str; 3] = ["log", "out", "err"];

/// Longer ones are no names of files.
const MAX_BYTES: usize = 1024;

/// A path below a sandbox, of a file that may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no log: expected stdout, stderr, or a file below the sandbox that ends in .log, .out or .err, or in such an ending and a number"
)]
pub struct NoLog(pub String);

impl LogName {
    pub fn stdout() -> Self {
        Self("stdout".to_owned())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogName {
    type Err = NoLog;

    fn from_str(text: &str) -> Result<Self, NoLog> {
        let mut parts = text.split('/');
        let is_path = parts.clone().all(|part| !matches!(part, "" | "." | ".."));
        let is_plain = text.len() <= MAX_BYTES && !text.chars().any(char::is_control);
        let name = parts.next_back().unwrap_or_default();
        if is_path && is_plain && is_log(name) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NoLog(text.to_owned()))
        }
    }
}

impl fmt::Display for LogName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

fn is_log(name: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let without_number = name.rsplit_once('.').filter(|(_, number)| is_number(number)).map(|(rest, _)| rest);
    let name = without_number.unwrap_or(name);
    let ending = name.rsplit_once('.').filter(|(rest, _)| !rest.is_empty()).map(|(_, ending)| ending);
    matches!(name, "stdout" | "stderr") || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_logs_are_shown() {
        for name in [
            "stdout",
            "stderr",
            "stdout.1",
            "flink.log",
            "flink.log.10",
            "log/flink.out",
            "gc.log.0",
            "hs_err_pid7.log",
        ] {
            assert_eq!(name.parse::<LogName>().map(|name| name.to_string()), Ok(name.to_owned()));
        }
        for name in [
            "",
            "conf/config.yaml",
            "flink.logs",
            ".log",
            "/etc/x.log",
            "../x.log",
            "a/../x.log",
            "a//x.log",
            "./x.log",
            "x.log/",
            "x.log\0",
            "x\n.log",
            "stdoutx",
            "1.1",
            "config.yaml.1",
            "..",
        ] {
            assert_eq!(name.parse::<LogName>(), Err(NoLog(name.to_owned())));
        }
    }
}
