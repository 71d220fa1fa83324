//! An AppMaster dies at every single step of a cluster's life, before and after each write and each call, and its
//! successor brings everything to where it would have been: the same TaskManagers started, none in vain, none killed.
//!
//! `STEPS_PAIRS=all` lets the successor die too, at every step that is left to it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mutations::Mutation;
use super::parting::Parting;
use super::simulation::{Fate, Item, Run};
use crate::{Action, Scheduler, token};
use base::time::Moment;
use domain::group::GroupName;
use domain::state::State;
use mesos::call::Call;
use mini_mesos::agent::{End, ProcessEvent};
use mini_mesos::master::{FrameworkTarget, OperatorCall};

/// Until the next AppMaster has read the state.
const VACANCY: Duration = Duration::from_secs(5);

/// When it has read, and has not subscribed yet.
const BETWEEN: Duration = Duration::from_millis(5_050);

/// When it has long been subscribed.
const LATE: Duration = Duration::from_secs(20);

/// For so long nothing may be missing; what arrives late is in by then.
const REST: Duration = Duration::from_secs(60);

/// Lost updates come again, and reconciliation's longest pause fits in.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Of the steps after a death, at so many the successor dies too in the suite: the first that follow.
const PAIRED: usize = 1;

/// How far an AppMaster that dies gets with an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    Before,
    /// The call and all before it have arrived.
    Arrived,
    /// It is frozen: the call arrives so much later, on a connection that was never closed.
    Delayed(Duration),
    /// A write that takes several transactions: all but the tasks, and so many of the tasks, are written.
    Torn(usize),
}

/// What can be cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// With the number of tasks that it changes.
    Store(usize),
    Call(&'static str),
    Other(&'static str),
}

/// Where AppMasters die, and what they have done.
#[derive(Default)]
pub struct Script {
    deaths: BTreeMap<usize, Death>,
    steps: Vec<Step>,
}

/// What must come out the same whoever dies when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    started: usize,
    alive: usize,
    failures: u32,
}

type Deed = fn(&mut Run);

/// Launch, takeover, release and what lies between them.
const HISTORY: [(&str, Deed); 10] = [
    ("two are launched", |_| {}),
    ("they fetch their configuration", Run::fetch),
    ("scaled up", |run| run.scale_to(3)),
    ("one fails", Run::fail_one),
    ("an agent is cut off for a while", Run::cut_one),
    ("scaled down", |run| run.scale_to(1)),
    ("the master fails over", Run::fail_master_over),
    ("handed over", Run::hand_over),
    ("the framework is removed", Run::remove_framework),
    ("the cluster ends", Run::end_cluster),
];

#[test]
fn a_death_at_any_step_changes_nothing_of_what_comes_out() {
    let (expected, steps) = play(BTreeMap::new(), Mutation::None).expect("without a death");
    assert!(steps.iter().any(|step| matches!(step, Step::Store(changed) if *changed > 1)), "{steps:?}");
    let all = std::env::var("STEPS_PAIRS").is_ok_and(|pairs| pairs == "all");
    let (mut runs, mut pairs) = (0, 0);
    for (number, step) in steps.iter().enumerate() {
        for death in deaths(step) {
            runs += 1;
            let one = BTreeMap::from([(number, death)]);
            let left = judge(&one, &expected);
            let last = if all { left.len() } else { left.len().min(number + 1 + PAIRED) };
            for (later, step) in left.iter().enumerate().take(last).skip(number + 1) {
                for death in deaths(step) {
                    pairs += 1;
                    judge(
                        &one.iter().map(|(at, how)| (*at, *how)).chain([(later, death)]).collect(),
                        &expected,
                    );
                }
            }
        }
    }
    println!("{} steps, {runs} deaths, {pairs} of the successor too", steps.len());
}

/// So that it is known that a wrong outcome would be seen.
#[test]
fn a_death_shows_what_a_broken_program_does() {
    let (expected, steps) = play(BTreeMap::new(), Mutation::None).expect("without a death");
    for mutation in [Mutation::SendBeforeStore, Mutation::ForgetTasksInCrash] {
        let is_caught = steps.iter().enumerate().any(|(number, step)| {
            deaths(step).into_iter().any(|death| {
                let outcome = play(BTreeMap::from([(number, death)]), mutation);
                outcome.map_or(true, |(outcomes, _)| outcomes != expected)
            })
        });
        assert!(is_caught, "{mutation:?}");
    }
}

