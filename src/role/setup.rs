//! What every role that runs Flink needs first: the distribution, java, and the configuration of all layers.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;
use serde::{Deserialize, Serialize};
use tracing::Level;

use crate::cli::ClusterOptions;
use base::exit::Exit;
use base::log;
use base::passwd;
use conf::environment::Environment;
use conf::grammar;
use conf::options;
use conf::retired::{self, JOB_MANAGER, TASK_MANAGER};
use conf::settings::Settings;
use conf::table::Table;
use conf::{self, Loaded, Mode, Request, redact, write};
use flink::command::{HadoopClassPath, Identity, Launch, Log4j, LogFile};
use flink::distribution::Distribution;
use flink::java::{JavaCandidates, JavaHome};
use flink::manifest::{self, CdsArchives, Manifest};
use flink::memory;
use flink::version::Version;
use init::guard;
use status::Setting;

use super::error::{Fatal, fatal};
use super::findings::Findings;
use super::rundir::{self, RunDir, is_noexec};
use super::user;

/// Where official images have Flink.
const FLINK_HOME_DEFAULT: &str = "/opt/flink";

/// Older ones are started, with a warning.
const OLDEST_TESTED: (u16, u16) = (1, 17);

#[derive(Serialize, Deserialize)]
pub struct Setup {
    pub distribution: Distribution,
    pub java: JavaHome,
    /// The user's configuration directory.
    #[serde(with = "flink::os_path")]
    pub conf_dir: PathBuf,
    pub loaded: Loaded,
    pub hadoop: HadoopClassPath,
    /// Each process has its own.
    #[serde(skip)]
    pub environment: Environment,
    pub cds_archives: CdsArchives,
    /// For a user id that the password file does not have.
    pub(super) identity: Option<Identity>,
}

/// Of what the configuration consists.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layers {
    /// All that the user can say it with.
    All(Mode),
    /// What an AppMaster has made of them, and `-D` arguments.
    Delivered,
}

/// Whether TaskManagers are started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tasks {
    None,
    Some,
}

impl Setup {
    pub fn open(
        options: &ClusterOptions,
        mut environment: Environment,
        layers: Layers,
    ) -> Result<Self, Fatal> {
        let manifest = Manifest::read(Path::new(manifest::PATH)).map_err(fatal(Exit::NoFlink))?;
        let home = environment.text("FLINK_HOME").map(PathBuf::from).or(manifest.flink_home.clone());
        let home = home.unwrap_or_else(|| PathBuf::from(FLINK_HOME_DEFAULT));
        let distribution = Distribution::open(&home).map_err(fatal(Exit::NoFlink))?;
        let named = options.conf_dir.clone();
        let conf_dir = named
            .or_else(|| environment.text("FLINK_CONF_DIR").map(PathBuf::from))
            .unwrap_or_else(|| home.join("conf"));
        let version = distribution.version;
        let mut loaded = load(&conf_dir, &distribution, options, &environment, layers)?;
        if layers != Layers::Delivered {
            loaded.warnings.extend(options::warnings(&loaded.table, Some(grammar_version(version))));
            user::decide(&mut loaded.table, &environment).map_err(fatal(Exit::Os))?;
        }
        let java = JavaHome::find(JavaCandidates {
            configured: loaded.table.get("env.java.home"),
            variable: environment.text("JAVA_HOME"),
            manifest: manifest.java_home.as_deref(),
            search_path: environment.get("PATH"),
        });
        let java = match java.map_err(fatal(Exit::NoFlink)) {
            Ok(java) => java,
            Err(no_java) => {
                let mut findings = Findings::default();
                findings.add(&no_java);
                read_settings(&loaded, &environment, version, Tasks::Some, &mut findings);
                findings.place(&loaded.table);
                findings.warn(loaded.warnings);
                return findings.finish::<Self>(None).map(|(setup, _)| setup);
            }
        };
        let hadoop = HadoopClassPath::find(&loaded.table, &environment, Path::is_dir);
        for variable in &loaded.consumed {
            environment.remove(variable);
        }
        // Every shell has it, and java options may name it.
        if environment.text("HOSTNAME").is_none() {
            environment.set("HOSTNAME", host_name());
        }
        let name = passwd::name_of(geteuid().as_raw()).map_err(fatal(Exit::Os))?;
        let identity = name.is_none().then(|| identity(&environment));
        Ok(Self {
            distribution,
            java,
            conf_dir,
            loaded,
            hadoop,
            environment,
            cds_archives: manifest.cds_archives,
            identity,
        })
    }

