//! Tasks that give way to another: first the other one, then their end.
//!
//! Those that the JobManager does not hear give way too. That it hears none of them is rather its own or the network's
//! fault: then only the youngest gives way, to try whether another is heard, and the next one follows when it is not.
//! Otherwise at most as many give way at once as are heard. Each makes room for one of its own group; the JobManager is
//! one for all of them.

use std::time::Duration;

use base::time::Moment;
use domain::group::GroupName;
use mesos::wire::status::TaskState;

use super::{Note, Scheduler, Seen, Sight};
use domain::state::Goal;

/// A replacement that runs so long without having registered counts nevertheless where the JobManager never answers: it
/// may have nobody to ask.
const MAX_REGISTRATION: Duration = Duration::from_secs(60);

/// For so long room is looked for beside a TaskManager that nobody hears; then it ends, and another gets its room.
const ROOM_WAIT: Duration = Duration::from_secs(30);

impl Scheduler {
    /// Somebody wants another task in the place of this one, of whatever group. False if it is not there to be replaced.
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
            0 => self.youngest().filter(|id| self.is_next_to_try(id, now)).into_iter().collect(),
            _ => self.kept().cloned().collect::<Vec<_>>(),
        };
        let is_paused = |id: &String| self.group_of(id).is_some_and(|name| self.is_paused(name));
        silent.retain(|id| self.is_silent_for_good(id, now) && !is_paused(id));
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

    /// Whether nothing is being tried in the place of another of its group.
    fn is_next_to_try(&self, id: &str, now: Moment) -> bool {
        self.group_of(id).is_some_and(|name| self.lacking(name) == 0) || self.may_try_again(now)
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
        self.youngest_among(self.kept())
    }

    fn youngest_among<'a>(&self, ids: impl Iterator<Item = &'a String>) -> Option<String> {
        let launched = |id: &String| self.seen.get(id).map(|seen| seen.launched);
        ids.max_by_key(|id| (launched(id), *id)).cloned()
    }

    /// Ids of the tasks that give way because the JobManager does not hear them.
    fn unheard(&self) -> Vec<String> {
        self.replaced().filter(|id| self.gives_way_unheard(id)).cloned().collect()
    }

    fn gives_way_unheard(&self, id: &str) -> bool {
        self.state.tasks.get(id).is_some_and(|record| record.unheard)
    }

    /// Ends those that others have taken the place of, and silent ones whose room another needs.
    pub(super) fn end_replaced(&mut self, now: Moment) {
        let names = self.groups.keys().filter(|name| self.replaced_count(name) > 0 && !self.is_paused(name));
        let names: Vec<_> = names.cloned().collect();
        let mut ending = Vec::new();
        let mut silent = Vec::new();
        for name in names {
            let replaced = self.replaced_of(&name).cloned();
            let (unheard, rest): (Vec<_>, Vec<_>) = replaced.partition(|id| self.gives_way_unheard(id));
            let ready = self.kept_of(&name).filter(|id| self.is_ready(id)).count();
            let spare = (ready + rest.len()).saturating_sub(self.group_target(&name) as usize);
            ending.extend(rest.into_iter().take(spare));
            if !unheard.is_empty() {
                silent.push((name, unheard));
            }
        }
        ending.extend(self.ending_unheard(silent, now));
        if ending.is_empty() {
            return;
        }
        for id in ending {
            self.retire(&id);
        }
        self.store();
    }

    /// Of those that nobody hears, by group, who may end.
    fn ending_unheard(&mut self, unheard: Vec<(GroupName, Vec<String>)>, now: Moment) -> Vec<String> {
        for id in unheard.iter().flat_map(|(_, ids)| ids) {
            if let Some(seen) = self.seen.get_mut(id) {
                seen.gives_way_since.get_or_insert(now);
            }
        }
        let is_unwanted = |(name, _): &(GroupName, Vec<String>)| self.group_target(name) == 0;
        let (unwanted, mut rest): (Vec<_>, Vec<_>) = unheard.into_iter().partition(is_unwanted);
        let mut ending: Vec<_> = unwanted.into_iter().flat_map(|(_, ids)| ids).collect();
        if !self.is_listening(now) {
            return ending;
        }
        for (_, ids) in &mut rest {
            ids.retain(|id| !self.seen.get(id).is_some_and(Seen::is_heard));
        }
        if self.heard() == 0 {
            ending.extend(self.ending_blindly(rest, now));
        } else {
            ending.extend(rest.into_iter().flat_map(|(name, silent)| self.ending_silent(&name, silent, now)));
        }
        ending
    }

    /// Those of a group that others may take the place of, or the room.
    fn ending_silent(&self, name: &GroupName, silent: Vec<String>, now: Moment) -> Vec<String> {
        let lacking = self.lacking(name);
        if lacking > 0 {
            let most = if self.wanted(name, now) > 0 { lacking } else { 0 };
            let is_due =
                |id: &String| self.gives_way_for(id, now) >= ROOM_WAIT && self.is_silent_for_good(id, now);
            return silent.into_iter().filter(is_due).take(most).collect();
        }
        let starting = self.kept_of(name).filter(|id| self.may_register(id, now)).count();
        let taken = silent.len().saturating_sub(starting);
        let is_late = |id: &String| self.gives_way_for(id, now) >= self.spec.patience.register;
        silent
            .into_iter()
            .enumerate()
            .filter(|(at, id)| *at < taken || is_late(id))
            .map(|(_, id)| id)
            .collect()
    }

    /// The same where nobody is heard, and the fault may be the JobManager's: one at a time, of whatever group.
    fn ending_blindly(&mut self, silent: Vec<(GroupName, Vec<String>)>, now: Moment) -> Option<String> {
        if !self.may_try_again(now) {
            return None;
        }
        let wait = self.trial();
        let may_end = |name: &GroupName| match self.lacking(name) {
            // Another one was tried and is not heard either: it is its turn to give way.
            0 => self.youngest_among(self.kept_of(name)).is_some_and(|id| self.is_silent_for_good(&id, now)),
            _ => self.wanted(name, now) > 0,
        };
        let is_due = |id: &String| self.gives_way_for(id, now) >= wait && self.is_silent_for_good(id, now);
        let silent = silent.into_iter().filter(|(name, _)| may_end(name));
        let ending = silent.flat_map(|(_, ids)| ids).find(is_due);
        if ending.is_some() {
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
        // It is asked at every step, of thousands of tasks, and there is hardly ever one.
        let tasks = self.census().has_replaced().then_some(&self.state.tasks).into_iter().flatten();
        tasks.filter(|(_, record)| record.goal == Goal::Replace).map(|(id, _)| id)
    }

    /// Takes those that have run for long for registered where the JobManager says nothing.
    pub(super) fn settle(&mut self, now: Moment) {
        if self.witness.answered.is_some() || self.settles_from.is_none_or(|from| from > now) {
            return;
        }
        let mut settled = Vec::new();
        for (id, seen) in &mut self.seen {
            if seen.settles_at().is_some_and(|at| at <= now) {
                seen.is_settled = true;
                settled.push(id.clone());
            }
        }
        self.settles_from = self.seen.values().filter_map(Seen::settles_at).min();
        self.registered(&settled, now);
    }

    /// Whether it can take over what another one did. Without a JobManager Mesos' word is enough.
    fn is_ready(&self, id: &str) -> bool {
        let has_registered = |seen: &Seen| seen.is_settled || !self.spec.has_jobmanager;
        let runs = |seen: &Seen| {
            seen.what == Sight::Alive(TaskState::Running) && has_registered(seen) && !seen.hearing.is_unheard
        };
        self.seen.get(id).is_some_and(runs)
    }
}

impl Seen {
    /// When it counts as registered though nobody says so.
    pub(super) fn settles_at(&self) -> Option<Moment> {
        self.running_since.filter(|_| !self.is_settled).map(|since| since + MAX_REGISTRATION)
    }
}
