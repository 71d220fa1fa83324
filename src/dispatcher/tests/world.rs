//! A model of the scheduler, with one group for each cluster. What it knows outlives a crash.

use std::collections::BTreeMap;

use domain::carried::Carried;

use crate::action::{Action, Definition};
use domain::time::Timestamp;
use domain::view::{End, TaskView, View};

#[derive(Clone, Default)]
pub struct World {
    pub groups: BTreeMap<String, Group>,
    counter: u64,
    /// What AppMasters were ordered outlives them.
    pub is_ha: bool,
    /// By the place of a cluster's state, how many TaskManagers it was ordered to have.
    pub scales: BTreeMap<String, u32>,
}

#[derive(Clone, Default)]
pub struct Group {
    pub generation: u64,
    pub target: u32,
    pub launched: u32,
    pub tasks: BTreeMap<String, Task>,
    pub ended: Option<End>,
    pub rests: bool,
    /// Nothing of it is to be touched.
    pub is_kept: bool,
    pub is_removed: bool,
    /// This process was told of it.
    is_defined: bool,
    /// What AppMasters read from their configuration.
    place: String,
    number: Option<u32>,
    /// What is delivered stays as it was first.
    pub is_stale: bool,
}

#[derive(Clone)]
pub struct Task {
    attempt: u32,
    pub generation: u64,
    pub runs: bool,
    pub ending: bool,
    pub giving_way: bool,
    pub place: String,
    number: Option<u32>,
    /// As it was ordered.
    scaled: Option<u32>,
    last: u64,
    pub outcomes: BTreeMap<u64, Carried>,
}

impl Task {
    pub fn knows(&self, id: u64) -> bool {
        id <= self.last || self.outcomes.contains_key(&id)
    }

    pub fn carried(&mut self, id: u64, carried: Carried) {
        self.last = self.last.max(id);
        self.outcomes.insert(id, carried);
    }
}

/// AppMasters and what they are ordered.
impl World {
    pub fn carried(&mut self, name: &str, task_id: &str) -> Option<&mut Task> {
        self.groups.get_mut(name)?.tasks.get_mut(task_id)
    }

    pub fn scale(&mut self, name: &str, task_id: &str, taskmanagers: u32) {
        let is_ha = self.is_ha;
        let Some(task) = self.carried(name, task_id) else { return };
        task.scaled = Some(taskmanagers);
        let place = task.place.clone();
        if is_ha {
            self.scales.insert(place, taskmanagers);
        }
    }

    /// How many TaskManagers it keeps.
    pub fn number(&self, name: &str, task_id: &str) -> Option<u32> {
        let task = self.groups.get(name)?.tasks.get(task_id)?;
        let ordered = if self.is_ha { self.scales.get(&task.place).copied() } else { task.scaled };
        ordered.or(task.number)
    }
}

impl World {
    pub fn carry_out(&mut self, action: &Action) {
        match action {
            Action::Define(Definition { cluster, generation, target, place, manifest, .. }) => {
                let group = self.groups.entry(cluster.clone()).or_default();
                if !group.is_stale || group.place.is_empty() {
                    group.number = manifest.spec.initial_task_managers(cluster);
                }
                group.place.clone_from(place);
                (group.generation, group.target) = (*generation, *target);
                (group.is_defined, group.is_kept, group.is_removed) = (true, false, false);
                group.retire_surplus();
            }
            Action::Keep { cluster, .. } => {
                let group = self.groups.entry(cluster.clone()).or_default();
                (group.is_defined, group.is_kept) = (true, true);
            }
            Action::Renew { cluster, generation, .. } => {
                if let Some(group) = self.groups.get_mut(cluster) {
                    group.ended.take_if(|end| end.generation < *generation);
                    group.rests = false;
                }
            }
            Action::Replace { cluster, task_id, .. } => {
                let task = self.groups.get_mut(cluster).and_then(|group| group.tasks.get_mut(task_id));
                if let Some(task) = task.filter(|task| !task.ending) {
                    task.giving_way = true;
                }
            }
            Action::Remove { cluster, .. } => {
                if let Some(group) = self.groups.get_mut(cluster) {
                    group.remove();
                }
            }
            Action::Commit(_) | Action::Event(_) => {}
        }
        self.groups.retain(|_, group| !group.is_removed || !group.tasks.is_empty());
    }

