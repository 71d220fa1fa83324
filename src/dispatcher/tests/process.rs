//! One dispatcher after the other, each with what the one before has stored.

use std::collections::{BTreeMap, BTreeSet};

use super::by;
use super::mutations::Mutation;
use super::oracle::Oracle;
use super::store::Store;
use super::world::{Group, World};
use crate::action::Action;
use crate::apply::{Outcome, Plan};
use crate::instructions::Instructions;
use crate::journal::Verb;
use crate::limits::Limits;
use crate::order::Order;
use crate::orders::Jobs;
use crate::refusal::Refusal;
use crate::{ClusterReport, Dispatcher};
use domain::job::SessionJob;
use domain::time::Timestamp;
use domain::view::View;
use manifest::Manifest;
use records::{Change, Revision};

/// That is restarted.
pub const TASKMANAGER: &str = "taskmanager-a2b3c4-00001";

pub struct Process {
    pub core: Dispatcher,
    pub store: Store,
    pub world: World,
    pub oracle: Oracle,
    pub mutation: Mutation,
    pub limits: Limits,
    pub now: Timestamp,
    /// The number of the last order that was carried out.
    pub carried: u64,
    /// What AppMasters find when they ask.
    pub told: Instructions,
    /// All groups were told that there are at the start.
    has_begun: bool,
}

impl Process {
    pub fn new(limits: Limits, mutation: Mutation) -> Self {
        Self {
            core: Dispatcher::restore(&Store::default().loaded(), limits),
            store: Store::default(),
            world: World::default(),
            oracle: Oracle::new(limits),
            mutation,
            limits,
            now: Timestamp(1_700_000_000_000),
            carried: 0,
            told: Instructions::default(),
            has_begun: false,
        }
    }

    /// It ends without a farewell, and another one begins.
    pub fn crash(&mut self) {
        self.core = Dispatcher::restore(&self.store.loaded(), self.limits);
        self.oracle.crashed();
        self.world.begin();
        (self.carried, self.has_begun) = (0, false);
        self.told = Instructions::default();
    }

    /// Carries out all actions, or `most` of them. Whether that were all.
    pub fn carry_out(&mut self, most: usize) -> Result<bool, String> {
        let mut deferred: Vec<Vec<Change>> = Vec::new();
        for _ in 0..most {
            let Some(mut action) = self.core.next_action() else {
                self.begin_world();
                for changes in deferred {
                    self.store.commit(&changes)?;
                }
                if self.mutation != Mutation::TellAgain || self.told.is_empty() {
                    self.told = self.core.instructions();
                }
                return Ok(true);
            };
            self.mutation.spoil(&mut action);
            match action {
                Action::Commit(changes) if self.mutation == Mutation::OrderBeforeStore => {
                    deferred.push(changes);
                    let revision = self.store.revision + deferred.len() as u64;
                    self.core.handle_committed(Revision(revision));
                }
                Action::Commit(changes) => {
                    let before = self.store.clone();
                    let revision = self.store.commit(&changes)?;
                    self.oracle.committed(&before, &self.store, &changes, &self.world)?;
                    self.core.handle_committed(revision);
                    for order in self.mutation.unordered(&self.store) {
                        self.order(&order)?;
                    }
                }
                action => self.order(&action)?,
            }
        }
        Ok(false)
    }

    fn order(&mut self, action: &Action) -> Result<(), String> {
        self.oracle.ordered(action, &self.store)?;
        self.carried = action.order().unwrap_or(self.carried).max(self.carried);
        if self.mutation == Mutation::LaunchWithOldNumber {
            self.world.groups.values_mut().for_each(|group| group.is_stale = true);
        }
        if self.mutation != Mutation::LoseReplacements || !matches!(action, Action::Replace { .. }) {
            self.world.carry_out(action);
        }
        Ok(())
    }