    pub fn read_settings(&self, tasks: Tasks, findings: &mut Findings) -> Option<Settings> {
        read_settings(&self.loaded, &self.environment, self.distribution.version, tasks, findings)
    }

    /// One line for each thing that was changed or is odd.
    pub fn tell(&self, part: &str) {
        for change in &self.loaded.report {
            log::line(Level::INFO, part, &change.to_string());
        }
        for warning in &self.loaded.warnings {
            log::line(Level::WARN, part, warning);
        }
    }

    /// What is odd about the release.
    pub fn untested(&self) -> Option<String> {
        let version = self.distribution.version;
        let (major, minor) = OLDEST_TESTED;
        (!version.at_least(major, minor)).then(|| {
            format!("Flink {version} is not tested with this program; {major}.{minor} is the oldest version that is")
        })
    }

    /// Libraries that a JVM unpacks there, as RocksDB's, fail hours later, when a job first needs them.
    pub fn noexec(&self, run: &RunDir) -> Option<String> {
        let table = &self.loaded.table;
        let named = ["io.tmp.dirs", "taskmanager.tmp.dirs"].iter().find_map(|key| table.get(key));
        let named = named.unwrap_or_default().split([',', '|', ':']).map(str::trim).map(PathBuf::from);
        let used = std::iter::once(run.tmp()).chain(named);
        let noexec: Vec<_> =
            used.filter(|path| is_noexec(path)).map(|path| path.display().to_string()).collect();
        (!noexec.is_empty()).then(|| {
            format!(
                "{} is mounted noexec: native libraries that Flink unpacks there, such as RocksDB's, cannot be loaded; mount it with exec (docker run --tmpfs /tmp:exec) or name another directory in TMPDIR or io.tmp.dirs",
                noexec.join(", ")
            )
        })
    }

    /// What a command line of a JVM depends on, for one that works in `run`.
    pub fn launch<'a>(&'a self, dirs: &'a Dirs, cpus: f64, properties: &'a [(String, String)]) -> Launch<'a> {
        Launch {
            distribution: &self.distribution,
            java: &self.java,
            table: &self.loaded.table,
            environment: &self.environment,
            hadoop: &self.hadoop,
            conf_dir: &dirs.conf,
            log_dir: &dirs.log,
            log_file: &dirs.log_file,
            tmp_dir: Some(&dirs.tmp),
            log4j: dirs.log4j,
            cpus,
            identity: self.identity.as_ref(),
            properties,
        }
    }

    /// Writes what Flink reads into `run`, and our own log configuration if the user has none.
    pub fn write_conf(&self, run: &RunDir) -> Result<Dirs, Fatal> {
        let dirs = self.write(run, self.log4j(), &write::for_flink(&self.loaded.table))?;
        if let Some(link) = dirs.link() {
            let _ = guard::create(|| symlink("stdout", &link).map(|()| ((), link.clone())));
        }
        Ok(dirs)
    }

    /// The same for what people type at.
    pub fn write_client_conf(&self, run: &RunDir) -> Result<Dirs, Fatal> {
        self.write(run, Log4j::Client, &write::for_client(&self.loaded.table))
    }

    fn write(&self, run: &RunDir, log4j: Log4j, table: &Table) -> Result<Dirs, Fatal> {
        let dirs = Dirs::of(run, log4j, rundir::log_file(&self.environment));
        write::write(table, self.loaded.grammar, &self.conf_dir, &dirs.conf).map_err(|error| {
            let exit = error.exit();
            Fatal::new(exit, error)
        })?;
        let path = dirs.conf.join(log4j.file_name());
        if let Some(text) = log4j.ours().filter(|_| !path.exists()) {
            std::fs::write(path, text).map_err(fatal(Exit::CannotCreate))?;
        }
        Ok(dirs)
    }

    /// The effective configuration without secrets, and where each value came from.
    pub fn shown(&self) -> Vec<Setting> {
        let shown = |(key, setting): (&str, &conf::table::Setting)| Setting {
            key: key.to_owned(),
            value: redact::shown(key, &setting.value).into_owned(),
            origin: setting.origin.to_string(),
        };
        self.loaded.table.iter().map(shown).collect()
    }

    /// Which log configuration there will be.
    pub fn log4j(&self) -> Log4j {
        if self.conf_dir.join(Log4j::Stock.file_name()).exists() { Log4j::Stock } else { Log4j::Container }
    }
}

