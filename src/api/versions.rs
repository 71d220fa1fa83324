//! Which versions of Flink there are.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Shared;
use super::answer::Unavailable;

/// Those that clusters without an image can have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FlinkVersions {
    /// As manifests have them, the oldest first. Without it any will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub versions: Option<Vec<String>>,
}

/// The versions of Flink that the dispatcher has
#[utoipa::path(get, path = "/v1/flink-versions", responses((status = 200, body = FlinkVersions), Unavailable))]
pub async fn versions(State(Shared { sources, .. }): State<Shared>) -> Json<FlinkVersions> {
    let versions = sources.flinks.map(|flinks| {
        let mut flinks = flinks.to_vec();
        flinks.sort();
        flinks.into_iter().map(String::from).collect()
    });
    Json(FlinkVersions { versions })
}
