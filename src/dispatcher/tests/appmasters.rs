//! AppMasters as the dispatcher meets them: each asks what to do, carries out what is new to it, and says what came of it until
//! that is stored.

use domain::carried::Carried;

use super::mutations::Mutation;
use super::process::Process;
use super::store::Stored;
use crate::cluster::Status;
use crate::instructions::{Asker, Instruction, PendingOrder};

/// What an AppMaster answers.
pub type Answer<'a> = &'a mut dyn FnMut(&Instruction) -> Carried;

pub fn done(_: &Instruction) -> Carried {
    Carried::Done
}

impl Process {
    /// Of those that run, by their ids.
    pub fn appmasters(&self, name: &str) -> Vec<String> {
        let group = self.world.groups.get(name);
        let tasks = group.into_iter().flat_map(|group| &group.tasks);
        tasks.filter(|(_, task)| task.runs && !task.ending).map(|(id, _)| id.clone()).collect()
    }

    /// The AppMaster asks what to do, and does it.
    pub fn ask(&mut self, name: &str, task_id: &str, answer: Answer<'_>) -> Result<(), String> {
        let orders = self.due(name, task_id);
        let Some(task) = self.world.groups.get(name).and_then(|group| group.tasks.get(task_id)) else {
            return Ok(());
        };
        if orders.is_empty() {
            return Ok(());
        }
        self.oracle.telling.told((task_id, name, task.generation), &orders, &self.store)?;
        for PendingOrder { id, what, .. } in orders {
            let Some(task) = self.world.carried(name, task_id) else { continue };
            if task.outcomes.contains_key(&id) {
                continue;
            }
            if task.knows(id) {
                return Err(format!("{task_id} is told order {id} again, whose outcome it has told"));
            }
            let carried = answer(&what);
            if let (Instruction::Scale { taskmanagers }, Carried::Done) = (&what, &carried) {
                self.world.scale(name, task_id, *taskmanagers);
            }
            if let Some(task) = self.world.carried(name, task_id) {
                task.carried(id, carried);
            }
        }
        Ok(())
    }

    fn due(&self, name: &str, task_id: &str) -> Vec<PendingOrder> {
        let asker = if self.world.is_ha { Asker::Leader } else { Asker::Alone };
        // Of several one leads.
        let leads = !self.world.is_ha || self.appmasters(name).first().is_some_and(|first| first == task_id);
        let instructions = match self.mutation {
            Mutation::TellUnstored => self.core.instructions(),
            _ => self.told.clone(),
        };
        let of = |task_id: &str| instructions.due(task_id, asker, self.now).orders.to_vec();
        let mut orders = if leads { of(task_id) } else { Vec::new() };
        match self.mutation {
            Mutation::TellOutOfOrder => orders = orders.pop().into_iter().collect(),
            Mutation::TellAnyone => {
                let others = self.world.groups.keys().flat_map(|name| self.appmasters(name));
                let found = others.map(|other| of(&other)).find(|orders| !orders.is_empty());
                orders = found.unwrap_or(orders);
            }
            _ => {}
        }
        orders
    }

    /// The AppMaster says what came of its orders. What is stored then it says no more; a crash may come before that.
    pub fn say(&mut self, name: &str, task_id: &str, crashes: bool) -> Result<(), String> {
        let status = self.store.get::<Status>(&format!("clusters/{name}/status"));
        let Some(task) = self.world.carried(name, task_id) else { return Ok(()) };
        let (generation, outcomes) = (task.generation, task.outcomes.clone());
        let is_current = status.is_some_and(|status| status.generation == generation);
        let mut are_taken = true;
        for (id, carried) in &outcomes {
            if is_current {
                self.oracle.telling.said(name, *id, carried);
            }
            are_taken &= self.core.handle_outcome(task_id, *id, carried, self.now);
            if self.mutation == Mutation::SettleNext {
                self.core.handle_outcome(task_id, id + 1, carried, self.now);
            }
        }
        if crashes {
            self.carry_out(1)?;
            return Ok(());
        }
        self.carry_out(usize::MAX)?;
        if let Some(task) = self.world.carried(name, task_id).filter(|_| are_taken) {
            task.outcomes.clear();
        }
        Ok(())
    }

    /// Those that are to end ask what shall remain of their cluster; where that is nothing they forget what they were ordered.
    pub fn part(&mut self) {
        let is_ending = |(name, group): (&String, &super::world::Group)| {
            let ending = group.tasks.iter().filter(|(_, task)| task.ending);
            ending.map(|(id, task)| (name.clone(), id.clone(), task.place.clone())).collect::<Vec<_>>()
        };
        let ending: Vec<_> = self.world.groups.iter().flat_map(is_ending).collect();
        for (_, task_id, place) in ending {
            if self.core.remains(&task_id).ends() {
                self.world.scales.remove(&place);
            }
        }
    }

    /// All AppMasters do what they are told.
    pub fn obey(&mut self) -> Result<(), String> {
        for name in self.world.groups.keys().cloned().collect::<Vec<_>>() {
            for task_id in self.appmasters(&name) {
                self.ask(&name, &task_id, &mut done)?;
                self.say(&name, &task_id, false)?;
            }
        }
        Ok(())
    }

    /// A cluster that runs has the number of TaskManagers that it is specified with, and nothing is left to be done.
    pub fn judge_numbers(&self) -> Result<(), String> {
        for report in self.core.list() {
            let name = &report.name;
            let Some(status) = self.store.get::<Status>(&format!("clusters/{name}/status")) else { continue };
            if self.oracle.unreadable.contains(name) || status.frozen || report.target == 0 {
                continue;
            }
            if !status.pending.is_empty() {
                return Err(format!("{:?} of {name} are pending at rest", status.pending));
            }
            let wanted = self
                .core
                .definition(name)
                .and_then(|definition| definition.manifest.spec.initial_task_managers(&definition.cluster));
            for task_id in self.appmasters(name) {
                let found = self.world.number(name, &task_id);
                if found != wanted {
                    return Err(format!("{task_id} keeps {found:?} TaskManagers, and not {wanted:?}"));
                }
            }
        }
        Ok(())
    }
}