    fn begin_world(&mut self) {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.world.retire_strangers();
        }
    }

    pub fn apply(&mut self, manifest: &Manifest, order: &Order) -> Result<Plan, Refusal> {
        let plan = self.core.apply(std::slice::from_ref(manifest), order, self.now).remove(0)?;
        let verb = match plan.outcome {
            Outcome::Created => Verb::Create,
            Outcome::Changed => Verb::Change,
            Outcome::Unchanged => return Ok(plan),
        };
        if !order.dry_run {
            self.oracle.expect(&plan.name, verb, Some(manifest));
        }
        Ok(plan)
    }

    /// The same job under any id.
    pub fn submit(&mut self, name: &str, id: &str) -> Result<Outcome, Refusal> {
        let outcome = self.core.submit_job(name, id, SessionJob::default(), &by("ann"), self.now)?;
        if outcome == Outcome::Changed {
            self.oracle.expect(name, Verb::SubmitJob, None);
        }
        Ok(outcome)
    }

    pub fn order_to(&mut self, verb: Verb, name: &str) -> Result<Outcome, Refusal> {
        let (core, order, now) = (&mut self.core, by("ann"), self.now);
        let outcome = match verb {
            Verb::Suspend => core.suspend(name, Jobs::NotAsked, &order, now),
            Verb::Resume => core.resume(name, &order, now),
            Verb::Restart => core.restart(name, &order, now),
            Verb::Freeze => core.freeze(name, &order, now),
            Verb::Thaw => core.thaw(name, &order, now),
            Verb::Delete => core.delete(name, Jobs::NotAsked, &order, now),
            Verb::RestartTaskManager => core.restart_taskmanager(name, TASKMANAGER, &order, now),
            Verb::AskJobManager => {
                core.ask_jobmanager(name, "POST /jars/upload", &order, now).map(|()| Outcome::Changed)
            }
            Verb::Create
            | Verb::Change
            | Verb::SubmitJob
            | Verb::PushArtifact
            | Verb::RemoveArtifact
            | Verb::Forget => {
                unreachable!("by no order of these")
            }
        }?;
        if outcome == Outcome::Changed {
            self.oracle.expect(name, verb, None);
        }
        Ok(outcome)
    }

    pub fn look(&self) -> (u64, BTreeMap<String, View>) {
        (self.carried, self.world.views())
    }

    /// A view arrives, which may be old.
    pub fn hear(&mut self, seen: u64, views: &BTreeMap<String, View>) {
        let (seen, views) = self.mutation.mishear(seen, views, &self.store);
        self.core.handle_groups(seen, &views, self.now);
    }

    pub fn list(&self) -> Vec<ClusterReport> {
        let mut reports = self.core.list();
        self.mutation.misreport(&mut reports, &self.world);
        reports
    }

    /// An application that was begun anew does not run beside itself.
    pub fn judge_copies(&self, name: &str) -> Result<(), String> {
        let is_application =
            self.core.definition(name).is_some_and(|definition| definition.manifest.spec.job.is_some());
        let generations: BTreeSet<_> =
            self.world.groups.get(name).into_iter().flat_map(Group::generations).collect();
        if is_application && generations.len() > 1 {
            return Err(format!("{name} runs twice, in generations {generations:?}"));
        }
        Ok(())
    }

    /// Nothing happens any more but what was ordered.
    pub fn come_to_rest(&mut self) -> Result<(), String> {
        for _ in 0..12 {
            self.carry_out(usize::MAX)?;
            self.part();
            for (name, generation) in self.world.settle() {
                self.oracle.launched(&name, generation)?;
                self.judge_copies(&name)?;
            }
            let (seen, views) = self.look();
            self.hear(seen, &views);
            self.carry_out(usize::MAX)?;
            self.obey()?;
            self.now.0 += 61_000;
        }
        self.carry_out(usize::MAX)?;
        self.judge_numbers()?;
        let reports = self.list();
        self.oracle.reported(&reports)?;
        self.oracle.at_rest(&reports, &self.store, &self.world)
    }
}
