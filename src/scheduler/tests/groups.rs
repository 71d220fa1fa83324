//! The groups of a run: of differing needs, scaled, changed, added and removed each for itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mutations::Mutation;
use super::simulation::Run;
use crate::report::{Reason, Report, Waiting};
use crate::spec::{GroupSpec, Placement};
use domain::group::GroupName;
use domain::need::Milli;
use domain::state::{Goal, State};
use mesos::wire::task::TaskInfo;

/// By name, with the processors that show whose a task is, and how many there may be: two hosts hold all, one does not.
const KINDS: [(&str, i64, u32); 3] = [("taskmanager", 1000, 4), ("blue", 1500, 4), ("red", 500, 4)];

/// Clusters of a dispatcher, with the processors of one AppMaster.
pub const CLUSTERS: [(&str, i64); 4] = [("blue", 1500), ("green", 750), ("red", 500), ("white", 250)];

/// How many there shall be of which group.
pub type Targets = BTreeMap<GroupName, u32>;

pub fn name(text: &str) -> GroupName {
    GroupName::parse(text).expect("a name")
}

/// The group whose need a task takes.
pub fn shown_by(task: &TaskInfo) -> Option<GroupName> {
    let cpus = task.resources.iter().filter(|resource| resource.name.as_deref() == Some("cpus"));
    let cpus = cpus.filter_map(|resource| resource.scalar.as_ref()?.value).sum::<f64>();
    let kinds = KINDS.iter().map(|(text, milli, _)| (text, milli));
    let clusters = CLUSTERS.iter().map(|(text, milli)| (text, milli));
    let kind = kinds.chain(clusters).find(|(_, milli)| Milli(**milli) == Milli::of(cpus));
    kind.map(|(text, _)| name(text))
}

/// One to three of them.
pub fn at_random(random: &mut fastrand::Rng, mutation: Mutation) -> BTreeMap<GroupName, GroupSpec> {
    let count = match mutation {
        // Enough for a storm.
        Mutation::LaunchAllAgain => {
            return BTreeMap::from([(GroupName::TASKMANAGERS, GroupSpec::of_cpus(12, Milli::whole(1)))]);
        }
        _ if mutation.concerns_groups() => 3,
        _ => random.usize(1..=3),
    };
    let mut groups = BTreeMap::new();
    for kind in KINDS.iter().take(count) {
        groups.insert(name(kind.0), spec_at_random(kind, random));
    }
    groups
}

fn spec_at_random((text, cpus, most): &(&str, i64, u32), random: &mut fastrand::Rng) -> GroupSpec {
    let target = random.u32(1..=*most);
    let mut spec = GroupSpec::of_cpus(target, Milli(*cpus));
    spec.placement = if random.bool() { Placement::Spread } else { Placement::Pack };
    spec.gang = (random.u8(..5) == 0).then_some(Duration::from_secs(30));
    // Every framework has it, some have another one too.
    spec.role = (random.u8(..4) == 0).then(|| "*".to_owned());
    if *text != GroupName::TASKMANAGERS.text() {
        spec.generation = random.u64(1..=2);
        spec.final_codes = if random.bool() { vec![0] } else { Vec::new() };
    }
    spec
}

impl Run {
    pub(super) fn only_taskmanagers(&mut self, target: u32) {
        self.spec.groups =
            BTreeMap::from([(GroupName::TASKMANAGERS, GroupSpec::of_cpus(target, Milli::whole(1)))]);
        self.targets = Targets::from([(GroupName::TASKMANAGERS, target)]);
    }

    pub(super) fn target_of(&self, group: &GroupName) -> u32 {
        self.targets.get(group).copied().unwrap_or_default()
    }

    pub(super) fn any_group(&mut self) -> GroupName {
        let names: Vec<_> = self.targets.keys().cloned().collect();
        self.random.choice(names).expect("there is always one")
    }

    pub(super) fn scale(&mut self) {
        self.excuse(4);
        let group = self.any_group();
        let wanted = self.random.u32(1..=4);
        self.set_target(&group, wanted);
        let (target, now) = (wanted + self.surplus(), self.now);
        self.log(|| format!("{group} scaled to {target}"));
        self.with_scheduler(|scheduler| {
            scheduler.handle_group_scaled(&group, target, now).expect("no job says it");
        });
    }

    /// What a program does that launches more than is wanted.
    pub(super) fn surplus(&self) -> u32 {
        u32::from(self.mutation == Mutation::OneMore)
    }

