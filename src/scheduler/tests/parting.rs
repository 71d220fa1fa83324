//! How a run ends: the cluster does, or its AppMaster alone and another goes on.

use std::time::Duration;

use super::mutations::Mutation;
use super::simulation::{Item, Run};
use crate::Scheduler;

/// Long enough for every process to end, with grace and all.
const ENDING: Duration = Duration::from_secs(60);

/// Until the next AppMaster, below every failover timeout.
const VACANCY: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// Without high availability, or because somebody wants the end of the cluster.
    TearDown,
    /// SIGTERM with high availability.
    HandOver,
}

impl Run {
    /// Everything runs, and now the AppMaster is told to end.
    pub fn part(&mut self) -> Result<(), String> {
        let parting = if self.random.bool() { Parting::TearDown } else { Parting::HandOver };
        self.parting = Some(parting);
        self.log(|| format!("the end: {parting:?}"));
        let before = self.alive();
        let instead = match self.mutation {
            Mutation::TearDownInsteadOfHandingOver => Parting::TearDown,
            Mutation::HandOverInsteadOfTearingDown => Parting::HandOver,
            _ => parting,
        };
        match instead {
            Parting::TearDown => self.with_scheduler(Scheduler::handle_ending),
            Parting::HandOver => self.leave(),
        }
        self.carry();
        match parting {
            // An agent that is cut off hears of it when it is back.
            Parting::TearDown => {
                for _ in 0..10 {
                    self.pass(ENDING)?;
                    if self.alive().is_empty() {
                        break;
                    }
                }
            }
            Parting::HandOver => self.pass(VACANCY)?,
        }
        let left = self.alive();
        if self.worker.is_some() {
            return Err("it did not end".to_owned());
        }
        match parting {
            Parting::TearDown if !left.is_empty() => Err(format!("{left:?} are left after the end")),
            Parting::TearDown => Ok(()),
            Parting::HandOver if left != before => {
                Err(format!("of {before:?} only {left:?} are left after it was handed over"))
            }
            Parting::HandOver => {
                self.after(Duration::ZERO, Item::StartWorker);
                self.pass(ENDING)?;
                let after = self.alive();
                (after == before)
                    .then_some(())
                    .ok_or_else(|| format!("of {before:?} {after:?} are left after it was taken over"))
            }
        }
    }

    fn alive(&self) -> Vec<String> {
        let framework = self.stored.framework_id.clone().unwrap_or_default();
        self.cluster.alive(&framework).into_iter().collect()
    }

    pub(super) fn pass(&mut self, span: Duration) -> Result<(), String> {
        let end = self.now + span;
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now = next.max(self.now);
            self.step();
            self.observe();
            if let Some(violation) = self.violation.take() {
                return Err(violation);
            }
        }
        self.now = end;
        Ok(())
    }
}
