//! `completions`: what a shell needs to complete command lines of this program.

use std::io::Write as _;

use clap::{Command, CommandFactory as _};
use clap_complete::{Generator as _, aot};

use crate::cli::{Cli, CompletionsOptions, Shell};
use base::exit::Exit;

use super::error::{Fatal, fatal};

pub fn run(options: CompletionsOptions) -> Result<u8, Fatal> {
    let script = script(options.shell).map_err(fatal(Exit::Software))?;
    std::io::stdout().write_all(&script).map_err(fatal(Exit::Os))?;
    Ok(Exit::Ok.code())
}

const NAME: &str = "flink-on-mesos";

fn script(shell: Shell) -> std::io::Result<Vec<u8>> {
    let whole = Cli::command();
    let mut command = shown(&whole).bin_name(NAME).version(env!("CARGO_PKG_VERSION"));
    command.build();
    let mut script = Vec::new();
    match shell {
        Shell::Bash => {
            aot::Bash.try_generate(&command, &mut script)?;
            script = named_alike(&script);
        }
        Shell::Zsh => aot::Zsh.try_generate(&command, &mut script)?,
    }
    Ok(script)
}

/// The generator for bash writes a hyphen in the program's name in two ways, so that commands below it would not be found.
fn named_alike(script: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(script);
    text.replace(&NAME.replace('-', "__subcmd__"), &NAME.replace('-', "__")).into_bytes()
}

/// The same without commands that are for the program itself.
fn shown(command: &Command) -> Command {
    // This process ends at once, and names live as long as it.
    let name: &'static str = command.get_name().to_owned().leak();
    let subcommands = command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set());
    let about = command.get_about().cloned().unwrap_or_default();
    Command::new(name).about(about).args(command.get_arguments().cloned()).subcommands(subcommands.map(shown))
}
