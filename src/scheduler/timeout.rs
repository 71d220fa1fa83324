//! What becomes due by itself.

use base::time::{Deadline, Moment};
use mesos::wire::status::TaskState;

use super::{Phase, Scheduler, Sight};
use domain::state::Goal;

impl Scheduler {
    /// When [`Self::handle_timeout`] is due if nothing else happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        let patience = &self.spec.patience;
        let holds = self.groups.values().filter_map(|group| group.hold.as_ref());
        let hold = holds.map(|hold| hold.until.at()).min();
        let probe = self.groups.values().filter_map(|group| group.try_at).map(Deadline::at).min();
        let registration = self.registration_deadline();
        let connected = self.is_subscribed().then(|| self.reconciliation.due()).flatten();
        let departure = self.is_working().then(|| self.departure_due()).flatten();
        let ready = self.is_working().then(|| self.ready_due()).flatten();
        let calls = self.is_subscribed().then(|| self.failed_calls.due()).flatten();
        let allowed = |at: Moment| calls.map_or(at, |calls| at.max(calls));
        let revival = self.is_working().then_some(self.reviving.again_at).flatten().map(allowed);
        // Without a master nothing can be done for a task.
        let seen = self.is_subscribed().then_some(&self.seen).into_iter().flatten();
        let tasks = seen.filter_map(|(id, seen)| match (&seen.what, seen.kill_sent) {
            (Sight::Alive(TaskState::Killing), _) | (_, Some(_)) if self.goal(id) == Some(Goal::End) => {
                self.is_working().then(|| allowed(self.kill_due(seen)))
            }
            (Sight::Missing(_), _) if seen.last_asked => Some(seen.since + patience.unanswered),
            (Sight::Missing(_), _) => Some(seen.since + seen.lost_wait(patience)),
            (Sight::Nothing, _) if !self.reconciliation.asks_about(id) => {
                Some(seen.launched + patience.launch)
            }
            (Sight::Nothing | Sight::Alive(_), _) => None,
        });
        let gang = self.is_working().then(|| self.gang_due()).flatten().map(allowed);
        let progress = self.groups.values().filter_map(|group| group.progress.due()).min();
        let progress = progress.filter(|_| self.phase == Phase::Working);
        let look = self.is_working().then(|| self.look.due()).flatten();
        let waits = [
            progress,
            look,
            hold,
            probe,
            calls,
            registration,
            connected,
            revival,
            departure,
            ready,
            gang,
            self.asks_jobmanager_at(),
        ];
        tasks.chain(waits.into_iter().flatten()).min()
    }

    /// Does what has become due.
    pub fn handle_timeout(&mut self, now: Moment) {
        self.fail_without_master(now);
        self.let_go(now);
        if self.is_subscribed() {
            self.ask_a_last_time(now);
            self.give_up_unanswered(now);
            self.question_silent_launches(now);
            self.reconcile_if_due(now);
            self.waits_after_failed_call(now);
        }
        self.plan(now);
    }
}
