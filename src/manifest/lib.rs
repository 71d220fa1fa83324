//! Specifications of clusters, as people hand them in: manifests in the words of Flink's Kubernetes operator, with a part of our own
//! for Mesos. Text in, values out.
//!
//! ```text
//! read(text) → Draft → validate(circumstances) → Accepted | Refused
//! manifest.spec.configuration(name) → what the AppMaster gets
//! manifest.canonical(), spec.digest(), diff(old, new), spec.masked()
//! ```

#![forbid(unsafe_code)]

mod artifact;
mod canonical;
mod configuration;
mod diff;
mod draft;
mod fields;
mod finding;
mod job;
mod masked;
mod merge;
mod owned;
mod quantity;
mod read;
mod read_mesos;
mod specification;
#[cfg(test)]
mod tests;
mod validate;
mod version;

pub use artifact::{ArtifactUri, ArtifactUriError, MAX_ARTIFACT_NAME, file_name};
pub use canonical::{CanonicalError, MAX_CANONICAL};
pub use diff::{Change, Effect, diff, effect_of};
pub use draft::{Accepted, Circumstances, Draft, Refused};
pub use finding::Finding;
pub use job::check_session_jar;
pub use quantity::{Cpus, Memory};
pub use read::{MAX_BYTES, ReadError, read};
pub use specification::{
    ApiVersion, Constraints, Container, Containerizer, Job, JobManager, JobState, Kind, Manifest, Mesos,
    Metadata, Mode, Parameter, PullPolicy, Resource, Specification, TaskManager, UpgradeMode, Volume,
    VolumeMode,
};
pub use version::FlinkVersion;
