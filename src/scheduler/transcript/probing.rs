//! TaskManagers that fail at their start: few are tried until one registers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::*;
use crate::report::AgentStanding;
use crate::witness::Registered;

/// What is wrong, as an agent or the master says it.
#[derive(Clone, Copy)]
struct Wrong {
    state: TaskState,
    reason: Option<status::Reason>,
    message: &'static str,
}

const EXITS: Wrong =
    Wrong { state: TaskState::Failed, reason: None, message: "Command exited with status 1" };

const FORBIDDEN: Wrong = Wrong {
    state: TaskState::Error,
    reason: Some(status::Reason::TaskUnauthorized),
    message: "Principal 'flink' no authorized to launch task T of framework F under user 'ann'",
};

/// A cluster that starts whatever it is told to start, a second later, unless something is wrong there.
struct Site {
    bench: Bench,
    /// By agent, as an offer has it.
    cpus: BTreeMap<String, f64>,
    /// Agent and end of each task that was launched and has not ended.
    alive: BTreeMap<String, (String, Moment)>,
    failed: usize,
    /// What is launched now never registers.
    freezes: bool,
    frozen: BTreeSet<String>,
}

impl Site {
    fn new(spec: Spec, agents: usize, cpus: f64) -> Self {
        let mut bench = Bench::of(spec, State::default());
        bench.scheduler.handle_jobmanager_listening(bench.now);
        bench.scheduler.handle_subscribed("f-1", bench.now);
        let cpus = (0..agents).map(|agent| (format!("agent{agent:02}"), cpus)).collect();
        Self { bench, cpus, alive: BTreeMap::new(), failed: 0, freezes: false, frozen: BTreeSet::new() }
    }

    /// The worker crashes, and the next one goes on.
    fn crash(&mut self) {
        let mut next = Bench::of(self.bench.scheduler.whole_spec(), self.bench.stored.clone());
        next.now = self.bench.now;
        next.offers = self.bench.offers;
        next.scheduler = Scheduler::new(next.scheduler.whole_spec(), next.stored.clone(), 2, next.now);
        next.scheduler.handle_jobmanager_listening(next.now);
        next.scheduler.handle_subscribed("f-1", next.now);
        self.bench = next;
        self.carry_out();
        for id in self.alive.keys().cloned().collect::<Vec<_>>() {
            self.update(&id, TaskState::Running, None, "");
        }
    }

    /// Second by second: what is launched fails where `wrong` says so, and registers ten seconds later elsewhere.
    fn pass(&mut self, seconds: u64, wrong: impl Fn(&str) -> Option<Wrong>) {
        for _ in 0..seconds {
            self.bench.now = self.bench.now + Duration::from_secs(1);
            self.bench.scheduler.handle_timeout(self.bench.now);
            self.carry_out();
            let now = self.bench.now;
            let is_due = move |since: &Moment, after| now.since(*since) >= Duration::from_secs(after);
            let is_starting = |since: &Moment| is_due(since, 1) && !is_due(since, 10);
            let due: Vec<_> = self.alive.iter().filter(|(_, (_, since))| is_starting(since)).collect();
            let bad = due.into_iter().filter_map(|(id, (agent, _))| Some((id.clone(), wrong(agent)?)));
            for (id, wrong) in bad.collect::<Vec<_>>() {
                if self.bench.stored.tasks.contains_key(&id) {
                    self.update(&id, wrong.state, wrong.reason, wrong.message);
                    self.failed += 1;
                }
                self.alive.remove(&id);
            }
            for id in self.frozen.clone() {
                self.update(&id, TaskState::Running, None, "");
            }
            let has_registered = |(id, (_, since)): &(&String, &(String, Moment))| {
                is_due(since, 10) && !self.frozen.contains(*id)
            };
            let registered = self.alive.iter().filter(has_registered);
            let beat = i64::try_from(now.since(Moment::START).as_secs()).expect("a short test");
            let heard: Registered = registered.map(|(id, _)| (id.clone(), beat)).collect();
            self.bench.scheduler.handle_taskmanagers_heard(&heard, self.bench.now);
            self.carry_out();
            self.offer();
        }
    }

    fn offer(&mut self) {
        let mut free = self.cpus.clone();
        for (agent, _) in self.alive.values() {
            free.entry(agent.clone()).and_modify(|cpus| *cpus -= 1.0);
        }
        let free: Vec<_> = free.iter().filter(|(_, cpus)| **cpus > 0.0).collect();
        let free: Vec<_> = free.into_iter().map(|(agent, cpus)| (agent.as_str(), *cpus)).collect();
        let offers = self.bench.offers_of(&free);
        self.bench.scheduler.handle_offers(&wire::encoded(&offers), self.bench.now);
        self.carry_out();
    }

