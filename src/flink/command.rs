//! The java command lines of the JobManager, the TaskManager and Flink's consoles, as Flink's scripts would start them.
//!
//! Order on the line: what we add, so that a user's flag wins; `JVM_ARGS`; the memory; the user's flags; logging; class path;
//! main class; arguments. Everything on it can be read by every user of the host, so nothing secret belongs there.

mod application;
mod classpath;
mod console;
mod jvm;
pub mod log4j;
mod options;
mod script;
mod split;
#[cfg(test)]
mod tests;
mod variables;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use application::{Application, UnrestoredState};
pub use classpath::HadoopClassPath;
pub use console::{Console, console};
pub use log4j::{Log4j, LogFile};

use crate::distribution::Distribution;
use crate::java::JavaHome;
use crate::memory::{self, MemoryError, MemorySize};
use crate::version::Version;
use conf::environment::Environment;
use conf::table::Table;

const SESSION: &str = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint";
const APPLICATION: &str = "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint";
const TASK_MANAGER: &str = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner";

const JOB_MANAGER: &str = "jobmanager";
const JOB_MANAGER_OPTIONS: &str = "FLINK_ENV_JAVA_OPTS_JM";

/// The oldest release whose arguments we know how to order.
const OLDEST: Version = Version::new(1, 15, 0);

/// A program with its arguments, and what to add to the environment that it inherits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    pub env: Vec<(OsString, OsString)>,
    /// What the operator should know about the options that were given.
    pub warnings: Vec<String>,
}

/// Everything that a command line depends on.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    pub distribution: &'a Distribution,
    pub java: &'a JavaHome,
    pub table: &'a Table,
    pub environment: &'a Environment,
    pub hadoop: &'a HadoopClassPath,
    /// The directory with the effective configuration.
    pub conf_dir: &'a Path,
    /// For crash reports and heap dumps.
    pub log_dir: &'a Path,
    pub log_file: &'a LogFile,
    /// Java's temporary directory: on a file system that allows executing, for unpacked native libraries.
    pub tmp_dir: Option<&'a Path>,
    pub log4j: Log4j,
    /// How much processor time the process is given.
    pub cpus: f64,
    /// For a user id without an entry in the password file.
    pub identity: Option<&'a Identity>,
    /// More of Flink's options for the command line, such as `taskmanager.resource-id`. Never a secret.
    pub properties: &'a [(String, String)],
}

/// What the password file does not say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub name: String,
    #[serde(with = "crate::os_path")]
    pub home: PathBuf,
}

/// What a JobManager runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entrypoint {
    Session,
    Application(Application),
}

/// Why there is no command line.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("cannot compute the memory of the {role}")]
    Memory {
        role: &'static str,
        #[source]
        cause: MemoryError,
    },

    /// Without the value, which may hold a password.
    #[error("{name} has a quote that is not closed")]
    OpenQuote { name: String },

    #[error("Flink {version} is too old; the oldest release that can be started is {OLDEST}")]
    FlinkTooOld { version: Version },

    #[error("Flink {version} needs Java {needed}, but {java} is Java {found}", java = java.display())]
    JavaTooOld { version: Version, needed: u16, java: PathBuf, found: u16 },

    #[error("Flink {version} does not know --jars, which came with 1.19; put the jar into {usrlib}", usrlib = usrlib.display())]
    NoJarsOption { version: Version, usrlib: PathBuf },

    #[error("there is no {name}*.jar in {opt}: this Flink came without its SQL client", opt = opt.display())]
    NoOptionalJar { name: &'static str, opt: PathBuf },

    #[error("{path} cannot be on a class path because its name has a colon", path = path.display())]
    ColonInPath { path: PathBuf },
}

/// The command line of the JobManager.
pub fn jobmanager(launch: &Launch<'_>, entrypoint: &Entrypoint) -> Result<Command, CommandError> {
    let version = launch.distribution.version;
    let memory = memory::jobmanager(launch.table, launch.environment, version)
        .map_err(|cause| CommandError::Memory { role: "JobManager", cause })?;
    let role = Role {
        name: JOB_MANAGER,
        options_variable: JOB_MANAGER_OPTIONS,
        memory_args: memory.jvm_args(),
        process: memory.process,
        compilation: Compilation::Late,
    };
    let memory_properties = memory.dynamic_properties();
    let mut args = vec![];
    let main_class = match entrypoint {
        Entrypoint::Session => {
            args.extend(properties(&memory_properties));
            args.extend(conf_dir(launch));
            if !version.at_least(2, 0) {
                args.extend(["--executionMode", "cluster"].map(OsString::from));
            }
            args.extend(properties(launch.properties));
            SESSION
        }
        Entrypoint::Application(application) => {
            args.extend(conf_dir(launch));
            args.extend(application.options(launch.distribution)?);
            args.extend(properties(&memory_properties));
            args.extend(properties(launch.properties));
            args.extend(application.arguments.iter().cloned());
            APPLICATION
        }
    };
    let mut command = assemble(launch, &role, main_class, &[], args)?;
    if memory.heap < jvm::RECOMMENDED_JOBMANAGER_HEAP {
        let warning = format!("the JobManager's heap is only {}, less than Flink recommends", memory.heap);
        command.warnings.push(warning);
    }
    Ok(command)
}

