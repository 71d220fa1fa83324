//! The configuration in types: everything wrong in it is found at once, before anything starts.

pub(super) mod agent;
pub(crate) mod artifacts;
mod dispatcher;
pub(super) mod high_availability;
pub(super) mod parse;
mod ports;
pub(super) mod quorum;
mod reader;
pub(super) mod scaling;
mod spelled;
mod state_dir;
pub(super) mod task;
mod tls;
mod unknown;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::keys::{self, flink};
use super::problem::Problem;
use super::table::Table;
use super::warning::Warning;
pub use agent::{Constraints, Placement};
pub use artifacts::{Artifacts, Port};
pub use dispatcher::{ArtifactSettings, DispatcherSettings, FlinkSource};
use domain::succession::Succession;
pub use high_availability::{HighAvailability, is_on as is_highly_available};
use mesos::address::MasterAddress;
pub use parse::{Ports, Secret};
pub use ports::conflicts as port_conflicts;
pub use quorum::Quorum;
use reader::Reader;
pub use scaling::{Demand, Scaling};
pub use spelled::spelled;
pub use task::{Container, Delivery, DockerParameter, Image, Mount, Network, Runtime, Tasks, Volume};
pub use tls::{ApiTls, MasterTls, RestTls, Truststore};

/// What this program itself needs to know; Flink reads the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    pub master: MasterAddress,
    pub master_tls: MasterTls,
    /// How long the first registration may take.
    pub registration_timeout: Duration,
    pub framework: Framework,
    pub offers: Offers,
    pub artifacts: Artifacts,
    pub status: Status,
    pub tasks: Tasks,
    pub placement: Placement,
    pub constraints: Constraints,
    pub scaling: Scaling,
    /// After how many failed TaskManagers the cluster ends; `None` for never.
    pub failed_tasks_max: Option<u32>,
    /// In which they must have failed; `None` for the whole life of the cluster.
    pub failed_tasks_interval: Option<Duration>,
    /// How long the first TaskManagers wait to be started together; `None` for not at all.
    pub gang_timeout: Option<Duration>,
    pub job_manager: JobManager,
    pub hearing: Hearing,
    pub high_availability: Option<HighAvailability>,
    /// Where the state lies without high availability, so that the next AppMaster on this host goes on with it.
    pub state_dir: Option<PathBuf>,
    pub rest_tls: Option<RestTls>,
}

/// As what we register with Mesos.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Framework {
    pub name: String,
    /// Whose resources it is offered.
    pub roles: Vec<String>,
    /// User of the tasks unless [`Tasks::user`] is set; an AppMaster decides on one before it starts anything.
    pub user: Option<String>,
    pub identity: Option<Identity>,
    /// How long the master keeps the tasks of a framework that went away: the user's value, else what fits
    /// [`Settings::succession`].
    pub failover_timeout: Duration,
}

/// With what the framework authenticates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub principal: String,
    /// `None` where the cluster checks the principal by other means.
    pub secret: Option<SecretSource>,
}

/// Where the framework's secret comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretSource {
    Value(Secret),
    File(PathBuf),
}

/// What becomes of offers that are not used at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offers {
    /// For how long an offer that fits nothing yet is kept.
    pub unused_expiration: Duration,
    /// For how long Mesos shall not offer again what was declined.
    pub refuse: Duration,
}

/// The status page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub bind_address: IpAddr,
    /// 0 for any free one.
    pub port: u16,
}

/// After what time the JobManager does not hear a TaskManager any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hearing {
    pub heartbeat_interval: Duration,
    pub heartbeat_timeout: Duration,
    /// In which a TaskManager must have registered.
    pub register: Duration,
}

/// Where the JobManager is reached, and what its process gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobManager {
    pub address: String,
    /// With high availability the ports of `high-availability.jobmanager.port`.
    pub rpc_ports: Ports,
    /// Those it binds; what clients connect to may be another port (`rest.port`).
    pub rest_ports: Ports,
    /// From where TaskManagers fetch jars.
    pub blob_ports: Ports,
    /// From where the Web UI has metrics.
    pub metrics_ports: Ports,
    /// For the JobManager's process (`containerized.master.env.`).
    pub environment: BTreeMap<String, String>,
}

impl Settings {
    /// All problems at once, or the settings.
    pub fn from_table(table: &Table) -> Result<Self, Vec<Problem>> {
        let mut reader = Reader::new(table);
        let settings = Self::read(&mut reader);
        reader.finish(settings)
    }

    /// Who can go on with the framework when this AppMaster is gone.
    pub fn succession(&self) -> Succession {
        succession(self.high_availability.is_some(), self.state_dir.is_some())
    }

    /// What is odd in the `mesos.` keys and in the keys this program reads, but does not stop the start.
    pub fn warnings(table: &Table) -> Vec<Warning> {
        let mut warnings = unknown::warnings(table);
        warnings.extend(high_availability::warnings(table));
        warnings.extend(task::warnings(table));
        warnings.extend(state_dir::warnings(table, high_availability::is_on(table)));
        if table.get(keys::FRAMEWORK_PRINCIPAL.name).is_none() {
            for key in [keys::FRAMEWORK_SECRET.name, keys::FRAMEWORK_SECRET_FILE.name] {
                if table.get(key).is_some() {
                    let needed = keys::FRAMEWORK_PRINCIPAL.name;
                    warnings.push(Warning::about(key, format!("`{key}` is not used without `{needed}`")));
                }
            }
        }
        warnings
    }

