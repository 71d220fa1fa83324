//! Options of the embedded Mesos, with the names of the real one.

mod parse;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use mesos::wire::cluster::DomainInfo;

/// Options that say nothing to a single agent.
const MASTERS_OWN: [&str; 10] = [
    "agents",
    "agent_domain",
    "roles",
    "authenticate_http_frameworks",
    "listen_fd",
    "agent_ping_timeout",
    "max_agent_ping_timeouts",
    "agent_reregister_timeout",
    "offer_timeout",
    "time_scale",
];

/// More would only be more work directories on the same machine.
pub const MAX_AGENTS: u16 = 1000;

/// The embedded Mesos: a master and agents in one process, or with --agent one agent whose master is elsewhere, for
/// trying out and for tests. Only tasks in Docker are isolated, and an agent's tasks end when its process
/// ends.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Run one agent and no master: it connects to --master, and again whenever the connection is lost. The
    /// master's options for pings and time apply to it too
    #[arg(long, requires = "master", conflicts_with_all = MASTERS_OWN)]
    pub agent: bool,

    /// The agent's master: an embedded one that listens on an address of its host
    #[arg(long, value_name = "HOST:PORT", requires = "agent", value_parser = parse::master)]
    pub master: Option<String>,

    /// Address to listen on. Whoever reaches it can run any command as its user, so keep it on loopback
    /// unless you trust the network [default: 127.0.0.1; for an agent, the address from which this host
    /// reaches its master]
    #[arg(long)]
    pub ip: Option<Ipv4Addr>,

    /// Port to listen on; 0 picks a free one [default: 5050; for an agent, 5051]
    #[arg(long)]
    pub port: Option<u16>,

    /// Host name that offers and the master show; the address by default
    #[arg(long)]
    pub hostname: Option<String>,

    /// Directory for the sandboxes of tasks
    #[arg(long, alias = "work_dir", default_value = "/tmp/mesos")]
    pub work_dir: PathBuf,

    /// Number of agents in the master's process; agents on other hosts can join in any case
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(0..=MAX_AGENTS as i64))]
    pub agents: u16,

    /// What each agent offers, such as 'cpus:4;mem:4096;disk:10240;ports:[31000-32000];cpus(role):2'. What is
    /// left out of cpus, mem, disk and ports is detected and divided among the agents. The tasks of all agents
    /// share one machine: the range of ports is split into disjoint parts, one for each agent. Repeated, the
    /// n-th is for the n-th agent, whose ports are not split
    #[arg(long)]
    pub resources: Vec<String>,

    /// Attributes of each agent, such as 'rack:r1;generation:2'. Repeated, the n-th is for the n-th agent
    #[arg(long)]
    pub attributes: Vec<String>,

    /// Fault domain of the master, or of the one agent, as REGION/ZONE
    #[arg(long, value_parser = parse::domain)]
    pub domain: Option<DomainInfo>,

    /// Fault domain of each of the master's agents, as REGION/ZONE; the master's by default. Repeated, the n-th is for the n-th
    /// agent
    #[arg(long, value_parser = parse::domain)]
    pub agent_domain: Vec<DomainInfo>,

    /// Roles that frameworks may have besides '*', separated by commas; all by default
    #[arg(long, value_delimiter = ',')]
    pub roles: Vec<String>,

    /// Schedulers must prove who they are with HTTP Basic authentication; needs --credentials
    #[arg(long, alias = "authenticate_http_frameworks", requires = "credentials")]
    pub authenticate_http_frameworks: bool,

    /// Whoever looks at the master's state or into sandboxes must prove who that is with HTTP Basic authentication; needs
    /// --credentials
    #[arg(long, alias = "authenticate_http_readonly", requires = "credentials")]
    pub authenticate_http_readonly: bool,

    /// The same for the operator's API of the master and of agents
    #[arg(long, alias = "authenticate_http_readwrite", requires = "credentials")]
    pub authenticate_http_readwrite: bool,

    /// File of principals and secrets: a pair on each line, or JSON as the real master reads it
    #[arg(long, alias = "http_credentials")]
    pub credentials: Option<PathBuf>,

    /// File to which the port is written once it is open
    #[arg(long)]
    pub port_file: Option<PathBuf>,

    /// A descriptor that listens already, in place of address and port
    #[arg(long, hide = true)]
    pub listen_fd: Option<i32>,

    /// Time between two pings of an agent, such as '15secs'
    #[arg(long, alias = "agent_ping_timeout", default_value = "15secs", value_parser = parse::ping_timeout)]
    pub agent_ping_timeout: Duration,

    /// Pings an agent may miss in a row before it counts as unreachable
    #[arg(long, alias = "max_agent_ping_timeouts", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_agent_ping_timeouts: u32,

    /// How long a new master waits for the agents of the one before it
    #[arg(long, alias = "agent_reregister_timeout", default_value = "10mins", value_parser = parse::duration)]
    pub agent_reregister_timeout: Duration,

    /// Time after which an offer without an answer is rescinded; never by default
    #[arg(long, alias = "offer_timeout", value_parser = parse::duration)]
    pub offer_timeout: Option<Duration>,

    /// Run every task as the agent's own user, not as the user that the task or its framework names. Only an agent that
    /// runs as root can switch to another user, and the user must be in /etc/passwd
    #[arg(long = "no-switch_user", alias = "no-switch-user")]
    pub no_switch_user: bool,

    /// mesos, or docker,mesos: with docker, tasks whose container is of that type run by `docker run`, as the real agent's do
    #[arg(long, value_name = "NAMES", default_value = "mesos", value_parser = ["mesos", "docker,mesos", "mesos,docker"])]
    pub containerizers: String,

    /// The socket of Docker's engine
    #[arg(long, alias = "docker_socket", value_name = "PATH", default_value = "/var/run/docker.sock")]
    pub docker_socket: String,

    /// Makes time pass N times as fast: heartbeats, timeouts, filters and grace periods alike, for tests
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub time_scale: u32,

    /// Makes ids and the order of offers repeatable
    #[arg(long)]
    pub seed: Option<u64>,
}