/// All steps that were done.
fn judge(deaths: &BTreeMap<usize, Death>, expected: &[Outcome]) -> Vec<Step> {
    match play(deaths.clone(), Mutation::None) {
        Ok((outcomes, steps)) => {
            let names = HISTORY.map(|(name, _)| name);
            for (name, (outcome, expected)) in names.iter().zip(outcomes.iter().zip(expected)) {
                assert_eq!(outcome, expected, "{deaths:?}, after '{name}': {steps:?}");
            }
            steps
        }
        Err(violation) => panic!("{deaths:?}: {violation}"),
    }
}

fn deaths(step: &Step) -> Vec<Death> {
    match step {
        // One task goes in one transaction with all else.
        Step::Store(changed) if *changed > 1 => {
            std::iter::once(Death::Before).chain((0..*changed).map(Death::Torn)).collect()
        }
        Step::Call(_) => {
            vec![Death::Before, Death::Arrived, Death::Delayed(BETWEEN), Death::Delayed(LATE)]
        }
        Step::Store(_) | Step::Other(_) => vec![Death::Before],
    }
}

fn play(deaths: BTreeMap<usize, Death>, mutation: Mutation) -> Result<(Vec<Outcome>, Vec<Step>), String> {
    let mut run = Run::new(3, mutation);
    run.queue.retain(|_, item| matches!(item, Item::StartWorker));
    run.calm_from = Moment::START;
    run.failover_timeout = 604_800.0;
    run.script = Some(Script { deaths, steps: Vec::new() });
    run.only_taskmanagers(2);
    let mut outcomes = Vec::new();
    for (name, deed) in HISTORY {
        deed(&mut run);
        run.carry();
        run.settle().map_err(|violation| format!("after '{name}': {violation}"))?;
        outcomes.push(run.outcome());
    }
    Ok((outcomes, run.script.take().unwrap_or_default().steps))
}

impl Run {
    /// Whether the AppMaster dies over this order.
    pub(super) fn dies_over(&mut self, action: &Action) -> bool {
        let Some(step) = Step::of(action, &self.stored) else { return false };
        let Some(script) = &mut self.script else { return false };
        script.steps.push(step);
        let Some(death) = script.deaths.get(&(script.steps.len() - 1)).copied() else { return false };
        self.log(|| format!("dies: {death:?}"));
        match (death, action) {
            (Death::Torn(written), Action::Store(state)) => self.stored = torn(&self.stored, state, written),
            (Death::Arrived, Action::Send(call)) => self.arrives_before_the_end(call),
            (Death::Delayed(delay), Action::Send(call)) => self.arrives_after_the_end(call, delay),
            _ => {}
        }
        if let Some(stream) = self.worker.take().and_then(|worker| worker.stream) {
            self.close(&stream);
        }
        self.oracle.crashed();
        self.after(VACANCY, Item::StartWorker);
        true
    }

    fn arrives_before_the_end(&mut self, call: &Call) {
        let judgement = self.oracle.sent(call, &self.stored, &self.targets, &self.cluster);
        self.judge(judgement);
        let Some(worker) = self.worker.take() else { return };
        let (Some(stream), Some(framework)) = (worker.stream, worker.framework_id) else { return };
        let is_under_way = |item: &Item| matches!(item, Item::Call { stream: on, .. } if *on == stream);
        let under_way: Vec<_> = self.queue.extract_if(.., |_, item| is_under_way(item)).collect();
        for (_, item) in under_way {
            if let Item::Call { stream, framework, call, fate } = item {
                self.call_arrives(&stream, &framework, call, fate);
            }
        }
        self.call_arrives(&stream, &framework, call.clone(), Fate::Arrives);
        self.close(&stream);
    }

    fn arrives_after_the_end(&mut self, call: &Call, delay: Duration) {
        let judgement = self.oracle.sent(call, &self.stored, &self.targets, &self.cluster);
        self.judge(judgement);
        let Some(worker) = self.worker.take() else { return };
        if let (Some(stream), Some(framework)) = (worker.stream, worker.framework_id) {
            self.after(delay, Item::Call { stream, framework, call: call.clone(), fate: Fate::Arrives });
        }
    }

