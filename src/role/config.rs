//! `config`: what would run, without running it.

use crate::cli::{ConfigOptions, Process};
use crate::conf::environment::Environment;
use crate::conf::{Mode, redact};
use crate::exit::Exit;
use crate::flink::archive;
use crate::flink::command::{self, Command, CommandError, Entrypoint};

use super::error::{Fatal, fatal};
use super::rundir;
use super::setup::{Dirs, Setup};

pub fn run(options: &ConfigOptions, environment: &Environment) -> Result<u8, Fatal> {
    let setup = Setup::open(&options.cluster, environment.clone(), Mode::Cluster)?;
    if let Some(process) = options.command {
        print(&java_command(&setup, process).map_err(fatal(Exit::Config))?);
        return Ok(Exit::Ok.code());
    }
    if options.check {
        setup.settings()?;
        println!("the configuration is good");
        return Ok(Exit::Ok.code());
    }
    setup.tell("config");
    for (key, setting) in setup.loaded.table.iter() {
        let value = redact::shown(key, &setting.value);
        println!("{key}: {value}  # {}", setting.origin);
    }
    Ok(Exit::Ok.code())
}

/// As the process would be started, but with the user's configuration directory in place of the effective one.
fn java_command(setup: &Setup, process: Process) -> Result<Command, CommandError> {
    let base = rundir::base(&setup.environment);
    let dirs = Dirs { conf: setup.conf_dir.clone(), log: base.clone(), tmp: base, log4j: setup.log4j() };
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
    for arg in &command.args {
        println!("{}", arg.display());
    }
}
