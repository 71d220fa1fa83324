//! Ending tasks that are more than their group wants, whose group is gone, or that others have taken the place of.

use base::time::Moment;
use domain::group::GroupName;
use mesos::call::Call;
use mesos::wire::id::{AgentId, TaskId};
use mesos::wire::status::TaskState;

use super::{Note, Scheduler, Seen, Sight};
use domain::state::Goal;

impl Scheduler {
    pub(super) fn retire_surplus(&mut self) {
        let surplus =
            |name: &GroupName| self.kept_count(name).saturating_sub(self.group_target(name) as usize);
        let surplus: Vec<_> = self.groups.keys().map(|name| (name.clone(), surplus(name))).collect();
        for (name, surplus) in surplus.into_iter().filter(|(_, surplus)| *surplus > 0) {
            self.retire_some(&name, surplus);
        }
    }

    fn retire_some(&mut self, name: &GroupName, surplus: usize) {
        // Those that do not run yet cost least, or that nobody hears, then the youngest.
        let mut candidates: Vec<_> = self.kept_of(name).cloned().collect();
        candidates.sort_by_key(|id| {
            let seen = self.seen.get(id);
            let running = seen.is_some_and(|seen| seen.running_since.is_some());
            let is_heard = running && seen.is_some_and(|seen| !seen.hearing.is_unheard);
            (is_heard, running, std::cmp::Reverse(id.clone()))
        });
        for id in candidates.into_iter().take(surplus) {
            self.retire(&id);
        }
        self.store();
    }

    pub(super) fn retire(&mut self, id: &str) {
        if let Some(record) = self.state.tasks.get_mut(id) {
            record.goal = Goal::End;
            let unheard = record.unheard;
            self.note(Note::Retired { task: id.to_owned(), unheard });
        }
    }

    pub(super) fn send_kills(&mut self, now: Moment) {
        let ending = self.census().ending.clone();
        let due: Vec<_> = ending
            .into_iter()
            .filter_map(|id| Some((self.state.tasks.get(&id)?.agent_id.clone(), id)))
            .collect();
        for (agent_id, id) in due {
            let is_due = self.seen.get(&id).is_some_and(|seen| self.kill_due(seen) <= now);
            if let Some(seen) = self.seen.get_mut(&id).filter(|_| is_due) {
                seen.kill_sent = Some(now);
                self.kill(TaskId::new(id), Some(AgentId::new(agent_id)));
            }
        }
    }

    /// When a task that shall end is told so, again or for the first time. One that is being killed knows.
    pub(super) fn kill_due(&self, seen: &Seen) -> Moment {
        let again = self.spec.patience.kill_again;
        let next = seen.kill_sent.map_or(Moment::START, |sent| sent + again);
        match seen.what {
            Sight::Alive(TaskState::Killing) => next.max(seen.since + self.spec.kill_grace + again),
            Sight::Nothing | Sight::Alive(_) | Sight::Missing(_) => next,
        }
    }

    pub(super) fn kill(&mut self, task_id: TaskId, agent_id: Option<AgentId>) {
        let grace = Some(self.spec.kill_grace);
        self.send(Call::Kill { task_id, agent_id, grace });
    }
}
