//! The command line: one struct per command. `README.md` shows the commands, `--help` the options.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};

use artifact::delivered::Delivered;
use conf::keys::{self, flink as flink_keys};
use flink::command::{Application, UnrestoredState};
use tls::Fingerprint;

pub mod clusters;
pub mod exec;
mod inner;
mod links;
pub mod mesos;
mod operator;
mod placed;
pub mod run;
pub mod session_script;

use exec::ExecOptions;
use run::RunOptions;
use session_script::SessionScript;

pub use inner::{ClaimOptions, InitOptions, WorkerOptions};
pub use operator::{
    EndpointOptions, EventsOptions, ExplainOptions, RestartOptions, ScaleOptions, SocketOptions,
    StatusOptions, TeardownOptions,
};

/// Apache Flink on Apache Mesos.
///
/// Without a command it runs a session cluster, as `appmaster` does. Anything that is not a command of its own is
/// executed under init.
#[derive(Debug, Parser)]
#[command(
    name = "flink-on-mesos",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_precedence_over_arg = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

/// `exec` alone.
#[derive(Debug, Parser)]
#[command(name = "exec", about = "Run any program under init", bin_name = "flink-on-mesos exec")]
struct Exec {
    #[command(flatten)]
    options: ExecOptions,
}

/// `init` alone.
#[derive(Debug, Parser)]
#[command(name = "init", bin_name = "flink-on-mesos init")]
struct Init {
    #[command(flatten)]
    options: InitOptions,
}

impl Cli {
    /// The command line of this process.
    pub fn read() -> Result<Self, clap::Error> {
        Self::read_from(std::env::args_os().collect())
    }

    /// What stays in memory as PID 1 is read without the parsers of all the other commands, and without any when there
    /// are no options: a parser takes more memory than init itself.
    pub fn read_from(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let words = links::as_first_words(words);
        let texts: Vec<_> = words.iter().take(4).map(|word| word.to_str()).collect();
        let command = match texts[..] {
            [_, Some("exec"), Some("--"), _] => {
                Command::Exec(Box::new(ExecOptions::of_command(words[3..].to_vec())))
            }
            [_, Some("exec"), ..] => Command::Exec(Box::new(Exec::try_parse_from(&words[1..])?.options)),
            [_, Some("claim"), ..] if let Some(options) = ClaimOptions::from_words(&words[2..]) => {
                Command::Claim(options)
            }
            [_, Some("init"), ..] => Command::Init(Init::try_parse_from(&words[1..])?.options),
            [_, Some(session_script::NAME), ..] => {
                return Self::try_parse_from(session_script::with_long_options(words));
            }
            _ => return Self::read_whole(words),
        };
        Ok(Self { command: Some(command), cluster: ClusterOptions::default() })
    }

    fn read_whole(words: Vec<OsString>) -> Result<Self, clap::Error> {
        let may_be_misplaced = words.iter().skip(1).take(2).any(|word| placed::is_option(word));
        let cli = Self::try_parse_from(match may_be_misplaced {
            true => placed::options_after_command(&Self::command(), words),
            false => words,
        })?;
        match &cli.command {
            Some(Command::Other(program)) if !cli.cluster.is_empty() => {
                let mut root = Self::command();
                let text =
                    placed::not_for(&root, program.first().map(OsString::as_os_str).unwrap_or_default());
                Err(root.error(ErrorKind::UnknownArgument, text))
            }
            Some(_) | None => Ok(cli),
        }
    }

