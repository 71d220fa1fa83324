//! What a package has that is made of the program's own definitions: manual pages, and configurations with every key as a comment.
//!
//! `pages DIRECTORY`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

use clap::{Command, CommandFactory as _};

use conf::keys::Definition;
use conf::keys::{KEYS, dispatcher};
use flink_on_mesos::cli::Cli;

/// Columns of a comment.
const WIDTH: usize = 110;

fn main() -> io::Result<()> {
    let directory = env::args_os().nth(1).map(PathBuf::from);
    let directory = directory.ok_or_else(|| io::Error::other("expected the directory to write to"))?;
    let manual = directory.join("man1");
    fs::create_dir_all(&manual)?;
    clap_mangen::generate_to(shown(Cli::command()), &manual)?;
    let head = "The AppMaster's configuration, beside all keys of Flink's own. What is commented out is the default.";
    fs::write(directory.join("appmaster.yaml"), commented(head, &KEYS))?;
    let head = "The dispatcher's configuration. It reads the keys of an AppMaster, too, as far as they are about Mesos. What is commented out is the default.";
    fs::write(directory.join("dispatcher.yaml"), commented(head, &dispatcher::KEYS))
}

/// Without commands that are for the program itself.
fn shown(command: Command) -> Command {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    command
        .mut_subcommands(|subcommand| if subcommand.is_hide_set() { subcommand } else { shown(subcommand) })
}

fn commented(head: &str, keys: &[Definition]) -> String {
    let mut text = wrapped(head);
    for key in keys {
        let default = key.default.unwrap_or_default();
        write!(text, "\n{}# {}: {default}\n", wrapped(&format!("{} ({})", key.meaning, key.kind)), key.name)
            .expect("a string takes everything");
    }
    text
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + word.len() >= WIDTH) {
            lines.push(String::from("#"));
        }
        let line = lines.last_mut().expect("there is one");
        line.push(' ');
        line.push_str(word);
    }
    lines.join("\n") + "\n"
}
