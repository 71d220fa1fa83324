//! What else people order of a cluster.

use manifest::Change;

use super::apply::Outcome;
use super::cluster::{Cluster, Wanted};
use super::condition::Condition;
use super::journal::Verb;
use super::order::Order;
use super::refusal::Refusal;
use super::stored::Write;
use super::{Action, Definition, Dispatcher};
use domain::time::Timestamp;

/// What is known of the jobs of a session that shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jobs {
    /// Whoever orders it insists.
    NotAsked,
    /// So many run.
    Running(u32),
    Unknown,
}

impl Dispatcher {
    /// The cluster ends. Its records go when the scheduler says that no task of it is left.
    pub fn delete(
        &mut self,
        name: &str,
        jobs: Jobs,
        order: &Order,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        self.carry_out(name, Verb::Delete, order, now, |cluster| {
            cluster.refuse_frozen()?;
            cluster.refuse_in_use(jobs)?;
            Ok(std::mem::replace(&mut cluster.status.wanted, Wanted::Deleted) != Wanted::Deleted)
        })
    }

    /// Its AppMasters end, and what is known of it stays.
    pub fn suspend(
        &mut self,
        name: &str,
        jobs: Jobs,
        order: &Order,
        now: Timestamp,
    ) -> Result<Outcome, Refusal> {
        self.carry_out(name, Verb::Suspend, order, now, |cluster| {
            cluster.refuse_frozen()?;
            cluster.refuse_ended()?;
            cluster.refuse_in_use(jobs)?;
            Ok(std::mem::replace(&mut cluster.status.wanted, Wanted::Suspended) != Wanted::Suspended)
        })
    }

    pub fn resume(&mut self, name: &str, order: &Order, now: Timestamp) -> Result<Outcome, Refusal> {
        self.carry_out(name, Verb::Resume, order, now, |cluster| {
            cluster.refuse_frozen()?;
            if cluster.running().manifest.spec.is_suspended() {
                return Err(Refusal::SuspendedBySpecification { name: cluster.name.clone() });
            }
            let is_other = std::mem::replace(&mut cluster.status.wanted, Wanted::Running) != Wanted::Running;
            // What ended while it was being suspended has ended.
            if is_other && cluster.status.ended.is_none() {
                cluster.begin();
                cluster.scale_again(now);
            }
            Ok(is_other)
        })
    }

    /// Its AppMasters are replaced; a cluster that has ended, or rests, begins anew.
    pub fn restart(&mut self, name: &str, order: &Order, now: Timestamp) -> Result<Outcome, Refusal> {
        self.carry_out(name, Verb::Restart, order, now, |cluster| {
            cluster.refuse_frozen()?;
            cluster.refuse_suspended()?;
            let had_ended = cluster.is_over();
            cluster.begin();
            if had_ended {
                cluster.scale_again(now);
            }
            Ok(true)
        })
    }

    /// What runs goes on as it is, and specifications that are applied wait.
    pub fn freeze(&mut self, name: &str, order: &Order, now: Timestamp) -> Result<Outcome, Refusal> {
        self.carry_out(name, Verb::Freeze, order, now, |cluster| {
            Ok(!std::mem::replace(&mut cluster.status.frozen, true))
        })
    }

    /// The last specification counts.
    pub fn thaw(&mut self, name: &str, order: &Order, now: Timestamp) -> Result<Outcome, Refusal> {
        self.carry_out(name, Verb::Thaw, order, now, |cluster| {
            let was_frozen = std::mem::replace(&mut cluster.status.frozen, false);
            if was_frozen && cluster.status.running != cluster.status.revision {
                cluster.run_last(now);
            }
            Ok(was_frozen)
        })
    }

    fn carry_out(
        &mut self,
        name: &str,
        verb: Verb,
        order: &Order,
        now: Timestamp,
        change: impl FnOnce(&mut Cluster) -> Result<bool, Refusal>,
    ) -> Result<Outcome, Refusal> {
        let outcome = self.alter(name, verb, order, change)?;
        if outcome == Outcome::Changed && !order.dry_run {
            self.store_order(name, verb, &[], Vec::new(), order, now);
            if verb.concerns_group() {
                self.order_group(name);
            }
        }
        Ok(outcome)
    }