    /// A new process begins; it is told of its groups before anything else.
    pub fn begin(&mut self) {
        self.groups.values_mut().for_each(|group| group.is_defined = false);
    }

    /// It was told of all there are: what is left of others ends.
    pub fn retire_strangers(&mut self) {
        self.groups.values_mut().filter(|group| !group.is_defined).for_each(Group::remove);
        self.groups.retain(|_, group| !group.is_removed || !group.tasks.is_empty());
    }

    pub fn views(&self) -> BTreeMap<String, View> {
        self.groups.iter().map(|(name, group)| (name.clone(), group.view())).collect()
    }

    /// One task is launched where one is lacking. Of which generation it is.
    pub fn launch(&mut self, name: &str) -> Option<u64> {
        let group = self.groups.get_mut(name)?;
        if group.rests || group.is_kept || group.is_removed || group.lacking() == 0 {
            return None;
        }
        self.counter += 1;
        group.launched += 1;
        let task = Task {
            attempt: group.launched,
            generation: group.generation,
            runs: false,
            ending: false,
            giving_way: false,
            place: group.place.clone(),
            number: group.number,
            scaled: None,
            last: 0,
            outcomes: BTreeMap::new(),
        };
        group.tasks.insert(format!("{name}-{:05}", self.counter), task);
        Some(group.generation)
    }

    /// Whatever is under way comes to its end. Answers what was launched, and of which generation it is.
    pub fn settle(&mut self) -> Vec<(String, u64)> {
        let mut launched = Vec::new();
        for name in self.groups.keys().cloned().collect::<Vec<_>>() {
            while let Some(generation) = self.launch(&name) {
                launched.push((name.clone(), generation));
            }
            let Some(group) = self.groups.get_mut(&name) else { continue };
            group.rests = false;
            group.run_all();
            group.tasks.retain(|_, task| !task.ending);
        }
        self.groups.retain(|_, group| !group.is_removed || !group.tasks.is_empty());
        launched
    }
}

impl Group {
    /// Of all its tasks.
    pub fn generations(&self) -> impl Iterator<Item = u64> {
        self.tasks.values().map(|task| task.generation)
    }

    pub fn target(&self) -> usize {
        if self.ended.is_some() { 0 } else { self.target as usize }
    }

    fn kept(&self) -> usize {
        self.tasks.values().filter(|task| !task.ending && !task.giving_way).count()
    }

    fn lacking(&self) -> usize {
        self.target().saturating_sub(self.kept())
    }

    fn remove(&mut self) {
        self.is_removed = true;
        self.tasks.values_mut().for_each(|task| task.ending = true);
    }

    fn retire_surplus(&mut self) {
        let target = self.target();
        let mut kept = 0;
        for task in self.tasks.values_mut().filter(|task| !task.ending) {
            let is_surplus = target == 0 || (!task.giving_way && kept >= target);
            kept += usize::from(!task.giving_way);
            task.ending |= is_surplus;
        }
    }

    pub fn run_all(&mut self) {
        self.tasks.values_mut().filter(|task| !task.ending).for_each(|task| task.runs = true);
        if self.lacking() == 0 {
            self.tasks.values_mut().filter(|task| task.giving_way).for_each(|task| task.ending = true);
        }
    }

    /// The task has done what the group is for.
    pub fn end(&mut self, task_id: &str, code: u8, at: Timestamp) {
        if let Some(task) = self.tasks.remove(task_id) {
            let task_id = task_id.to_owned();
            self.ended = Some(End { task_id, generation: task.generation, code, at });
            self.retire_surplus();
        }
    }

    fn view(&self) -> View {
        let tasks = self.tasks.iter().map(|(id, task)| TaskView {
            id: id.clone(),
            attempt: task.attempt,
            generation: task.generation,
            agent_id: "S1".to_owned(),
            hostname: "h1".to_owned(),
            state: if task.runs { "TASK_RUNNING" } else { "TASK_STAGING" }.to_owned(),
            since: Timestamp(1),
            runs: task.runs,
            ending: task.ending,
            giving_way: task.giving_way,
        });
        View {
            target: self.target,
            tasks: tasks.collect(),
            waiting: (self.lacking() > 0).then(|| "waiting for offers; none since REVIVE".to_owned()),
            rests: self.rests,
            ended: self.ended.clone(),
        }
    }
}
