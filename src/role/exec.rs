//! `exec -- CMD ARG…`: init for any program.

use std::ffi::OsString;
use std::os::fd::RawFd;

use crate::cli::Cli;
use crate::cli::exec::{ExecOptions, Options};
use base::exit::Exit;
use conf::environment::Environment;
use init::Beginning;
use init::plan::{Child, Inherited, Plan, Terminal};

use super::error::{Fatal, fatal};

/// The `exec` command. Runs init in this process, which has blocked all signals, and returns the exit code.
pub fn run_command(
    given: ExecOptions,
    environment: Environment,
    inherited: Inherited,
    beginning: Beginning,
) -> Result<u8, Fatal> {
    let mut options = Options::from_environment(&environment).map_err(fatal(Exit::Usage))?;
    let command = given.apply(&mut options);
    Ok(init::run_plan(&plan(options, command, environment, inherited), beginning))
}

/// A program that is no command of ours, as official images execute it.
pub fn run_other(
    command: Vec<OsString>,
    environment: Environment,
    inherited: Inherited,
    beginning: Beginning,
) -> Result<u8, Fatal> {
    let options = Options::from_environment(&environment).map_err(fatal(Exit::Usage))?;
    let plan = plan(options, command, environment, inherited);
    if let [Child { program, env, .. }] = &plan.children[..]
        && !init::spawn::is_found(program, env)
        && let Some(command) = Cli::meant(program)
    {
        return Err(Fatal::new(Exit::NotFound, Misspelled { word: program.clone(), command }));
    }
    Ok(init::run_plan(&plan, beginning))
}

#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` is neither a command of flink-on-mesos nor a program in the PATH; did you mean `{command}`?",
    word.display()
)]
struct Misspelled {
    word: OsString,
    command: String,
}

fn plan(options: Options, command: Vec<OsString>, environment: Environment, inherited: Inherited) -> Plan {
    let program = command.first().cloned().unwrap_or_default();
    let mut keep_fds = options.keep_fds.clone();
    keep_fds.extend(activated_sockets(&environment));
    let alone = Child::alone(file_name(&program), program, command, environment.into_pairs());
    let main = Child { keep_fds, ..alone };
    let mut plan = options.plan(vec![main], inherited);
    plan.options.terminal = Terminal::HandToMain;
    plan
}

fn file_name(program: &OsString) -> String {
    std::path::Path::new(program).file_name().unwrap_or(program).to_string_lossy().into_owned()
}

/// The most sockets that socket activation may pass; far above any real number, and a limit.
const MAX_SOCKETS: RawFd = 256;

/// Descriptors from 3 on, when socket activation meant them for this process and they are there: variables may have been
/// inherited from somebody else's start, or written into an image.
fn activated_sockets(environment: &Environment) -> impl Iterator<Item = RawFd> {
    let for_us = environment.text("LISTEN_PID").is_some_and(|pid| pid == std::process::id().to_string());
    let count = environment.text("LISTEN_FDS").filter(|_| for_us).and_then(|count| count.parse().ok());
    (3..3 + count.unwrap_or(0).clamp(0, MAX_SOCKETS)).filter(|number| init::is_open(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_for_this_process_are_kept() {
        let own = std::process::id().to_string();
        let environment = |pid: &str, count: &str| -> Environment {
            [("LISTEN_PID", pid), ("LISTEN_FDS", count)].into_iter().collect()
        };
        // What has these numbers in a test runner is its own, but it is open.
        let _open = [(); 2].map(|()| std::fs::File::open("/").expect("a directory"));
        assert_eq!(activated_sockets(&environment(&own, "2")).collect::<Vec<_>>(), [3, 4]);
        let many = activated_sockets(&environment(&own, "2147483647")).collect::<Vec<_>>();
        assert!(many.len() < MAX_SOCKETS as usize && many.iter().all(|number| init::is_open(*number)));
        for (pid, count) in [("1", "2"), (&*own, "x"), (&*own, "-3"), (&*own, "0")] {
            assert_eq!(activated_sockets(&environment(pid, count)).count(), 0, "{pid} {count}");
        }
    }
}
