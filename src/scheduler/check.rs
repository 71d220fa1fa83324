//! What must hold after every step, apart from the logic that makes it hold.

use super::Scheduler;
use domain::state::{Goal, State, TaskRecord};

impl Scheduler {
    /// The first broken truth, if any. Tests call it after each step.
    pub fn check(&self) -> Result<(), String> {
        if !self.state.tasks.keys().eq(self.seen.keys()) {
            return Err("records and sightings are not of the same tasks".into());
        }
        for name in self.groups.keys() {
            let (kept, target) = (self.kept_of(name).count(), self.group_target(name));
            if kept > target as usize {
                return Err(format!("{kept} of {name} shall run, {target} are wanted"));
            }
        }
        let is_stranger = |record: &TaskRecord| !self.groups.contains_key(&record.group);
        let stays = |record: &TaskRecord| record.goal != Goal::End && is_stranger(record);
        if let Some((id, record)) = self.state.tasks.iter().find(|(_, record)| stays(record)) {
            return Err(format!("{id} shall run, and there is no group {}", record.group));
        }
        if !self.state.tasks.is_empty() && self.state.framework_id.is_none() {
            return Err("tasks without a framework".into());
        }
        if let Some(id) = self.state.archived.iter().find(|id| self.state.framework_id.as_ref() == Some(*id))
        {
            return Err(format!("framework {id} is archived and in use"));
        }
        let last = self.state.task_counter;
        let is_beyond = |id: &str| State::task_number(id).is_some_and(|number| number > last);
        match self.state.tasks.iter().find(|(id, record)| is_beyond(id) && record.goal == Goal::Run) {
            Some((id, _)) => Err(format!("{id} is beyond the counter {}", self.state.task_counter)),
            None => Ok(()),
        }
    }
}
