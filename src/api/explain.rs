//! Why clusters stand where they stand, and which of them wait.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use dispatcher::{Attempt, ClusterReport, Ended, WaitingCluster, WaitsFor};
use scheduler::queue::OffersSummary;

use super::Shared;
use super::answer::{NotFound, Problem, Unavailable};
use super::appmasters::{AppMaster, AppMasters, Described};
use super::ask::ask;
use super::extract::Path;
use super::scheduling::{Line, Placing};

/// Why a cluster stands where it stands, and what would help.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    pub cluster: ClusterReport,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
    /// The newest first.
    pub attempts: Vec<Attempt>,
    /// What those of attempts that have not ended have told last: why TaskManagers are missing too.
    pub appmasters: Vec<AppMaster>,
    /// Why AppMasters are missing, as the scheduler sees it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placing: Option<Placing>,
    /// Why the scheduler says nothing: all else is what is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// All clusters that wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Who gets fitting offers first comes first; then the others, those that wait longest first.
    pub clusters: Vec<Waiting>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offers: Option<OffersSummary>,
    /// Why the scheduler says nothing: all else is what is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

/// A cluster that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    #[serde(flatten)]
    pub cluster: WaitingCluster,
    /// Its place among those that wait for offers, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<usize>,
    /// What one AppMaster takes, where such are missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub need: Option<String>,
    /// What its Mesos role may have and what it needs, where that is too much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
}

/// Why a cluster is in the state it is in, and what would help. A dispatcher that does not lead says what is stored, and `unknown`.
#[utoipa::path(get, path = "/v1/clusters/{name}/explain", params(("name" = String, Path)), responses(
    (status = 200, body = Explanation), Unavailable, NotFound,
))]
pub async fn explain(
    State(Shared { sources, .. }): State<Shared>,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let asked = name.clone();
    let description = ask(&sources.handle, move |core, _| core.describe(&asked)).await??;
    let Described { known, appmasters, .. } = Described::new(description, &sources.appmasters);
    let dispatcher::Description { cluster, ended, attempts, .. } = known;
    let (placing, unknown) = match sources.scheduling.explain(name).await {
        Ok(placing) => (placing, None),
        Err(why) => (None, Some(why)),
    };
    Ok(Json(Explanation { cluster, ended, attempts, appmasters, placing, unknown }).into_response())
}

/// Clusters that wait for something, in the order in which they are served, and what Mesos has offered last.
#[utoipa::path(get, path = "/v1/queue", responses((status = 200, body = Queue), Unavailable))]
pub async fn queue(State(Shared { sources, .. }): State<Shared>) -> Result<Response, Problem> {
    let (mut waiting, alive) =
        ask(&sources.handle, |core, _| (core.waiting(), core.alive_by_cluster())).await?;
    let names: BTreeSet<_> = waiting.iter().map(|cluster| cluster.name.clone()).collect();
    for (name, task_ids) in alive.into_iter().filter(|(name, _)| !names.contains(name)) {
        waiting.extend(for_taskmanagers(name, &task_ids, &sources.appmasters));
    }
    let (queue, mut quotas, unknown) = match sources.scheduling.queue().await {
        Ok(Line { queue, quotas }) => (Some(queue), quotas, None),
        Err(why) => (None, BTreeMap::new(), Some(why)),
    };
    let groups = queue.iter().flat_map(|queue| queue.groups.iter().enumerate());
    let groups: BTreeMap<_, _> = groups.map(|(index, group)| (&*group.group, (index + 1, group))).collect();
    let waiting = waiting.into_iter().map(|cluster| {
        let group = groups.get(&*cluster.name);
        Waiting {
            place: group.map(|(place, _)| *place),
            need: group.map(|(_, group)| group.need.clone()),
            quota: quotas.remove(&cluster.name),
            cluster,
        }
    });
    let mut clusters: Vec<_> = waiting.collect();
    clusters.sort_by_key(|waiting| {
        (waiting.place.unwrap_or(usize::MAX), waiting.cluster.since, waiting.cluster.name.clone())
    });
    let offers = queue.map(|queue| queue.offers);
    Ok(Json(Queue { clusters, offers, unknown }).into_response())
}

/// Whose AppMasters run and say that TaskManagers are missing.
fn for_taskmanagers(name: String, task_ids: &[String], appmasters: &AppMasters) -> Option<WaitingCluster> {
    let told = task_ids.iter().filter_map(|task_id| appmasters(task_id));
    let told = told.into_iter().find(|told| told.waiting.is_some())?;
    Some(WaitingCluster {
        name,
        waits_for: WaitsFor::TaskManagers,
        missing: told.target.saturating_sub(told.running),
        since: None,
        why: told.waiting,
    })
}
