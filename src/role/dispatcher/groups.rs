//! The scheduler as the dispatcher's core sees it: a group for each cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dispatcher::driver;
use dispatcher::{Action, View};
use domain::group::GroupName;
use scheduler::driver::requests::{Refusal, Reply, Request, Requests};
use scheduler::spec::GroupSpec;
use status::lookout::Lookout;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::home::Reports;
use super::template::{self, Makings};

/// For Flink to end its jobs and to delete what it has stored of them.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// From one look at the scheduler to the next at least, for each cluster that there is: a look costs some microseconds for each, and
/// while a thousand are launched something changes all the time.
const REST_FOR_EACH: Duration = Duration::from_micros(100);

pub struct Groups {
    requests: Requests,
    makings: Makings,
    /// Of AppMasters.
    told: Reports,
    lookout: Arc<Lookout>,
    /// Something has changed since the last look.
    is_due: bool,
    /// Before the next look.
    rests_until: Instant,
    /// Clusters whose AppMasters were ordered to end them.
    leaving: BTreeMap<GroupName, Leaving>,
}

/// Its group is removed when its tasks have ended, or the time is up.
struct Leaving(JoinHandle<()>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Groups {
    pub fn new(requests: Requests, makings: Makings, told: Reports, lookout: Arc<Lookout>) -> Self {
        let rests_until = Instant::now();
        Self { requests, makings, told, lookout, is_due: true, rests_until, leaving: BTreeMap::new() }
    }
}

impl Groups {
    async fn order<T>(&self, order: impl Fn(Reply<T>) -> Request) -> Result<T, Refusal> {
        give(&self.requests, order).await
    }

    /// Where an AppMaster can end its cluster by itself, it does that first: only Flink knows all that it has stored.
    async fn remove(&mut self, name: GroupName) -> Result<(), Refusal> {
        self.makings.forget(name.text());
        if !self.told.end(name.text()) {
            return self.order(|reply| Request::Remove(name.clone(), reply)).await.map(drop);
        }
        let paused = Box::new(GroupSpec::paused());
        self.order(|reply| Request::Define(name.clone(), paused.clone(), reply)).await?;
        let leaving = tokio::spawn(leave(self.requests.clone(), name.clone()));
        self.leaving.insert(name, Leaving(leaving));
        Ok(())
    }
}

/// While ZooKeeper is silent nothing is done, and then all of it.
async fn give<T>(requests: &Requests, order: impl Fn(Reply<T>) -> Request) -> Result<T, Refusal> {
    loop {
        match requests.order(&order).await {
            Err(Refusal::NotLeading(_)) => requests.until_led().await,
            answer => return answer,
        }
    }
}

async fn leave(requests: Requests, name: GroupName) {
    let tasks_are_gone = async {
        loop {
            if let Ok(report) = requests.scheduler_report().await
                && report.tasks.iter().all(|task| task.group != name)
            {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    };
    // Those that are left then are killed.
    let _ = timeout(LEAVE_TIMEOUT, tasks_are_gone).await;
    // The scheduler is ending, and the next one is told of no such group.
    let _ = give(&requests, |reply| Request::Remove(name.clone(), reply)).await;
}

impl driver::Groups for Groups {
    type Error = Refusal;

    async fn carry_out(&mut self, action: Action) -> Result<(), Refusal> {
        let Some(name) = action.cluster().and_then(template::group) else { return Ok(()) };
        // The newer order counts.
        self.leaving.remove(&name);
        match action {
            Action::Define(definition) => {
                let spec = Box::new(self.makings.define(&definition));
                self.order(|reply| Request::Define(name.clone(), spec.clone(), reply)).await
            }
            Action::Keep { .. } => {
                let spec = Box::new(GroupSpec::paused());
                self.order(|reply| Request::Define(name.clone(), spec.clone(), reply)).await
            }
            Action::Renew { generation, .. } => {
                self.order(|reply| Request::Renew(name.clone(), generation, reply)).await.map(drop)
            }
            Action::Replace { task_id, .. } => {
                // Whether it was there the next look tells.
                self.order(|reply| Request::Replace(task_id.clone(), reply)).await.map(drop)
            }
            Action::Remove { .. } => self.remove(name).await,
            Action::Commit(_) | Action::Event(_) => Ok(()),
        }
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Refusal> {
        self.is_due = false;
        let report = self.requests.scheduler_report().await?;
        let tasks: BTreeSet<_> = report.tasks.iter().map(|task| &*task.task_id).collect();
        self.told.retain(|task_id| tasks.contains(task_id));
        let mut views = report.views();
        for (cluster, (target, why)) in self.makings.unlaunchable().iter() {
            if let Some(view) = views.get_mut(cluster) {
                (view.target, view.waiting) = (*target, Some(why.clone()));
            }
        }
        let count = u32::try_from(views.len()).unwrap_or(u32::MAX);
        self.rests_until = Instant::now() + REST_FOR_EACH * count;
        Ok(views)
    }

    async fn changed(&mut self) {
        if !self.is_due {
            self.lookout.changed().await;
            self.is_due = true;
        }
        sleep_until(self.rests_until).await;
        // Whoever asks meanwhile is answered.
        self.requests.until_led().await;
    }
}
