//! Specifications are applied: a cluster is created, changed, or left as it is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use manifest::{Change, Effect, Job, Manifest};
use records::MAX_VALUE_BYTES;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Dispatcher;
use super::cluster::{Cluster, Revision, Status, Wanted};
use super::condition::{Condition, State};
use super::journal::Verb;
use super::order::Order;
use super::refusal::Refusal;
use super::stored::{self, Write};
use domain::time::Timestamp;

/// What an order changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Created,
    Changed,
    Unchanged,
}

/// What comes of a specification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    pub name: String,
    pub outcome: Outcome,
    /// That the cluster is at then.
    pub revision: u64,
    /// Compared with the last revision, masked; none of a new cluster.
    pub changes: Vec<Change>,
    /// What has to begin anew, compared with what runs.
    #[schema(value_type = String)]
    pub effect: Effect,
    /// Its AppMasters are replaced, or a cluster that has ended begins anew.
    pub begins_anew: bool,
    /// Why it does not count at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
}

/// Fields that leave the job as it is.
const STARTS_AND_STOPS: [&str; 2] = ["spec.job.state", "spec.restartNonce"];

impl Dispatcher {
    /// Each for itself, in this order: what is refused of one does not concern the others.
    pub fn apply(
        &mut self,
        manifests: &[Manifest],
        order: &Order,
        now: Timestamp,
    ) -> Vec<Result<Plan, Refusal>> {
        manifests.iter().map(|manifest| self.apply_one(manifest, order, now)).collect()
    }

    fn apply_one(&mut self, manifest: &Manifest, order: &Order, now: Timestamp) -> Result<Plan, Refusal> {
        let plan = self.plan(manifest, order)?;
        if order.dry_run || plan.outcome == Outcome::Unchanged {
            return Ok(plan);
        }
        let revision = revision(manifest, plan.revision, order, now);
        match plan.outcome {
            Outcome::Created => self.create(revision, order, now),
            Outcome::Changed => self.change_to(revision, &plan, order, now),
            Outcome::Unchanged => {}
        }
        Ok(plan)
    }

    /// What [`Self::apply`] would come to.
    pub fn plan(&self, manifest: &Manifest, order: &Order) -> Result<Plan, Refusal> {
        order.check()?;
        let name = &manifest.metadata.name;
        let known = self.known(name)?;
        order.check_match(name, known.map(|cluster| cluster.status.revision))?;
        self.check(manifest, known.is_none())?;
        let Some(cluster) = known else {
            let plan = Plan {
                name: name.clone(),
                outcome: Outcome::Created,
                revision: 1,
                changes: Vec::new(),
                effect: Effect::Everything,
                begins_anew: true,
                waits: None,
            };
            return within(plan, manifest, order);
        };
        let last = cluster.last();
        if last.manifest.canonical() == manifest.canonical() {
            let changes = Vec::new();
            let (outcome, revision) = (Outcome::Unchanged, last.number);
            let (name, effect) = (name.clone(), Effect::Nothing);
            return Ok(Plan { name, outcome, revision, changes, effect, begins_anew: false, waits: None });
        }
        let differs = manifest::diff(&cluster.running().manifest.spec, &manifest.spec);
        refuse_upgrade(manifest, &differs)?;
        let effect = manifest::effect_of(&differs);
        let plan = Plan {
            name: name.clone(),
            outcome: Outcome::Changed,
            revision: last.number + 1,
            changes: manifest::diff(&last.manifest.spec, &manifest.spec),
            effect,
            begins_anew: cluster.begins_anew(effect),
            waits: cluster.waits().map(str::to_owned),
        };
        within(plan, manifest, order)
    }

    /// The cluster of this name, if there is one that can be changed.
    fn known(&self, name: &str) -> Result<Option<&Cluster>, Refusal> {
        if let Some(why) = self.unreadable.get(name) {
            return Err(Refusal::Unreadable { name: name.to_owned(), why: why.clone() });
        }
        match self.clusters.get(name) {
            Some(cluster) if cluster.is_deleted() => Err(Refusal::BeingDeleted { name: name.to_owned() }),
            known => Ok(known.map(|cluster| &**cluster)),
        }
    }

    fn check(&self, manifest: &Manifest, is_new: bool) -> Result<(), Refusal> {
        let name = &manifest.metadata.name;
        if !stored::is_name(name) {
            return Err(Refusal::Name { name: name.clone() });
        }
        let most = self.limits.clusters;
        if is_new && self.clusters.len() + self.unreadable.len() >= most {
            return Err(Refusal::TooManyClusters { most });
        }
        let (found, most) = (manifest.spec.job_manager.replicas, self.limits.app_masters);
        if found > most {
            return Err(Refusal::TooManyAppMasters { name: name.clone(), found, most });
        }
        Ok(())
    }

