//! Seeded runs with everything that can go wrong.
//!
//! `SIMULATION_RUNS` sets how many, `SIMULATION_SEED` the first seed; one that fails is printed and fails again.

use std::collections::{BTreeMap, VecDeque};

use domain::carried::Carried;
use serde_json::json;

use super::mutations::{Mutation, key};
use super::process::Process;
use super::world::Group;
use super::{by, manifest, session};
use crate::condition::State;
use crate::instructions::Instruction;
use crate::journal::Verb;
use crate::limits::Limits;
use crate::refusal::Refusal;
use domain::time::Timestamp;
use domain::view::View;

const RUNS: u64 = 500;

const STEPS: usize = 150;

const NAMES: [&str; 4] = ["blue", "green", "red", "white"];

/// Runs beside them, and nobody wants anything of it.
const BYSTANDER: &str = "orders";

#[test]
fn whatever_happens_the_truths_hold_and_what_is_wanted_comes() {
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let (first, runs) = (number("SIMULATION_SEED", 1), number("SIMULATION_RUNS", RUNS));
    for seed in first..first + runs {
        let mut run = Run::new(seed, Mutation::None);
        if let Err(violation) = run.run() {
            panic!("{}\nSIMULATION_SEED={seed}: {violation}", run.log.join("\n"));
        }
    }
    println!("{runs} runs from seed {first} without a violation");
}

/// Each invariant broken on purpose, so that its check is known to catch it.
#[test]
fn every_broken_invariant_is_caught() {
    for (mutation, complaint) in [
        (Mutation::OrderBeforeStore, "is not stored"),
        (Mutation::LoseSpecifications, "is lost"),
        (Mutation::NumberAgain, "has revision number 1 after"),
        (Mutation::TakeUnknownForNone, "tasks are left of it"),
        (Mutation::BelieveLateViews, "tasks are left of it"),
        (Mutation::BeginAgainAfterTheEnd, "begins again after its end"),
        (Mutation::MixGroups, "records of orders were touched"),
        (Mutation::AuditTwice, "is in the audit twice"),
        (Mutation::AuditNothing, "is not in the audit"),
        (Mutation::KeepAllAudit, "entries in the audit, at most"),
        (Mutation::ForgetUnreadable, "was touched"),
        (Mutation::ThawByItself, "is frozen, and defined by"),
        (Mutation::ShowSecrets, "a secret is in an event"),
        (Mutation::CountBoth, "that are wanted"),
        (Mutation::LoseReplacements, "of its generation"),
        (Mutation::RunTwice, "runs twice"),
        (Mutation::TellUnstored, "which is not stored"),
        (Mutation::TellAgain, "which is settled"),
        (Mutation::TellAnyone, "is told"),
        (Mutation::TellOutOfOrder, "after a later one"),
        (Mutation::SettleNext, "is gone without an outcome"),
        (Mutation::LaunchWithOldNumber, "TaskManagers, and not"),
        (Mutation::ForgetSubmissions, "and pending orders"),
        (Mutation::TakeSubmissionsBack, "of which something else was said before"),
    ] {
        let mut others = Vec::new();
        let is_caught =
            (1..200).filter_map(|seed| Run::new(seed, mutation).run().err()).take(20).any(|violation| {
                let is_meant = violation.contains(complaint);
                others.push(violation);
                is_meant
            });
        assert!(is_caught, "{mutation:?}: {others:#?}");
    }
}

struct Run {
    random: fastrand::Rng,
    process: Process,
    /// Views on their way, the oldest first.
    late: VecDeque<(u64, BTreeMap<String, View>)>,
    nonce: i64,
    log: Vec<String>,
}

