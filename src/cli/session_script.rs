//! `mesos-session.sh`, with the options that session scripts of Flink have.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::clusters::DispatcherOptions;

/// As the first word, or as the name of a link to the program.
pub const NAME: &str = "mesos-session.sh";

/// Flink reads them with one dash; here they are words after two.
const LONG: [(&str, &str); 5] = [
    ("-jm", "--jobManagerMemory"),
    ("-tm", "--taskManagerMemory"),
    ("-nm", "--name"),
    ("-id", "--sessionId"),
    ("-fv", "--flinkVersion"),
];

/// Start a session cluster and stay with it, as scripts of Flink do
#[derive(Clone, Debug, Args)]
pub struct SessionScript {
    /// How many TaskManagers to start with
    #[arg(short = 'n', long = "taskManagerCount", value_name = "N")]
    pub taskmanagers: Option<u32>,
    /// Slots of a TaskManager
    #[arg(short, long, value_name = "N")]
    pub slots: Option<u32>,
    /// -jm: memory of the JobManager, in MB where no unit is named
    #[arg(long = "jobManagerMemory", value_name = "SIZE")]
    pub jobmanager_memory: Option<String>,
    /// -tm: memory of a TaskManager, in MB where no unit is named
    #[arg(long = "taskManagerMemory", value_name = "SIZE")]
    pub taskmanager_memory: Option<String>,
    /// -nm: the cluster's name [default: one that is made up]
    #[arg(long, conflicts_with = "id")]
    pub name: Option<String>,
    /// -fv: Flink's version as manifests have it, such as `v1_20` [default: the newest that the dispatcher has]
    #[arg(long = "flinkVersion", value_name = "VERSION")]
    pub flink_version: Option<String>,
    /// The Mesos role
    #[arg(short, long)]
    pub role: Option<String>,
    /// Do not stay with the cluster: it goes on when this command has ended
    #[arg(short, long)]
    pub detached: bool,
    /// -id: stay with a session cluster that there is, and take orders to it on stdin, such as `stop`
    #[arg(long = "sessionId", value_name = "NAME", conflicts_with_all = ["taskmanagers", "slots", "properties"])]
    pub id: Option<String>,
    /// Print what Mesos has offered last and which clusters wait for it
    #[arg(short, long)]
    pub query: bool,
    /// Files for all processes: refused, as an image has them, or `mesos.resourcemanager.tasks.uris`
    #[arg(short = 't', long, value_name = "PATH")]
    pub ship: Vec<PathBuf>,
    /// Flink's jar: without a meaning, as the dispatcher has Flink
    #[arg(short = 'j', long, value_name = "PATH")]
    pub jar: Option<PathBuf>,
    /// Without a meaning: the dispatcher keeps each cluster at a place of its own
    #[arg(short = 'z', long = "zookeeperNamespace", value_name = "NAME")]
    pub namespace: Option<String>,
    /// A value of Flink's configuration
    #[arg(short = 'D', value_name = "KEY=VALUE", value_parser = super::key_value)]
    pub properties: Vec<(String, String)>,
    #[command(flatten)]
    pub dispatcher: DispatcherOptions,
}

/// The same words with options as they are declared here.
pub fn with_long_options(words: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words.into_iter().map(|word| {
        let Some(text) = word.to_str() else { return word };
        let (option, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
        match (LONG.iter().find(|(short, _)| *short == option), value) {
            (Some((_, long)), None) => long.into(),
            (Some((_, long)), Some(value)) => format!("{long}={value}").into(),
            (None, _) => word,
        }
    })
}