    /// The command that was meant by a word that is none.
    pub fn meant(word: &OsStr) -> Option<String> {
        placed::meant(&Self::command(), &word.to_string_lossy())
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a session cluster: JobManager, Mesos framework and TaskManagers
    #[command(alias = links::APPMASTER)]
    Appmaster(AppmasterOptions),
    /// Run a cluster for one job and end with it: exit code 0 if the job finished or was canceled, 163 if it
    /// failed
    #[command(alias = links::APPMASTER_JOB)]
    AppmasterJob(AppmasterJobOptions),
    /// Run a JobManager alone, for TaskManagers that are started in another way
    Jobmanager(ClusterOptions),
    /// Run the JobManager of one job alone
    StandaloneJob(JobOptions),
    /// Run `appmaster` on an embedded Mesos, all on this machine
    Local(LocalOptions),
    /// Run one TaskManager, inside a Mesos task
    Taskmanager(TaskmanagerOptions),
    /// Run the embedded Mesos alone, or one agent of it
    Mesos(Box<mesos::Options>),
    /// Run clusters: launch their AppMasters as Mesos tasks, and replace them
    Dispatcher(ClusterOptions),
    /// Remove what a dispatcher has left that runs no more: its framework at Mesos, and its state
    Purge(PurgeOptions),
    /// Run any program under init
    Exec(Box<ExecOptions>),
    /// Print the effective configuration and where each value came from
    Config(ConfigOptions),
    /// Print what the running AppMaster does
    Status(StatusOptions),
    /// Print why TaskManagers of the running AppMaster are missing, or where a dispatcher's cluster stands and why, and
    /// what would help
    Explain(ExplainOptions),
    /// Set how many TaskManagers to keep
    Scale(ScaleOptions),
    /// End the cluster and its framework
    Teardown(TeardownOptions),
    /// Replace a TaskManager: start a new one, stop the old one once it has registered
    RestartTaskmanager(RestartOptions),
    /// Print the last events of the running AppMaster, or of a dispatcher's clusters
    Events(EventsOptions),
    /// Run a job: in a session cluster of the dispatcher, as an application of its own there, or in the running AppMaster
    Run(Box<RunOptions>),
    #[command(flatten)]
    Clusters(clusters::Command),
    /// Have Flink's own command line find the clusters of a dispatcher
    #[command(subcommand)]
    Client(Client),
    /// Run Flink's own command line, with the library for clusters of a dispatcher
    #[command(name = links::FLINK, disable_help_flag = true)]
    Flink(ConsoleOptions),
    /// Run Flink's SQL client
    #[command(name = links::SQL_CLIENT, disable_help_flag = true)]
    SqlClient(ConsoleOptions),
    /// Print a script with which a shell completes this program's commands and options
    Completions(CompletionsOptions),
    #[command(name = session_script::NAME, hide = true)]
    SessionScript(Box<SessionScript>),
    #[command(hide = true)]
    Dispatch(ClusterOptions),
    #[command(hide = true)]
    Init(InitOptions),
    #[command(hide = true)]
    Worker(WorkerOptions),
    #[command(hide = true)]
    Claim(ClaimOptions),
    #[command(external_subcommand)]
    Other(Vec<OsString>),
}

#[derive(Clone, Debug, Default, Args)]
pub struct ClusterOptions {
    /// A configuration value; takes precedence over files and environment variables
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = key_value)]
    pub properties: Vec<(String, String)>,
    /// Flink's configuration directory [default: $FLINK_CONF_DIR, else $FLINK_HOME/conf]
    #[arg(long = "configDir", short = 'c', value_name = "DIR")]
    pub conf_dir: Option<PathBuf>,
}

impl ClusterOptions {
    fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.conf_dir.is_none()
    }
}

/// Named as Flink's `standalone-job.sh` has them.
#[derive(Clone, Debug, Args)]
pub struct JobOptions {
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// The job's main class [default: the one that the manifest of its jar names]
    #[arg(long, short = 'j', value_name = "CLASS")]
    job_classname: Option<String>,
    /// The job's id, 32 hexadecimal digits
    #[arg(long, value_name = "ID", value_parser = job_id)]
    job_id: Option<String>,
    /// The savepoint or checkpoint that the job starts from
    #[arg(long = "fromSavepoint", short = 's', value_name = "PATH")]
    from_savepoint: Option<String>,
    /// Start even if the savepoint holds state of operators that the job does not have
    #[arg(long = "allowNonRestoredState", short = 'n')]
    allow_non_restored_state: bool,
    /// Where the job's jars are, as paths or URLs, from Flink 1.19 on [default: what is in usrlib]
    #[arg(long, value_name = "JAR,…", value_delimiter = ',')]
    jars: Vec<String>,
    /// The job's own arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
    arguments: Vec<OsString>,
}

