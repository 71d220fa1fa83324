//! The JobManager as a witness: whom it hears lives, whatever Mesos has lost sight of, and whom it does not hear is of
//! no use, whatever Mesos says.
//!
//! Everything here is judged when the JobManager answers, so that nothing is held against anybody while it is away.

use std::collections::BTreeMap;
use std::time::Duration;

use base::time::Moment;
use mesos::wire::status::TaskState;

use super::{Action, JobManager, Note, Phase, Scheduler, Seen, Sight};

/// Between two questions to the JobManager while there are TaskManagers.
const ASK_EVERY: Duration = Duration::from_secs(3);

/// A TaskManager that was not heard for so long is told of.
const UNHEARD_AFTER: Duration = Duration::from_secs(15);

/// A heartbeat and its answer take this long at most while all is well.
const SLACK: Duration = Duration::from_secs(2);

/// A JobManager that did not answer for so long may be another one, or one that was stopped: it may have dropped
/// TaskManagers that come back to it.
const AWAY_AFTER: Duration = Duration::from_secs(10);

/// The TaskManagers that have registered with the JobManager, by task id, and when it heard each last: in milliseconds
/// of its own clock, which only says whether it has heard them again.
pub type Registered = BTreeMap<String, i64>;

/// What is known of the JobManager as a witness.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Witness {
    asked: Option<Moment>,
    pub answered: Option<Moment>,
    /// Since when TaskManagers could register with the JobManager that answers.
    since: Moment,
    /// When one was ended last although the JobManager heard none.
    pub tried: Option<Moment>,
}

/// What the JobManager says of a TaskManager.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hearing {
    /// In the last answer.
    is_registered: bool,
    heartbeat: i64,
    /// Since when it is no longer among those that have registered with the same JobManager.
    dropped: Option<Moment>,
    /// Not heard for long, and not since.
    pub is_unheard: bool,
    /// Out of Mesos' reach, and the JobManager has said since then that it does not hear it.
    pub is_lost: bool,
}

impl Scheduler {
    /// The JobManager tells which TaskManagers have registered with it.
    pub fn handle_taskmanagers_heard(&mut self, registered: &Registered, now: Moment) {
        let is_gone =
            |(id, seen): (&String, &Seen)| seen.hearing.is_registered.then(|| !registered.contains_key(id));
        let gone: Vec<_> = self.seen.iter().filter_map(is_gone).collect();
        // One that has lost several at once is rather another JobManager than one that has lost them all.
        let is_another = gone.len() > 1 && gone.iter().all(|is_gone| *is_gone);
        if is_another || self.witness.answered.is_none_or(|last| now.since(last) >= AWAY_AFTER) {
            self.begin_to_listen(now);
        }
        self.witness.answered = Some(now);
        let is_settled =
            |scheduler: &Self, id: &String| scheduler.seen.get(id).is_some_and(|seen| seen.is_settled);
        let mut settled = Vec::new();
        for id in self.seen.keys().cloned().collect::<Vec<_>>() {
            let was_settled = is_settled(self, &id);
            self.hear(&id, registered.get(&id).copied(), now);
            self.judge(&id, now);
            if !was_settled && is_settled(self, &id) {
                settled.push(id);
            }
        }
        self.registered(&settled, now);
        self.give_way_unheard(now);
        self.plan(now);
    }

    /// Another JobManager leads: TaskManagers have to register anew.
    pub fn handle_jobmanager_changed(&mut self, now: Moment) {
        self.begin_to_listen(now);
        self.seen.values_mut().for_each(|seen| seen.hearing.is_registered = false);
    }

    fn begin_to_listen(&mut self, now: Moment) {
        self.witness.since = now;
        for seen in self.seen.values_mut() {
            seen.hearing.dropped = None;
            seen.gives_way_since = None;
        }
    }

    /// Whether the JobManager answers.
    pub(super) fn is_listening(&self, now: Moment) -> bool {
        self.witness.answered.is_some_and(|answered| now.since(answered) < AWAY_AFTER)
    }

