//! Programs that break one truth each, so that the check of it is known to catch them.

use super::simulation::Run;
use crate::mesos::call::Call;
use crate::scheduler::Action;

/// What a broken scheduler or driver would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    None,
    /// Invariant 1.
    SendBeforeStore,
    AcknowledgeBeforeStore,
    NeverAcknowledge,
    AcknowledgeTwice,
    /// Invariant 2: the new worker takes the tasks of the old one for strangers.
    ForgetTasksInCrash,
    /// Invariant 4.
    GiveUpAtOnce,
    /// Invariant 3: a surplus task is not killed.
    KeepSurplus,
    OneMore,
    /// Invariant 6.
    StayRemoved,
    /// Invariant 8.
    SleepThroughDeadlines,
}

impl Run {
    /// What a broken program would have ordered.
    pub fn mutate(&self, actions: &mut Vec<Action>) {
        let is_store = |action: &Action| matches!(action, Action::Store(_));
        let is_acknowledgement = |action: &Action| matches!(action, Action::Send(Call::Acknowledge { .. }));
        let is_strangers_kill = |action: &Action| match action {
            Action::Send(Call::Kill { task_id, .. }) => !self.stored.tasks.contains_key(task_id.text()),
            _ => false,
        };
        match self.mutation {
            Mutation::SendBeforeStore => actions.sort_by_key(is_store),
            Mutation::AcknowledgeBeforeStore => actions.sort_by_key(|action| !is_acknowledgement(action)),
            Mutation::NeverAcknowledge => actions.retain(|action| !is_acknowledgement(action)),
            Mutation::AcknowledgeTwice => {
                let twice: Vec<_> =
                    actions.iter().filter(|action| is_acknowledgement(action)).cloned().collect();
                actions.extend(twice);
            }
            Mutation::KeepSurplus => actions.retain(|action| !is_strangers_kill(action)),
            Mutation::None
            | Mutation::ForgetTasksInCrash
            | Mutation::GiveUpAtOnce
            | Mutation::OneMore
            | Mutation::StayRemoved
            | Mutation::SleepThroughDeadlines => {}
        }
    }
}
