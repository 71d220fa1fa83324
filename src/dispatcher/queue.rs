//! Clusters that wait for something.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Dispatcher;
use super::cluster::Cluster;
use super::condition::{self, State};
use domain::time::Timestamp;

/// For what a cluster waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Offers that hold its AppMasters.
    Offers,
    /// AppMasters that are launched to run.
    Start,
    /// The end of its rest after too many failures.
    Rest,
    /// AppMasters of an earlier attempt to end.
    EarlierAttempt,
    /// What the scheduler says of it.
    Scheduler,
    /// TaskManagers, for which its own framework waits.
    TaskManagers,
}

/// A cluster that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingCluster {
    pub name: String,
    pub waits_for: WaitsFor,
    /// How many AppMasters do not run that should; TaskManagers, where it waits for these.
    pub missing: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl WaitsFor {
    pub fn text(self) -> &'static str {
        match self {
            Self::Offers => "offers",
            Self::Start => "its start",
            Self::Rest => "the end of a rest",
            Self::EarlierAttempt => "an earlier attempt to end",
            Self::Scheduler => "the scheduler",
            Self::TaskManagers => "TaskManagers",
        }
    }
}

impl Dispatcher {
    /// Those of which not all AppMasters run, by name.
    pub fn waiting(&self) -> Vec<WaitingCluster> {
        self.clusters.values().filter_map(|cluster| cluster.waiting()).collect()
    }

    /// Task ids of AppMasters that have not ended, by cluster.
    pub fn alive_by_cluster(&self) -> BTreeMap<String, Vec<String>> {
        let task_ids = |name: &String| self.alive(name).map(|attempt| attempt.task_id.clone()).collect();
        self.clusters.keys().map(|name| (name.clone(), task_ids(name))).collect()
    }

    /// How many AppMasters of the cluster run.
    pub fn running(&self, name: &str) -> u32 {
        let view =
            self.clusters.get(name).and_then(|cluster| Some((cluster.view.as_ref()?, cluster.replicas())));
        view.map_or(0, |(view, replicas)| condition::running(view, replicas))
    }
}

impl Cluster {
    fn waiting(&self) -> Option<WaitingCluster> {
        if self.is_over() {
            return None;
        }
        let wanted = self.replicas();
        let running = self.view.as_ref().map_or(0, |view| condition::running(view, wanted));
        let missing = wanted.saturating_sub(running);
        let waits_for = match &self.view {
            None if self.status.state == State::Running => return None,
            None => WaitsFor::Scheduler,
            Some(_) if self.status.makes_way => WaitsFor::EarlierAttempt,
            Some(_) if missing == 0 => return None,
            Some(view) if view.rests => WaitsFor::Rest,
            Some(view) if view.waiting.is_some() => WaitsFor::Offers,
            Some(view) if view.tasks.iter().any(|task| !task.ending && !task.runs) => WaitsFor::Start,
            Some(_) => WaitsFor::Offers,
        };
        let why = self.condition.why.clone();
        Some(WaitingCluster {
            name: self.name.clone(),
            waits_for,
            missing,
            since: Some(self.status.since),
            why,
        })
    }
}
