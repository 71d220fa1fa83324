//! Why an order is refused. Nothing was changed.

use base::digest::Digest;
use records::MAX_VALUE_BYTES;

use super::limits::MAX_MESSAGE;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no cluster {name}")]
    NoSuchCluster { name: String },
    #[error("cluster {name} has no revision {number}")]
    NoSuchRevision { name: String, number: u64 },
    #[error("cluster {name} exists already")]
    Exists { name: String },
    #[error("cluster {name} is at revision {found}, and {wanted} was expected")]
    Conflict { name: String, found: u64, wanted: u64 },
    #[error("cluster {name} is being deleted: wait until its last AppMaster has ended")]
    BeingDeleted { name: String },
    #[error("cluster {name} is left as it is, because what is stored of it cannot be read: {why}")]
    Unreadable { name: String, why: String },
    #[error("cluster {name} is frozen: thaw it first")]
    Frozen { name: String },
    #[error("cluster {name} is suspended: resume it first")]
    Suspended { name: String },
    #[error("cluster {name} is suspended by its specification: apply one with spec.job.state `running`")]
    SuspendedBySpecification { name: String },
    #[error("cluster {name} has ended: restart it, or apply another specification")]
    Ended { name: String },
    #[error(
        "{jobs} {} in session {name}: cancel what shall not be lost, or insist with `force=true` (`--force`)",
        if *jobs == 1 { "job runs" } else { "jobs run" }
    )]
    InUse { name: String, jobs: u32 },
    #[error(
        "it is not known how many jobs run in session {name}, as its AppMaster has not told: wait until it has, or insist with `force=true` (`--force`)"
    )]
    MaybeInUse { name: String },
    #[error("the number of TaskManagers of cluster {name} follows its jobs (`mesos.scaling`)")]
    FollowsJobs { name: String },
    #[error(
        "{most} restarts of TaskManagers of cluster {name} are pending: wait until its AppMaster has carried them out"
    )]
    TooManyRestarts { name: String, most: usize },
    #[error("{id:?} cannot be the id of a job: 32 digits of 0 to 9 and a to f are expected")]
    JobId { id: String },
    #[error("jarURI: {reason}")]
    Jar { reason: String },
    #[error("session {name} was given another job with the id {id}")]
    OtherJob { name: String, id: String },
    #[error("jar, class, arguments and savepoint of the job take {bytes} bytes as JSON, at most {most}")]
    LargeJob { bytes: usize, most: usize },
    #[error("{name} is an application, which runs its own job alone: submit to a session")]
    IsApplication { name: String },
    #[error("{most} jobs of session {name} are still to be submitted: wait until its AppMaster has done so")]
    TooManyJobs { name: String, most: usize },
    #[error("session {name} was given no job {id}, or forgot it after many others")]
    NoSuchJob { name: String, id: String },
    #[error("{id:?} cannot be the id of a TaskManager")]
    TaskManager { id: String },
    #[error(
        "{field} of application {name} cannot be changed while spec.job.upgradeMode keeps its state: use `stateless`, or delete the application first"
    )]
    Upgrade { name: String, field: String },
    #[error("there are {most} clusters, and no more can be kept")]
    TooManyClusters { most: usize },
    #[error("spec.jobManager.replicas: cluster {name} would have {found} AppMasters, at most {most}")]
    TooManyAppMasters { name: String, found: u32, most: u32 },
    #[error("{name:?} cannot name a cluster")]
    Name { name: String },
    #[error("the specification of {name} takes {bytes} bytes, at most {MAX_VALUE_BYTES}")]
    TooLarge { name: String, bytes: usize },
    #[error("artifact {digest} is referred to by cluster {}", clusters.join(", "))]
    ArtifactInUse { digest: Digest, clusters: Vec<String> },
    #[error(
        "artifact {digest} may be referred to by cluster {}, of which what is stored cannot be read",
        clusters.join(", ")
    )]
    ArtifactMaybeInUse { digest: Digest, clusters: Vec<String> },
    #[error("the message has {bytes} bytes, at most {MAX_MESSAGE}")]
    LongMessage { bytes: usize },
}
