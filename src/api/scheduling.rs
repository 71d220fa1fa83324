//! What the scheduler of AppMasters is asked: whoever serves this interface knows where it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use manifest::Manifest;
use scheduler::explain::{OffersReport, Remedy};
use scheduler::queue::Queue;

/// An answer, or why there is none.
pub type Told<T> = BoxFuture<'static, Result<T, String>>;

pub trait Scheduling: Send + Sync {
    /// Of the cluster's AppMasters; none where the scheduler has no such group.
    fn explain(&self, cluster: String) -> Told<Option<Placing>>;

    fn queue(&self) -> Told<Line>;

    /// One for each, in their order; none of those that nothing is launched of now.
    fn fits(&self, sought: Vec<Sought>) -> BoxFuture<'static, Vec<Option<Fits>>>;

    /// In Prometheus' text format.
    fn metrics(&self) -> Told<Vec<u8>>;
}

pub type Schedulings = Arc<dyn Scheduling>;

/// Who lacks AppMasters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    pub queue: Queue,
    /// By cluster, what its Mesos role may have and what it needs, where that is too much.
    pub quotas: BTreeMap<String, String>,
}

/// Why AppMasters of a cluster are missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Placing {
    /// How many AppMasters are still to be launched.
    pub missing: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// What one AppMaster takes.
    pub need: String,
    /// Why the agents that sent offers last cannot run another one.
    pub offers: OffersReport,
    /// Changes with which missing ones would fit into the latest offers.
    pub remedies: Vec<Remedy>,
    /// What its Mesos role may have and what it needs, where that is too much; or why nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<String>,
}

/// A specification that was accepted, or would be.
#[derive(Clone, Debug)]
pub struct Sought {
    pub manifest: Arc<Manifest>,
    /// What AppMasters of the cluster are launched with until then.
    pub before: Option<Arc<Manifest>>,
    /// Whether it has been taken: AppMasters may have been launched since.
    pub is_taken: bool,
    /// Whether those that run now are replaced.
    pub begins_anew: bool,
    /// AppMasters that run now.
    pub appmasters: u32,
    /// TaskManagers that run now, as far as AppMasters have told.
    pub taskmanagers: u32,
}

/// Whether a cluster's processes fit into the latest offers and the quotas of its Mesos roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fits {
    pub appmasters: Places,
    /// Only where nothing is changed yet, or the quota of their Mesos role is too small. Later its own framework places them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taskmanagers: Option<Places>,
    /// In words, with the age of the offers.
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Places {
    pub wanted: usize,
    /// Those that there are already included; none where no offers are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeable: Option<usize>,
}

impl Places {
    fn are_enough(self) -> bool {
        self.placeable.is_some_and(|placeable| placeable >= self.wanted)
    }

    fn are_short(self) -> bool {
        self.placeable.is_some_and(|placeable| placeable < self.wanted)
    }
}

impl Fits {
    /// Whether everything fits, as far as the latest offers tell.
    pub fn are_told_to_fit(&self) -> bool {
        self.appmasters.are_enough() && self.taskmanagers.is_none_or(Places::are_enough)
    }

    /// Whether something certainly does not fit.
    pub fn are_short(&self) -> bool {
        self.appmasters.are_short() || self.taskmanagers.is_some_and(Places::are_short)
    }
}
