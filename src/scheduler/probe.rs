//! Trying one TaskManager at a time while they fail at their start one like the other.
//!
//! Whatever lets one of a thousand fail at its start lets all of them fail, and all of them again. So after a few
//! failures of one kind, without a TaskManager that registered with the JobManager since, one is launched alone: it
//! probes. When it fails the next waits longer. When it registers the rest follows, all at once; should they fail like
//! those before, twice as many are tried after each round that succeeds, for the cause may be their number.

use std::collections::BTreeMap;
use std::time::Duration;

use base::time::{Backoff, Deadline, Moment};
use mesos::wire::status::TaskState;

use super::cause::{Fault, Symptom};
use super::{Note, Scheduler, Seen, Sight};
use domain::state::{Goal, Probing};

/// So many failures of one kind, and one at a time is tried.
const FAILURES_OF_A_KIND: u32 = 3;

/// So many of whatever kinds do the same: what they say may differ more than what they fail of.
const FAILURES_OF_ANY_KIND: u32 = 12;

/// Failures that begin again within this time after the rest was let go are of the same cause.
const RELAPSES_WITHIN: Duration = Duration::from_secs(10 * 60);

/// Failures at the start since a TaskManager registered last. Forgotten with the worker, unlike [`Probing`].
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

/// A TaskManager that failed at its start.
pub(super) struct FalseStart<'a> {
    pub id: &'a str,
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
    /// A TaskManager has failed before it registered.
    pub(super) fn failed_at_start(&mut self, start: &FalseStart<'_>, now: Moment) {
        let is_certain = start.fault.is_some_and(|fault| fault.is_certain);
        if let Some(probing) = &mut self.state.probing {
            probing.failures = probing.failures.saturating_add(1);
            if !probing.tasks.remove(start.id) {
                // Launched before it was known that they fail.
                return;
            }
            tell(probing, start);
            probing.most = 1;
            if self.try_at.is_none() {
                probing.rounds = probing.rounds.saturating_add(1);
                self.wait_to_try(is_certain, now);
            }
            return;
        }
        if !self.starts.count(start.symptom.clone()) && !is_certain {
            return;
        }
        let relapse = self.starts.opened.filter(|opened| now.since(opened.at) < RELAPSES_WITHIN);
        let failures = self.starts.failed.values().sum();
        let mut probing = Probing {
            since: self.since_1970(now),
            failures,
            rounds: relapse.map_or(0, |opened| opened.rounds + 1).max(start.rounds),
            most: 1,
            is_relapse: relapse.is_some(),
            ..Probing::default()
        };
        tell(&mut probing, start);
        self.note(Note::Probing { failures, cause: probing.cause.clone(), keys: probing.keys.clone() });
        self.state.probing = Some(probing);
        self.wait_to_try(is_certain, now);
        self.store();
    }

    fn wait_to_try(&mut self, is_certain: bool, now: Moment) {
        let Some(probing) = &self.state.probing else { return };
        let policy = self.spec.patience.replace;
        let random = self.random.f64();
        let wait = match is_certain {
            // Nothing but another configuration, of ours or of the master, mends it.
            true => policy.most.mul_f64(1.0 - policy.jitter * random),
            false => Backoff::after(policy, probing.rounds.saturating_sub(1)).failed(random),
        };
        self.try_at = Some(Deadline::after(now, wait));
    }

    /// What the worker before has left.
    pub(super) fn resume_probing(&mut self, now: Moment) {
        let Some(probing) = &self.state.probing else { return };
        if !probing.tasks.iter().any(|id| self.state.tasks.contains_key(id)) {
            self.wait_to_try(false, now);
        }
    }

    /// How many of those that are lacking may be launched now.
    pub(super) fn admitted(&self, lacking: usize, now: Moment) -> usize {
        match &self.state.probing {
            None => lacking.saturating_sub(self.hold.as_ref().map_or(0, |hold| hold.places)),
            Some(_) if self.try_at.is_some() => 0,
            Some(probing) => lacking.min((probing.most as usize).saturating_sub(self.probes(now).count())),
        }
    }

    /// Those that are being tried. One that had its time to register and is silent has failed too.
    pub(super) fn probes(&self, now: Moment) -> impl Iterator<Item = &String> {
        self.starting_probes().filter(move |id| !self.is_silent_for_good(id, now))
    }

    fn starting_probes(&self) -> impl Iterator<Item = &String> {
        let tried = self.state.probing.iter().flat_map(|probing| &probing.tasks);
        tried.filter(|id| {
            self.goal(id) == Some(Goal::Run) && self.seen.get(*id).is_some_and(Seen::is_starting)
        })
    }

    /// A new TaskManager is launched.
    pub(super) fn probe(&mut self, id: &str) {
        let tasks = &self.state.tasks;
        if let Some(probing) = &mut self.state.probing {
            probing.tasks.retain(|id| tasks.contains_key(id));
            probing.tasks.insert(id.to_owned());
        }
    }

    /// These have registered with the JobManager for the first time as far as we know, or have run for long.
    pub(super) fn registered(&mut self, ids: &[String], now: Moment) {
        for id in ids {
            let (Some(record), Some(seen)) = (self.state.tasks.get(id), self.seen.get(id)) else { continue };
            let is_probe = self.state.probing.as_ref().is_some_and(|probing| probing.tasks.contains(id));
            if !seen.is_fresh && !is_probe {
                // It may have registered long before TaskManagers began to fail.
                continue;
            }
            self.agents.registered(&record.agent_id, seen.launched);
            self.starts.failed.clear();
            self.go_on(id, now);
        }
    }

    /// One has started: more may.
    fn go_on(&mut self, id: &str, now: Moment) {
        let lacking = self.lacking();
        let Some(probing) = &mut self.state.probing else { return };
        probing.tasks.remove(id);
        self.try_at = None;
        // Twice as many once all of them have registered.
        let most = probing.most.saturating_add(1);
        if probing.is_relapse && (most as usize) < lacking {
            probing.most = most;
        } else {
            let rounds = probing.rounds;
            self.starts.opened = Some(Opened { at: now, rounds });
            self.state.probing = None;
            self.hold = None;
            self.pioneer = Some(id.to_owned());
            self.note(Note::ProbeRegistered { task: id.to_owned(), lacking });
        }
        self.store();
    }

    /// Nothing is left to try when all that are wanted have registered, be it because fewer are wanted now.
    pub(super) fn end_probing(&mut self) {
        let are_all_there = || self.lacking() == 0 && self.kept().all(|id| self.seen[id].is_settled);
        if self.state.probing.is_some() && are_all_there() {
            self.state.probing = None;
            self.try_at = None;
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
        self.starting_probes().any(|id| self.seen.get(id).is_some_and(runs))
            || (self.agents.has_trials() && self.seen.iter().any(|(id, seen)| runs(seen) && is_watched(id)))
            || (!self.starts.failed.is_empty() && self.seen.values().any(runs))
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
        self.state.probing = None;
        self.starts = Starts::default();
        self.try_at = None;
    }
}
