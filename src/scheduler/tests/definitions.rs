//! What groups are defined as: of which generation and role, paused or not; and how they end and begin anew.

use std::collections::BTreeMap;

use super::mutations::Mutation;
use super::simulation::Run;
use crate::spec::GroupSpec;
use domain::group::GroupName;
use domain::state::{Ended, Goal, State};
use mesos::call::Call;
use mesos::event::StatusUpdate;
use mesos::wire::status::TaskState;
use mesos::wire::task::TaskInfo;

type Judgement = Result<(), String>;
type Groups = BTreeMap<GroupName, GroupSpec>;

/// What each task was launched by.
#[derive(Default)]
pub struct Definitions {
    generations: BTreeMap<String, u64>,
}

impl Definitions {
    fn stored(&self, old: &State, new: &State, groups: &Groups) -> Judgement {
        for (name, spec) in groups {
            let ended = &new.group(name).ended;
            if let Some(ended) = ended.as_ref().filter(|_| old.group(name).ended != *ended) {
                self.has_ended(name, spec, ended)?;
            }
        }
        let is_paused = |name: &GroupName| groups.get(name).is_some_and(|spec| spec.is_paused);
        let was_kept = |id: &String| old.tasks.get(id).is_some_and(|record| record.goal != Goal::End);
        let mut ending = new.tasks.iter().filter(|(_, record)| record.goal == Goal::End);
        match ending.find(|(id, record)| is_paused(&record.group) && was_kept(id)) {
            Some((id, record)) => Err(format!("{id} is retired, and {} is paused", record.group)),
            None => Ok(()),
        }
    }

    fn has_ended(&self, name: &GroupName, spec: &GroupSpec, ended: &Ended) -> Judgement {
        let Ended { task, generation, code, .. } = ended;
        let launched = self.generations.get(task).copied();
        if launched != Some(spec.generation) || *generation != spec.generation {
            return Err(format!(
                "{name} of generation {} has ended with {task} of {launched:?}",
                spec.generation
            ));
        }
        if !spec.final_codes.contains(code) {
            return Err(format!("{name} has ended with code {code}, which is not final"));
        }
        Ok(())
    }

    fn launched(&mut self, launch: &[TaskInfo], stored: &State, groups: &Groups) -> Judgement {
        for task in launch {
            let id = task.name.clone().unwrap_or_default();
            let Some(record) = stored.tasks.get(&id) else { continue };
            let Some(spec) = groups.get(&record.group) else { continue };
            if spec.is_paused {
                return Err(format!("{id} is launched, and {} is paused", record.group));
            }
            if record.generation != spec.generation {
                return Err(format!(
                    "{id} is launched as one of generation {}, not of {}",
                    record.generation, spec.generation
                ));
            }
            if let Some(role) = &spec.role
                && let Some(other) = roles(task).find(|other| other != role)
            {
                return Err(format!("{id} takes what was offered to {other}, not to {role}"));
            }
            self.generations.insert(id, record.generation);
        }
        Ok(())
    }
}

/// To which its resources were offered.
fn roles(task: &TaskInfo) -> impl Iterator<Item = &str> {
    let allocated = task.resources.iter().map(|resource| resource.allocation_info.as_ref());
    allocated.map(|info| info.and_then(|info| info.role.as_deref()).unwrap_or("*"))
}

impl Run {
    /// What the scheduler is told of a group.
    pub(super) fn told(&self, spec: &GroupSpec) -> GroupSpec {
        let spec = spec.clone();
        match self.mutation {
            Mutation::IgnorePause => GroupSpec { is_paused: false, ..spec },
            Mutation::ForgetGeneration => GroupSpec { generation: 0, ..spec },
            Mutation::TakeAnyRole => GroupSpec { role: None, ..spec },
            // Nothing but that may be known of it.
            _ if spec.is_paused && spec.generation % 2 == 1 => GroupSpec::paused(),
            _ => spec,
        }
    }

    pub(super) fn define(&mut self, group: &GroupName, spec: GroupSpec) {
        let (told, now) = (self.told(&spec), self.now);
        self.spec.groups.insert(group.clone(), spec);
        self.count_targets(&self.stored.clone());
        self.with_scheduler(|scheduler| scheduler.handle_group_defined(group, told, now));
    }

