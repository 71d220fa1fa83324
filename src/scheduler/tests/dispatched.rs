//! The dispatcher's core above the scheduler: each cluster is a group, whose tasks are its AppMasters. Both begin anew from
//! what they have stored, each from its own, and Mesos does to their tasks all that it can.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dispatcher::{Action, Definition, Dispatcher, Jobs, Limits, Match, Order, State as Condition, Timestamp};
use domain::group::GroupName;
use domain::need::Milli;
use domain::view::View;
use manifest::Manifest;
use mesos::call::Call;
use records::Change;
use records::memory::Memory;
use serde_json::json;

use super::groups::{self, CLUSTERS};
use super::mutations::Mutation;
use super::simulation::{Item, Run};
use super::worker::Worker;
use crate::spec::{GroupSpec, TooMany};
use base::time::Moment;

const RUNS: u64 = 500;

/// A task that fails more often within ten minutes rests for five.
const FAILURES_WITHIN: Duration = Duration::from_secs(10 * 60);
const REST: Duration = Duration::from_secs(5 * 60);

/// How a dispatcher is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    /// What was seen before an order counts.
    BelieveLateViews,
    /// It goes on before its records are written.
    WriteLater,
    /// Records of clusters are gone when it begins.
    LoseSpecifications,
    /// A cluster that has ended is defined as if it had not.
    BeginAfterTheEnd,
    /// The scheduler is not told that a cluster is deleted, and nobody looks at its tasks.
    LeaveTasks,
    /// An application is launched while another of it is there.
    RunBeside,
}

#[test]
fn whatever_happens_to_clusters_the_truths_hold_and_all_is_as_wanted() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (first, runs) = (number("SIMULATION_SEED", 1), number("SIMULATION_RUNS", RUNS));
    for seed in first..first + runs {
        if seed > first && (seed - first).is_multiple_of(10_000) {
            println!("{} runs of clusters without a violation", seed - first);
        }
        if let Err(violation) = Run::of_clusters(seed, Wrong::Nothing, Mutation::None).run() {
            let mut again = Run::of_clusters(seed, Wrong::Nothing, Mutation::None);
            again.trace = Some(Vec::new());
            let _ = again.run();
            let lines = again.trace.unwrap_or_default();
            let shown = usize::try_from(number("SIMULATION_LINES", 150)).expect("a number of lines");
            let last = lines.len().saturating_sub(shown);
            panic!("{}\nSIMULATION_SEED={seed}: {violation}", lines[last..].join("\n"));
        }
    }
    println!("{runs} runs of clusters from seed {first} without a violation");
}

/// Each truth broken on purpose, so that its check is known to catch it.
#[test]
fn dispatchers_that_are_wrong_are_caught() {
    for (wrong, mutation, complaint) in [
        (Wrong::BelieveLateViews, Mutation::None, "records of"),
        (Wrong::WriteLater, Mutation::None, "is not stored"),
        (Wrong::LoseSpecifications, Mutation::None, "is lost"),
        (Wrong::BeginAfterTheEnd, Mutation::None, "begins again after its end"),
        (Wrong::LeaveTasks, Mutation::None, "records of"),
        (Wrong::RunBeside, Mutation::None, "runs twice"),
        (Wrong::Nothing, Mutation::ShareBackoff, "waits after failures of others"),
        (Wrong::Nothing, Mutation::SendBeforeStore, "is launched before it is stored"),
    ] {
        let mut others = Vec::new();
        let found = (1..400).filter_map(|seed| Run::of_clusters(seed, wrong, mutation).run().err());
        let is_caught = found.take(40).any(|violation| {
            let is_meant = violation.contains(complaint);
            others.push(violation);
            is_meant
        });
        assert!(is_caught, "{wrong:?}, {mutation:?}: {others:#?}");
    }
}