    fn carry_out(&mut self) {
        let mut killed = Vec::new();
        while let Some(action) = self.bench.scheduler.next_action() {
            match action {
                Action::Store(state) => self.bench.stored = Arc::unwrap_or_clone(state),
                Action::Send(Call::Accept { launch, .. }) => {
                    for task in launch {
                        let id = task.name.expect("a name");
                        let agent = task.agent_id.expect("an agent").text().to_owned();
                        if self.freezes {
                            self.frozen.insert(id.clone());
                        }
                        self.alive.insert(id, (agent, self.bench.now));
                    }
                }
                Action::Send(Call::Kill { task_id, .. }) => killed.push(task_id.text().to_owned()),
                Action::Fail(failure) => panic!("{failure}"),
                Action::Send(_)
                | Action::SubscribeAnew
                | Action::AskJobManager
                | Action::Note(_)
                | Action::End => {}
            }
        }
        self.bench.scheduler.check().expect("the truths hold");
        for id in killed {
            if self.alive.contains_key(&id) {
                self.update(&id, TaskState::Killed, None, "");
                self.alive.remove(&id);
                self.frozen.remove(&id);
            }
        }
    }

    fn update(&mut self, id: &str, state: TaskState, reason: Option<status::Reason>, message: &str) {
        let agent = self.alive.get(id).map(|(agent, _)| AgentId::new(agent.as_str()));
        let update = StatusUpdate {
            task_id: TaskId::new(id),
            message: message.to_owned(),
            agent_id: agent,
            ..Bench::update_of(0, state, reason, true)
        };
        self.bench.scheduler.handle_update(&update, self.bench.now);
        self.carry_out();
    }

    fn quarantined(&self) -> Vec<String> {
        let report = self.bench.scheduler.report(self.bench.now);
        let is_out = |standing: &AgentStanding| matches!(standing, AgentStanding::Quarantined { .. });
        let out = report.agents.into_iter().filter(|agent| is_out(&agent.standing));
        out.map(|agent| agent.agent_id).collect()
    }

    fn on(&self, agent: &str) -> usize {
        self.alive.values().filter(|(on, _)| on == agent).count()
    }
}

/// How many of a thousand fail in ten minutes when all that failed are launched again, as soon as they may.
fn failures_of_one_that_never_learns() -> usize {
    let mut site = Site::new(Spec::of_one_cpu(1000), 50, 20.0);
    for _ in 0..600 {
        site.bench.scheduler.launch_all_again();
        site.pass(1, |_| Some(EXITS));
    }
    site.failed
}

#[test]
fn a_thousand_that_fail_at_their_start_are_not_launched_again() {
    let before = failures_of_one_that_never_learns();
    let mut site = Site::new(Spec::of_one_cpu(1000), 50, 20.0);
    site.pass(600, |_| Some(EXITS));
    println!("{} TaskManagers failed in 10 virtual minutes, {before} without trying one", site.failed);
    assert!(before > 5_000, "{before}");
    assert!((1000..1040).contains(&site.failed), "{} failed", site.failed);
    assert_eq!(site.quarantined(), [""; 0], "all agents are alike");
    let report = site.bench.scheduler.report(site.bench.now);
    let why = report.waiting.expect("a thousand are missing").why;
    assert!(why.contains("one at a time is tried") && why.contains("exited with status 1"), "{why}");
    assert_eq!(report.probing.expect("it is told").since, 2);

    // A worker that crashes does not begin again with all of them.
    let failed = site.failed;
    site.crash();
    site.pass(120, |_| Some(EXITS));
    assert!(site.failed - failed <= 4, "{} more failed", site.failed - failed);

    site.pass(90, |_| None);
    assert_eq!(site.alive.len(), 1000, "all run within a wait and a start");
    assert!(site.bench.scheduler.report(site.bench.now).probing.is_none());
}

#[test]
fn what_the_master_forbids_is_tried_at_the_longest_wait_and_names_its_key() {
    let mut site = Site::new(Spec::of_one_cpu(1), 2, 4.0);
    site.pass(600, |_| Some(FORBIDDEN));
    assert!((8..=14).contains(&site.failed), "{} launches in ten minutes", site.failed);
    let explanation = site.bench.scheduler.explain(None, site.bench.now);
    let why = explanation.probing.expect("it is told").to_string();
    assert!(
        why.contains("no authorized to launch") && why.contains("mesos.resourcemanager.framework.user"),
        "{why}"
    );
    assert_eq!(site.bench.failures() as usize, site.failed, "mesos.maximum-failed-tasks counts them");
    assert_eq!(site.quarantined(), [""; 0]);
    site.pass(80, |_| None);
    assert_eq!(site.alive.len(), 1);
}

