//! The commands that talk to a dispatcher.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use access::Role;
use api::client::Address;
use base::digest::{Digest, DigestError};
use logs::name::LogName;
use logs::query::LogsQuery;
use manifest::ArtifactUri;

use super::EndpointOptions;

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create clusters on the dispatcher, or change those that there are, by manifests; exit code 2 if all is accepted and
    /// something does not fit into Mesos' latest offers
    Apply(ApplyOptions),
    /// Print what `apply` would do, what has to begin anew for it, and whether it fits into Mesos' latest offers; exit
    /// code 2 if all is accepted and something does not fit
    Plan(ApplyOptions),
    /// Print the fields of manifests that are others than those that were applied last; exit code 1 if there are
    /// any
    Diff(ApplyOptions),
    /// Print the dispatcher's clusters, or one of them
    Get(GetOptions),
    /// Print all that is known of a cluster
    Describe(DescribeOptions),
    /// Print the clusters that wait for something, those that are served first at first, and what Mesos has offered last
    Queue(AnswerOptions),
    /// End clusters and forget them
    Delete(DeleteOptions),
    /// End the AppMasters of clusters, and keep what is known of them
    Suspend(EndOptions),
    /// Start clusters again that were suspended
    Resume(NamesOptions),
    /// Replace the AppMasters of clusters, or one TaskManager; clusters that have ended begin anew
    Restart(RestartOptions),
    /// Leave clusters as they are: manifests that are applied wait
    Freeze(NamesOptions),
    /// Take the manifests that were applied to frozen clusters
    Thaw(NamesOptions),
    /// Print what an AppMaster or TaskManager of a cluster has written into its sandbox at Mesos
    Logs(LogsOptions),
    /// Print who has changed what
    Audit(AuditOptions),
    /// Create, list and end session clusters without a manifest
    #[command(subcommand)]
    Session(Session),
    /// Push the files of jobs to the dispatcher, list them, and remove them
    #[command(subcommand)]
    Artifact(Artifact),
    /// Print a new token on stdout, and on stderr the entry to add to the file that `dispatcher.tokens` names
    Token(TokenOptions),
}

#[derive(Debug, Subcommand)]
pub enum Session {
    /// Create a session cluster; it must not exist. Exit code 2 if it does not fit into Mesos' latest offers
    Create(CreateOptions),
    /// Print the dispatcher's session clusters
    List(AnswerOptions),
    /// Set how many TaskManagers a session cluster has
    Scale(ScaleOptions),
    /// End session clusters and forget them
    Stop(EndOptions),
}

#[derive(Debug, Subcommand)]
pub enum Artifact {
    /// Push files, and print the URI of each for `spec.job.jarURI`; what is there already is not sent again
    Push(PushOptions),
    /// Print all artifacts, and which clusters refer to them
    List(AnswerOptions),
    /// Remove artifacts to which no cluster refers
    Rm(RmOptions),
}

#[derive(Clone, Debug, Args)]
pub struct PushOptions {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Why, for the audit
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    #[command(flatten)]
    pub answer: AnswerOptions,
}

#[derive(Clone, Debug, Args)]
pub struct RmOptions {
    /// SHA-256 in 64 hexadecimal digits, or the URI
    #[arg(required = true, value_name = "DIGEST", value_parser = digest)]
    pub digests: Vec<Digest>,
    /// Why, for the audit
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    #[command(flatten)]
    pub answer: AnswerOptions,
}

fn digest(text: &str) -> Result<Digest, String> {
    match text.parse::<ArtifactUri>() {
        Ok(uri) => Ok(uri.digest),
        Err(_) => text.parse().map_err(|error: DigestError| error.to_string()),
    }
}

/// What a manifest would say.
#[derive(Clone, Debug, Args)]
pub struct CreateOptions {
    /// The cluster
    pub name: String,
    #[command(flatten)]
    pub creation: CreationOptions,
    /// Why, for the audit
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    #[command(flatten)]
    pub answer: AnswerOptions,
}

/// What a new cluster is like.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct CreationOptions {
    /// Flink's version as manifests have it, such as `v1_20` [default: the newest that the dispatcher has]
    #[arg(long, value_name = "VERSION")]
    pub flink_version: Option<String>,
    /// The image of all processes [default: none; agents download Flink and java]
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
    /// How many TaskManagers to start with
    #[arg(long, value_name = "N")]
    pub taskmanagers: Option<u32>,
    /// CPUs of a TaskManager
    #[arg(long, value_name = "CPUS")]
    pub cpu: Option<f64>,
    /// Memory of a TaskManager [default: 2g]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Memory of the JobManager [default: 2g]
    #[arg(long, value_name = "SIZE")]
    pub jobmanager_memory: Option<String>,
    /// The Mesos role [default: the dispatcher's own]
    #[arg(long)]
    pub role: Option<String>,
    /// A value of Flink's configuration
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub properties: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    Json,
    Yaml,
}

#[derive(Clone, Debug, Default, Args)]
pub struct DispatcherOptions {
    /// The dispatcher, as `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH` [default: $FLINK_ON_MESOS_DISPATCHER,
    /// else the first line of ~/.config/flink-on-mesos/dispatcher, else the socket of this machine, and
    /// without one port 8090 of 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub dispatcher: Option<Address>,
    /// Authorities that vouch for the dispatcher's certificate, in PEM [default: $FLINK_ON_MESOS_CA, else those of the
    /// system]
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// A certificate with its key that is shown to the dispatcher, in PEM [default: $FLINK_ON_MESOS_CLIENT_CERTIFICATE]
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
}

