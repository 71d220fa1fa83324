//! A job that a session is given.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How Flink writes ids of jobs: 32 hexadecimal digits.
const ID_DIGITS: usize = 32;

/// In the words of `spec.job` of manifests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SessionJob {
    /// `artifact://…`, `local:///…` in the JobManager's image or on its agent, or `https://…`.
    #[serde(rename = "jarURI")]
    pub jar_uri: String,
    /// The class with `main`; without, the jar's manifest says which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry_class: Option<String>,
    /// Of `main`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_savepoint_path: Option<String>,
    /// State of the savepoint that no operator of the job takes is passed over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_non_restored_state: bool,
}

/// From where an AppMaster may fetch a jar that is named by whoever hands in a job: nobody is to look around in an agent's
/// network by it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    pub schemes: Vec<String>,
    pub allow_private_addresses: bool,
    pub max_bytes: u64,
}

/// Whether a job can have such an id.
pub fn is_id(text: &str) -> bool {
    text.len() == ID_DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
