//! Programs that break one truth each, so that the check of it is known to catch them.

use std::sync::Arc;

use super::simulation::Run;
use crate::{Action, token};
use domain::group::GroupName;
use domain::state::Goal;
use mesos::call::Call;

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
    /// Invariant 3, too: what is to be replaced is not ended before.
    EndWhatIsReplaced,
    /// Invariant 4, too: the JobManager is not believed.
    DoNotAskJobManager,
    /// Invariant 5.
    TearDownInsteadOfHandingOver,
    HandOverInsteadOfTearingDown,
    /// Invariant 7.
    ShowToken,
    /// Invariant 6.
    StayRemoved,
    /// Invariant 8.
    SleepThroughDeadlines,
    /// What failed at its start is launched again, all of it.
    LaunchAllAgain,
    /// Invariant 9: the names of those that have ended are given again by each worker.
    NameAgain,
    /// Invariant 10: whatever runs in Mesos counts as heard.
    BelieveMesos,
    /// Who was not heard for a moment is replaced.
    BeImpatient,
    /// No answer counts as one that names nobody.
    TakeSilenceForAnAnswer,
    /// When one is not heard long enough all such are replaced at once, or those that are heard.
    ReplaceAll,
    ReplaceTheHeard,
    /// Where nobody is heard they are ended one after the other.
    EndBlindly,
    /// It counts TaskManagers as running that it was not told of.
    CountTheUnheard,
    /// Invariant 11: a task counts for another group than it was launched for.
    MixGroups,
    /// A group that is short gets nothing as long as another wants something.
    ServeByName,
    /// What is left of a group that was removed goes on.
    KeepRemovedGroup,
    /// What fails in one group holds all of them back.
    ShareBackoff,
    /// Invariant 12: a paused group is handled as any other.
    IgnorePause,
    /// It does not store which generation a task is of.
    ForgetGeneration,
    /// The end of any task with a final code is the end of its group.
    EndByOutdated,
    NeverEnd,
    /// A group begins anew whatever it has ended with.
    RenewWhatever,
    /// Whatever is offered to any role is taken.
    TakeAnyRole,
}

impl Mutation {
    /// Whether it shows only where there are several groups.
    pub fn concerns_groups(self) -> bool {
        let mixes = [Self::MixGroups, Self::ServeByName, Self::KeepRemovedGroup, Self::ShareBackoff];
        mixes.contains(&self) || self.concerns_definitions()
    }

    /// Whether it shows only where groups are other than TaskManagers.
    pub fn concerns_definitions(self) -> bool {
        matches!(
            self,
            Self::IgnorePause
                | Self::ForgetGeneration
                | Self::EndByOutdated
                | Self::NeverEnd
                | Self::RenewWhatever
                | Self::TakeAnyRole
        )
    }
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
                let twice = actions.iter().filter(|action| is_acknowledgement(action)).cloned();
                actions.extend(twice.collect::<Vec<_>>());
            }
            Mutation::KeepSurplus => actions.retain(|action| !is_strangers_kill(action)),
            Mutation::ShowToken => {
                for action in actions {
                    let Action::Send(Call::Accept { launch, .. }) = action else { continue };
                    for task in launch {
                        let token =
                            token::of(&self.stored.token_secret, task.name.as_deref().unwrap_or_default());
                        task.command.get_or_insert_default().arguments.push(token);
                    }
                }
            }
            Mutation::KeepRemovedGroup => actions.retain(|action| match action {
                Action::Send(Call::Kill { task_id, .. }) => {
                    let group = self.stored.tasks.get(task_id.text()).map(|record| &record.group);
                    group.is_none_or(|group| self.targets.contains_key(group))
                }
                _ => true,
            }),
            Mutation::EndWhatIsReplaced | Mutation::MixGroups | Mutation::NeverEnd => {
                self.mutate_states(actions);
            }
            Mutation::ReplaceAll | Mutation::ReplaceTheHeard | Mutation::EndBlindly => {
                self.mutate_giving_way(actions);
            }
            Mutation::None
            | Mutation::ServeByName
            | Mutation::ShareBackoff
            | Mutation::IgnorePause
            | Mutation::ForgetGeneration
            | Mutation::EndByOutdated
            | Mutation::RenewWhatever
            | Mutation::TakeAnyRole
            | Mutation::NameAgain
            | Mutation::LaunchAllAgain
            | Mutation::BelieveMesos
            | Mutation::BeImpatient
            | Mutation::TakeSilenceForAnAnswer
            | Mutation::CountTheUnheard
            | Mutation::ForgetTasksInCrash
            | Mutation::GiveUpAtOnce
            | Mutation::DoNotAskJobManager
            | Mutation::TearDownInsteadOfHandingOver
            | Mutation::HandOverInsteadOfTearingDown
            | Mutation::OneMore
            | Mutation::StayRemoved
            | Mutation::SleepThroughDeadlines => {}
        }
    }

    /// What it would store otherwise.
    fn mutate_states(&self, actions: &mut [Action]) {
        for action in actions {
            let Action::Store(state) = action else { continue };
            let state = Arc::make_mut(state);
            match self.mutation {
                Mutation::EndWhatIsReplaced => {
                    let replaced = state.tasks.values_mut().filter(|record| record.goal == Goal::Replace);
                    replaced.for_each(|record| record.goal = Goal::End);
                }
                Mutation::MixGroups => {
                    let record = state.tasks.values_mut().next();
                    record.into_iter().for_each(|record| record.group = GroupName::TASKMANAGERS);
                }
                _ => state.groups.values_mut().for_each(|group| group.ended = None),
            }
        }
    }

    /// What of those that are not heard it would do otherwise.
    fn mutate_giving_way(&self, actions: &mut [Action]) {
        let hearing = &self.oracle.hearing;
        for action in actions {
            let Action::Store(state) = action else { continue };
            let state = Arc::make_mut(state);
            if !state.tasks.values().any(|record| record.unheard) {
                continue;
            }
            for (id, record) in &mut state.tasks {
                let gave_way = self.stored.tasks.get(id).is_some_and(|old| old.goal == Goal::Replace);
                match self.mutation {
                    Mutation::EndBlindly if record.unheard && gave_way => record.goal = Goal::End,
                    Mutation::EndBlindly => {}
                    _ if record.goal != Goal::Run => {}
                    _ if hearing.is_silent(id) == (self.mutation == Mutation::ReplaceAll) => {
                        (record.goal, record.unheard) = (Goal::Replace, true);
                    }
                    _ => {}
                }
            }
        }
    }
}