pub struct Dispatched {
    core: Dispatcher,
    store: Memory,
    /// The last order to the scheduler that was carried out.
    carried_out: u64,
    /// Views arrive in the order in which they were taken.
    seen_until: Moment,
    /// The last specifications: known to be stored, or on their way.
    stored: BTreeMap<String, Manifest>,
    accepted: BTreeMap<String, Manifest>,
    unwritten: Vec<Vec<Change>>,
    nonce: i64,
    /// What users are at.
    last: &'static str,
    wrong: Wrong,
}

impl Dispatched {
    fn new(wrong: Wrong) -> Self {
        let store = Memory::default();
        Self {
            core: Dispatcher::restore(&store.loaded(), Limits::default()),
            store,
            carried_out: 0,
            seen_until: Moment::START,
            stored: BTreeMap::new(),
            accepted: BTreeMap::new(),
            unwritten: Vec::new(),
            nonce: 0,
            last: CLUSTERS[0].0,
            wrong,
        }
    }

    /// Another process begins with what is stored, which is either what there was before the last orders or what they made of it.
    fn restore(&mut self) -> Result<(), String> {
        if self.wrong == Wrong::LoseSpecifications {
            self.store.records.retain(|key, _| !key.as_str().starts_with("clusters/red/"));
        }
        self.unwritten.clear();
        self.core = Dispatcher::restore(&self.store.loaded(), Limits::default());
        self.carried_out = 0;
        let found = self.specifications();
        for name in self.stored.keys().chain(self.accepted.keys()).chain(found.keys()) {
            let known = found.get(name);
            if known != self.stored.get(name) && known != self.accepted.get(name) {
                return Err(format!("the specification of {name} is lost"));
            }
        }
        self.settled();
        Ok(())
    }

    fn specifications(&self) -> BTreeMap<String, Manifest> {
        let names = self.core.list().into_iter().map(|report| report.name);
        names.filter_map(|name| Some((name.clone(), self.core.last_manifest(&name)?.clone()))).collect()
    }

    fn accepted(&mut self) {
        self.accepted = self.specifications();
    }

    fn settled(&mut self) {
        self.accepted();
        self.stored.clone_from(&self.accepted);
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), String> {
        if self.wrong == Wrong::WriteLater {
            self.unwritten.push(changes);
            let revision = self.store.revision + self.unwritten.len() as u64;
            self.core.handle_committed(records::Revision(revision));
            return Ok(());
        }
        let revision = self.store.commit(&changes)?;
        self.core.handle_committed(revision);
        Ok(())
    }

    fn write(&mut self) -> Result<(), String> {
        for changes in std::mem::take(&mut self.unwritten) {
            self.store.commit(&changes)?;
        }
        Ok(())
    }

    /// As a process that began now would have it.
    fn as_stored(&self) -> Dispatcher {
        Dispatcher::restore(&self.store.loaded(), Limits::default())
    }

    fn group(&self, definition: &Definition) -> GroupSpec {
        let is_application = definition.manifest.spec.job.is_some();
        let cpus = CLUSTERS.iter().find(|(name, _)| *name == definition.cluster);
        let target = match self.wrong {
            Wrong::BeginAfterTheEnd => definition.manifest.spec.job_manager.replicas,
            _ => definition.target,
        };
        GroupSpec {
            generation: definition.generation,
            waits_for_ends: is_application && self.wrong != Wrong::RunBeside,
            final_codes: if is_application { vec![0, 163] } else { vec![0] },
            max_failures: Some(10),
            failures_within: Some(FAILURES_WITHIN),
            after_too_many: TooMany::Rest(REST),
            ..GroupSpec::of_cpus(target, Milli(cpus.map_or(0, |(_, milli)| *milli)))
        }
    }
}

fn order() -> Order {
    Order {
        user: "ann".to_owned(),
        from: "10.0.0.1".to_owned(),
        message: None,
        matching: Match::Any,
        dry_run: false,
    }
}

fn time(now: Moment) -> Timestamp {
    Timestamp::of_seconds(1_700_000_000 + now.since(Moment::START).as_secs())
}

