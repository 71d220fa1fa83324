//! What must hold whatever happens, judged by what is true in the cluster and by what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::cluster::{Cluster, UNREACHABLE_AFTER};
use super::groups::{Targets, shown_by};
use super::hearing::Hearing;
use crate::token;
use base::time::Moment;
use domain::group::GroupName;
use domain::state::{Goal, State, TaskRecord};
use mesos::call::Call;
use mesos::event::StatusUpdate;
use mesos::wire::status::TaskState;
use mesos::wire::task::TaskInfo;

/// More TaskManagers than wanted for longer than this is a leak; between two full reconciliations lie 15 minutes.
const MAX_SURPLUS: Duration = Duration::from_secs(20 * 60);

/// The time to register, to look for room, to start another and to kill it fit in, and that again for those that were
/// started meanwhile and are not heard either.
const MAX_FROZEN: Duration = Duration::from_secs(15 * 60);

#[derive(Default)]
pub struct Oracle {
    /// Tasks that nobody heard of for so long that giving them up was right.
    excused: BTreeSet<String>,
    /// Updates handed to the scheduler and not acknowledged yet, with whether they end the task.
    unacknowledged: BTreeMap<(String, [u8; 16]), bool>,
    launched: BTreeSet<String>,
    /// Those that were told to run.
    started: BTreeSet<String>,
    surplus_since: BTreeMap<GroupName, Moment>,
    /// The group of each task that was ever launched, as its resources show it.
    groups: BTreeMap<String, GroupName>,
    /// Groups of which tasks have ended.
    failed: BTreeSet<GroupName>,
    pub hearing: Hearing,
    /// Mesos' word on who is lost is the only one.
    pub has_no_jobmanager: bool,
    /// Those that the master has told last to be out of its reach.
    unreachable: BTreeSet<String>,
    /// TaskManagers that live and do nothing, and since when.
    frozen: BTreeMap<String, Moment>,
}

type Judgement = Result<(), String>;

impl Oracle {
    /// Takes note of who could not be heard.
    pub fn watch(&mut self, cluster: &Cluster, stored: &State, targets: &Targets, now: Moment) -> Judgement {
        let mut unheard = BTreeSet::new();
        let is_away = cluster.jobmanager.is_away();
        for (number, host) in cluster.hosts.iter().enumerate() {
            if host.unheard_since.is_some() {
                unheard.extend(cluster.alive_on(number));
            }
            let is_lost = host.unheard_since.is_some_and(|since| now.since(since) >= UNREACHABLE_AFTER);
            if is_lost || host.is_written_off {
                let is_excused = |id: &&str| {
                    host.is_written_off
                        || self.has_no_jobmanager
                        || !cluster.jobmanager.hears(id)
                        || self.hearing.is_silent(id)
                        || (is_away && self.hearing.is_out_of_date(id, now))
                };
                self.excused.extend(cluster.alive_on(number).filter(is_excused).map(str::to_owned));
            }
        }
        // Both have said that they do not hear it.
        let hearing = &self.hearing;
        let is_lost = |id: &&String| self.has_no_jobmanager || hearing.is_silent(id);
        self.excused.extend(self.unreachable.iter().filter(is_lost).cloned());
        let mut alive = BTreeMap::<&GroupName, usize>::new();
        for id in cluster.alive(framework(stored)).iter().filter(|id| !unheard.contains(id.as_str())) {
            *alive
                .entry(self.group_of(id).ok_or_else(|| format!("{id} was never launched"))?)
                .or_default() += 1;
        }
        let mut surplus = BTreeMap::new();
        for (group, alive) in alive {
            let target = target_of(targets, group);
            if alive <= target {
                continue;
            }
            let since = self.surplus_since.get(group).copied().unwrap_or(now);
            if now.since(since) > MAX_SURPLUS {
                return Err(format!("{alive} of {group} live, {target} are wanted, and it stays so"));
            }
            surplus.insert(group.clone(), since);
        }
        self.surplus_since = surplus;
        Ok(())
    }

    /// For which group a task was launched.
    pub fn group_of(&self, id: &str) -> Option<&GroupName> {
        self.groups.get(id)
    }

    /// Those that live and could be heard of.
    pub fn heard(&self, cluster: &Cluster, stored: &State) -> BTreeSet<String> {
        let mut alive = cluster.alive(framework(stored));
        alive.retain(|id| !self.excused.contains(id));
        alive
    }

    /// Whether anything that the scheduler was told of the group's tasks may be a reason to wait.
    pub fn has_failed(&self, group: &GroupName) -> bool {
        self.failed.contains(group)
    }

