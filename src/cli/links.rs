//! Links to the program by the names that scripts of Flink have, or had.

use std::ffi::OsString;
use std::path::Path;

use super::session_script;

pub const APPMASTER: &str = "mesos-appmaster.sh";
pub const APPMASTER_JOB: &str = "mesos-appmaster-job.sh";
pub const FLINK: &str = "flink";
pub const SQL_CLIENT: &str = "sql-client.sh";

const NAMES: [&str; 5] = [APPMASTER, APPMASTER_JOB, FLINK, SQL_CLIENT, session_script::NAME];

/// The name of a link is a command.
pub fn as_first_words(mut words: Vec<OsString>) -> Vec<OsString> {
    let name = words.first().and_then(|word| Path::new(word).file_name()).map(ToOwned::to_owned);
    if let Some(name) = name.filter(|name| NAMES.iter().any(|known| *known == name)) {
        words.insert(1, name);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::{Cli, Command};

    #[test]
    fn links_are_commands() {
        let read = |words: &[&str]| {
            Cli::read_from(words.iter().map(Into::into).collect()).expect("understood").command
        };
        let command = read(&["/usr/bin/mesos-appmaster.sh", "-Dmesos.master=a:5050"]);
        assert!(matches!(command, Some(Command::Appmaster(_))), "{command:?}");
        let command = read(&["mesos-appmaster-job.sh", "-Dmesos.master=a:5050", "--job-classname", "A"]);
        assert!(matches!(command, Some(Command::AppmasterJob(_))), "{command:?}");
        let command = read(&["/usr/bin/flink", "run", "--help", "-Da=b", "--", "-x"]);
        let Some(Command::Flink(options)) = command else { panic!("{command:?}") };
        assert_eq!(options.words, ["run", "--help", "-Da=b", "--", "-x"]);
        for words in [&["sql-client.sh", "--help"], &["sql-client.sh", "--version"]] {
            let command = read(words);
            assert!(matches!(command, Some(Command::SqlClient(_))), "{command:?}");
        }
        assert!(read(&["flink-on-mesos"]).is_none());
    }
}