    /// Complete only if the reader found no problem.
    fn read(reader: &mut Reader<'_>) -> Self {
        // The placeholder lets the other values be read too, so that all problems are told.
        let placeholder = MasterAddress::File(PathBuf::new());
        let master = reader.required(&keys::MASTER, "the Mesos master: host:port, zk://… or file:///…");
        let high_availability = HighAvailability::read(reader);
        let failed_tasks_max = reader.value(&keys::MAXIMUM_FAILED_TASKS);
        let job_manager = JobManager::read(reader, high_availability.is_some());
        let tasks = Tasks::read(reader);
        let is_kept = reader.is_given(&keys::STATE_DIR);
        let framework = Framework::read(reader, succession(high_availability.is_some(), is_kept));
        Self {
            master: master.unwrap_or(placeholder),
            master_tls: MasterTls::read(reader),
            registration_timeout: reader.value(&keys::REGISTRATION_TIMEOUT),
            offers: Offers {
                unused_expiration: reader.value(&keys::UNUSED_OFFER_EXPIRATION),
                refuse: reader.value(&keys::DECLINE_REFUSE),
            },
            artifacts: Artifacts::read(reader, &framework.name),
            state_dir: state_dir::read(reader, &framework.name, high_availability.as_ref()),
            framework,
            status: Status {
                bind_address: reader.value(&keys::STATUS_BIND_ADDRESS),
                port: reader.value(&keys::STATUS_PORT),
            },
            scaling: Scaling::read(reader, tasks.slots, &job_manager.rest_ports),
            tasks,
            placement: reader.value(&keys::PLACEMENT),
            constraints: Constraints::read(reader),
            failed_tasks_max: u32::try_from(failed_tasks_max).ok(),
            failed_tasks_interval: Some(reader.value(&keys::FAILED_TASKS_INTERVAL))
                .filter(|span| !span.is_zero()),
            gang_timeout: Some(reader.value(&keys::GANG_TIMEOUT)).filter(|span| !span.is_zero()),
            job_manager,
            hearing: Hearing::read(reader),
            high_availability,
            rest_tls: RestTls::read(reader),
        }
    }
}

fn succession(is_elected: bool, is_kept: bool) -> Succession {
    match (is_elected, is_kept) {
        (true, _) => Succession::Elected,
        (false, true) => Succession::Kept,
        (false, false) => Succession::Nobody,
    }
}

impl Framework {
    fn read(reader: &mut Reader<'_>, succession: Succession) -> Self {
        let of_key = reader.value(&keys::FAILOVER_TIMEOUT);
        let is_given = reader.is_given(&keys::FAILOVER_TIMEOUT);
        let secret = reader.optional(&keys::FRAMEWORK_SECRET);
        let file = reader.optional(&keys::FRAMEWORK_SECRET_FILE);
        let secret = file.map(SecretSource::File).or(secret.map(SecretSource::Value));
        Self {
            name: reader.value(&keys::FRAMEWORK_NAME),
            roles: reader.value(&keys::FRAMEWORK_ROLE),
            user: reader.optional(&keys::FRAMEWORK_USER),
            identity: reader
                .optional(&keys::FRAMEWORK_PRINCIPAL)
                .map(|principal| Identity { principal, secret }),
            failover_timeout: if is_given { of_key } else { succession.failover_timeout(of_key) },
        }
    }
}

impl Hearing {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            heartbeat_interval: reader.value(&flink::HEARTBEAT_INTERVAL),
            heartbeat_timeout: reader.value(&flink::HEARTBEAT_TIMEOUT),
            register: reader.value(&flink::REGISTERED_WITHIN),
        }
    }
}

impl JobManager {
    fn read(reader: &mut Reader<'_>, high_availability: bool) -> Self {
        // Flink alone reads these, and ends over a wrong one.
        for host in [
            &flink::JOB_MANAGER_BIND_HOST,
            &flink::REST_ADDRESS,
            &flink::REST_BIND_ADDRESS,
            &flink::TASK_MANAGER_BIND_HOST,
            &flink::TASK_MANAGER_HOST,
        ] {
            reader.optional(host);
        }
        let rpc = if high_availability { &flink::HA_JOB_MANAGER_PORT } else { &flink::RPC_PORT };
        Self {
            address: reader.value(&flink::ADDRESS),
            rpc_ports: reader.value(rpc),
            rest_ports: reader.value(&flink::REST_BIND_PORT),
            blob_ports: reader.value(&flink::BLOB_PORT),
            metrics_ports: reader.value(&flink::METRICS_PORT),
            environment: reader.with_prefix(flink::MASTER_ENVIRONMENT),
        }
    }
}

#[cfg(test)]
mod tests;
