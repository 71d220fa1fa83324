//! `config`: what would run, without running it.

use tracing::Level;

use crate::cli::{ConfigOptions, Process};
use base::exit::Exit;
use base::log;
use conf::environment::Environment;
use conf::warning::Warning;
use conf::{Mode, redact};
use flink::archive;
use flink::command::{self, Command, CommandError, Entrypoint};
use status::Setting;

use super::check::{self, Beside, Checked};
use super::error::{Fatal, fatal};
use super::findings::{Finding, Problems};
use super::setup::{Layers, Setup};

mod report;

pub fn run(options: &ConfigOptions, environment: &Environment) -> Result<u8, Fatal> {
    if options.check {
        return Ok(check_only(options, environment));
    }
    let setup = Setup::open(&options.cluster, environment.clone(), Layers::All(Mode::Cluster))?;
    if let Some(process) = options.command {
        print(&java_command(&setup, process).map_err(fatal(Exit::Config))?);
        return Ok(Exit::Ok.code());
    }
    let checked = check::check(&setup, Beside::Framework, &Entrypoint::Session, None);
    setup.tell("config");
    let (errors, warnings) = found(&checked);
    tell(&errors, &warnings);
    for Setting { key, value, origin } in setup.shown() {
        println!("{key}: {value}  # {origin}");
    }
    Ok(Exit::Ok.code())
}

/// Answers the exit code.
fn check_only(options: &ConfigOptions, environment: &Environment) -> u8 {
    let opened = Setup::open(&options.cluster, environment.clone(), Layers::All(Mode::Cluster));
    let (version, told, (errors, of_check)) = match opened {
        Ok(setup) => {
            let checked = check::check(&setup, Beside::Framework, &Entrypoint::Session, None);
            (Some(setup.distribution.version), setup.loaded.warnings, found(&checked))
        }
        Err(fatal) => (None, Vec::new(), Problems::of(&fatal)),
    };
    let warnings: Vec<_> = told.into_iter().chain(of_check).collect();
    if options.json {
        println!("{}", report::Report::new(version, &errors, &warnings).to_json());
    } else {
        tell(&errors, &warnings);
        println!("{}", report::summary(errors.len(), warnings.len()));
    }
    errors.first().map_or(Exit::Ok, |first| first.exit).code()
}

fn found(checked: &Result<Checked, Fatal>) -> (Vec<Finding>, Vec<Warning>) {
    match checked {
        Ok(checked) => (Vec::new(), checked.warnings.clone()),
        Err(fatal) => Problems::of(fatal),
    }
}

/// One line for each.
fn tell(errors: &[Finding], warnings: &[Warning]) {
    errors.iter().for_each(|error| log::line(Level::ERROR, "config", &error.text));
    warnings.iter().for_each(|warning| log::line(Level::WARN, "config", warning));
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
