//! Trying one task of a group at a time while they fail at their start one like the other.
//!
//! Whatever lets one of a thousand fail at its start lets all of them fail, and all of them again. So after a few
//! failures of one kind, without a TaskManager that registered with the JobManager since, one is launched alone: it
//! probes. When it fails the next waits longer. When it registers the rest follows, all at once; should they fail like
//! those before, twice as many are tried after each round that succeeds, for the cause may be their number.

use std::collections::BTreeMap;
use std::time::Duration;

use base::time::{Backoff, Deadline, Moment};
use domain::group::GroupName;
use mesos::wire::status::TaskState;

use super::cause::{Fault, Symptom};
use super::failures::Hold;
use super::{Note, Scheduler, Seen, Sight};
use domain::state::{Goal, Probing, State};

/// So many failures of one kind, and one at a time is tried.
const FAILURES_OF_A_KIND: u32 = 3;

/// So many of whatever kinds do the same: what they say may differ more than what they fail of.
const FAILURES_OF_ANY_KIND: u32 = 12;

/// Failures that begin again within this time after the rest was let go are of the same cause.
const RELAPSES_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Failures at the start since a task of the group registered last. Forgotten with the worker, unlike [`Probing`].
#[derive(Clone, Debug, Default)]
pub(super) struct Starts {
    failed: BTreeMap<Symptom, u32>,
    /// When it was found out last that TaskManagers start, after one at a time was tried.
    opened: Option<Opened>,
}

#[derive(Clone, Copy, Debug)]
struct Opened {
    at: Moment,
    rounds: u32,
}

/// A task that failed at its start.
pub(super) struct FalseStart<'a> {
    pub id: &'a str,
    pub group: &'a GroupName,
    pub symptom: Symptom,
    pub fault: Option<&'static Fault>,
    /// How many rounds of failures of its cause there were.
    pub rounds: u32,
    /// In the words of Mesos.
    pub text: &'a str,
}

impl Starts {
    /// Whether it is enough.
    fn count(&mut self, symptom: Symptom) -> bool {
        let of_kind = self.failed.entry(symptom).or_default();
        *of_kind += 1;
        *of_kind >= FAILURES_OF_A_KIND || self.failed.values().sum::<u32>() >= FAILURES_OF_ANY_KIND
    }
}

impl Seen {
    /// Whether a task that ends now has never been of use.
    pub(super) fn fails_at_start(&self, healthy_after: Duration, now: Moment) -> bool {
        !self.is_settled && self.running_since.is_none_or(|since| now.since(since) < healthy_after)
    }

    /// Whether nobody knows yet if it starts.
    pub(super) fn is_starting(&self) -> bool {
        !self.is_settled && !matches!(self.what, Sight::Missing(_))
    }
}

impl Scheduler {
    /// A task has failed before it registered.
    pub(super) fn failed_at_start(&mut self, start: &FalseStart<'_>, now: Moment) {
        let name = start.group;
        let is_certain = start.fault.is_some_and(|fault| fault.is_certain);
        let since = self.since_1970(now);
        let Some(group) = self.groups.get_mut(name) else { return };
        let stored = self.state.group_mut(name);
        if let Some(probing) = &mut stored.probing {
            probing.failures = probing.failures.saturating_add(1);
            if !probing.tasks.remove(start.id) {
                // Launched before it was known that they fail.
                return;
            }
            tell(probing, start);
            probing.most = 1;
            if group.try_at.is_none() {
                probing.rounds = probing.rounds.saturating_add(1);
                self.wait_to_try(name, is_certain, now);
            }
            return;
        }
        if !group.starts.count(start.symptom.clone()) && !is_certain {
            return;
        }
        let relapse = group.starts.opened.filter(|opened| now.since(opened.at) < RELAPSES_WITHIN);
        let failures = group.starts.failed.values().sum();
        let mut probing = Probing {
            since,
            failures,
            rounds: relapse.map_or(0, |opened| opened.rounds + 1).max(start.rounds),
            most: 1,
            is_relapse: relapse.is_some(),
            ..Probing::default()
        };
        tell(&mut probing, start);
        let (cause, keys) = (probing.cause.clone(), probing.keys.clone());
        stored.probing = Some(probing);
        self.note(Note::Probing { group: name.clone(), failures, cause, keys });
        self.wait_to_try(name, is_certain, now);
        self.store();
    }

    fn wait_to_try(&mut self, name: &GroupName, is_certain: bool, now: Moment) {
        let (Some(group), Some(probing)) = (self.groups.get_mut(name), &self.state.group(name).probing)
        else {
            return;
        };
        let policy = group.spec.relaunch;
        let random = self.random.f64();
        let wait = match is_certain {
            // Nothing but another configuration, of ours or of the master, mends it.
            true => policy.most.mul_f64(1.0 - policy.jitter * random),
            false => Backoff::after(policy, probing.rounds.saturating_sub(1)).failed(random),
        };
        group.try_at = Some(Deadline::after(now, wait));
    }

    /// What the worker before has left.
    pub(super) fn resume_probing(&mut self, now: Moment) {
        for name in self.probing_groups() {
            let tasks = self.state.group(&name).probing.iter().flat_map(|probing| &probing.tasks);
            if !tasks.into_iter().any(|id| self.state.tasks.contains_key(id)) {
                self.wait_to_try(&name, false, now);
            }
        }
    }

    /// Those of which one task at a time is tried.
    fn probing_groups(&self) -> Vec<GroupName> {
        let probing = self.state.groups.iter().filter(|(_, stored)| stored.probing.is_some());
        probing.map(|(name, _)| name.clone()).collect()
    }

