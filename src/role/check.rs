//! Everything that can be known before a process is started: what `config --check` tells and what keeps an AppMaster from starting.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::cli::exec;
use ::flink::command::{self, Command, CommandError, Entrypoint, Log4j};
use base::exit::Exit;
use conf::keys::{self, flink};
use conf::redact;
use conf::settings::{self, Settings};
use conf::table::Table;
use conf::warning::Warning;

use super::error::{Fatal, fatal};
use super::findings::Findings;
use super::rundir::{self, RunDir};
use super::setup::{Dirs, Setup, Tasks};
use super::{job, plugins, variables, worker};

/// What is ready to be started.
pub struct Checked {
    pub settings: Settings,
    /// With the effective configuration in it.
    pub run: RunDir,
    pub dirs: Dirs,
    /// What is odd about it, besides what the configuration's layers have told.
    pub warnings: Vec<Warning>,
}

/// What is started with the JobManager.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    Framework,
    FrameworkOnEmbeddedMesos,
    Nothing,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot write to `{key}`, {path}", key = flink::HA_STORAGE_DIR.name, path = path.display())]
struct StorageError {
    path: PathBuf,
    #[source]
    source: nix::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}, which `{key}` names")]
struct KeytabError {
    path: String,
    key: String,
    #[source]
    source: io::Error,
}

/// `run` is the directory of the run, if there is one already.
pub fn check(
    setup: &Setup,
    beside: Beside,
    entrypoint: &Entrypoint,
    run: Option<RunDir>,
) -> Result<Checked, Fatal> {
    let mut findings = Findings::default();
    findings.warn(variables::warnings(&setup.environment));
    findings.take(exec::Options::for_jvm(&setup.environment).map_err(fatal(Exit::Usage)));
    let tasks = if beside == Beside::Nothing { Tasks::None } else { Tasks::Some };
    let settings = setup.read_settings(tasks, &mut findings);
    if let Some(settings) = &settings {
        check_settings(setup, settings, beside, &mut findings);
    }
    findings.warn(log_configuration(setup));
    findings.take(plugins::check(&setup.environment, &setup.distribution).map_err(fatal(Exit::NoInput)));
    findings.take(job::check(entrypoint, &setup.distribution).map_err(fatal(Exit::NoInput)));
    let run = run.map_or_else(|| RunDir::create(&setup.environment), Ok);
    let run = findings.take(run.map_err(fatal(Exit::CannotCreate)));
    findings.warn(setup.untested());
    findings.warn(run.as_ref().and_then(|run| setup.noexec(run)));
    let written = run.as_ref().and_then(|run| findings.take(setup.write_conf(run)));
    check_commands(setup, tasks, entrypoint, written.as_ref(), &mut findings);
    findings.place(&setup.loaded.table);
    let ready = settings.zip(run.zip(written));
    let (ready, warnings) = findings.finish(ready)?;
    let (settings, (run, dirs)) = ready;
    Ok(Checked { settings, run, dirs, warnings })
}

fn check_settings(setup: &Setup, settings: &Settings, beside: Beside, findings: &mut Findings) {
    let table = &setup.loaded.table;
    for problem in settings::port_conflicts(table, settings, beside != Beside::Nothing) {
        findings.add_problem(Exit::Config, &problem);
    }
    if beside == Beside::Framework {
        worker::check(setup, settings).into_iter().for_each(|problem| findings.add(&problem));
    }
    if let Some(ha) = &settings.high_availability
        && let Some(path) = local_path(&ha.storage_dir, table.get("fs.default-scheme"))
    {
        findings.take(check_writable(&path));
    }
    // What TaskManagers are given of it was tried before.
    if !findings.tells_of(flink::KERBEROS_KEYTAB.name) {
        findings.take(check_keytab(table));
    }
}