#[derive(Clone, Debug, Args)]
pub struct AppmasterJobOptions {
    #[command(flatten)]
    pub task: TaskOptions,
    #[command(flatten)]
    pub job: JobOptions,
}

impl JobOptions {
    pub fn application(&self) -> Application {
        Application {
            jars: self.jars.clone(),
            job_classname: self.job_classname.clone(),
            job_id: self.job_id.clone(),
            from_savepoint: self.from_savepoint.clone(),
            unrestored_state: UnrestoredState::allowed_if(self.allow_non_restored_state),
            arguments: self.arguments.clone(),
        }
    }
}

#[derive(Clone, Debug, Args)]
pub struct LocalOptions {
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// Agents of the embedded Mesos
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub agents: u32,
    /// Resources of each agent, as `cpus:4;mem:4096` [default: what this machine has, and at least what the
    /// TaskManagers take]
    #[arg(long, value_name = "TEXT")]
    pub resources: Option<String>,
    /// Run a dispatcher in the place of a cluster: clusters are created, and end with it
    #[arg(long)]
    pub dispatcher: bool,
    /// Where the Web UI and the status page listen, such as 0.0.0.0 in a container whose ports are published [default: on this
    /// machine alone]
    #[arg(long, value_name = "ADDRESS", conflicts_with = "dispatcher")]
    pub listen: Option<IpAddr>,
}

impl LocalOptions {
    /// What is said of the cluster, and what follows from the other options; what is said counts.
    pub fn of_cluster(&self) -> ClusterOptions {
        let mut cluster = self.cluster.clone();
        if let Some(address) = self.listen {
            let keys = [flink_keys::REST_BIND_ADDRESS.name, keys::STATUS_BIND_ADDRESS.name];
            let properties = keys.map(|key| (key.to_owned(), address.to_string()));
            cluster.properties.splice(0..0, properties);
        }
        cluster
    }
}

#[derive(Clone, Debug, Args)]
pub struct TaskmanagerOptions {
    #[command(flatten)]
    pub cluster: ClusterOptions,
    #[command(flatten)]
    pub task: TaskOptions,
}

