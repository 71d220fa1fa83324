//! What must hold after every step, apart from the logic that makes it hold.

use super::Scheduler;
use domain::state::{Goal, State};

impl Scheduler {
    /// The first broken truth, if any. Tests call it after each step.
    pub fn check(&self) -> Result<(), String> {
        if !self.state.tasks.keys().eq(self.seen.keys()) {
            return Err("records and sightings are not of the same tasks".into());
        }
        if self.kept().count() > self.target() as usize {
            return Err(format!(
                "{} TaskManagers shall run, {} are wanted",
                self.kept().count(),
                self.target()
            ));
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