    /// Nothing is wrong any more: whoever does nothing has to be replaced. One that was given up and came back is too
    /// many, which is judged for itself.
    pub fn watch_frozen(&mut self, cluster: &Cluster, stored: &State, now: Moment) -> Judgement {
        let mut frozen = cluster.frozen(framework(stored));
        frozen.retain(|id| stored.tasks.contains_key(id));
        self.frozen.retain(|id, _| frozen.contains(id));
        for id in frozen {
            let since = *self.frozen.entry(id.clone()).or_insert(now);
            if now.since(since) > MAX_FROZEN {
                return Err(format!("{id} does nothing and stays"));
            }
        }
        Ok(())
    }

    /// The scheduler is about to learn of an update.
    pub fn handed_in(&mut self, update: &StatusUpdate) {
        match update.state {
            Some(TaskState::Unreachable) => self.unreachable.insert(update.task_id.text().to_owned()),
            Some(_) | None => self.unreachable.remove(update.task_id.text()),
        };
        if update.state == Some(TaskState::Running) {
            self.started.insert(update.task_id.text().to_owned());
        }
        if update.state.is_some_and(mini_mesos::master::is_terminal) {
            self.failed.extend(self.groups.get(update.task_id.text()).cloned());
        }
        if let Some(uuid) = update.uuid {
            let ends = update.state.is_some_and(mini_mesos::master::is_terminal);
            self.unacknowledged.insert((update.task_id.text().to_owned(), uuid), ends);
        }
    }

    /// Nothing is left to be carried out.
    pub fn settled(&self) -> Judgement {
        match self.unacknowledged.keys().next() {
            Some((task, _)) => Err(format!("an update of {task} was not acknowledged")),
            None => Ok(()),
        }
    }

    pub fn crashed(&mut self) {
        self.unacknowledged.clear();
        self.hearing = Hearing::default();
        self.unreachable.clear();
    }

    /// A state is being stored in place of another.
    pub fn stored(&self, old: &State, new: &State, targets: &Targets, cluster: &Cluster) -> Judgement {
        if old.framework_id != new.framework_id && old.framework_id.is_some() {
            // The master has ended them all, or will as soon as it hears of them.
            return Ok(());
        }
        for (id, record) in &new.tasks {
            if let Some(group) = self.group_of(id).filter(|group| **group != record.group) {
                return Err(format!(
                    "{id} is stored as one of {}, and was launched for {group}",
                    record.group
                ));
            }
        }
        let groups: BTreeSet<_> = new.tasks.values().map(|record| &record.group).collect();
        for group in groups {
            self.stored_group(old, new, group, target_of(targets, group))?;
        }
        let alive = cluster.alive(framework(old));
        let forgotten = old.tasks.keys().filter(|id| !new.tasks.contains_key(*id));
        let mut wrongly = forgotten.filter(|id| alive.contains(*id) && !self.excused.contains(*id));
        match wrongly.next() {
            Some(id) => Err(format!("{id} lives, could be heard of, and was given up")),
            None => Ok(()),
        }
    }

    /// The same for the tasks of one group.
    fn stored_group(&self, old: &State, new: &State, group: &GroupName, target: usize) -> Judgement {
        let tasks = || new.tasks.iter().filter(|(_, record)| record.group == *group);
        // Those that give way to others go on until then.
        let kept = tasks().filter(|(_, record)| record.goal != Goal::End).count();
        let was_kept = |id: &String| old.tasks.get(id).is_some_and(|record| record.goal == Goal::Run);
        let retired = |(id, record): &(&String, &TaskRecord)| record.goal == Goal::End && was_kept(id);
        if let Some((id, _)) = tasks().find(retired).filter(|_| kept < target) {
            return Err(format!("{id} is retired, which leaves {kept} of {target}"));
        }
        // Whoever is not heard does nothing for anybody.
        let was_replaced = |id: &String| {
            old.tasks.get(id).is_some_and(|record| record.goal == Goal::Replace && !record.unheard)
        };
        let ended = |(id, record): &(&String, &TaskRecord)| record.goal == Goal::End && was_replaced(id);
        let Some((id, _)) = tasks().find(ended) else { return Ok(()) };
        let goes_on = |(id, record): &(&String, &TaskRecord)| match record.goal {
            Goal::Run => self.started.contains(*id),
            Goal::Replace => true,
            Goal::End => false,
        };
        match tasks().filter(goes_on).count() {
            left if left < target => {
                Err(format!("{id} is ended before another runs, which leaves {left} of {target}"))
            }
            _ => Ok(()),
        }
    }

    /// A call is being sent.
    pub fn sent(&mut self, call: &Call, stored: &State, targets: &Targets, cluster: &Cluster) -> Judgement {
        match call {
            Call::Accept { launch, .. } if launch.iter().any(|task| shows_token(task, stored)) => {
                Err("a token is where anybody sees it".to_owned())
            }
            Call::Accept { launch, .. } => self.launched(launch, stored, targets, cluster),
            Call::Kill { task_id, .. } => self.killed(task_id.text(), stored, cluster),
            Call::Acknowledge { task_id, uuid, .. } => self.acknowledged(task_id.text(), *uuid, stored),
            Call::Decline { .. }
            | Call::AcceptInverseOffers { .. }
            | Call::Revive { .. }
            | Call::Suppress { .. }
            | Call::Reconcile { .. }
            | Call::Teardown => Ok(()),
        }
    }

