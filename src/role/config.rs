//! `config`: what would run, without running it.

use tracing::Level;

use crate::cli::{ConfigOptions, Process};
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::{Mode, redact};
use flink::archive;
use flink::command::{self, Command, CommandError, Entrypoint};
use status::Setting;

use super::check::{self, Beside};
use super::error::{Fatal, fatal};
use super::setup::{Layers, Setup};

pub fn run(options: &ConfigOptions, environment: &Environment) -> Result<u8, Fatal> {
    let setup = Setup::open(&options.cluster, environment.clone(), Layers::All(Mode::Cluster))?;
    if let Some(process) = options.command {
        print(&java_command(&setup, process).map_err(fatal(Exit::Config))?);
        return Ok(Exit::Ok.code());
    }
    let checked = check::check(&setup, Beside::Framework, &Entrypoint::Session, None);
    setup.tell("config");
    let warnings = checked.as_ref().map_or(&[][..], |checked| &checked.warnings);
    warnings.iter().for_each(|warning| log::line(Level::WARN, "config", warning));
    if options.check {
        checked?;
        println!("the configuration is valid");
        return Ok(Exit::Ok.code());
    }
    if let Err(Fatal { error, .. }) = &checked {
        log::line(Level::ERROR, "config", &log::chain(error.as_ref()));
    }
    for Setting { key, value, origin } in setup.shown() {
        println!("{key}: {value}  # {origin}");
    }
    Ok(Exit::Ok.code())
}

/// As the process would be started, but with the user's configuration directory in place of the effective one.
fn java_command(setup: &Setup, process: Process) -> Result<Command, CommandError> {
    let dirs = check::read_only_dirs(setup);
    let launch = setup.launch(&dirs, super::available_cpus(), &[]);
    let (mut command, archive) = match process {
        Process::Jobmanager => {
            (command::jobmanager(&launch, &Entrypoint::Session)?, &setup.cds_archives.jobmanager)
        }
        Process::Taskmanager => (command::taskmanager(&launch)?, &setup.cds_archives.taskmanager),
    };
    archive::apply(&mut command, archive.as_deref());
    Ok(command)
}

fn print(command: &Command) {
    println!("{}", command.program.display());
    for argument in &command.args {
        println!("{}", redact::java_argument(&argument.to_string_lossy()));
    }
}
