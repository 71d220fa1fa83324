//! What a cluster shall be, in the words of the Kubernetes operator. Two manifests that mean the same give equal specifications.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use base::digest::Digest;
use domain::constraint::Constraint;

use super::artifact::ArtifactUri;
use super::quantity::{Cpus, Memory};
use super::version::FlinkVersion;

/// As it is kept and answered; [`super::read`] also reads this form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub api_version: ApiVersion,
    pub kind: Kind,
    pub metadata: Metadata,
    pub spec: Specification,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ApiVersion {
    #[serde(rename = "flink.apache.org/v1beta1")]
    V1Beta1,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Kind {
    FlinkDeployment,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Metadata {
    pub name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Specification {
    #[schema(value_type = String, example = "v1_20")]
    pub flink_version: FlinkVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<PullPolicy>,
    /// Flat, each value as Flink would print it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub flink_configuration: BTreeMap<String, String>,
    #[serde(default)]
    pub job_manager: JobManager,
    #[serde(default)]
    pub task_manager: TaskManager,
    /// An application's; a session cluster has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// Each change starts the cluster anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart_nonce: Option<i64>,
    /// Texts of files by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub log_configuration: BTreeMap<String, String>,
    /// Kept, as manifests have it; on Mesos both are the same.
    #[serde(default)]
    pub mode: Mode,
    #[serde(default)]
    pub mesos: Mesos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum PullPolicy {
    Always,
    IfNotPresent,
    Never,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    #[default]
    Native,
    Standalone,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct JobManager {
    pub resource: Resource,
    /// More than one: standbys.
    pub replicas: u32,
}

impl Default for JobManager {
    fn default() -> Self {
        Self { resource: Resource::default(), replicas: 1 }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TaskManager {
    pub resource: Resource,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<u32>,
}

/// Of each process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Resource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Cpus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<Memory>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "camelCase")]
pub struct Job {
    #[serde(rename = "jarURI", skip_serializing_if = "Option::is_none")]
    pub jar_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_class: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    pub state: JobState,
    pub upgrade_mode: UpgradeMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_savepoint_path: Option<String>,
    pub allow_non_restored_state: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint_redeploy_nonce: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint_trigger_nonce: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_trigger_nonce: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaler_reset_nonce: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    #[default]
    Running,
    Suspended,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpgradeMode {
    #[default]
    Stateless,
    LastState,
    Savepoint,
}

/// What the operator has no words for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Mesos {
    /// Of AppMasters and TaskManagers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// As whom the agents run them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Constraints::is_empty")]
    pub constraints: Constraints,
    /// `host`, `bridge` or a name; Mesos' tasks have one here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    pub container: Container,
    /// Clusters with a higher one are launched first.
    pub priority: i32,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Files that an application's AppMaster fetches into its working directory before the job's `main` runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub uris: Vec<String>,
}

/// In the order of their texts, each once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Constraints {
    /// All must hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub hard: Vec<Constraint>,
    /// Agents for which more of them hold come first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub soft: Vec<Constraint>,
}

impl Constraints {
    pub fn is_empty(&self) -> bool {
        self.hard.is_empty() && self.soft.is_empty()
    }
}

/// The image is [`Specification::image`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Container {
    #[serde(rename = "type")]
    pub containerizer: Containerizer,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<Volume>,
    /// Options of `docker run`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Containerizer {
    #[default]
    Mesos,
    Docker,
}

/// In Marathon's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    pub container_path: String,
    /// Without it a directory in the sandbox.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_path: Option<String>,
    pub mode: VolumeMode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum VolumeMode {
    #[serde(rename = "RW")]
    ReadWrite,
    #[serde(rename = "RO")]
    ReadOnly,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Parameter {
    pub key: String,
    pub value: String,
}

impl Job {
    /// When it starts again it goes on from what is stored of it.
    pub fn keeps_state(&self) -> bool {
        match self.upgrade_mode {
            UpgradeMode::Stateless => false,
            UpgradeMode::LastState | UpgradeMode::Savepoint => true,
        }
    }
}

impl Specification {
    /// To which it refers.
    pub fn artifacts(&self) -> impl Iterator<Item = Digest> {
        let jar = self.job.as_ref().and_then(|job| job.jar_uri.as_ref());
        let uris = jar.into_iter().chain(&self.mesos.uris).filter_map(|uri| uri.parse::<ArtifactUri>().ok());
        uris.map(|uri| uri.digest)
    }

    /// Of an application whose job shall not run.
    pub fn is_suspended(&self) -> bool {
        self.job.as_ref().is_some_and(|job| job.state == JobState::Suspended)
    }

    /// CPUs of each AppMaster; the operator's default is one.
    pub fn job_manager_cpus(&self) -> Cpus {
        self.job_manager.resource.cpu.unwrap_or(Cpus::ONE)
    }
}
