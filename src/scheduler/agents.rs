//! What is thought of agents, by what happened to TaskManagers on them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use base::time::Moment;
use mesos::event::StatusUpdate;
use mesos::wire::status::{Reason, TaskState};

use super::cause::Symptom;
use super::ground::Regard;

/// A strike is forgotten after this long without another.
const FORGIVEN_AFTER: Duration = Duration::from_secs(30 * 60);

/// So often those that are forgiven are removed, at most.
const LOOK_THROUGH_EVERY: Duration = Duration::from_secs(60);

/// From so many strikes on an agent gets no TaskManager for a while; below, others are only preferred.
const QUARANTINE_FROM: u32 = 3;

/// The first quarantine; each further round of strikes doubles it.
const QUARANTINE_FIRST: Duration = Duration::from_secs(60);

const MAX_QUARANTINE: Duration = FORGIVEN_AFTER;

/// After so many failures on an agent one TaskManager at a time is tried there, until one registers.
const TRIAL_FROM: u32 = 2;

/// What fails alike on so many agents, with no TaskManager that registers in between, is no agent's doing.
const ALIKE_FROM: usize = 2;

/// Agents with strikes against them, by id.
#[derive(Clone, Debug, Default)]
pub struct Agents {
    strikes: BTreeMap<String, Strikes>,
    /// When those that are forgiven were removed last.
    forgiven_at: Option<Moment>,
    /// Failures since a TaskManager registered last.
    alike: BTreeMap<Symptom, Alike>,
}

/// Failures of one kind.
#[derive(Clone, Debug)]
struct Alike {
    agents: BTreeSet<String>,
    last: Moment,
}

#[derive(Clone, Debug)]
struct Strikes {
    count: u32,
    /// Those among them that are hardly anything but the agent's doing.
    plain: BTreeMap<Symptom, u32>,
    /// Failures since a TaskManager registered there.
    in_a_row: u32,
    /// TaskManagers have registered elsewhere since one failed here, and none here.
    is_alone: bool,
    last: Moment,
    /// What the last one failed of.
    why: String,
}

/// What the end of a task says about its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// It may as well be the TaskManager's doing, or the JobManager's: others are preferred.
    Faint,
    /// Enough of it, and the agent is left alone.
    Plain,
}

/// A TaskManager that failed in a way that speaks against its agent.
#[derive(Clone, Debug)]
pub struct Strike<'a> {
    pub agent_id: &'a str,
    pub evidence: Evidence,
    pub symptom: Symptom,
    pub launched: Moment,
    /// In the words of Mesos.
    pub why: &'a str,
}

impl Agents {
    pub fn strike(&mut self, strike: Strike<'_>, now: Moment) {
        // Thousands may fail at once, and all are looked through.
        if self.forgiven_at.is_none_or(|at| now.since(at) >= LOOK_THROUGH_EVERY) {
            self.strikes.retain(|_, strikes| !strikes.are_forgiven(now));
            self.forgiven_at = Some(now);
        }
        let alike = self.alike.entry(strike.symptom.clone());
        let alike = alike.or_insert_with(|| Alike { agents: BTreeSet::new(), last: now });
        alike.agents.insert(strike.agent_id.to_owned());
        alike.last = now;
        let strikes = self.strikes.entry(strike.agent_id.to_owned()).or_insert_with(|| Strikes::new(now));
        if strikes.are_forgiven(now) {
            *strikes = Strikes::new(now);
        }
        strike.why.clone_into(&mut strikes.why);
        // Those that were launched together count as one, apart from the first.
        let is_of_round = strike.launched < strikes.last && strikes.in_a_row >= QUARANTINE_FROM;
        strikes.in_a_row = strikes.in_a_row.saturating_add(1);
        if is_of_round {
            return;
        }
        strikes.count += 1;
        if strike.evidence == Evidence::Plain {
            *strikes.plain.entry(strike.symptom).or_default() += 1;
        }
        strikes.last = now;
    }

    /// A TaskManager ran well there.
    pub fn forgive(&mut self, agent_id: &str) {
        self.strikes.remove(agent_id);
    }