    fn create(&mut self, revision: Revision, order: &Order, now: Timestamp) {
        let name = revision.manifest.metadata.name.clone();
        let number = revision.number;
        let status = Status {
            created: now,
            wanted: Wanted::Running,
            frozen: false,
            revision: number,
            running: number,
            generation: 1,
            origin: 1,
            makes_way: false,
            settled: 0,
            ended: None,
            state: State::Waiting,
            since: now,
            attempts: Vec::new(),
            ordered: 0,
            pending: Vec::new(),
            jobs: Vec::new(),
        };
        let mut cluster = Cluster {
            name: name.clone(),
            revisions: BTreeMap::from([(number, Box::new(revision))]),
            status,
            events: VecDeque::new(),
            order: 0,
            view: None,
            condition: Condition::new(State::Waiting, None),
        };
        cluster.condition = Condition::of(&cluster);
        cluster.status.state = cluster.condition.state;
        let writes = cluster.revisions.values().map(|revision| Write::revision(&name, revision)).collect();
        self.clusters.insert(name.clone(), Box::new(cluster));
        self.store_order(&name, Verb::Create, &[], writes, order, now);
        self.order_group(&name);
    }

    fn change_to(&mut self, revision: Revision, plan: &Plan, order: &Order, now: Timestamp) {
        let name = plan.name.clone();
        let most = self.limits.revisions;
        let Some(cluster) = self.clusters.get_mut(&name) else { return };
        let mut writes = vec![Write::revision(&name, &revision)];
        cluster.status.revision = revision.number;
        cluster.revisions.insert(revision.number, Box::new(revision));
        if !cluster.status.frozen {
            cluster.run_last(now);
        }
        writes.extend(cluster.forget_revisions(most));
        let is_defined = cluster.status.running == cluster.status.revision;
        self.store_order(&name, Verb::Change, &plan.changes, writes, order, now);
        if is_defined {
            self.order_group(&name);
        }
    }
}

impl Cluster {
    /// Whether its AppMasters have to begin anew for a change of what runs.
    fn begins_anew(&self, effect: Effect) -> bool {
        // What TaskManagers are like stands in the configuration that an AppMaster reads once.
        effect >= Effect::TaskManagers || self.status.ended.is_some()
    }

    /// Why a revision does not count at once.
    fn waits(&self) -> Option<&'static str> {
        if self.status.frozen {
            return Some("the cluster is frozen");
        }
        (self.status.wanted == Wanted::Suspended).then_some("the cluster is suspended")
    }

    /// The last revision counts from now on.
    pub fn run_last(&mut self, now: Timestamp) {
        let (old, new) = (&self.running().manifest.spec, &self.last().manifest.spec);
        let changes = manifest::diff(old, new);
        let is_scaled = old.initial_task_managers(&self.name) != new.initial_task_managers(&self.name);
        let was_over = self.is_over();
        if self.begins_anew(manifest::effect_of(&changes)) {
            self.begin();
        }
        self.status.running = self.status.revision;
        if is_scaled {
            self.scale(now);
        } else if was_over {
            self.scale_again(now);
        }
    }

    /// The oldest go, but neither the last one nor the one that runs.
    fn forget_revisions(&mut self, most: usize) -> Vec<Write> {
        let kept = [self.status.revision, self.status.running];
        let mut writes = Vec::new();
        while self.revisions.len() > most.max(kept.len()) {
            let Some(oldest) = self.revisions.keys().copied().find(|number| !kept.contains(number)) else {
                break;
            };
            self.revisions.remove(&oldest);
            writes.push(Write::forget_revision(&self.name, oldest));
        }
        writes
    }
}

/// What the job has stored is for the job as it was.
fn refuse_upgrade(manifest: &Manifest, differs: &[Change]) -> Result<(), Refusal> {
    let is_upgrade = |change: &&Change| {
        change.effect >= Effect::TaskManagers && !STARTS_AND_STOPS.contains(&&*change.field)
    };
    match differs.iter().find(is_upgrade) {
        Some(change) if manifest.spec.job.as_ref().is_some_and(Job::keeps_state) => {
            Err(Refusal::Upgrade { name: manifest.metadata.name.clone(), field: change.field.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

fn revision(manifest: &Manifest, number: u64, order: &Order, at: Timestamp) -> Revision {
    let manifest = Arc::new(manifest.clone());
    Revision { number, at, user: order.user(), from: order.from(), message: order.message.clone(), manifest }
}

/// Whether the revision can be stored.
fn within(plan: Plan, manifest: &Manifest, order: &Order) -> Result<Plan, Refusal> {
    let revision = revision(manifest, plan.revision, order, Timestamp(u64::MAX));
    let bytes = Write::revision(&plan.name, &revision).bytes();
    if bytes > MAX_VALUE_BYTES { Err(Refusal::TooLarge { name: plan.name, bytes }) } else { Ok(plan) }
}