impl Run {
    fn of_clusters(seed: u64, wrong: Wrong, mutation: Mutation) -> Self {
        let mut run = Self::new(seed, mutation);
        run.spec.groups.clear();
        run.spec.has_jobmanager = false;
        run.oracle.has_no_jobmanager = true;
        run.targets.clear();
        run.dispatched = Some(Dispatched::new(wrong));
        run.after(Duration::from_secs(1), Item::Order);
        run
    }

    /// The groups that a scheduler begins with.
    pub(super) fn restore_clusters(&mut self) {
        let Some(dispatched) = &mut self.dispatched else { return };
        let judgement = dispatched.restore();
        let mut groups = BTreeMap::new();
        while let Some(action) = dispatched.core.next_action() {
            dispatched.carried_out = action.order().unwrap_or(dispatched.carried_out);
            match action {
                Action::Define(definition) => {
                    groups.insert(groups::name(&definition.cluster), dispatched.group(&definition));
                }
                Action::Keep { cluster, .. } => {
                    groups.insert(groups::name(&cluster), GroupSpec::paused());
                }
                _ => {}
            }
        }
        self.judge(judgement);
        self.spec.groups = groups;
        self.targets.clear();
        self.count_targets(&self.stored.clone());
    }

    pub(super) fn begin_looking(&mut self, worker: u32) {
        if self.dispatched.is_some() {
            self.after(Duration::from_millis(50), Item::Look { worker });
        }
    }

    pub(super) fn look_at_groups(&mut self, worker: u32) {
        let (Some(dispatched), Some(Worker { scheduler, .. })) = (&mut self.dispatched, &self.worker) else {
            return;
        };
        let written = dispatched.write();
        let mut views = scheduler.report(self.now).views();
        if dispatched.wrong == Wrong::LeaveTasks {
            views.retain(|name, _| self.targets.contains_key(&groups::name(name)));
        }
        let longest = if self.random.u8(..8) == 0 { 60_000 } else { 2_000 };
        let delay = Duration::from_millis(self.random.u64(1..longest));
        dispatched.seen_until = dispatched.seen_until.max(self.now + delay);
        let (order, at) = (dispatched.carried_out, dispatched.seen_until);
        self.judge(written);
        self.at(at, Item::Seen { worker, order, views });
        let longest = if self.now < self.calm_from { 5_000 } else { 20_000 };
        let delay = Duration::from_millis(self.random.u64(200..longest));
        self.after(delay, Item::Look { worker });
    }

    pub(super) fn groups_seen(&mut self, order: u64, views: &BTreeMap<String, View>) {
        let Some(dispatched) = &mut self.dispatched else { return };
        let order = if dispatched.wrong == Wrong::BelieveLateViews { u64::MAX } else { order };
        dispatched.core.handle_groups(order, views, time(self.now));
        dispatched.accepted();
        self.carry_out_orders();
    }

    pub(super) fn user_orders(&mut self) {
        let is_last = self.now >= self.calm_from && self.worker.is_some();
        if is_last {
            return self.thaw_all();
        }
        let delay = Duration::from_millis(self.random.u64(200..15_000));
        self.after(delay, Item::Order);
        if self.worker.is_none() {
            return;
        }
        self.excuse(100);
        let (any, _) = CLUSTERS[self.random.usize(..CLUSTERS.len())];
        let is_again = self.random.bool();
        let Some(dispatched) = &mut self.dispatched else { return };
        let name = if is_again { dispatched.last } else { any };
        dispatched.last = name;
        let manifest = self.specification(name);
        let choice = self.random.u8(..16);
        let now = time(self.now);
        let Some(dispatched) = &mut self.dispatched else { return };
        let core = &mut dispatched.core;
        let outcome = match choice {
            0 | 1 => core.delete(name, Jobs::NotAsked, &order(), now).err(),
            2 => core.suspend(name, Jobs::NotAsked, &order(), now).err(),
            3 | 4 => core.resume(name, &order(), now).err(),
            5 | 6 => core.restart(name, &order(), now).err(),
            7 => core.freeze(name, &order(), now).err(),
            8 | 9 => core.thaw(name, &order(), now).err(),
            _ => core.apply(&[manifest], &order(), now).remove(0).err(),
        };
        dispatched.accepted();
        self.log(|| format!("order {choice} for {name}: {outcome:?}"));
        self.carry_out_orders();
    }

