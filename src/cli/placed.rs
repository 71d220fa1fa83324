//! Words where people put them: options before the command that takes them, and names that are almost a command's.

use std::ffi::{OsStr, OsString};

use clap::Command;

/// What other programs have as a command.
const ELSEWHERE: [(&str, &str); 1] = [("version", "--version")];

/// The same words with the options that stand before the name of a command behind it, where that command takes all of them.
pub fn options_after_command(root: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let Some((program, rest)) = words.split_first() else { return words };
    let (mut names, mut ahead): (Vec<&OsString>, Vec<&OsString>) = (Vec::new(), Vec::new());
    let mut command = root;
    for (index, word) in rest.iter().enumerate() {
        match command.find_subcommand(word) {
            Some(found) if found.has_subcommands() => {
                names.push(word);
                command = found;
            }
            Some(found) if are_options_of(found, &ahead) => {
                names.push(word);
                let placed = [program].into_iter().chain(names).chain(ahead).chain(&rest[index + 1..]);
                return placed.cloned().collect();
            }
            Some(_) => ahead.push(word),
            None if ahead.is_empty() && !is_option(word) => return words,
            None => ahead.push(word),
        }
    }
    words
}

pub fn is_option(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"-")
}

/// Whether these are options of the command with their values, and nothing besides.
fn are_options_of(command: &Command, words: &[&OsString]) -> bool {
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let Some(word) = word.to_str() else { return false };
        let (name, value) = match word.strip_prefix("--") {
            Some(long) => long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value))),
            None => {
                let Some(short) = word.strip_prefix('-') else { return false };
                let end = short.chars().next().map_or(0, char::len_utf8);
                (&short[..end], Some(&short[end..]).filter(|rest| !rest.is_empty()))
            }
        };
        let is_long = word.starts_with("--");
        let is_named = |arg: &&clap::Arg| match is_long {
            true => arg.get_long() == Some(name),
            false => arg.get_short().is_some_and(|short| name.chars().eq([short])),
        };
        let Some(option) = command.get_arguments().find(is_named) else { return false };
        match (option.get_action().takes_values(), value) {
            (true, Some(_)) | (false, None) => {}
            (true, None) if words.next().is_some() => {}
            (true, None) | (false, Some(_)) => return false,
        }
    }
    true
}

/// The command that was meant by a word that is none.
pub fn meant(root: &Command, word: &str) -> Option<String> {
    let word = word.to_lowercase();
    let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == word).map(|(_, here)| (*here).to_owned());
    let shown = || root.get_subcommands().filter(|command| !command.is_hide_set());
    let below = || {
        let mut paths =
            shown().flat_map(|group| group.get_subcommands().map(move |command| (group, command)));
        let (group, command) = paths.find(|(_, command)| command.get_name() == word)?;
        Some(format!("{} {}", group.get_name(), command.get_name()))
    };
    let near = || conf::nearest::of(&word, shown().map(Command::get_name)).map(ToOwned::to_owned);
    elsewhere.or_else(below).or_else(near)
}

/// Why options of clusters do not belong before this word.
pub fn not_for(root: &Command, word: &OsStr) -> String {
    let name = word.to_string_lossy();
    if root.find_subcommand(word).is_some() {
        return format!("-D and --configDir are not options of `{name}`");
    }
    let hint = meant(root, &name).map_or_else(String::new, |command| format!("; did you mean `{command}`?"));
    format!("-D and --configDir are options of commands, and `{name}` is none{hint}")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::super::Cli;
    use super::*;

    fn placed(line: &str) -> String {
        let words = std::iter::once("flink-on-mesos").chain(line.split_whitespace()).map(OsString::from);
        let placed = options_after_command(&Cli::command(), words.collect());
        placed[1..].iter().map(|word| word.to_str().expect("UTF-8")).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_may_stand_before_their_command() {
        for (line, expected) in [
            ("-D a=b config", "config -D a=b"),
            ("-Da=b config --check", "config -Da=b --check"),
            ("-c DIR local --agents 2", "local -c DIR --agents 2"),
            ("-c local config", "config -c local"),
            (
                "--configDir=DIR -Da=b -D c=d appmaster-job -j A x",
                "appmaster-job --configDir=DIR -Da=b -D c=d -j A x",
            ),
            ("--json status", "status --json"),
            ("--dispatcher http://h:1 -o json session list", "session list --dispatcher http://h:1 -o json"),
            ("session -o json list", "session list -o json"),
            ("--force teardown", "teardown --force"),
        ] {
            assert_eq!(placed(line), expected);
        }
    }

    #[test]
    fn all_else_stays_where_it_is() {
        for line in [
            "",
            "-D a=b",
            "-c local",
            "-D a=b sleep 5",
            "--json=x status",
            "--force status",
            "sleep -D a=b config",
            "status --json",
            "-Da=b flink run",
            "session list -o json",
            "session -o",
            "-D",
            "--",
            "- status",
        ] {
            assert_eq!(placed(line), line);
        }
    }

    #[test]
    fn what_is_like_a_command_is_told() {
        for (word, expected) in [
            ("statsu", Some("status")),
            ("STATUS", Some("status")),
            ("version", Some("--version")),
            ("push", Some("artifact push")),
            ("stop", Some("session stop")),
            ("task-manager", Some("taskmanager")),
            ("sleep", None),
            ("wroker", None),
        ] {
            assert_eq!(meant(&Cli::command(), word).as_deref(), expected, "{word}");
        }
    }
}