    pub(super) fn set_target(&mut self, group: &GroupName, target: u32) {
        self.targets.insert(group.clone(), target);
        let surplus = self.surplus();
        if let Some(spec) = self.spec.groups.get_mut(group) {
            spec.target = target + surplus;
        }
        self.count_targets(&self.stored.clone());
    }

    /// A group comes, goes or becomes another.
    pub(super) fn regroup(&mut self) {
        let kind = KINDS[self.random.usize(..KINDS.len())];
        let group = name(kind.0);
        let now = self.now;
        self.excuse(4);
        if self.targets.contains_key(&group) && self.targets.len() > 1 && self.random.bool() {
            self.log(|| format!("{group} is removed"));
            self.targets.remove(&group);
            self.spec.groups.remove(&group);
            self.with_scheduler(|scheduler| {
                scheduler.handle_group_removed(&group, now);
            });
            return;
        }
        let known = self.spec.groups.get(&group).map(|spec| (spec.target, spec.generation));
        let mut spec = spec_at_random(&kind, &mut self.random);
        let memory = Milli::whole(self.random.u64(1..64));
        spec.need.scalars.push(("mem".to_owned(), memory));
        // How many it has stays what somebody said last.
        spec.target = known.map_or(spec.target + self.surplus(), |(target, _)| target);
        if let Some((_, generation)) = known.filter(|_| !group.is_taskmanagers()) {
            spec.generation = generation + self.random.u64(..2);
        }
        spec.is_paused = self.random.u8(..4) == 0;
        self.log(|| {
            let GroupSpec { target, generation, is_paused, .. } = spec;
            format!("{group} is defined for {target}, generation {generation}, paused: {is_paused}")
        });
        self.define(&group, spec);
    }

    /// Offers were handed out: nobody got more than is fair, and nobody waits for another's failures.
    pub(super) fn judge_turns(&mut self, before: &State) {
        let Some(worker) = &self.worker else { return };
        let report = worker.scheduler.report(self.now);
        let judgement = self.fairness(before, worker.scheduler.state(), &report);
        self.judge(judgement);
        self.judge_waits(&report);
    }

    /// Whoever got one was no better off before than any other that is short of tasks that would have fitted as well.
    fn fairness(&self, before: &State, after: &State, report: &Report) -> Result<(), String> {
        let count = |state: &State, group: &GroupName| {
            let kept = state.tasks.values().filter(|record| record.goal == Goal::Run);
            kept.filter(|record| record.group == *group).count()
        };
        let launched = |group: &GroupName| {
            let new = after.tasks.iter().filter(|(id, _)| !before.tasks.contains_key(*id));
            new.filter(|(_, record)| record.group == *group).count()
        };
        let needs = |group: &GroupName| self.spec.groups.get(group).map(|spec| &spec.need.scalars);
        for winner in self.targets.keys().filter(|group| launched(group) > 0) {
            let had = count(after, winner).min(count(before, winner) + launched(winner)).saturating_sub(1);
            for loser in self.targets.keys().filter(|group| *group != winner) {
                // What it gets of offers to several roles says nothing of one that takes those to a single one.
                if self.spec.groups.get(loser).is_some_and(|spec| spec.role.is_some()) {
                    continue;
                }
                let is_short = waiting(report, loser)
                    .is_some_and(|waiting| matches!(waiting.reason, Reason::DoesNotFit { age_s: 0, .. }));
                let fits = needs(loser).zip(needs(winner)).is_some_and(|(loser, winner)| {
                    loser.iter().all(|(name, amount)| {
                        winner.iter().any(|(known, most)| known == name && amount <= most)
                    })
                });
                let has = count(after, loser).max(count(before, loser) + launched(loser));
                let (of_winner, of_loser) = (self.target_of(winner) as usize, self.target_of(loser) as usize);
                if is_short && fits && had * of_loser > has * of_winner {
                    return Err(format!(
                        "{winner} got one more than {had} of {of_winner}, and {loser} is short with {has} of {of_loser}"
                    ));
                }
            }
        }
        Ok(())
    }

    pub(super) fn judge_waits(&mut self, report: &Report) {
        for group in self.spec.groups.keys() {
            let held = waiting(report, group)
                .is_some_and(|waiting| matches!(waiting.reason, Reason::Backoff { .. } | Reason::Probing(_)));
            if held && !self.oracle.has_failed(group) {
                let text = format!("{group} waits after failures of others");
                self.violate(text);
                return;
            }
        }
    }
}

fn waiting<'a>(report: &'a Report, group: &GroupName) -> Option<&'a Waiting> {
    match report.groups.get(group.text()) {
        Some(group) => group.waiting.as_ref(),
        None if group.is_taskmanagers() => report.waiting.as_ref(),
        None => None,
    }
}
