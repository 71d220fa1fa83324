//! What status updates mean for a task.

use crate::mesos::call::Call;
use crate::mesos::event::{StatusUpdate, TaskState};
use crate::time::Moment;

use super::state::Goal;
use super::{Note, Scheduler, Sight};

impl Scheduler {
    /// The state of a task as Mesos sees it. What follows from it is stored before the update is acknowledged.
    pub fn handle_update(&mut self, update: &StatusUpdate, now: Moment) {
        let id = &update.task_id;
        self.reconciliation.answered(id, update.state);
        if !self.state.tasks.contains_key(id) {
            self.handle_unknown_task(update);
        } else if is_missing(update.state) {
            self.miss(id, update, now);
        } else if update.state.is_terminal() {
            self.finish(id, update, now);
        } else {
            self.see(id, update, now);
        }
        self.acknowledge(update);
        self.plan(now);
    }

    /// A task of our framework that we have no record of: it came back after we gave it up.
    fn handle_unknown_task(&mut self, update: &StatusUpdate) {
        if !update.state.is_terminal() && !is_missing(update.state) {
            self.note(Note::Unknown { task: update.task_id.clone(), state: update.state });
            self.kill(update.task_id.clone(), update.agent_id.clone());
        }
    }

    fn see(&mut self, id: &str, update: &StatusUpdate, now: Moment) {
        let hostname = self.state.tasks.get(id).map(|record| record.hostname.clone()).unwrap_or_default();
        let Some(seen) = self.seen.get_mut(id) else { return };
        let returned = matches!(seen.what, Sight::Missing(_));
        if seen.what != Sight::Alive(update.state) {
            seen.what = Sight::Alive(update.state);
            seen.since = now;
        }
        let starts = update.state == TaskState::Running && seen.running_since.is_none();
        if starts {
            seen.running_since = Some(now);
        }
        if returned {
            self.note(Note::Returned { task: id.to_owned() });
        } else if starts {
            self.note(Note::Running { task: id.to_owned(), hostname });
        }
    }

    /// Mesos does not know where the task is: its agent is unreachable, or the master was restarted and the
    /// agent has not come back yet.
    fn miss(&mut self, id: &str, update: &StatusUpdate, now: Moment) {
        let launch = self.spec.patience.launch;
        let Some(seen) = self.seen.get_mut(id) else { return };
        let under_way = seen.what == Sight::Nothing && now.since(seen.launched) < launch;
        if under_way && update.state == TaskState::Unknown {
            // Its ACCEPT may still be on the way.
            return;
        }
        if matches!(seen.what, Sight::Missing(_)) {
            seen.what = Sight::Missing(update.state);
            return;
        }
        seen.what = Sight::Missing(update.state);
        seen.since = now;
        self.reconciliation.ask(id.to_owned(), now);
        self.note(Note::Missing { task: id.to_owned(), state: update.state, detail: detail(update) });
    }

    fn finish(&mut self, id: &str, update: &StatusUpdate, now: Moment) {
        let Some(record) = self.state.tasks.remove(id) else { return };
        let seen = self.seen.remove(id);
        let detail = detail(update);
        let expected = record.goal == Goal::End;
        self.note(Note::Ended { task: id.to_owned(), state: update.state, detail: detail.clone(), expected });
        if !expected {
            let ran = seen.and_then(|seen| seen.running_since).map(|since| now.since(since));
            if ran.is_some_and(|ran| ran >= self.spec.patience.healthy_after) {
                self.replacing.succeeded();
            }
            self.hold_back(format!("{id} on {}: {} {detail}", record.hostname, update.state.name()), now);
        }
        self.store();
    }

    /// Tasks that Mesos has not found again in time: others take their place. Should one come back it is
    /// unknown then, and killed.
    pub(super) fn give_up_missing(&mut self, now: Moment) {
        let lost = self.spec.patience.lost;
        let gone: Vec<String> = self
            .seen
            .iter()
            .filter(|(_, seen)| matches!(seen.what, Sight::Missing(_)) && now.since(seen.since) >= lost)
            .map(|(id, _)| id.clone())
            .collect();
        for id in &gone {
            self.state.tasks.remove(id);
            self.seen.remove(id);
            self.reconciliation.forget(id);
            self.note(Note::GivenUp { task: id.clone() });
        }
        if !gone.is_empty() {
            self.store();
        }
    }

    /// An update without an uuid comes from the master and must not be acknowledged.
    fn acknowledge(&mut self, update: &StatusUpdate) {
        if let (Some(uuid), Some(agent_id)) = (update.uuid, &update.agent_id) {
            self.send(Call::Acknowledge {
                agent_id: agent_id.clone(),
                task_id: update.task_id.clone(),
                uuid,
            });
        }
    }
}

/// States of a task that may still live, where nobody can tell.
fn is_missing(state: TaskState) -> bool {
    matches!(state, TaskState::Unreachable | TaskState::Unknown | TaskState::Lost)
}

fn detail(update: &StatusUpdate) -> String {
    let reason = update.reason.map(|reason| format!("reason={} ", reason.name())).unwrap_or_default();
    let message = update.message.as_deref().unwrap_or_default();
    format!("{reason}message='{message}'")
}