    /// Of what is known, but for a dry run; `change` says whether it has changed anything.
    pub(crate) fn alter(
        &mut self,
        name: &str,
        verb: Verb,
        order: &Order,
        change: impl FnOnce(&mut Cluster) -> Result<bool, Refusal>,
    ) -> Result<Outcome, Refusal> {
        order.check()?;
        if let Some(why) = self.unreadable.get(name) {
            return Err(Refusal::Unreadable { name: name.to_owned(), why: why.clone() });
        }
        let cluster = self.clusters.get_mut(name);
        let cluster = cluster.ok_or_else(|| Refusal::NoSuchCluster { name: name.to_owned() })?;
        order.check_match(name, Some(cluster.status.revision))?;
        if cluster.is_deleted() && verb != Verb::Delete {
            return Err(Refusal::BeingDeleted { name: name.to_owned() });
        }
        let before = cluster.status.clone();
        let is_changed = change(cluster)?;
        if !is_changed || order.dry_run {
            cluster.status = before;
        }
        Ok(if is_changed { Outcome::Changed } else { Outcome::Unchanged })
    }

    /// What an order has changed, its entry in the audit and its event are stored together.
    pub(crate) fn store_order(
        &mut self,
        name: &str,
        verb: Verb,
        fields: &[Change],
        mut writes: Vec<Write>,
        order: &Order,
        now: Timestamp,
    ) {
        let event = self.event_of(name, verb, fields, Some(order), now);
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        if verb.concerns_group() {
            // What was seen before the scheduler knows of it does not count.
            cluster.view = None;
        }
        cluster.settle(now);
        writes.push(Write::status(name, &cluster.status));
        writes.push(Write::events(name, &cluster.events));
        let revision = cluster.status.revision;
        writes.extend(self.audit_of(name, verb, revision, fields, Some(order), now));
        self.commit(writes);
        event.into_iter().for_each(|event| self.act(event));
    }

    /// The scheduler is told what the group of the cluster shall be.
    pub(crate) fn order_group(&mut self, name: &str) {
        let order = self.next_order();
        let Some(cluster) = self.clusters.get_mut(name) else { return };
        cluster.order = order;
        let action = if cluster.is_deleted() {
            Action::Remove { order, cluster: name.to_owned() }
        } else {
            Action::Define(cluster.definition())
        };
        self.act(action);
    }
}

impl Cluster {
    pub(crate) fn definition(&self) -> Definition {
        Definition {
            order: self.order,
            cluster: self.name.clone(),
            revision: self.status.running,
            generation: self.status.generation,
            place: self.place(),
            manifest: self.running().manifest.clone(),
            target: self.target(),
        }
    }

    /// Where it stands is told by what is known of it. Whether it stands otherwise than before.
    pub(crate) fn settle(&mut self, now: Timestamp) -> bool {
        if self.is_over() {
            self.status.pending.clear();
            self.abandon_submissions();
        }
        self.condition = Condition::of(self);
        let is_other = self.status.state != self.condition.state;
        if is_other {
            (self.status.state, self.status.since) = (self.condition.state, now);
        }
        is_other
    }

    pub(crate) fn refuse_frozen(&self) -> Result<(), Refusal> {
        if self.status.frozen { Err(Refusal::Frozen { name: self.name.clone() }) } else { Ok(()) }
    }

    pub(crate) fn refuse_suspended(&self) -> Result<(), Refusal> {
        if self.is_suspended() { Err(Refusal::Suspended { name: self.name.clone() }) } else { Ok(()) }
    }

    /// A session whose jobs would be lost. An application ends with its job.
    fn refuse_in_use(&self, jobs: Jobs) -> Result<(), Refusal> {
        let is_application = self.running().manifest.spec.job.is_some();
        if is_application || self.is_over() || self.running_appmasters().next().is_none() {
            return Ok(());
        }
        let name = self.name.clone();
        match jobs {
            Jobs::NotAsked | Jobs::Running(0) => Ok(()),
            Jobs::Running(jobs) => Err(Refusal::InUse { name, jobs }),
            Jobs::Unknown => Err(Refusal::MaybeInUse { name }),
        }
    }

    pub(crate) fn refuse_ended(&self) -> Result<(), Refusal> {
        if self.status.ended.is_some() { Err(Refusal::Ended { name: self.name.clone() }) } else { Ok(()) }
    }
}