    fn launched(
        &mut self,
        launch: &[TaskInfo],
        stored: &State,
        targets: &Targets,
        cluster: &Cluster,
    ) -> Judgement {
        let mut counts = BTreeMap::<GroupName, usize>::new();
        for task in launch {
            let id = task.name.clone().unwrap_or_default();
            let record = stored.tasks.get(&id).filter(|record| record.goal == Goal::Run);
            let record = record.ok_or_else(|| format!("{id} is launched before it is stored"))?;
            let group = shown_by(task).ok_or_else(|| format!("{id} takes what no group needs"))?;
            if group != record.group || !id.starts_with(&format!("{group}-")) {
                return Err(format!(
                    "{id} is stored as one of {}, and was launched for {group}",
                    record.group
                ));
            }
            if self.groups.insert(id.clone(), group.clone()).is_some() || !self.launched.insert(id.clone()) {
                return Err(format!("{id} is launched twice"));
            }
            *counts.entry(group).or_default() += 1;
        }
        let alive = cluster.alive(framework(stored));
        let is_ending = |id: &String| stored.tasks.get(id).is_some_and(|record| record.goal != Goal::Run);
        for (group, count) in counts {
            let kept = alive.iter().filter(|id| self.group_of(id) == Some(&group));
            let kept = kept.filter(|id| !self.excused.contains(*id) && !is_ending(id)).count();
            let target = target_of(targets, &group);
            if kept + count > target {
                return Err(format!(
                    "{kept} of {group} live and {count} more are launched, {target} are wanted"
                ));
            }
        }
        Ok(())
    }

    fn killed(&self, id: &str, stored: &State, cluster: &Cluster) -> Judgement {
        if !cluster.alive(framework(stored)).contains(id) || self.excused.contains(id) {
            return Ok(());
        }
        match stored.tasks.get(id) {
            None => Err(format!("{id} lives, is not known any more, and is killed")),
            Some(record) if record.goal != Goal::End => Err(format!("{id} is killed and shall run")),
            // Judged when it was stored.
            Some(_) => Ok(()),
        }
    }

    fn acknowledged(&mut self, id: &str, uuid: [u8; 16], stored: &State) -> Judgement {
        match self.unacknowledged.remove(&(id.to_owned(), uuid)) {
            None => Err(format!("an update of {id} is acknowledged twice, or never came")),
            Some(true) if stored.tasks.contains_key(id) => {
                Err(format!("the end of {id} is acknowledged before it is stored"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Faults have stopped and time has passed: everything must be as it is wanted.
    pub fn at_rest(&self, cluster: &Cluster, stored: &State, targets: &Targets) -> Judgement {
        let alive = cluster.alive(framework(stored));
        let kept: BTreeSet<_> = stored.tasks.keys().cloned().collect();
        if alive != kept {
            return Err(format!("{alive:?} live, {kept:?} are known"));
        }
        let groups: BTreeSet<_> =
            targets.keys().chain(alive.iter().filter_map(|id| self.group_of(id))).collect();
        for group in groups {
            let alive = alive.iter().filter(|id| self.group_of(id) == Some(group)).count();
            let target = target_of(targets, group);
            if alive != target {
                return Err(format!("{alive} of {group} live, {target} are wanted"));
            }
        }
        if let Some(id) = cluster.frozen(framework(stored)).first() {
            return Err(format!("{id} does nothing and stays"));
        }
        if let Some(probing) = stored.groups.values().find_map(|group| group.probing.as_ref()) {
            return Err(format!("all run, and one at a time is tried: {}", probing.cause));
        }
        match cluster.offers().len() {
            0 => Ok(()),
            offers => Err(format!("{offers} offers are hoarded")),
        }
    }
}

/// Whether the token of a task is in what a process list or a status page shows of it.
fn shows_token(task: &TaskInfo, stored: &State) -> bool {
    let token = token::of(&stored.token_secret, task.name.as_deref().unwrap_or_default());
    let arguments = task.command.iter().flat_map(|command| command.arguments.iter().chain(&command.value));
    let labels =
        task.labels.iter().flat_map(|labels| &labels.labels).filter_map(|label| label.value.as_ref());
    arguments.chain(labels).any(|text| text.contains(&token))
}

fn target_of(targets: &Targets, group: &GroupName) -> usize {
    targets.get(group).map_or(0, |target| *target as usize)
}

fn framework(state: &State) -> &str {
    state.framework_id.as_deref().unwrap_or_default()
}
