//! What people order of the TaskManagers of a cluster.

use manifest::Manifest;

use super::Dispatcher;
use super::apply::Outcome;
use super::journal::{Verb, which};
use super::order::Order;
use super::refusal::Refusal;
use domain::time::Timestamp;

/// No task of Mesos has a longer one that we name.
const MAX_ID: usize = 256;

impl Dispatcher {
    /// The last specification with another number of TaskManagers, secrets included: for [`Self::apply`].
    pub fn scaled(&self, name: &str, taskmanagers: u32) -> Result<Manifest, Refusal> {
        let cluster = self.cluster(name)?;
        if cluster.is_deleted() {
            return Err(Refusal::BeingDeleted { name: name.to_owned() });
        }
        // Another specification would begin it anew.
        cluster.refuse_ended()?;
        let mut manifest = Manifest::clone(&cluster.last().manifest);
        if manifest.spec.follows_jobs() {
            return Err(Refusal::FollowsJobs { name: name.to_owned() });
        }
        manifest.spec.task_manager.replicas = Some(taskmanagers);
        Ok(manifest)
    }

    /// Another TaskManager is started in the place of this one. What came of it is an event.
    pub fn restart_taskmanager(
        &mut self,
        name: &str,
        taskmanager: &str,
        order: &Order,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        if !is_id(taskmanager) {
            return Err(Refusal::TaskManager { id: taskmanager.chars().take(MAX_ID).collect() });
        }
        let verb = Verb::RestartTaskManager;
        let outcome = self.alter(name, verb, order, |cluster| {
            cluster.refuse_frozen()?;
            cluster.refuse_ended()?;
            cluster.refuse_suspended()?;
            cluster.order_replacement(taskmanager, now)
        })?;
        if outcome == Outcome::Changed && !order.dry_run {
            let which = which(format!("TaskManager {taskmanager}"));
            self.store_order(name, verb, &[which], Vec::new(), order, now);
        }
        Ok(outcome)
    }
}

fn is_id(text: &str) -> bool {
    let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '/';
    !text.is_empty() && text.len() <= MAX_ID && !text.contains(is_bad)
}
