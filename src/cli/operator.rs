//! What a running AppMaster is asked and told by its operators.

use std::path::PathBuf;

use clap::Args;

use scheduler::explain::{Question, QuestionError};
use status::client::{Endpoint, EndpointError};

use super::clusters;

#[derive(Clone, Debug, Args)]
pub struct SocketOptions {
    /// The AppMaster's unix socket [default: $FLINK_ON_MESOS_SOCKET, else flink-on-mesos.sock in the directory for
    /// temporary files]
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,
}

/// For questions, which the status port answers too.
#[derive(Clone, Debug, Args)]
pub struct EndpointOptions {
    #[command(flatten)]
    pub socket: SocketOptions,
    /// The AppMaster's status port, as HOST:PORT, in the place of its socket
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "socket", value_parser = address)]
    pub address: Option<Endpoint>,
}

fn address(text: &str) -> Result<Endpoint, EndpointError> {
    text.parse()
}

#[derive(Clone, Debug, Args)]
pub struct ExplainOptions {
    /// A cluster of the dispatcher [default: the running AppMaster]
    #[arg(conflicts_with_all = ["socket", "address", "what_if", "json"])]
    pub name: Option<String>,
    /// How many other TaskManagers would fit into the latest offers, such as `count=20,cpus=4,mem=8192`:
    /// `count`, resources by their Mesos names, `ports=3`, `constraint=rack:UNIQUE`, `constraint=none`
    #[arg(long, value_name = "TEXT", value_parser = supposition)]
    pub what_if: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub endpoint: EndpointOptions,
    /// How the dispatcher's answer is printed
    #[arg(long, short, value_enum, value_name = "FORMAT", requires = "name", default_value_t)]
    pub output: clusters::Output,
    #[command(flatten)]
    pub dispatcher: clusters::DispatcherOptions,
}

#[derive(Clone, Debug, Args)]
pub struct StatusOptions {
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub endpoint: EndpointOptions,
}

#[derive(Clone, Debug, Args)]
pub struct TeardownOptions {
    /// End the cluster even if jobs run, or if it cannot be found out whether any run
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub socket: SocketOptions,
}

#[derive(Clone, Debug, Args)]
pub struct RestartOptions {
    /// The TaskManager's task id, as `status` prints it
    #[arg(value_name = "ID")]
    pub taskmanager: String,
    #[command(flatten)]
    pub socket: SocketOptions,
}

#[derive(Clone, Debug, Args)]
pub struct EventsOptions {
    /// A cluster of the dispatcher [default: the running AppMaster]
    #[arg(conflicts_with = "socket")]
    pub name: Option<String>,
    /// All clusters of the dispatcher
    #[arg(long, conflicts_with_all = ["name", "socket"])]
    pub all: bool,
    /// Then go on with new events as they come
    #[arg(long, short)]
    pub follow: bool,
    /// Print each event as a line of JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub endpoint: EndpointOptions,
    #[command(flatten)]
    pub dispatcher: clusters::DispatcherOptions,
}

impl EventsOptions {
    /// Whose events are meant.
    pub fn is_of_dispatcher(&self) -> bool {
        self.all || self.name.is_some() || self.dispatcher.dispatcher.is_some()
    }
}

#[derive(Clone, Debug, Args)]
pub struct ScaleOptions {
    /// How many TaskManagers to keep; 0 is refused while jobs run
    pub taskmanagers: u32,
    /// Keep none even if jobs run, or if it cannot be found out whether any run
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub socket: SocketOptions,
}

/// Checked here, understood where it is answered.
fn supposition(text: &str) -> Result<String, QuestionError> {
    text.parse::<Question>().map(|_| text.to_owned())
}