    /// What waits for that comes to pass.
    fn thaw_all(&mut self) {
        let now = time(self.now);
        let Some(dispatched) = &mut self.dispatched else { return };
        for (name, _) in CLUSTERS {
            // Most are not frozen, and some are not there.
            let _ = dispatched.core.thaw(name, &order(), now);
        }
        dispatched.accepted();
        self.carry_out_orders();
    }

    fn specification(&mut self, name: &str) -> Manifest {
        let Some(dispatched) = &mut self.dispatched else { unreachable!("there is one") };
        dispatched.nonce += i64::from(self.random.bool());
        let mut spec = json!({
            "flinkVersion": "v1_20",
            "restartNonce": dispatched.nonce,
            "jobManager": {"replicas": self.random.u32(1..=3)},
        });
        if name == "white" || (name == "green" && self.random.bool()) {
            spec["job"] = json!({"jarURI": "local:///opt/flink/usrlib/job.jar", "upgradeMode": "stateless"});
            spec["jobManager"]["replicas"] = json!(1);
        }
        let manifest = json!({
            "apiVersion": "flink.apache.org/v1beta1",
            "kind": "FlinkDeployment",
            "metadata": {"name": name},
            "spec": spec,
        });
        serde_json::from_value(manifest).expect("a manifest")
    }

    fn carry_out_orders(&mut self) {
        let Some(number) = self.worker.as_ref().map(|worker| worker.number) else { return };
        while self.is_current(number) {
            if self.now < self.calm_from && self.random.u16(..400) == 0 {
                self.crash("between two of the dispatcher's actions");
                return;
            }
            let Some(dispatched) = &mut self.dispatched else { return };
            let Some(action) = dispatched.core.next_action() else {
                dispatched.settled();
                return;
            };
            match action {
                Action::Commit(changes) => {
                    let before = self.stored_clusters();
                    let judgement = self.dispatched.as_mut().map_or(Ok(()), |known| known.commit(changes));
                    self.judge(judgement);
                    self.judge_forgotten(&before);
                }
                Action::Event(event) => self.log(|| format!("  {}: {}", event.cluster, event.text)),
                action => self.order_group(action),
            }
        }
    }

    fn order_group(&mut self, action: Action) {
        let (now, number) = (self.now, action.order());
        let is_wrong = |run: &Self, how| run.dispatched.as_ref().is_some_and(|known| known.wrong == how);
        self.log(|| format!("  {:?} {number:?}", action.cluster()));
        match action {
            Action::Define(definition) => {
                let Some(spec) = self.dispatched.as_ref().map(|known| known.group(&definition)) else {
                    return;
                };
                let group = groups::name(&definition.cluster);
                if is_wrong(self, Wrong::BeginAfterTheEnd) {
                    self.with_scheduler(|scheduler| {
                        scheduler.handle_group_renewed(&group, u64::MAX, now);
                    });
                }
                self.define(&group, spec);
            }
            Action::Keep { cluster, .. } => self.define(&groups::name(&cluster), GroupSpec::paused()),
            Action::Renew { cluster, generation, .. } => self.with_scheduler(|scheduler| {
                scheduler.handle_group_renewed(&groups::name(&cluster), generation, now);
            }),
            Action::Replace { task_id, .. } => self.with_scheduler(|scheduler| {
                scheduler.handle_replacement_wanted(&task_id, now);
            }),
            Action::Remove { cluster, .. } => {
                let group = groups::name(&cluster);
                self.targets.remove(&group);
                self.spec.groups.remove(&group);
                if !is_wrong(self, Wrong::LeaveTasks) {
                    self.with_scheduler(|scheduler| {
                        scheduler.handle_group_removed(&group, now);
                    });
                }
            }
            Action::Commit(_) | Action::Event(_) => {}
        }
        if let Some(dispatched) = self.dispatched.as_mut().filter(|_| self.worker.is_some()) {
            dispatched.carried_out = number.unwrap_or(dispatched.carried_out);
        }
    }

