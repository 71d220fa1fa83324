//! TaskManagers that give way to another: first the other one, then their end.
//!
//! Those that the JobManager does not hear give way too. That it hears none of them is rather its own or the network's
//! fault: then only the youngest gives way, to try whether another is heard, and the next one follows when it is not.
//! Otherwise at most as many give way at once as are heard.

use std::time::Duration;

use base::time::Moment;
use mesos::wire::status::TaskState;

use super::{Note, Scheduler, Seen, Sight};
use domain::state::Goal;

/// A replacement that runs so long without having registered counts nevertheless where the JobManager never answers: it
/// may have nobody to ask.
const REGISTERED_MOST: Duration = Duration::from_secs(60);

/// For so long room is looked for beside a TaskManager that nobody hears; then it ends, and another gets its room.
const ROOM_WAIT: Duration = Duration::from_secs(30);

impl Scheduler {
    /// Somebody wants another TaskManager in the place of this one. False if it is not there to be replaced.
    pub fn handle_replacement_wanted(&mut self, task_id: &str, now: Moment) -> bool {
        let is_kept = self.goal(task_id) == Some(Goal::Run);
        if is_kept {
            self.replace(task_id, "an operator ordered it");
            self.plan(now);
        }
        is_kept
    }

    /// It goes on until another runs.
    pub(super) fn replace(&mut self, id: &str, why: &str) {
        if let Some(record) = self.state.tasks.get_mut(id).filter(|record| record.goal == Goal::Run) {
            record.goal = Goal::Replace;
            self.note(Note::Replacing { task: id.to_owned(), why: why.to_owned() });
            self.store();
        }
    }

    /// Looks at whom the JobManager hears and does not hear: who was silent for too long gives way, and who is heard
    /// again before another is ready stays.
    pub(super) fn give_way_unheard(&mut self, now: Moment) {
        let is_heard = |id: &String| self.seen.get(id).is_some_and(Seen::is_heard);
        let unheard = self.unheard();
        let returned: Vec<_> = unheard.iter().filter(|id| is_heard(id)).cloned().collect();
        for id in &returned {
            self.stay(id);
        }
        let giving_way = unheard.len() - returned.len();
        let heard = self.heard();
        if heard > 0 {
            self.witness.tried = None;
        }
        let mut silent = match heard {
            0 if self.lacking() == 0 || self.may_try_again(now) => self.youngest().into_iter().collect(),
            0 => Vec::new(),
            _ => self.kept().cloned().collect::<Vec<_>>(),
        };
        silent.retain(|id| self.is_silent_for_good(id, now));
        for id in silent.into_iter().take(heard.max(1).saturating_sub(giving_way)) {
            let silent = self.seen.get(&id).and_then(|seen| seen.silent_for(now)).unwrap_or_default();
            self.replace(
                &id,
                &format!("the JobManager has received no heartbeat from it for {} s", silent.as_secs()),
            );
            if let Some(record) = self.state.tasks.get_mut(&id) {
                record.unheard = true;
            }
        }
    }

    fn stay(&mut self, id: &str) {
        if let Some(record) = self.state.tasks.get_mut(id) {
            record.goal = Goal::Run;
            record.unheard = false;
            self.note(Note::Stays { task: id.to_owned() });
            self.store();
        }
        if let Some(seen) = self.seen.get_mut(id) {
            seen.gives_way_since = None;
        }
    }

    /// How many that shall not end are heard.
    fn heard(&self) -> usize {
        let is_heard = |(id, seen): &(&String, &Seen)| seen.is_heard() && self.goal(id) != Some(Goal::End);
        self.seen.iter().filter(is_heard).count()
    }

    /// The one that was launched last of those that shall run.
    fn youngest(&self) -> Option<String> {
        let launched = |id: &String| self.seen.get(id).map(|seen| seen.launched);
        self.kept().max_by_key(|id| (launched(id), *id)).cloned()
    }

    /// Ids of the tasks that give way because the JobManager does not hear them.
    fn unheard(&self) -> Vec<String> {
        let is_unheard = |id: &&String| self.state.tasks.get(*id).is_some_and(|record| record.unheard);
        self.replaced().filter(is_unheard).cloned().collect()
    }

    /// Ends those that others have taken the place of, and silent ones whose room another needs.
    pub(super) fn end_replaced(&mut self, now: Moment) {
        if self.replaced().next().is_none() {
            return;
        }
        let unheard = self.unheard();
        let is_other = |id: &&String| self.state.tasks.get(*id).is_some_and(|record| !record.unheard);
        let rest: Vec<_> = self.replaced().filter(is_other).cloned().collect();
        let ready = self.kept().filter(|id| self.is_ready(id)).count();
        let spare = (ready + rest.len()).saturating_sub(self.target() as usize);
        let ending: Vec<_> = rest.into_iter().take(spare).chain(self.ending_unheard(unheard, now)).collect();
        if ending.is_empty() {
            return;
        }
        for id in ending {
            self.retire(&id);
        }
        self.store();
    }