#[test]
fn a_bad_agent_is_quarantined_beside_good_ones_and_tried_by_one() {
    let mut site = Site::new(Spec::of_one_cpu(8), 4, 4.0);
    let bad = |agent: &str| (agent == "agent00").then_some(EXITS);
    site.pass(30, bad);
    assert_eq!(site.alive.len(), 8, "there is room elsewhere");
    // Now there is room on the bad one alone.
    site.bench.scheduler.handle_scaled(14, site.bench.now).expect("no job says it");
    site.pass(20, bad);
    let failed = site.failed;
    site.pass(600, bad);
    assert!(site.failed - failed < 25, "{} more failed", site.failed - failed);
    assert_eq!(site.alive.len() - site.on("agent00"), 12, "the good ones are full");
    let report = site.bench.scheduler.report(site.bench.now);
    let state = report.agents.iter().find(|agent| agent.agent_id == "agent00").expect("it is told");
    assert!(format!("{:?}", state.standing).contains("exited with status 1"), "{state:?}");
    site.pass(3600, |_| None);
    assert_eq!(site.alive.len(), 14);
}

#[test]
fn one_at_a_time_is_tried_on_an_agent_that_failed() {
    let mut site = Site::new(Spec::of_one_cpu(20), 1, 20.0);
    let mut most = 0;
    site.pass(2, |_| Some(EXITS));
    for _ in 0..300 {
        site.pass(1, |_| Some(EXITS));
        most = most.max(site.on("agent00"));
    }
    assert!(most <= 1, "{most} at once");
    site.pass(90, |_| None);
    assert_eq!(site.alive.len(), 20, "an agent that is the only one is not kept out");
}

#[test]
fn one_that_fails_again_and_again_holds_back_no_others() {
    let mut site = Site::new(Spec::of_one_cpu(5), 2, 20.0);
    site.pass(15, |_| None);
    let unlucky = site.alive.keys().next().expect("one").clone();
    site.update(&unlucky, TaskState::Failed, None, "Command exited with status 1");
    site.alive.remove(&unlucky);
    site.bench.scheduler.handle_scaled(15, site.bench.now).expect("no job says it");
    site.offer();
    assert_eq!(site.alive.len(), 14, "the ten that are new do not wait for the one that failed");
    site.pass(20, |_| None);
    assert_eq!(site.alive.len(), 15);
}

#[test]
fn failures_that_begin_again_when_all_start_are_met_with_ever_fewer() {
    // More than four at a time do not start.
    let mut site = Site::new(Spec::of_one_cpu(100), 10, 10.0);
    site.pass(2, |_| Some(EXITS));
    let failed = site.failed;
    for _ in 0..600 {
        let registering =
            site.alive.values().filter(|(_, at)| site.bench.now.since(*at) < Duration::from_secs(10));
        let is_crowded = registering.count() > 4;
        site.pass(1, |_| is_crowded.then_some(EXITS));
    }
    assert!(site.failed - failed < 400, "{} more failed", site.failed - failed);
}

#[test]
fn a_gang_is_tried_by_one_and_then_starts_together() {
    let mut site =
        Site::new(Spec::of_one_cpu(6).with(|group| group.gang = Some(Duration::from_secs(60))), 3, 2.0);
    site.pass(60, |_| Some(EXITS));
    assert!((6..=16).contains(&site.failed), "{} failed", site.failed);
    // Only half of the room is left: the one that is tried starts, the rest waits for room for all.
    site.cpus.values_mut().for_each(|cpus| *cpus = 1.0);
    site.pass(60, |_| None);
    assert_eq!(site.alive.len(), 1);
    let reason = site.bench.scheduler.report(site.bench.now).waiting.expect("five are missing").reason;
    assert!(matches!(reason, Reason::Gang { .. }), "{reason:?}");
    site.cpus.values_mut().for_each(|cpus| *cpus = 2.0);
    site.pass(10, |_| None);
    assert_eq!(site.alive.len(), 6);
}

/// Neither starts while the other one is in its way.
#[test]
fn two_that_are_tried_and_freeze_make_room_for_a_third() {
    let mut site = Site::new(Spec::of_one_cpu(3), 2, 4.0);
    site.pass(15, |_| None);
    for id in site.alive.keys().skip(1).cloned().collect::<Vec<_>>() {
        site.update(&id, TaskState::Failed, None, "killed");
        site.alive.remove(&id);
    }
    site.pass(60, |_| Some(EXITS));
    assert!(site.bench.scheduler.report(site.bench.now).probing.is_some());
    site.freezes = true;
    while site.frozen.len() < 2 {
        site.pass(1, |_| None);
        assert!(site.bench.now < Moment::START + Duration::from_secs(3600), "{:?}", site.alive);
    }
    site.freezes = false;
    site.pass(900, |_| None);
    let works = |id: &&String| !site.frozen.contains(*id);
    let report = site.bench.scheduler.report(site.bench.now);
    assert_eq!((site.alive.len(), site.alive.keys().filter(works).count()), (3, 3), "{report:#?}");
}