    // --- judging

    /// Tasks are launched: for what is stored alone, and an application not beside itself.
    pub(super) fn judge_clusters(&mut self, call: &Call) {
        let (Some(dispatched), Call::Accept { launch, .. }) = (&self.dispatched, call) else { return };
        if launch.is_empty() {
            return;
        }
        let core = dispatched.as_stored();
        let alive = self.oracle.heard(&self.cluster, &self.stored);
        let ids = launch.iter().filter_map(|task| task.name.as_ref());
        let judgement =
            ids.filter_map(|id| Some((id, self.stored.tasks.get(id)?))).try_for_each(|(id, record)| {
                let name = record.group.text();
                let Some(definition) = core.definition(name) else {
                    return Err(format!("{id} is launched, and {name} is not stored"));
                };
                if definition.generation < record.generation {
                    return Err(format!("{id} is launched, and its generation is not stored"));
                }
                let ended = core.describe(name).ok().and_then(|description| description.ended);
                if ended.is_some() && definition.generation <= record.generation {
                    return Err(format!("{name} begins again after its end, with {id}"));
                }
                let mut others = alive.iter().filter(|other| *other != id);
                match others.find(|other| self.oracle.group_of(other) == Some(&record.group)) {
                    Some(other) if definition.manifest.spec.job.is_some() => {
                        Err(format!("{name} runs twice: {id} is launched beside {other}"))
                    }
                    _ => Ok(()),
                }
            });
        self.judge(judgement);
    }

    fn stored_clusters(&self) -> BTreeSet<GroupName> {
        let names = CLUSTERS.iter().map(|(name, _)| name);
        let is_stored = |name: &&&str| {
            let status = format!("clusters/{name}/status");
            self.dispatched.as_ref().is_some_and(|known| !known.store.below(&status).is_empty())
        };
        names.filter(is_stored).map(|name| groups::name(name)).collect()
    }

    /// Records go after the last task that could be heard of.
    fn judge_forgotten(&mut self, before: &BTreeSet<GroupName>) {
        let after = self.stored_clusters();
        let alive = self.oracle.heard(&self.cluster, &self.stored);
        for name in before.difference(&after) {
            if let Some(id) = alive.iter().find(|id| self.oracle.group_of(id) == Some(name)) {
                let violation = format!("records of {name} go, and {id} lives");
                self.violate(violation);
                return;
            }
        }
    }

    pub(super) fn clusters_are_stored(&self) -> Result<(), String> {
        let Some(dispatched) = &self.dispatched else { return Ok(()) };
        let stored = dispatched.as_stored();
        for (name, manifest) in dispatched.specifications() {
            if stored.last_manifest(&name) != Some(&manifest) {
                return Err(format!("the specification of {name} is not stored"));
            }
        }
        Ok(())
    }

    pub(super) fn clusters_at_rest(&self) -> Result<(), String> {
        let Some(dispatched) = &self.dispatched else { return Ok(()) };
        let alive = self.cluster.alive(self.stored.framework_id.as_deref().unwrap_or_default());
        for report in dispatched.core.list() {
            let group = groups::name(&report.name);
            let alive = alive.iter().filter(|id| self.oracle.group_of(id) == Some(&group)).count();
            let wanted = match report.state {
                Condition::Running => report.target as usize,
                Condition::Suspended | Condition::Finished | Condition::Failed => 0,
                state => return Err(format!("{} is {state:?}: {:?}", report.name, report.why)),
            };
            if alive != wanted || report.running as usize != wanted {
                return Err(format!("{} is {:?}, and {alive} live", report.name, report.state));
            }
        }
        Ok(())
    }
}