/// The system properties that the user gives the JobManager's JVM.
pub fn jobmanager_properties(launch: &Launch<'_>) -> Result<BTreeMap<String, String>, CommandError> {
    let user = options::UserOptions::read(launch, JOB_MANAGER, JOB_MANAGER_OPTIONS)?;
    Ok(user.properties())
}

/// The same where there is no JobManager, nor a Flink whose paths could be meant.
pub fn properties_without_flink(
    table: &Table,
    environment: &Environment,
) -> Result<BTreeMap<String, String>, CommandError> {
    let variable = |name: &str| environment.text(name).map(str::to_owned);
    let user = options::UserOptions::of(table, environment, &variable, JOB_MANAGER, JOB_MANAGER_OPTIONS)?;
    Ok(user.properties())
}

/// The command line of a TaskManager.
pub fn taskmanager(launch: &Launch<'_>) -> Result<Command, CommandError> {
    let memory = memory::taskmanager(launch.table, launch.environment, launch.distribution.version)
        .map_err(|cause| CommandError::Memory { role: "TaskManager", cause })?;
    let role = Role {
        name: "taskmanager",
        options_variable: "FLINK_ENV_JAVA_OPTS_TM",
        memory_args: memory.jvm_args(),
        process: memory.process,
        compilation: Compilation::Usual,
    };
    let mut args = vec![];
    args.extend(conf_dir(launch));
    args.extend(properties(&memory.dynamic_properties()));
    args.extend(properties(launch.properties));
    let command = assemble(launch, &role, TASK_MANAGER, &[], args)?;
    Ok(command)
}

/// What differs between the roles in front of the main class.
struct Role {
    /// As in `env.java.opts.…` and in the name of the log file.
    name: &'static str,
    options_variable: &'static str,
    memory_args: Vec<String>,
    process: MemorySize,
    compilation: Compilation,
}

/// When the JVM's compilers begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compilation {
    /// As the JVM does by itself: what catches up with a backlog is to be fast soon, also what runs ten times a second.
    Usual,
    /// After five times as many calls: most of what a start runs does not run any more afterwards.
    Late,
}

fn assemble(
    launch: &Launch<'_>,
    role: &Role,
    main_class: &str,
    further_jars: &[PathBuf],
    main_args: Vec<OsString>,
) -> Result<Command, CommandError> {
    check_versions(launch)?;
    let user = options::UserOptions::read(launch, role.name, role.options_variable)?;
    let mut args = jvm::defaults(launch, &user, role);
    args.extend(user.first.iter().map(OsString::from));
    args.extend(role.memory_args.iter().map(OsString::from));
    args.extend(jvm::for_flink(launch, &user).into_iter().map(OsString::from));
    args.extend(user.last.iter().map(OsString::from));
    args.extend(log4j::args(launch, role.name));
    args.push("-classpath".into());
    args.push(classpath::class_path(launch.distribution, further_jars, launch.hadoop)?);
    args.push(main_class.into());
    args.extend(main_args);
    Ok(Command {
        program: launch.java.program(),
        args,
        env: variables::additions(launch),
        warnings: user.warnings(),
    })
}

fn check_versions(launch: &Launch<'_>) -> Result<(), CommandError> {
    let version = launch.distribution.version;
    if version < OLDEST {
        return Err(CommandError::FlinkTooOld { version });
    }
    let needed = if version.at_least(2, 0) { 11 } else { 8 };
    let found = launch.java.feature;
    if found < needed {
        return Err(CommandError::JavaTooOld { version, needed, java: launch.java.path.clone(), found });
    }
    Ok(())
}

fn conf_dir(launch: &Launch<'_>) -> [OsString; 2] {
    ["--configDir".into(), launch.conf_dir.into()]
}

fn properties(properties: &[(String, String)]) -> impl Iterator<Item = OsString> {
    properties.iter().flat_map(|(key, value)| [OsString::from("-D"), format!("{key}={value}").into()])
}

/// `-Dname=` or `file:` and the like, before a path that need not be UTF-8.
fn joined(prefix: &str, rest: impl AsRef<OsStr>) -> OsString {
    let mut text = OsString::from(prefix);
    text.push(rest);
    text
}