    /// How many of those that are lacking may be launched now.
    pub(super) fn admitted(&self, name: &GroupName, lacking: usize, now: Moment) -> usize {
        let Some(group) = self.groups.get(name) else { return 0 };
        if group.hold.as_ref().is_some_and(Hold::is_rest) {
            return 0;
        }
        match &self.state.group(name).probing {
            None => lacking.saturating_sub(group.hold.as_ref().map_or(0, |hold| hold.places)),
            Some(_) if group.try_at.is_some() => 0,
            Some(probing) => {
                lacking.min((probing.most as usize).saturating_sub(self.probes(name, now).count()))
            }
        }
    }

    /// Those that are being tried. One that had its time to register and is silent has failed too.
    pub(super) fn probes(&self, name: &GroupName, now: Moment) -> impl Iterator<Item = &String> {
        self.starting_probes(name).filter(move |id| !self.is_silent_for_good(id, now))
    }

    fn starting_probes(&self, name: &GroupName) -> impl Iterator<Item = &String> {
        let tried = self.state.group(name).probing.iter().flat_map(|probing| &probing.tasks);
        tried.filter(|id| {
            self.goal(id) == Some(Goal::Run) && self.seen.get(*id).is_some_and(Seen::is_starting)
        })
    }

    /// A new task of the group is launched.
    pub(super) fn probe(&mut self, name: &GroupName, id: &str) {
        let State { tasks, groups, .. } = &mut *self.state;
        if let Some(probing) = groups.get_mut(name).and_then(|stored| stored.probing.as_mut()) {
            probing.tasks.retain(|id| tasks.contains_key(id));
            probing.tasks.insert(id.to_owned());
        }
    }

    /// These have registered with the JobManager for the first time as far as we know, or have run for long.
    pub(super) fn registered(&mut self, ids: &[String], now: Moment) {
        for id in ids {
            let (Some(record), Some(seen)) = (self.state.tasks.get(id), self.seen.get(id)) else { continue };
            let name = record.group.clone();
            let probing = self.state.group(&name).probing.as_ref();
            let is_probe = probing.is_some_and(|probing| probing.tasks.contains(id));
            if !seen.is_fresh && !is_probe {
                // It may have registered long before TaskManagers began to fail.
                continue;
            }
            self.agents.registered(&record.agent_id, seen.launched);
            if let Some(group) = self.groups.get_mut(&name) {
                group.starts.failed.clear();
                self.go_on(&name, id, now);
            }
        }
    }

    /// One has started: more of its group may.
    fn go_on(&mut self, name: &GroupName, id: &str, now: Moment) {
        let lacking = self.lacking(name);
        let (Some(group), Some(stored)) = (self.groups.get_mut(name), self.state.groups.get_mut(name)) else {
            return;
        };
        let Some(probing) = &mut stored.probing else { return };
        probing.tasks.remove(id);
        group.try_at = None;
        // Twice as many once all of them have registered.
        let most = probing.most.saturating_add(1);
        if probing.is_relapse && (most as usize) < lacking {
            probing.most = most;
        } else {
            let rounds = probing.rounds;
            group.starts.opened = Some(Opened { at: now, rounds });
            stored.probing = None;
            group.hold = None;
            group.pioneer = Some(id.to_owned());
            self.note(Note::ProbeRegistered { group: name.clone(), task: id.to_owned(), lacking });
        }
        self.store();
    }

    /// Nothing is left to try when all that are wanted have registered, be it because fewer are wanted now.
    pub(super) fn end_probing(&mut self) {
        for name in self.probing_groups() {
            let are_all_there =
                self.lacking(&name) == 0 && self.kept_of(&name).all(|id| self.seen[id].is_settled);
            if !are_all_there {
                continue;
            }
            self.state.group_mut(&name).probing = None;
            if let Some(group) = self.groups.get_mut(&name) {
                group.try_at = None;
            }
            self.store();
        }
    }

    /// Whether the JobManager's word on who has registered decides what is launched.
    pub(super) fn awaits_registration(&self) -> bool {
        let runs = |seen: &Seen| seen.what == Sight::Alive(TaskState::Running) && seen.is_starting();
        let is_watched = |id: &String| {
            let record = self.state.tasks.get(id);
            record.is_some_and(|record| self.agents.is_on_trial(&record.agent_id))
        };
        let mut probes = self.groups.keys().flat_map(|name| self.starting_probes(name));
        let has_failed = |id: &String| {
            let group = self.group_of(id).and_then(|name| self.groups.get(name));
            group.is_some_and(|group| !group.starts.failed.is_empty())
        };
        let has_any_failed = self.groups.values().any(|group| !group.starts.failed.is_empty());
        probes.any(|id| self.seen.get(id).is_some_and(runs))
            || (self.agents.has_trials() && self.seen.iter().any(|(id, seen)| runs(seen) && is_watched(id)))
            || (has_any_failed && self.seen.iter().any(|(id, seen)| runs(seen) && has_failed(id)))
    }
}

/// What the last one failed of.
fn tell(probing: &mut Probing, start: &FalseStart<'_>) {
    start.text.clone_into(&mut probing.cause);
    let keys = start.fault.map_or(&[][..], |fault| fault.keys);
    probing.keys = keys.iter().map(|key| (*key).to_owned()).collect();
}

#[cfg(test)]
impl Scheduler {
    /// As one would that never learns.
    pub(super) fn launch_all_again(&mut self) {
        for (name, group) in &mut self.groups {
            if let Some(stored) = self.state.groups.get_mut(name) {
                stored.probing = None;
            }
            group.starts = Starts::default();
            group.try_at = None;
        }
    }
}