/// The command lines as they would be, but for what only the start decides.
fn check_commands(
    setup: &Setup,
    tasks: Tasks,
    entrypoint: &Entrypoint,
    dirs: Option<&Dirs>,
    findings: &mut Findings,
) {
    let elsewhere;
    let dirs = match dirs {
        Some(dirs) => dirs,
        None => {
            elsewhere = read_only_dirs(setup);
            &elsewhere
        }
    };
    let launch = setup.launch(dirs, super::available_cpus(), &[]);
    let mut take = |command: Result<Command, CommandError>, tells: bool| match command {
        Ok(command) if tells => findings.warn(command.warnings),
        // Told with the settings; and what an agent's environment has is only known there.
        Ok(_) | Err(CommandError::Memory { .. }) => {}
        Err(error) => findings.add(&fatal(Exit::Config)(error)),
    };
    take(command::jobmanager(&launch, entrypoint), true);
    if tasks == Tasks::Some {
        take(command::taskmanager(&launch), false);
    }
}

/// A link that leads nowhere, as a mount that went wrong leaves it.
fn log_configuration(setup: &Setup) -> Option<String> {
    let path = setup.conf_dir.join(Log4j::Stock.file_name());
    (path.is_symlink() && !path.exists()).then(|| {
        format!("{} is a symbolic link to a file that does not exist: the log goes to stdout, with this program's default configuration", path.display())
    })
}

/// For command lines that are only looked at.
pub fn read_only_dirs(setup: &Setup) -> Dirs {
    let base = rundir::base(&setup.environment);
    let log_file = rundir::log_file(&setup.environment);
    Dirs { conf: setup.conf_dir.clone(), log: base.clone(), log_file, tmp: base, log4j: setup.log4j() }
}

/// Of a directory on this machine.
fn local_path(uri: &str, default_scheme: Option<&str>) -> Option<PathBuf> {
    let path = match uri.split_once(':') {
        Some(("file", path)) => path.trim_start_matches('/'),
        Some(_) => return None,
        None if default_scheme.is_some() => return None,
        None => uri.strip_prefix('/')?,
    };
    Some(Path::new("/").join(path))
}

/// Flink ends when it cannot read it.
fn check_keytab(table: &Table) -> Result<(), Fatal> {
    let Some((key, setting)) = keys::lookup(table, flink::KERBEROS_KEYTAB.name) else { return Ok(()) };
    let path = setting.value.trim();
    let checked = if path.is_empty() { Ok(()) } else { File::open(path).map(drop) };
    let shown = redact::shown(key, path).into_owned();
    checked
        .map_err(|source| KeytabError { path: shown, key: key.to_owned(), source })
        .map_err(fatal(Exit::NoInput))
}

/// It is created when it is not there.
fn check_writable(path: &Path) -> Result<(), Fatal> {
    let failed = |source| StorageError { path: path.to_owned(), source };
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(path);
    let check = match existing.is_dir() {
        true => access(existing, AccessFlags::W_OK | AccessFlags::X_OK),
        false => Err(nix::Error::ENOTDIR),
    };
    check.map_err(failed).map_err(fatal(Exit::CannotCreate))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_local_of_storage() {
        for (uri, scheme, expected) in [
            ("file:///a/b", None, Some("/a/b")),
            ("file:/a", None, Some("/a")),
            ("/a", None, Some("/a")),
            ("/a", Some("hdfs://n"), None),
            ("hdfs:///a", None, None),
            ("s3://b/a", None, None),
        ] {
            assert_eq!(local_path(uri, scheme).as_deref(), expected.map(Path::new), "{uri}");
        }
    }

    #[test]
    fn storage_that_cannot_be_there_is_named() {
        let directory = tempfile::tempdir().expect("a directory");
        check_writable(&directory.path().join("new/er")).expect("it can be created");
        let file = directory.path().join("file");
        std::fs::write(&file, "").expect("written");
        let error = check_writable(&file.join("x")).expect_err("below a file");
        let text = base::log::chain(error.error.as_ref());
        assert!(text.contains("storageDir") && text.contains("file/x") && text.contains("ENOTDIR"), "{text}");
    }
}
