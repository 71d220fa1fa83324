//! What AppMasters have told last.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use api::AppMaster;
use dial::{Order, Status};
use dispatcher::Asker;
use tokio::sync::watch;
use tokio::time::Instant;

use super::super::configuration;

/// Mesos does not keep the sandboxes of older ones for long.
const MAX_FRAMEWORKS: usize = 10;

/// What AppMasters have told last, by task id, and what they were told.
#[derive(Clone, Default)]
pub struct Reports(Arc<Told>);

#[derive(Default)]
struct Told {
    known: Mutex<Known>,
    /// Those that are to end their cluster.
    ending: watch::Sender<BTreeSet<String>>,
}

#[derive(Default)]
struct Known {
    /// In boxes, as a map has much room to spare.
    statuses: BTreeMap<String, Box<(Status, Instant)>>,
    /// The frameworks that AppMasters of each cluster had, the newest first; also those of AppMasters that are gone.
    frameworks: BTreeMap<String, VecDeque<String>>,
    /// The highest id of an order that each was told.
    ordered: BTreeMap<String, u64>,
}

impl Reports {
    pub(super) fn keep(&self, task_id: &str, status: Status) {
        let told = (status, Instant::now());
        let mut known = self.known();
        match known.statuses.get_mut(task_id) {
            // Mostly nothing is new, and then nothing is to be moved in memory.
            Some(known) if known.0 == told.0 => {
                known.1 = told.1;
                return;
            }
            Some(known) => **known = told.clone(),
            None => drop(known.statuses.insert(task_id.to_owned(), Box::new(told.clone()))),
        }
        if let Some((cluster, framework_id)) = configuration::cluster_of(task_id).zip(told.0.framework_id) {
            let frameworks = known.frameworks.entry(cluster.to_owned()).or_default();
            if !frameworks.contains(&framework_id) {
                frameworks.push_front(framework_id);
                frameworks.truncate(MAX_FRAMEWORKS);
            }
        }
    }

    /// Of a cluster, the newest first.
    pub fn frameworks(&self, cluster: &str) -> Vec<String> {
        self.known().frameworks.get(cluster).into_iter().flatten().cloned().collect()
    }

    pub(super) fn forget(&self, task_id: &str) {
        self.known().statuses.remove(task_id);
    }

    /// Those of other tasks are gone.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        {
            // Not held beside the other lock, which others hold when they take this one.
            let mut known = self.known();
            known.statuses.retain(|task_id, _| is_there(task_id));
            known.ordered.retain(|task_id, _| is_there(task_id));
        }
        self.0.ending.send_if_modified(|ending| {
            ending.retain(|task_id| is_there(task_id));
            // Nobody is ordered anything for it.
            false
        });
    }

    /// The tasks of AppMasters that are to end their cluster.
    pub(super) fn ending(&self) -> watch::Receiver<BTreeSet<String>> {
        self.0.ending.subscribe()
    }

    pub fn clear(&self) {
        *self.known() = Known::default();
        self.0.ending.send_replace(BTreeSet::new());
    }

    /// Of one task.
    pub fn of(&self, task_id: &str) -> Option<AppMaster> {
        self.known().statuses.get(task_id).map(|told| appmaster(task_id, &told.0, told.1))
    }

    /// The cluster's AppMasters are ordered to end it, where Flink keeps something that only Flink can delete. Whether there are
    /// such ones.
    pub fn end(&self, cluster: &str) -> bool {
        let of_cluster = |task_id: &str, status: &Status| {
            let is_meant = configuration::cluster_of(task_id) == Some(cluster);
            (is_meant && status.standing != dial::Standing::Alone).then(|| task_id.to_owned())
        };
        let known = self.known();
        let told = known.statuses.iter().filter_map(|(task_id, told)| of_cluster(task_id, &told.0));
        let ending: Vec<_> = told.collect();
        drop(known);
        let any = !ending.is_empty();
        if any {
            self.0.ending.send_modify(|known| known.extend(ending));
        }
        any
    }

    /// Whether it may be ordered anything, and as whom.
    pub(super) fn asker(&self, task_id: &str) -> Option<Asker> {
        match self.known().statuses.get(task_id)?.0.standing {
            dial::Standing::Alone => Some(Asker::Alone),
            dial::Standing::Leader => Some(Asker::Leader),
            dial::Standing::Suspended
            | dial::Standing::Standby
            | dial::Standing::Away
            | dial::Standing::Unknown => None,
        }
    }

    /// Whether any of these orders was not told before. From now on they all were.
    pub(super) fn tell(&self, task_id: &str, orders: &[Order]) -> bool {
        let Some(last) = orders.iter().map(|order| order.id).max() else { return false };
        let mut known = self.known();
        let told = known.ordered.entry(task_id.to_owned()).or_default();
        let is_new = last > *told;
        *told = last.max(*told);
        is_new
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn appmaster(task_id: &str, status: &Status, at: Instant) -> AppMaster {
    AppMaster {
        task_id: task_id.to_owned(),
        standing: status.standing.name().to_owned(),
        framework_id: status.framework_id.clone(),
        subscribed: status.subscribed,
        flink_url: status.flink_url.clone(),
        status_url: status.status_url.clone(),
        target: status.target,
        running: status.running,
        jobs_running: status.jobs_running,
        told_s_ago: at.elapsed().as_secs(),
        waiting: status.waiting.clone(),
    }
}