    fn hear(&mut self, id: &str, heartbeat: Option<i64>, now: Moment) {
        let hostname = self.state.tasks.get(id).map(|record| record.hostname.clone()).unwrap_or_default();
        let is_same_jobmanager = self.witness.since != now;
        let Some(seen) = self.seen.get_mut(id) else { return };
        let hearing = &mut seen.hearing;
        let Some(heartbeat) = heartbeat else {
            if std::mem::take(&mut hearing.is_registered) && is_same_jobmanager {
                hearing.dropped = Some(now);
            }
            return;
        };
        let was_heard = !hearing.is_registered || hearing.heartbeat != heartbeat;
        hearing.is_registered = true;
        hearing.heartbeat = heartbeat;
        hearing.dropped = None;
        if !was_heard {
            return;
        }
        hearing.is_lost = false;
        seen.is_settled = true;
        let before = seen.heard.replace(now);
        let note = match (before, std::mem::take(&mut hearing.is_unheard)) {
            (None, _) => Note::Registered { task: id.to_owned(), hostname },
            (Some(last), true) => {
                Note::HeardAgain { task: id.to_owned(), after_s: now.since(last).as_secs() }
            }
            (Some(_), false) => return,
        };
        self.note(note);
    }

    /// Whether it was silent for too long.
    fn judge(&mut self, id: &str, now: Moment) {
        let limit = UNHEARD_AFTER.max(self.spec.patience.heartbeat_interval + ASK_EVERY + SLACK);
        let since = self.witness.since;
        let Some(seen) = self.seen.get_mut(id) else { return };
        let Some(silent_since) = seen.silent_since() else { return };
        let is_silent = now.since(silent_since.max(since)) >= limit;
        let has_registered = seen.heard.is_some();
        // A master that was restarted says UNKNOWN of every task whose agent has yet to come back to it.
        if matches!(seen.what, Sight::Missing(TaskState::Unreachable | TaskState::Lost)) {
            seen.hearing.is_lost = is_silent && has_registered;
        }
        if is_silent && !seen.hearing.is_unheard {
            seen.hearing.is_unheard = true;
            let hostname = self.state.tasks.get(id).map(|record| record.hostname.clone()).unwrap_or_default();
            let since_s = now.since(silent_since).as_secs();
            self.note(Note::Unheard { task: id.to_owned(), hostname, since_s, has_registered });
        }
    }

    /// Whether a TaskManager that Mesos calls alive has been silent for so long that another has to take its place.
    pub(super) fn is_silent_for_good(&self, id: &str, now: Moment) -> bool {
        let Some(seen) = self.seen.get(id).filter(|seen| seen.hearing.is_unheard) else { return false };
        if seen.what != Sight::Alive(TaskState::Running) {
            return false;
        }
        let patience = &self.spec.patience;
        let due = match (seen.hearing.dropped, seen.hearing.is_registered) {
            (Some(dropped), _) => Some(dropped + patience.heartbeat_timeout),
            // The JobManager should have dropped it after one of them.
            (None, true) => {
                seen.heard.map(|heard| heard.max(self.witness.since) + patience.heartbeat_timeout * 2)
            }
            (None, false) => {
                seen.running_since.map(|since| since.max(self.witness.since) + patience.register)
            }
        };
        due.is_some_and(|due| due <= now)
    }

    /// Asks while there are TaskManagers.
    pub(super) fn ask_jobmanager(&mut self, now: Moment) {
        if self.asks_jobmanager_at().is_some_and(|at| at <= now) {
            self.witness.asked = Some(now);
            self.actions.push_back(Action::AskJobManager);
        }
    }

    pub(super) fn asks_jobmanager_at(&self) -> Option<Moment> {
        let can_answer = self.phase == Phase::Working && self.jobmanager == JobManager::Listening;
        let next = self.witness.asked.map_or(Moment::START, |asked| asked + ASK_EVERY);
        (!self.seen.is_empty() && can_answer).then_some(next)
    }

    /// Whether a task that Mesos does not find is alive nevertheless: then it is kept, and waited for anew.
    pub(super) fn is_kept_by_jobmanager(&mut self, id: &str, now: Moment) -> bool {
        let kept = self.spec.patience.kept;
        let Some(seen) = self.seen.get_mut(id) else { return false };
        let is_heard = seen.is_heard() && seen.heard.is_some_and(|heard| now.since(heard) < kept);
        if is_heard {
            seen.wait_anew(now);
            self.note(Note::StillHeard { task: id.to_owned() });
        }
        is_heard
    }
}

impl Seen {
    /// Since when nothing was heard of one that has run.
    fn silent_since(&self) -> Option<Moment> {
        self.running_since.max(self.heard)
    }

    /// Whether the JobManager hears it, as far as it said last.
    pub(super) fn is_heard(&self) -> bool {
        self.heard.is_some() && !self.hearing.is_unheard
    }

    /// For the report.
    pub(super) fn silent_for(&self, now: Moment) -> Option<Duration> {
        self.silent_since().filter(|_| self.hearing.is_unheard).map(|since| now.since(since))
    }
}
