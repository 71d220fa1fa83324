//! The JobManager as a witness: whom it hears is alive, whatever Mesos has lost sight of.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::time::Moment;

use super::{Action, JobManager, Note, Phase, Scheduler, Sight};

/// Between two questions to the JobManager while its word matters.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// The same while what is launched next depends on who has registered.
const ASK_STARTING_EVERY: Duration = Duration::from_secs(2);

/// For so long its word counts: two answers may get lost.
const HEARD_MOST: Duration = Duration::from_secs(25);

impl Scheduler {
    /// The JobManager has these TaskManagers, by task id, registered and hears their heartbeats.
    pub fn handle_taskmanagers_heard(&mut self, ids: &BTreeSet<String>, now: Moment) {
        let mut registered = Vec::new();
        for (id, seen) in self.seen.iter_mut().filter(|(id, _)| ids.contains(*id)) {
            seen.heard = Some(now);
            if !std::mem::replace(&mut seen.is_settled, true) {
                registered.push(id.clone());
            }
        }
        self.registered(&registered, now);
        self.plan(now);
    }

    /// Asks while there is a TaskManager that Mesos has lost sight of, or one that waits for its replacement.
    pub(super) fn ask_jobmanager(&mut self, now: Moment) {
        if self.asks_jobmanager_at().is_some_and(|at| at <= now) {
            self.asked_jobmanager = Some(now);
            self.actions.push_back(Action::AskJobManager);
        }
    }

    pub(super) fn asks_jobmanager_at(&self) -> Option<Moment> {
        let is_missing = |seen: &super::Seen| matches!(seen.what, Sight::Missing(_));
        let awaits = self.awaits_registration();
        let matters = awaits || self.replaced().next().is_some() || self.seen.values().any(is_missing);
        let can_answer = self.phase == Phase::Working && self.jobmanager == JobManager::Listening;
        let pause = if awaits { ASK_STARTING_EVERY } else { ASK_EVERY };
        let next = self.asked_jobmanager.map_or(Moment::START, |asked| asked + pause);
        (matters && can_answer).then_some(next)
    }

    /// Whether a task that Mesos does not find is alive nevertheless: then it is kept, and waited for anew.
    pub(super) fn is_kept_by_jobmanager(&mut self, id: &str, now: Moment) -> bool {
        let Some(seen) = self.seen.get_mut(id) else { return false };
        let is_heard = seen.heard.is_some_and(|heard| now.since(heard) < HEARD_MOST);
        if is_heard {
            seen.wait_anew(now);
            self.note(Note::StillHeard { task: id.to_owned() });
        }
        is_heard
    }
}