#[derive(Clone, Debug, Default, Args)]
pub struct AnswerOptions {
    /// How the answer is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub dispatcher: DispatcherOptions,
}

#[derive(Clone, Debug, Default, Args)]
pub struct OrderOptions {
    /// Why, for the audit
    #[arg(long, short, value_name = "TEXT")]
    pub message: Option<String>,
    /// Only if this is the last revision of the cluster
    #[arg(long, value_name = "N")]
    pub if_revision: Option<u64>,
    #[command(flatten)]
    pub answer: AnswerOptions,
}

#[derive(Clone, Debug, Args)]
pub struct ApplyOptions {
    /// A file with manifests in YAML or JSON; `-` is stdin
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub order: OrderOptions,
}

#[derive(Clone, Debug, Args)]
pub struct GetOptions {
    /// The cluster [default: all]
    pub name: Option<String>,
    #[command(flatten)]
    pub answer: AnswerOptions,
}

#[derive(Clone, Debug, Args)]
pub struct DescribeOptions {
    /// The cluster
    pub name: String,
    #[command(flatten)]
    pub answer: AnswerOptions,
}

#[derive(Clone, Debug, Args)]
pub struct NamesOptions {
    /// The clusters
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub order: OrderOptions,
}

#[derive(Clone, Debug, Args)]
pub struct EndOptions {
    /// The clusters
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    #[command(flatten)]
    pub force: Force,
    #[command(flatten)]
    pub order: OrderOptions,
}

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct Force {
    /// Even if jobs run in a session, or if it is not known whether any run
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, Args)]
pub struct RestartOptions {
    /// The clusters
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Replace this TaskManager instead: start a new one, stop the old one once it has registered
    #[arg(long, value_name = "ID")]
    pub taskmanager: Option<String>,
    #[command(flatten)]
    pub order: OrderOptions,
}

#[derive(Clone, Debug, Args)]
pub struct ScaleOptions {
    /// The cluster
    pub name: String,
    /// How many TaskManagers
    #[arg(value_name = "N")]
    pub taskmanagers: u32,
    #[command(flatten)]
    pub order: OrderOptions,
}

#[derive(Clone, Debug, Args)]
pub struct DeleteOptions {
    /// The clusters
    #[arg(value_name = "NAME", required_unless_present = "files", conflicts_with = "files")]
    pub names: Vec<String>,
    /// A file with manifests of the clusters; `-` is stdin
    #[arg(long = "file", short, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub force: Force,
    #[command(flatten)]
    pub order: OrderOptions,
}

#[derive(Clone, Debug, Args)]
pub struct LogsOptions {
    /// A cluster of the dispatcher [default: that of the running AppMaster]
    #[arg(conflicts_with_all = ["socket", "address"])]
    pub name: Option<String>,
    /// The task, or the beginning of its id, or the number at its end [default: the AppMaster that leads, else the last one]
    #[arg(value_name = "jobmanager|TASK")]
    task: Option<String>,
    /// The same where no cluster is named
    #[arg(long = "task", value_name = "TASK", conflicts_with = "task")]
    of: Option<String>,
    /// Then go on with what is written until the task has ended
    #[arg(long, short)]
    pub follow: bool,
    #[command(flatten)]
    pub file: LogFile,
    /// So many of the last lines [default: all]
    #[arg(long, value_name = "N")]
    pub tail: Option<u64>,
    #[command(flatten)]
    pub endpoint: EndpointOptions,
    #[command(flatten)]
    pub dispatcher: DispatcherOptions,
}

impl LogsOptions {
    pub fn query(&self) -> LogsQuery {
        LogsQuery {
            task: self.task.clone().or_else(|| self.of.clone()),
            file: self.file.name(),
            tail: self.tail,
            follow: self.follow,
            ..LogsQuery::default()
        }
    }
}

#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
pub struct LogFile {
    /// What the process printed [default]
    #[arg(long)]
    pub stdout: bool,
    /// What the process, and Mesos for it, printed on stderr
    #[arg(long)]
    pub stderr: bool,
    /// Another log in the sandbox, such as `flink.log`
    #[arg(long, value_name = "NAME")]
    pub file: Option<LogName>,
}

impl LogFile {
    fn name(&self) -> Option<String> {
        match &self.file {
            Some(name) => Some(name.to_string()),
            None => self.stderr.then(|| "stderr".to_owned()),
        }
    }
}

/// What stands beside the token's hash.
#[derive(Clone, Debug, Args)]
pub struct TokenOptions {
    /// Whose it is, for the audit
    #[arg(long)]
    pub name: String,
    /// What it allows: `view`, `edit` or `admin`
    #[arg(long, value_parser = role)]
    pub role: Role,
    /// A Mesos role that clusters may take, or with `/*` a role and all below it [default: the dispatcher's own]
    #[arg(long = "mesos-role", value_name = "ROLE")]
    pub mesos_roles: Vec<String>,
    /// A user as whom clusters may run [default: the dispatcher's own]
    #[arg(long = "user", value_name = "USER")]
    pub users: Vec<String>,
    /// Until when it counts, such as `2027-01-31T00:00:00Z` [default: for ever]
    #[arg(long, value_name = "TIME")]
    pub expires: Option<String>,
}

fn role(word: &str) -> Result<Role, String> {
    Role::named(word).ok_or_else(|| "expected view, edit or admin".to_owned())
}

#[derive(Clone, Debug, Args)]
pub struct AuditOptions {
    /// Only changes of this cluster
    pub name: Option<String>,
    /// So many of the last changes
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub last: usize,
    #[command(flatten)]
    pub answer: AnswerOptions,
}