impl Run {
    fn new(seed: u64, mutation: Mutation) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let limits = Limits {
            revisions: random.usize(3..5),
            attempts: random.usize(2..6),
            events: random.usize(1..6),
            audit: random.usize(3..40),
            ..Limits::default()
        };
        let mut process = Process::new(limits, mutation);
        process.world.is_ha = random.bool();
        Self { random, process, late: VecDeque::new(), nonce: 0, log: Vec::new() }
    }

    fn run(&mut self) -> Result<(), String> {
        self.process.apply(&session(BYSTANDER), &by("ann")).expect("it is taken");
        self.process.come_to_rest()?;
        self.process.oracle.bystander = Some(BYSTANDER.to_owned());
        for _ in 0..STEPS {
            self.process.now.0 += self.random.u64(1..60_000);
            self.step()?;
            let reports = self.process.list();
            self.process.oracle.reported(&reports)?;
            self.judge_bystander()?;
        }
        self.late.clear();
        self.thaw_all()?;
        self.process.come_to_rest()
    }

    fn judge_bystander(&self) -> Result<(), String> {
        let reports = self.process.core.list();
        let report = reports.iter().find(|report| report.name == BYSTANDER);
        match report.map(|report| report.state) {
            Some(State::Running) => Ok(()),
            state => Err(format!("{BYSTANDER} is {state:?}")),
        }
    }

    fn step(&mut self) -> Result<(), String> {
        let name = NAMES[self.random.usize(..NAMES.len())];
        match self.random.u8(..100) {
            0..12 => self.apply(name),
            12..26 => self.order(name),
            26..60 => self.happen(name)?,
            60..78 => self.late.push_back(self.process.look()),
            78..96 => {
                if let Some((seen, views)) = self.late.pop_front() {
                    self.log.push(format!("a view of after order {seen} arrives"));
                    self.process.hear(seen, &views);
                }
            }
            96..98 => self.damage(name)?,
            _ => return self.crash(),
        }
        match self.random.u8(..20) {
            // Before anything of it is stored.
            0 => self.dial(name)?,
            1 => self.spell()?,
            2 => self.scale(name),
            _ => {}
        }
        if self.random.u8(..20) == 0 {
            let most = self.random.usize(..4);
            self.process.carry_out(most)?;
            return self.crash();
        }
        self.process.carry_out(usize::MAX)?;
        Ok(())
    }

    /// The next one may crash too, in the middle of its beginning.
    fn crash(&mut self) -> Result<(), String> {
        self.log.push("crash".to_owned());
        self.late.clear();
        self.process.crash();
        while self.random.u8(..4) == 0 {
            let most = self.random.usize(..6);
            self.process.carry_out(most)?;
            self.process.crash();
        }
        self.process.carry_out(usize::MAX)?;
        Ok(())
    }

    fn apply(&mut self, name: &str) {
        self.nonce += 1;
        let spec = match self.random.u8(..9) {
            6 | 7 => json!({"job": {"jarURI": "local:///a.jar"}, "restartNonce": self.nonce}),
            8 => json!({"job": {"jarURI": "local:///a.jar", "upgradeMode": "last-state"}}),
            0 => json!({"job": {"jarURI": "local:///a.jar", "state": "suspended"}}),
            1 => json!({"mesos": {"priority": self.nonce}}),
            // Without high availability there is one.
            2 if self.process.world.is_ha => json!({"jobManager": {"replicas": 2, "resource": {}}}),
            3 => json!({}),
            _ => json!({"restartNonce": self.nonce}),
        };
        let plan = self.process.apply(&manifest(name, spec), &by("bob"));
        self.log.push(format!("apply {name}: {plan:?}"));
    }

    fn order(&mut self, name: &str) {
        let verbs = [
            Verb::Suspend,
            Verb::Resume,
            Verb::Restart,
            Verb::Freeze,
            Verb::Thaw,
            Verb::Delete,
            Verb::Thaw,
            Verb::RestartTaskManager,
            Verb::RestartTaskManager,
            Verb::AskJobManager,
        ];
        if self.random.u8(..5) == 0 {
            return self.submit(name);
        }
        let verb = verbs[self.random.usize(..verbs.len())];
        let outcome = self.process.order_to(verb, name);
        self.log.push(format!("{verb:?} {name}: {outcome:?}"));
    }

    /// A job that may have been submitted before.
    fn submit(&mut self, name: &str) {
        let id = format!("{:032x}", self.random.u8(..40));
        let outcome = self.process.submit(name, &id);
        self.log.push(format!("submit job {id} to {name}: {outcome:?}"));
    }

    fn scale(&mut self, name: &str) {
        let number = self.random.u32(1..4);
        let plan = match self.process.core.scaled(name, number) {
            Ok(manifest) => self.process.apply(&manifest, &by("bob")),
            Err(refusal) => Err(refusal),
        };
        self.log.push(format!("scale {name} to {number}: {plan:?}"));
    }

    /// One whose AppMasters run.
    fn running(&mut self) -> Option<&'static str> {
        let running = NAMES.into_iter().filter(|name| !self.process.appmasters(name).is_empty());
        let running: Vec<_> = running.collect();
        (!running.is_empty()).then(|| running[self.random.usize(..running.len())])
    }

    /// Somebody keeps ordering something of a cluster that runs.
    fn spell(&mut self) -> Result<(), String> {
        let Some(name) = self.running() else { return Ok(()) };
        for _ in 0..self.random.u8(1..6) {
            let (seen, views) = self.process.look();
            self.process.hear(seen, &views);
            self.process.carry_out(usize::MAX)?;
            match self.random.u8(..6) {
                0 => self.scale(name),
                5 => self.submit(name),
                1 => self.fail(name)?,
                2 | 3 => {
                    let outcome = self.process.order_to(Verb::RestartTaskManager, name);
                    self.log.push(format!("restart a TaskManager of {name}: {outcome:?}"));
                }
                _ => self.process.now.0 += self.random.u64(1..60_000),
            }
            // Before anything of it is stored, too.
            if self.random.u8(..3) == 0 {
                self.dial(name)?;
            }
            self.process.carry_out(usize::MAX)?;
            self.dial(name)?;
        }
        Ok(())
    }

    /// An AppMaster dies, and the next one is launched.
    fn fail(&mut self, name: &str) -> Result<(), String> {
        let Some(task_id) = self.process.appmasters(name).pop() else { return Ok(()) };
        let group = self.process.world.groups.get_mut(name);
        group.into_iter().for_each(|group| drop(group.tasks.remove(&task_id)));
        if let Some(generation) = self.process.world.launch(name) {
            self.process.oracle.launched(name, generation)?;
            self.process.judge_copies(name)?;
        }
        self.process.world.groups.get_mut(name).into_iter().for_each(Group::run_all);
        self.log.push(format!("{task_id} dies"));
        Ok(())
    }

    /// AppMasters ask, say what came of it, or both; some never hear that it was stored.
    fn dial(&mut self, name: &str) -> Result<(), String> {
        for task_id in self.process.appmasters(name) {
            if self.random.u8(..4) != 0 {
                let mut random = self.random.fork();
                let mut answer = |what: &Instruction| {
                    let why = || "the scheduler is starting".to_owned();
                    match random.u8(..6) {
                        0 => Carried::NotNow { why: why() },
                        1 if !matches!(what, Instruction::Scale { .. }) => Carried::Refused { why: why() },
                        _ => Carried::Done,
                    }
                };
                self.process.ask(name, &task_id, &mut answer)?;
                self.log.push(format!("{task_id} asks"));
            }
            if self.random.u8(..3) != 0 {
                let crashes = self.random.u8(..8) == 0;
                self.log.push(format!("{task_id} says"));
                self.process.say(name, &task_id, crashes)?;
                if crashes {
                    return self.crash();
                }
            }
        }
        Ok(())
    }

    fn thaw_all(&mut self) -> Result<(), String> {
        for name in NAMES {
            match self.process.order_to(Verb::Thaw, name) {
                Ok(_)
                | Err(
                    Refusal::NoSuchCluster { .. } | Refusal::BeingDeleted { .. } | Refusal::Unreadable { .. },
                ) => {}
                Err(refusal) => return Err(format!("{name} cannot be thawed: {refusal}")),
            }
            self.process.carry_out(usize::MAX)?;
        }
        Ok(())
    }

    /// Tasks go on, fail, or have done their work.
    fn happen(&mut self, name: &str) -> Result<(), String> {
        let dice = self.random.u8(..20);
        if dice < 9 {
            if let Some(generation) = self.process.world.launch(name) {
                self.log.push(format!("{name} gets a task of generation {generation}"));
                self.process.oracle.launched(name, generation)?;
                self.process.judge_copies(name)?;
            }
            return Ok(());
        }
        let Some(group) = self.process.world.groups.get_mut(name) else { return Ok(()) };
        let running: Vec<_> = group
            .tasks
            .iter()
            .filter(|(_, task)| task.runs && !task.ending)
            .map(|(id, _)| id.clone())
            .collect();
        match (dice, running.first()) {
            (9..14, _) => group.run_all(),
            (14..16, _) => {
                self.process.part();
                if let Some(group) = self.process.world.groups.get_mut(name) {
                    group.tasks.retain(|_, task| !task.ending);
                }
            }
            (16, Some(id)) => {
                group.tasks.remove(id);
            }
            (17, _) => group.rests = !group.is_kept && !group.rests,
            (18, Some(id)) if !group.is_kept && !group.is_removed => {
                let generation = group.tasks.get(id).map_or(0, |task| task.generation);
                let code = if self.random.bool() { 0 } else { 163 };
                group.end(id, code, Timestamp(1));
                self.process.oracle.ended(name, generation);
                self.log.push(format!("{id} ends with {code}"));
            }
            _ => {}
        }
        Ok(())
    }

    /// A record is damaged while nobody runs.
    fn damage(&mut self, name: &str) -> Result<(), String> {
        if self.random.u8(..4) != 0 {
            return Ok(());
        }
        self.process.carry_out(usize::MAX)?;
        let path = ["status", "events"][self.random.usize(..2)];
        let value = if self.random.bool() { r#"{"format":2,"all":"new"}"# } else { r#"{"format"# };
        let record = self.process.store.records.get_mut(&key(&format!("clusters/{name}/{path}")));
        if let Some(record) = record {
            self.log.push(format!("{path} of {name} is damaged"));
            record.1 = value.as_bytes().to_vec();
            self.process.oracle.unreadable.insert(name.to_owned());
            self.crash()?;
        }
        Ok(())
    }
}