/// What a role inside a Mesos task is told by whoever launched the task.
#[derive(Clone, Debug, Default, Args)]
pub struct TaskOptions {
    /// URL that serves the configuration once, for the token of the task; without it the configuration directory is
    /// read
    #[arg(long, value_name = "URL")]
    pub artifacts: Option<String>,
    /// SHA-256 of the certificate at that URL
    #[arg(long, value_name = "DIGEST")]
    pub artifacts_certificate: Option<Fingerprint>,
    /// A file that Mesos fetched into the working directory, with its SHA-256
    #[arg(long, value_name = "NAME=DIGEST")]
    pub delivered: Vec<Delivered>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct AppmasterOptions {
    #[command(flatten)]
    pub cluster: ClusterOptions,
    #[command(flatten)]
    pub task: TaskOptions,
}

#[derive(Clone, Debug, Args)]
pub struct ConfigOptions {
    #[command(flatten)]
    pub cluster: ClusterOptions,
    /// Only check the configuration and print all that is wrong at once; exit code 78 if anything is
    #[arg(long, conflicts_with = "command")]
    pub check: bool,
    /// With --check: print one JSON object with all errors and warnings, each with its key, file and line
    #[arg(long, requires = "check")]
    pub json: bool,
    /// Print the java command line, one argument a line, and start nothing
    #[arg(long, value_name = "PROCESS")]
    pub command: Option<Process>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Process {
    Jobmanager,
    Taskmanager,
}

#[derive(Debug, Subcommand)]
pub enum Client {
    /// Put the library for `flink run -t mesos-session` into a Flink distribution, or a newer one in its place
    Install(InstallOptions),
}

#[derive(Debug, Args)]
pub struct InstallOptions {
    /// The distribution, with `bin` and `lib` in it
    pub flink_home: PathBuf,
    /// The library [default: flink-on-mesos-client.jar beside this program, else in /usr/share/flink-on-mesos]
    #[arg(long, value_name = "FILE")]
    pub jar: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub struct ConsoleOptions {
    /// What Flink's own script takes; `--help` lists it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARG")]
    pub words: Vec<OsString>,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsOptions {
    pub shell: Shell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
}

#[derive(Clone, Debug, Args)]
pub struct PurgeOptions {
    /// Also if there are clusters: their AppMasters end with the framework
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub cluster: ClusterOptions,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        Some(_) | None => Err("expected key=value".to_owned()),
    }
}

fn job_id(text: &str) -> Result<String, String> {
    let is_id = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| text.to_owned()).ok_or_else(|| "expected 32 hexadecimal digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        let words = std::iter::once("flink-on-mesos").chain(line.split_whitespace());
        Cli::read_from(words.map(OsString::from).collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn no_command_is_a_session_cluster() {
        let cli = parse("-D a=b=c -Dx= --configDir /conf").expect("understood");
        assert!(cli.command.is_none());
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(cli.cluster.properties, [pair("a", "b=c"), pair("x", "")]);
        assert_eq!(cli.cluster.conf_dir, Some(PathBuf::from("/conf")));
    }

    #[test]
    fn what_is_no_command_is_a_program_with_its_own_options() {
        let Some(Command::Other(words)) = parse("sleep --help -D 1").expect("understood").command else {
            panic!("taken for a command of ours");
        };
        assert_eq!(words, ["sleep", "--help", "-D", "1"]);
    }

    #[test]
    fn the_short_way_reads_the_same() {
        for line in [
            "exec --grace 3s --remap 143=0 -- a --b",
            "exec a -v",
            "exec -- a --b",
            "exec -- -- a",
            "init --plan-fd 5",
            "claim t-1 nobody http://a:1",
            &format!("claim t-1 elected https://a:1 {}", "0a".repeat(32)),
        ] {
            let words: Vec<_> = std::iter::once("flink-on-mesos").chain(line.split_whitespace()).collect();
            let long = Cli::try_parse_from(&words).expect("understood");
            assert_eq!(format!("{:?}", parse(line).expect("understood")), format!("{long:?}"));
        }
        for line in ["exec", "exec --", "exec --no-such-option a", "init"] {
            let error = parse(line).expect_err("refused");
            assert!(error.contains("Usage: flink-on-mesos "), "{error}");
        }
    }

    #[test]
    fn what_follows_the_options_belongs_to_the_job() {
        let line = "appmaster-job -D a=b -j Main --jars a.jar,b.jar -n --input x -D c=d";
        let Some(Command::AppmasterJob(options)) = parse(line).expect("understood").command else {
            panic!("another command");
        };
        let options = options.job;
        let application = options.application();
        assert_eq!(application.jars, ["a.jar", "b.jar"]);
        assert_eq!(application.job_classname.as_deref(), Some("Main"));
        assert_eq!(application.unrestored_state, UnrestoredState::Allow);
        assert_eq!(application.arguments, ["--input", "x", "-D", "c=d"]);
        assert_eq!(options.cluster.properties.len(), 1);
        let error = parse("appmaster-job --job-id 0x17").expect_err("refused");
        assert!(error.contains("32 hexadecimal digits"), "{error}");
    }

    #[test]
    fn a_local_cluster_listens_where_it_is_told() {
        let line = "local --listen 0.0.0.0 -D rest.bind-address=127.0.0.2";
        let Some(Command::Local(options)) = parse(line).expect("understood").command else {
            panic!("another command");
        };
        let properties = options.of_cluster().properties;
        let last =
            |key: &str| properties.iter().rfind(|(own, _)| own == key).map(|(_, value)| value.as_str());
        assert_eq!(last("rest.bind-address"), Some("127.0.0.2"));
        assert_eq!(last("mesos.status.bind-address"), Some("0.0.0.0"));
        assert!(parse("local --dispatcher --listen ::").is_err());
    }

    #[test]
    fn a_property_without_value_is_an_error_that_names_it() {
        let error = parse("local -D rest.port").expect_err("refused");
        assert!(error.contains("rest.port") && error.contains("key=value"), "{error}");
    }
}