    /// A TaskManager that was launched there at `launched` has registered with the JobManager.
    pub fn registered(&mut self, agent_id: &str, launched: Moment) {
        // What failed on several agents until then, and does not now, was no agent's doing.
        let common = self.alike.iter().filter(|(_, alike)| alike.is_common(false) && launched > alike.last);
        let over: Vec<_> = common.map(|(kind, alike)| (kind.clone(), alike.agents.clone())).collect();
        for (id, strikes) in &mut self.strikes {
            if id == agent_id {
                strikes.in_a_row = 0;
                strikes.plain.clear();
                strikes.is_alone = false;
                continue;
            }
            strikes.is_alone = true;
            for (symptom, agents) in &over {
                // Once more, and it was.
                strikes
                    .plain
                    .entry(symptom.clone())
                    .and_modify(|count| *count = (*count).min(QUARANTINE_FROM - 1));
                if agents.contains(id) {
                    strikes.in_a_row = strikes.in_a_row.min(TRIAL_FROM - 1);
                }
            }
        }
        self.alike.clear();
    }

    /// Whether one TaskManager at a time is tried there.
    pub fn is_on_trial(&self, agent_id: &str) -> bool {
        self.strikes.get(agent_id).is_some_and(Strikes::are_on_trial)
    }

    pub fn has_trials(&self) -> bool {
        self.strikes.values().any(Strikes::are_on_trial)
    }

    /// What failed there last, in the words of Mesos.
    pub fn last_failure(&self, agent_id: &str) -> Option<&str> {
        self.strikes.get(agent_id).map(|strikes| strikes.why.as_str())
    }

    /// `starting` are the agents with TaskManagers that have not registered yet. Where there is but one agent, what
    /// fails there fails everywhere.
    pub fn standings(
        &self,
        starting: &BTreeSet<&str>,
        is_only_one: bool,
        now: Moment,
    ) -> BTreeMap<String, Regard> {
        let known = self.strikes.iter().filter(|(_, strikes)| !strikes.are_forgiven(now));
        let standings = known.map(|(agent_id, strikes)| {
            let until = self.quarantined_until(strikes, is_only_one).filter(|until| *until > now);
            let standing = match until {
                Some(until) => Regard::Quarantined { until },
                None if strikes.are_on_trial() => {
                    Regard::OnTrial { strikes: strikes.count, is_taken: starting.contains(agent_id.as_str()) }
                }
                None => Regard::Avoided { strikes: strikes.count },
            };
            (agent_id.clone(), standing)
        });
        standings.collect()
    }

    fn quarantined_until(&self, strikes: &Strikes, is_only_one: bool) -> Option<Moment> {
        let is_common =
            |kind: &Symptom| self.alike.get(kind).is_some_and(|alike| alike.is_common(is_only_one));
        let counts = |kind: &&Symptom| strikes.is_alone || !is_common(kind);
        let plain: u32 = strikes.plain.iter().filter(|(kind, _)| counts(kind)).map(|(_, count)| count).sum();
        let beyond = plain.checked_sub(QUARANTINE_FROM)?;
        let span = QUARANTINE_FIRST.saturating_mul(1 << beyond.min(16)).min(MAX_QUARANTINE);
        Some(strikes.last + span)
    }
}

impl Alike {
    fn is_common(&self, is_only_one: bool) -> bool {
        is_only_one || self.agents.len() >= ALIKE_FROM
    }
}

impl Strikes {
    fn new(now: Moment) -> Self {
        Self { count: 0, plain: BTreeMap::new(), in_a_row: 0, is_alone: false, last: now, why: String::new() }
    }

    fn are_forgiven(&self, now: Moment) -> bool {
        now.since(self.last) >= FORGIVEN_AFTER
    }

    fn are_on_trial(&self) -> bool {
        self.in_a_row >= TRIAL_FROM
    }
}

/// Of a task that ended unasked; what is wrong with all TaskManagers alike shows on every agent.
pub fn evidence(
    update: &StatusUpdate,
    state: TaskState,
    has_run: bool,
    is_healthy: bool,
) -> Option<Evidence> {
    match (state, update.reason) {
        (_, Some(Reason::ContainerLimitationMemory)) => Some(Evidence::Plain),
        // What could not be fetched ends here too.
        (TaskState::Failed, _) if !has_run => Some(Evidence::Plain),
        // The command executor calls a task running as soon as its process is there.
        (TaskState::Failed, _) if !is_healthy => Some(Evidence::Faint),
        (TaskState::Dropped | TaskState::Lost, Some(Reason::GcError | Reason::ExecutorTerminated))
            if !has_run =>
        {
            Some(Evidence::Plain)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