    /// Of those that nobody hears who may end.
    fn ending_unheard(&mut self, unheard: Vec<String>, now: Moment) -> Vec<String> {
        for id in &unheard {
            if let Some(seen) = self.seen.get_mut(id) {
                seen.gives_way_since.get_or_insert(now);
            }
        }
        if self.target() == 0 {
            return unheard;
        }
        if !self.is_listening(now) {
            return Vec::new();
        }
        let (heard, lacking) = (self.heard(), self.lacking());
        let is_wanted = self.wanted(now) > 0;
        let silent = unheard.into_iter().filter(|id| !self.seen.get(id).is_some_and(Seen::is_heard));
        if heard == 0 {
            return self.ending_blindly(silent.collect(), lacking, is_wanted, now);
        }
        if lacking > 0 {
            let most = if is_wanted { lacking } else { 0 };
            let is_due =
                |id: &String| self.gives_way_for(id, now) >= ROOM_WAIT && self.is_silent_for_good(id, now);
            return silent.filter(is_due).take(most).collect();
        }
        let starting = self.kept().filter(|id| self.may_register(id, now)).count();
        let silent: Vec<_> = silent.collect();
        let taken = silent.len().saturating_sub(starting);
        let is_late = |id: &String| self.gives_way_for(id, now) >= self.spec.patience.register;
        silent
            .into_iter()
            .enumerate()
            .filter(|(at, id)| *at < taken || is_late(id))
            .map(|(_, id)| id)
            .collect()
    }

    /// The same where nobody is heard, and the fault may be the JobManager's: one at a time.
    fn ending_blindly(
        &mut self,
        silent: Vec<String>,
        lacking: usize,
        is_wanted: bool,
        now: Moment,
    ) -> Vec<String> {
        if !self.may_try_again(now) {
            return Vec::new();
        }
        let wait = self.trial();
        let may_end = match lacking {
            // Another one was tried and is not heard either: it is its turn to give way.
            0 => self.youngest().is_some_and(|id| self.is_silent_for_good(&id, now)),
            _ => is_wanted,
        };
        let is_due = |id: &String| self.gives_way_for(id, now) >= wait && self.is_silent_for_good(id, now);
        let ending: Vec<_> = silent.into_iter().filter(|id| may_end && is_due(id)).take(1).collect();
        if !ending.is_empty() {
            self.witness.tried = Some(now);
        }
        ending
    }

    /// How long one that was started in the place of another has until the next one goes, where nobody is heard.
    fn trial(&self) -> Duration {
        ROOM_WAIT.max(self.spec.patience.heartbeat_timeout * 2)
    }

    /// Whether the last one that was ended so has a successor, which had its time.
    fn may_try_again(&self, now: Moment) -> bool {
        let youngest = self.youngest().and_then(|id| self.seen.get(&id)).map(|seen| seen.launched);
        self.witness.tried.is_none_or(|tried| youngest > Some(tried) && now.since(tried) >= self.trial())
    }

    fn gives_way_for(&self, id: &str, now: Moment) -> Duration {
        let since = self.seen.get(id).and_then(|seen| seen.gives_way_since);
        since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Whether it has yet to register, and the time for it.
    fn may_register(&self, id: &str, now: Moment) -> bool {
        let is_new = self.seen.get(id).is_some_and(|seen| seen.heard.is_none());
        is_new && !self.is_ready(id) && !self.is_silent_for_good(id, now)
    }

    /// When one counts as ready to take over that nobody can ask the JobManager about.
    pub(super) fn ready_due(&self) -> Option<Moment> {
        let matters = self.replaced().next().is_some() || self.awaits_registration();
        let ready = self
            .kept()
            .filter(|_| matters && self.witness.answered.is_none())
            .filter_map(|id| self.seen.get(id)?.settles_at());
        ready.min()
    }

    /// Ids of the tasks that go on until others run.
    pub(super) fn replaced(&self) -> impl Iterator<Item = &String> {
        self.state.tasks.iter().filter(|(_, record)| record.goal == Goal::Replace).map(|(id, _)| id)
    }

    /// Takes those that have run for long for registered where the JobManager says nothing.
    pub(super) fn settle(&mut self, now: Moment) {
        if self.witness.answered.is_some() {
            return;
        }
        let mut settled = Vec::new();
        for (id, seen) in &mut self.seen {
            if seen.settles_at().is_some_and(|at| at <= now) {
                seen.is_settled = true;
                settled.push(id.clone());
            }
        }
        self.registered(&settled, now);
    }

    /// Whether it can take over what another one did.
    fn is_ready(&self, id: &str) -> bool {
        let runs = |seen: &Seen| {
            seen.what == Sight::Alive(TaskState::Running) && seen.is_settled && !seen.hearing.is_unheard
        };
        self.seen.get(id).is_some_and(runs)
    }
}

impl Seen {
    fn settles_at(&self) -> Option<Moment> {
        self.running_since.filter(|_| !self.is_settled).map(|since| since + REGISTERED_MOST)
    }
}