    pub(super) fn unpause_all(&mut self) {
        let paused = self.spec.groups.iter().filter(|(_, spec)| spec.is_paused);
        for (group, spec) in paused.map(|(name, spec)| (name.clone(), spec.clone())).collect::<Vec<_>>() {
            self.define(&group, GroupSpec { is_paused: false, ..spec });
        }
    }

    /// Of a group that has ended no task is wanted.
    pub(super) fn count_targets(&mut self, state: &State) {
        let surplus = self.surplus();
        for (name, spec) in &self.spec.groups {
            let target = if state.group(name).ended.is_some() { 0 } else { spec.target - surplus };
            self.targets.insert(name.clone(), target);
        }
    }

    pub(super) fn judge_stored(&mut self, new: &State) {
        let is_same_framework = self.stored.framework_id == new.framework_id;
        let judgement = self.definitions.stored(&self.stored, new, &self.spec.groups);
        self.judge(if is_same_framework { judgement } else { Ok(()) });
        self.count_targets(new);
    }

    pub(super) fn judge_launch(&mut self, call: &Call) {
        if let Call::Accept { launch, .. } = call {
            let judgement = self.definitions.launched(launch, &self.stored, &self.spec.groups);
            self.judge(judgement);
        }
    }

    /// A group begins anew, unless it has ended in the generation that is named or later.
    pub(super) fn renew(&mut self) {
        let group = self.any_group();
        let Some(spec) = self.spec.groups.get(&group) else { return };
        let generation = spec.generation + self.random.u64(..2);
        let told = if self.mutation == Mutation::RenewWhatever { u64::MAX } else { generation };
        self.excuse(4);
        let (before, now) = (self.stored.group(&group).ended.clone(), self.now);
        self.log(|| format!("{group} is renewed for {generation}"));
        self.with_scheduler(|scheduler| {
            scheduler.handle_group_renewed(&group, told, now);
        });
        if self.worker.is_none() {
            return;
        }
        let expected = before.filter(|ended| ended.generation >= generation);
        let found = self.stored.group(&group).ended.clone();
        if found != expected {
            self.violate(format!(
                "{group}, renewed for {generation}, has ended with {found:?}, not {expected:?}"
            ));
        }
    }

    /// What runs of a group is of an older generation from now on, and may end before it is replaced.
    pub(super) fn outdate(&mut self) {
        let group = self.any_group();
        let Some(spec) = self.spec.groups.get(&group).filter(|_| !group.is_taskmanagers()).cloned() else {
            return;
        };
        let generation = spec.generation + 1;
        self.excuse(4);
        self.log(|| format!("{group} is of generation {generation}"));
        self.define(&group, GroupSpec { generation, ..spec });
        if self.random.bool() {
            self.end_process();
        }
    }

    /// Another task is wanted in the place of one.
    pub(super) fn replace(&mut self) {
        let running = self.stored.tasks.iter().filter(|(_, record)| record.goal == Goal::Run);
        let running: Vec<_> = running.map(|(id, _)| id.clone()).collect();
        let Some(id) = self.random.choice(running) else { return };
        let now = self.now;
        self.log(|| format!("another is wanted in the place of {id}"));
        self.with_scheduler(|scheduler| {
            scheduler.handle_replacement_wanted(&id, now);
        });
    }

    /// The group whose end this update is.
    pub(super) fn ends_with(&self, update: &StatusUpdate) -> Option<GroupName> {
        let record = self.stored.tasks.get(update.task_id.text())?;
        let spec = self.spec.groups.get(&record.group)?;
        let is_final = update.state == Some(TaskState::Finished) && spec.final_codes.contains(&0);
        let counts = record.goal != Goal::End && record.generation == spec.generation && !spec.is_paused;
        (is_final && counts).then(|| record.group.clone())
    }

    pub(super) fn judge_end(&mut self, group: Option<GroupName>) {
        let is_open = |group: &GroupName| self.stored.group(group).ended.is_none();
        if let Some(group) = group.filter(|group| self.worker.is_some() && is_open(group)) {
            self.violate(format!("{group} goes on, and a task of it has done what it is for"));
        }
    }
}