/// The directories of a JVM.
pub struct Dirs {
    pub conf: PathBuf,
    pub log: PathBuf,
    pub log_file: LogFile,
    pub tmp: PathBuf,
    pub log4j: Log4j,
}

impl Dirs {
    fn of(run: &RunDir, log4j: Log4j, log_file: LogFile) -> Self {
        Self { conf: run.conf(), log: run.log(), log_file, tmp: run.tmp(), log4j }
    }

    /// Flink shows as the process's output what lies beside its log; without it that page is empty. It goes with the process.
    pub fn link(&self) -> Option<PathBuf> {
        match &self.log_file {
            LogFile::Kept(path) => Some(path.with_extension("out")),
            LogFile::KeptIn(_) | LogFile::OfRun => None,
        }
    }

    /// Flink's own directory for temporary files, if the user named none: it goes with the run.
    pub fn tmp_property(&self, table: &Table) -> Option<(String, String)> {
        let named = ["io.tmp.dirs", "taskmanager.tmp.dirs"].iter().any(|key| table.get(key).is_some());
        (!named).then(|| ("io.tmp.dirs".to_owned(), self.tmp.display().to_string()))
    }
}

/// The kernel's name for this host.
pub fn host_name() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

/// Java calls such a user `?`, and Hadoop's login then fails.
fn identity(environment: &Environment) -> Identity {
    let variable = |names: &[&str]| names.iter().find_map(|name| environment.text(name)).map(str::to_owned);
    let name = variable(&["USER", "LOGNAME"]).unwrap_or_else(|| "flink".to_owned());
    let home = variable(&["HOME"]).unwrap_or_else(|| "/tmp".to_owned());
    Identity { name, home: home.into() }
}

/// `None` where they are wrong; what is, and what is wrong with the memory of any process, is among the findings.
fn read_settings(
    loaded: &Loaded,
    environment: &Environment,
    version: Version,
    tasks: Tasks,
    findings: &mut Findings,
) -> Option<Settings> {
    let table = &loaded.table;
    let settings = Settings::from_table(table);
    let wrong = settings.as_ref().err().into_iter().flatten();
    for problem in loaded.problems.iter().chain(wrong) {
        findings.add_problem(Exit::Config, problem);
    }
    let jobmanager = memory::jobmanager(table, environment, version).err();
    let taskmanager = memory::taskmanager(table, environment, version).err().filter(|_| tasks == Tasks::Some);
    for (error, role) in [(jobmanager, JOB_MANAGER), (taskmanager, TASK_MANAGER)] {
        let Some(error) = error else { continue };
        let unread = retired::unread_heaps(table, environment, grammar_version(version), role);
        let hint = match unread.is_empty() {
            true => String::new(),
            false => format!("; Flink {version} does not read {}", unread.join(", ")),
        };
        findings.add(&Fatal::new(Exit::Config, format!("{}{hint}", log::chain(&error))));
    }
    settings.ok()
}

fn grammar_version(version: Version) -> grammar::Version {
    (u32::from(version.major), u32::from(version.minor))
}

fn load(
    conf_dir: &Path,
    distribution: &Distribution,
    options: &ClusterOptions,
    environment: &Environment,
    layers: Layers,
) -> Result<Loaded, Fatal> {
    let version = grammar_version(distribution.version);
    let arguments = &options.properties;
    let loaded = match layers {
        Layers::All(mode) => {
            let host_name = &host_name();
            conf::load(&Request { conf_dir, version, environment, arguments, host_name, mode })
        }
        Layers::Delivered => conf::load_delivered(conf_dir, version, arguments),
    };
    loaded.map_err(|error| {
        let exit = error.exit();
        Fatal::new(exit, error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_whom_nobody_knows_gets_a_name_and_a_home() {
        let of = |variables: &[(&str, &str)]| identity(&variables.iter().copied().collect());
        let expected = |name: &str, home: &str| Identity { name: name.to_owned(), home: home.into() };
        assert_eq!(of(&[]), expected("flink", "/tmp"));
        assert_eq!(of(&[("LOGNAME", "ann"), ("HOME", "/home/ann")]), expected("ann", "/home/ann"));
        assert_eq!(of(&[("LOGNAME", "ann"), ("USER", "bob")]), expected("bob", "/tmp"));
    }
}
