//! Groups of tasks: each with a spec, a target, a start and failures of its own, beside what the framework has once.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use base::time::{Deadline, Moment};
use domain::demand::{Asked, Wish};
use domain::group::GroupName;
use domain::leadership::NotScaled;
use domain::state::{Goal, GroupState, State};

use super::failures::{Hold, Recent, Relaunches};
use super::gang::Gang;
use super::probe::Starts;
use super::progress::Progress;
use super::spec::{Delivery, GroupSpec};
use super::verdict::Verdict;
use super::{Note, Scheduler};

/// What is known of one group besides its tasks and what is stored of it.
pub(super) struct Group {
    pub spec: GroupSpec,
    /// While the whole set of tasks waits for offers that hold all of it.
    pub gang: Option<Gang>,
    pub relaunches: Relaunches,
    pub recent_failures: Recent,
    /// Replacements that wait, because tasks failed.
    pub hold: Option<Hold>,
    pub starts: Starts,
    /// While tasks fail at their start: when the next is tried.
    pub try_at: Option<Deadline>,
    /// Has registered when others failed at their start: those that were not launched meanwhile come after it.
    pub pioneer: Option<String>,
    pub last_round: Option<Round>,
    /// What jobs asked for last; none while the number stays where somebody put it.
    pub asked: Option<Asked>,
    pub progress: Progress,
}

/// The last offers that came while tasks of a group were wanted.
#[derive(Clone, Debug)]
pub(super) struct Round {
    pub at: Moment,
    pub offers: usize,
    /// Which came closest to holding one more.
    pub nearest: Option<Verdict>,
}

/// What is asked at every step, and does not change at most of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Census {
    /// Ids of tasks that are being ended.
    pub ending: Vec<String>,
    /// Groups that have fewer tasks than they shall have, and how many are to be launched.
    pub lacking: BTreeMap<GroupName, usize>,
    groups: BTreeMap<GroupName, Tally>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Tasks that shall run.
    kept: usize,
    /// Tasks that go on until others run.
    replaced: usize,
    /// Tasks that are being ended.
    ending: usize,
}

impl Group {
    pub fn new(spec: GroupSpec, now: Moment) -> Self {
        let mut progress = Progress::default();
        progress.begin(now);
        Self {
            gang: None,
            relaunches: Relaunches::new(spec.relaunch),
            recent_failures: Recent::new(),
            hold: None,
            starts: Starts::default(),
            try_at: None,
            pioneer: None,
            last_round: None,
            asked: None,
            progress,
            spec,
        }
    }
}

impl Group {
    /// How many tasks there shall be, if `kept` are there.
    fn target(&self, stored: &GroupState, kept: usize) -> u32 {
        if self.spec.is_paused {
            return u32::try_from(kept).unwrap_or(u32::MAX);
        }
        if stored.ended.is_some() {
            return 0;
        }
        let said = if self.spec.follows_jobs { stored.demanded } else { stored.scale };
        said.unwrap_or(self.spec.target)
    }

    fn lacking(&self, stored: &GroupState, Tally { kept, replaced, ending }: Tally) -> usize {
        let there = if self.spec.waits_for_ends { kept + replaced + ending } else { kept };
        (self.target(stored, kept) as usize).saturating_sub(there)
    }
}

impl Census {
    pub fn of(state: &State, groups: &BTreeMap<GroupName, Box<Group>>) -> Self {
        let mut census = Self::default();
        let tasks: Vec<_> = state.tasks.iter().collect();
        // By their ids those of one group come one after the other.
        for tasks in tasks.chunk_by(|(_, one), (_, other)| one.group == other.group) {
            let (_, first) = tasks[0];
            let tally = census.groups.entry(first.group.clone()).or_default();
            for (id, record) in tasks {
                match record.goal {
                    Goal::Replace => tally.replaced += 1,
                    Goal::Run => tally.kept += 1,
                    Goal::End => {
                        tally.ending += 1;
                        census.ending.push((*id).clone());
                    }
                }
            }
        }
        for (name, group) in groups {
            let lacking = group.lacking(state.group(name), census.tally(name));
            if lacking > 0 {
                census.lacking.insert(name.clone(), lacking);
            }
        }
        census
    }