    /// Until everything is as it shall be, and stays so.
    fn settle(&mut self) -> Result<(), String> {
        let (begin, mut rested) = (self.now, Duration::ZERO);
        while rested < REST {
            self.pass(REST / 6)?;
            match self.is_as_wanted() {
                Ok(()) => rested += REST / 6,
                Err(lack) if self.now.since(begin) > PATIENCE => return Err(lack),
                Err(_) => rested = Duration::ZERO,
            }
        }
        Ok(())
    }

    fn is_as_wanted(&self) -> Result<(), String> {
        match self.parting {
            Some(Parting::TearDown) if self.worker.is_some() => Err("it did not end".to_owned()),
            Some(Parting::TearDown) => Ok(()),
            Some(Parting::HandOver) | None => self.at_rest(),
        }
    }

    fn outcome(&self) -> Outcome {
        Outcome {
            started: self.cluster.started(),
            alive: self.cluster.running().len(),
            failures: self.stored.group(&GroupName::TASKMANAGERS).failures,
        }
    }

    fn scale_to(&mut self, target: u32) {
        self.set_target(&GroupName::TASKMANAGERS, target);
        let now = self.now;
        self.with_scheduler(|scheduler| scheduler.handle_scaled(target, now).expect("no job says it"));
    }

    /// Each asks again when the AppMaster has died over its answer, and never gets a second one.
    fn fetch(&mut self) {
        let ids: Vec<_> = self.stored.tasks.keys().cloned().collect();
        for id in ids {
            let token = token::of(&self.stored.token_secret, &id);
            let mut answers = 0;
            for _ in 0..4 {
                let (now, mut is_allowed) = (self.now, false);
                self.with_scheduler(|scheduler| is_allowed = scheduler.handle_redeemed(&id, &token, now));
                // Who died has not answered.
                answers += u32::from(is_allowed && self.worker.is_some());
                let passed = self.pass(VACANCY * 2);
                self.judge(passed);
            }
            if answers != 1 || !self.stored.tasks[&id].fetched {
                self.violate(format!("{id} was given its configuration {answers} times"));
            }
        }
    }

    fn fail_one(&mut self) {
        let Some((host, container)) = self.cluster.running().into_iter().next() else { return };
        self.cluster.process(host, &container, ProcessEvent::Ended(End::Exited(1)), self.now);
    }

    fn cut_one(&mut self) {
        let Some((host, _)) = self.cluster.running().into_iter().next() else { return };
        self.cluster.cut(host, true);
        self.cluster.notice(host, self.now);
        self.after(Duration::from_secs(20), Item::Mend { host });
    }

    fn fail_master_over(&mut self) {
        self.master_dies();
    }

    fn hand_over(&mut self) {
        self.parting = Some(Parting::HandOver);
        self.leave();
        self.after(VACANCY, Item::StartWorker);
    }

    fn remove_framework(&mut self) {
        self.parting = None;
        let Some(framework_id) = self.cluster.subscribed() else { return };
        let teardown = OperatorCall::Teardown { teardown: FrameworkTarget { framework_id } };
        self.cluster.operate(teardown, self.now);
    }

    /// The order to end outlasts every AppMaster.
    fn end_cluster(&mut self) {
        self.parting = Some(Parting::TearDown);
        self.with_scheduler(Scheduler::handle_ending);
    }
}

impl Step {
    fn of(action: &Action, stored: &State) -> Option<Self> {
        match action {
            Action::Store(state) => Some(Self::Store(changes(stored, state).len())),
            Action::Send(call) => Some(Self::Call(call.name())),
            Action::SubscribeAnew => Some(Self::Other("subscribe anew")),
            Action::End => Some(Self::Other("end")),
            // A question changes nothing, and there is one every three seconds.
            Action::AskJobManager | Action::Note(_) | Action::Fail(_) => None,
        }
    }
}

/// The tasks that are others or otherwise.
fn changes(old: &State, new: &State) -> Vec<String> {
    let all = old.tasks.keys().chain(new.tasks.keys());
    let mut changed: Vec<_> = all.filter(|id| old.tasks.get(*id) != new.tasks.get(*id)).cloned().collect();
    changed.sort();
    changed.dedup();
    changed
}

/// `new` but for the tasks that were not written yet.
fn torn(old: &State, new: &State, written: usize) -> State {
    let mut torn = new.clone();
    for id in changes(old, new).into_iter().skip(written) {
        match old.tasks.get(&id) {
            Some(record) => drop(torn.tasks.insert(id, record.clone())),
            None => drop(torn.tasks.remove(&id)),
        }
    }
    torn
}
