//! The scheduler as the dispatcher's core sees it: a group for each cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dispatcher::driver;
use dispatcher::{Action, End, TaskView, Timestamp, View};
use scheduler::driver::requests::{Refusal, Reply, Request, Requests};
use scheduler::report::{GroupReport, Report, TaskReport};
use scheduler::spec::GroupSpec;
use status::lookout::Lookout;

use super::home::Reports;
use super::template::{self, Makings};

pub struct Groups {
    requests: Requests,
    makings: Makings,
    /// Of AppMasters.
    told: Reports,
    lookout: Arc<Lookout>,
    /// Something has changed since the last look.
    is_due: bool,
}

impl Groups {
    pub fn new(requests: Requests, makings: Makings, told: Reports, lookout: Arc<Lookout>) -> Self {
        Self { requests, makings, told, lookout, is_due: true }
    }
}

impl Groups {
    /// While ZooKeeper is silent nothing is done, and then all of it.
    async fn order<T>(&self, order: impl Fn(Reply<T>) -> Request) -> Result<T, Refusal> {
        loop {
            match self.requests.order(&order).await {
                Err(Refusal::NotLeading(_)) => self.requests.until_led().await,
                answer => return answer,
            }
        }
    }
}

impl driver::Groups for Groups {
    type Error = Refusal;

    async fn carry_out(&mut self, action: Action) -> Result<(), Refusal> {
        match action {
            Action::Define(definition) => {
                let spec = Box::new(self.makings.define(&definition));
                let Some(name) = template::group(&definition.cluster) else { return Ok(()) };
                self.order(|reply| Request::Define(name.clone(), spec.clone(), reply)).await
            }
            Action::Keep { cluster, .. } => {
                let Some(name) = template::group(&cluster) else { return Ok(()) };
                let spec = Box::new(GroupSpec::paused());
                self.order(|reply| Request::Define(name.clone(), spec.clone(), reply)).await
            }
            Action::Renew { cluster, generation, .. } => {
                let Some(name) = template::group(&cluster) else { return Ok(()) };
                self.order(|reply| Request::Renew(name.clone(), generation, reply)).await.map(drop)
            }
            Action::Replace { task_id, .. } => {
                // Whether it was there the next look tells.
                self.order(|reply| Request::Replace(task_id.clone(), reply)).await.map(drop)
            }
            Action::Remove { cluster, .. } => {
                let Some(name) = template::group(&cluster) else { return Ok(()) };
                self.makings.forget(&cluster);
                self.order(|reply| Request::Remove(name.clone(), reply)).await.map(drop)
            }
            Action::Commit(_) | Action::Event(_) => Ok(()),
        }
    }

    async fn look(&mut self) -> Result<BTreeMap<String, View>, Refusal> {
        self.is_due = false;
        let report = self.requests.scheduler_report().await?;
        let tasks: BTreeSet<_> = report.tasks.iter().map(|task| &*task.task_id).collect();
        self.told.retain(|task_id| tasks.contains(task_id));
        let mut views = views(&report);
        for (cluster, (target, why)) in self.makings.unlaunchable().iter() {
            if let Some(view) = views.get_mut(cluster) {
                (view.target, view.waiting) = (*target, Some(why.clone()));
            }
        }
        Ok(views)
    }

    async fn changed(&mut self) {
        if !self.is_due {
            self.lookout.changed().await;
            self.is_due = true;
        }
        // Whoever asks meanwhile is answered.
        self.requests.until_led().await;
    }
}

/// By cluster. A group that is gone is there as long as tasks of it are.
fn views(report: &Report) -> BTreeMap<String, View> {
    let mut views: BTreeMap<_, _> =
        report.groups.iter().map(|(name, group)| (name.clone(), view(group))).collect();
    for task in &report.tasks {
        let view: &mut View = views.entry(task.group.text().to_owned()).or_default();
        view.tasks.push(task_view(task));
    }
    views
}

fn view(group: &GroupReport) -> View {
    View {
        target: group.target,
        tasks: Vec::new(),
        waiting: group.waiting.as_ref().map(|waiting| waiting.why.clone()),
        rests: group.rests,
        ended: group.ended.as_ref().map(|ended| End {
            task_id: ended.task.clone(),
            generation: ended.generation,
            code: ended.code,
            at: seconds(ended.at),
        }),
    }
}

fn task_view(task: &TaskReport) -> TaskView {
    TaskView {
        id: task.task_id.clone(),
        attempt: task.attempt,
        generation: task.generation,
        agent_id: task.agent_id.clone(),
        hostname: task.hostname.clone(),
        state: task.state.clone().into_owned(),
        since: seconds(task.since),
        runs: task.runs(),
        ending: task.ending,
        giving_way: task.giving_way,
    }
}

fn seconds(since: u64) -> Timestamp {
    Timestamp(since.saturating_mul(1000))
}