    /// Whether tasks go on until others run.
    pub fn has_replaced(&self) -> bool {
        self.groups.values().any(|tally| tally.replaced > 0)
    }

    fn tally(&self, group: &GroupName) -> Tally {
        self.groups.get(group).copied().unwrap_or_default()
    }
}

impl Scheduler {
    /// There is a group of this name from now on, or it is another one than it was: what runs of it goes on.
    pub fn handle_group_defined(&mut self, name: &GroupName, spec: GroupSpec, now: Moment) {
        match self.groups.get_mut(name) {
            Some(group) => {
                if group.spec.relaunch != spec.relaunch {
                    group.relaunches = Relaunches::new(spec.relaunch);
                }
                group.last_round = None;
                group.spec = spec;
            }
            None => {
                self.groups.insert(name.clone(), Box::new(Group::new(spec, now)));
            }
        }
        self.census = OnceLock::new();
        self.plan(now);
    }

    /// The group is no more: its tasks end. False if there is none of this name.
    pub fn handle_group_removed(&mut self, name: &GroupName, now: Moment) -> bool {
        if self.groups.remove(name).is_none() {
            return false;
        }
        self.census = OnceLock::new();
        self.retire_strangers();
        self.plan(now);
        true
    }

    /// Ends what is of no group, and forgets what was stored of such.
    pub(super) fn retire_strangers(&mut self) {
        let groups = &self.groups;
        let is_stranger = |record: &domain::state::TaskRecord| {
            record.goal != Goal::End && !groups.contains_key(&record.group)
        };
        let strangers = self.state.tasks.iter().filter(|(_, record)| is_stranger(record));
        let strangers: Vec<_> = strangers.map(|(id, _)| id.clone()).collect();
        let stored = self.state.groups.len();
        self.state.groups.retain(|name, _| groups.contains_key(name));
        if strangers.is_empty() && self.state.groups.len() == stored {
            return;
        }
        for id in strangers {
            self.retire(&id);
        }
        self.store();
    }

    /// Somebody wants `target` tasks of the group from now on.
    pub fn handle_group_scaled(
        &mut self,
        name: &GroupName,
        target: u32,
        now: Moment,
    ) -> Result<(), NotScaled> {
        match self.groups.get(name) {
            None => return Err(NotScaled::NoSuchGroup(name.clone())),
            Some(group) if group.spec.follows_jobs => return Err(NotScaled::FollowsJobs),
            Some(_) => {}
        }
        self.state.group_mut(name).scale = Some(target);
        self.store();
        self.note(Note::Scaled { group: name.clone(), target });
        self.plan(now);
        Ok(())
    }

    /// The group begins anew: what it failed of counts no more, nor does its end, unless that is one of this generation or
    /// of a later one. False if there is none of this name.
    pub fn handle_group_renewed(&mut self, name: &GroupName, generation: u64, now: Moment) -> bool {
        let Some(group) = self.groups.get_mut(name) else { return false };
        group.hold = None;
        group.recent_failures.clear();
        group.relaunches.succeeded();
        let stored = self.state.group_mut(name);
        stored.ended.take_if(|ended| ended.generation < generation);
        (stored.failures, stored.probing) = (0, None);
        self.store();
        self.plan(now);
        true
    }

    /// What tasks of the group are given of files is known.
    pub fn handle_group_files_read(&mut self, name: &GroupName, delivery: Delivery, now: Moment) {
        if let Some(group) = self.groups.get_mut(name) {
            Arc::make_mut(&mut group.spec.template).delivery = Some(delivery);
        }
        self.plan(now);
    }

    /// How many tasks of the group there shall be: as many as there are while it is paused, none where there is no such
    /// group.
    pub fn group_target(&self, name: &GroupName) -> u32 {
        let group = self.groups.get(name);
        group.map_or(0, |group| group.target(self.state.group(name), self.kept_count(name)))
    }

    pub(super) fn is_paused(&self, name: &GroupName) -> bool {
        self.groups.get(name).is_some_and(|group| group.spec.is_paused)
    }

    /// Of the tasks that are launched now.
    pub(super) fn generation(&self, name: &GroupName) -> u64 {
        self.groups.get(name).map_or(0, |group| group.spec.generation)
    }

    pub(super) fn group_names(&self) -> Vec<GroupName> {
        self.groups.keys().cloned().collect()
    }

    /// Whose task it is; none if there is no such task, or its group is gone.
    pub(super) fn group_of(&self, id: &str) -> Option<&GroupName> {
        let name = &self.state.tasks.get(id)?.group;
        self.groups.contains_key(name).then_some(name)
    }

    /// How many tasks the group's target is ahead of those that run, start or may come back.
    pub(super) fn lacking(&self, name: &GroupName) -> usize {
        self.census().lacking.get(name).copied().unwrap_or(0)
    }

    pub(super) fn census(&self) -> &Census {
        self.census.get_or_init(|| Census::of(&self.state, &self.groups))
    }

    pub(super) fn kept_count(&self, name: &GroupName) -> usize {
        self.census().tally(name).kept
    }

    pub(super) fn replaced_count(&self, name: &GroupName) -> usize {
        self.census().tally(name).replaced
    }

    /// Ids of the group's tasks that shall run.
    pub(super) fn kept_of(&self, name: &GroupName) -> impl Iterator<Item = &String> {
        self.with_goal(Goal::Run, name)
    }

    /// Ids of the group's tasks that go on until others run.
    pub(super) fn replaced_of(&self, name: &GroupName) -> impl Iterator<Item = &String> {
        self.with_goal(Goal::Replace, name)
    }

    fn with_goal(&self, goal: Goal, name: &GroupName) -> impl Iterator<Item = &String> {
        let tasks = self.state.tasks.iter();
        tasks.filter(move |(_, record)| record.goal == goal && record.group == *name).map(|(id, _)| id)
    }
}

#[cfg(test)]
impl Scheduler {
    pub(super) fn taskmanagers(&mut self) -> &mut GroupSpec {
        self.census = OnceLock::new();
        &mut self.groups.get_mut(&GroupName::TASKMANAGERS).expect("it has TaskManagers").spec
    }

    /// For another that goes on.
    pub(super) fn whole_spec(&self) -> super::spec::Spec {
        let groups = self.groups.iter().map(|(name, group)| (name.clone(), group.spec.clone()));
        super::spec::Spec { groups: groups.collect(), ..self.spec.clone() }
    }

    /// As one would that has one backoff for all.
    pub(super) fn share_holds(&mut self) {
        let Some(hold) = self.groups.values().find_map(|group| group.hold.clone()) else { return };
        for group in self.groups.values_mut() {
            group.hold.get_or_insert_with(|| Hold { places: 1000, ..hold.clone() });
        }
    }

    /// As one would that takes every task for one of the definition that there is.
    pub(super) fn take_all_for_current(&mut self) {
        let generations = self.groups.iter().map(|(name, group)| (name, group.spec.generation));
        let generations: BTreeMap<_, _> = generations.collect();
        for record in self.state.tasks.values_mut() {
            record.generation = generations.get(&record.group).copied().unwrap_or_default();
        }
    }

    /// As one would that gives the first group all it wants before it looks at the next.
    pub(super) fn serve_by_name(&mut self) {
        self.serves_by_name = true;
    }
}

/// What the rest of the program knows: a cluster has one group, its TaskManagers.
impl Scheduler {
    /// Somebody wants `target` TaskManagers from now on.
    pub fn handle_scaled(&mut self, target: u32, now: Moment) -> Result<(), NotScaled> {
        self.handle_group_scaled(&GroupName::TASKMANAGERS, target, now)
    }

    /// What jobs have a use for has changed.
    pub fn handle_demanded(&mut self, wish: Wish, now: Moment) {
        self.handle_group_demanded(&GroupName::TASKMANAGERS, wish, now);
    }

    /// What TaskManagers are given of files is known.
    pub fn handle_files_read(&mut self, delivery: Delivery, now: Moment) {
        self.handle_group_files_read(&GroupName::TASKMANAGERS, delivery, now);
    }

    /// How many TaskManagers there shall be.
    pub fn target(&self) -> u32 {
        self.group_target(&GroupName::TASKMANAGERS)
    }
}
