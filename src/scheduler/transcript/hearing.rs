//! Running means heard: TaskManagers that Mesos runs and the JobManager does not hear, and the other way round.

use super::*;
use crate::report::Registration;

impl Bench {
    /// `target` TaskManagers that run and have registered, each on an agent of its own.
    fn with_heard(target: u64) -> Self {
        let mut bench = Self::ready(u32::try_from(target).expect("few"));
        let agents: Vec<_> = (1..=target).map(|number| (format!("a{number}"), 1.0)).collect();
        let agents: Vec<_> = agents.iter().map(|(agent, cpus)| (agent.as_str(), *cpus)).collect();
        bench.offer(&agents);
        let all: Vec<_> = (1..=target).collect();
        for number in &all {
            bench.update(*number, TaskState::Running, true);
        }
        bench.heard(&all);
        bench
    }

    /// For `seconds` the JobManager says every three that it hears these; all orders meanwhile but questions.
    fn listen(&mut self, seconds: u64, numbers: &[u64]) -> String {
        let mut all = Vec::new();
        for _ in 0..seconds / 3 {
            all.push(self.pass(Duration::from_secs(3)));
            all.push(self.heard(numbers));
        }
        all.retain(|orders| !orders.is_empty() && !orders.starts_with("reconcile"));
        all.join(" ")
    }

    fn counted(&self) -> (usize, usize) {
        let report = self.scheduler.report(self.now);
        (report.running, report.unheard)
    }

    fn registration(&self, number: usize) -> Registration {
        self.scheduler.report(self.now).tasks[number - 1].registration
    }
}

#[test]
fn one_that_runs_counts_when_the_jobmanager_hears_it() {
    let mut bench = Bench::with_one();
    assert_eq!(bench.registration(1), Registration::Unknown);
    assert_eq!(bench.counted(), (1, 0), "nobody can tell yet");
    bench.heard(&[]);
    assert_eq!(bench.registration(1), Registration::Awaited);
    assert_eq!(bench.counted(), (0, 0));
    bench.listen(3, &[1]);
    assert_eq!(bench.registration(1), Registration::Registered);
    assert_eq!(bench.counted(), (1, 0));
    assert_eq!(bench.listen(12, &[]), "");
    assert_eq!(bench.counted(), (1, 0), "a heartbeat may be late");
    assert_eq!(bench.listen(3, &[]), "");
    assert_eq!(bench.counted(), (0, 1));
    let unheard = bench.scheduler.explain(None, bench.now).unheard;
    assert_eq!(unheard[0].unheard_s, Some(15));
    bench.listen(3, &[1]);
    assert_eq!(bench.counted(), (1, 0));
    assert_eq!(bench.scheduler.report(bench.now).counters.silences, 1);
}

#[test]
fn an_old_heartbeat_is_none() {
    let mut bench = Bench::with_heard(2);
    let mut registered: super::super::witness::Registered =
        [("taskmanager-00001".to_owned(), 7)].into_iter().collect();
    for beat in 0..6 {
        bench.pass(Duration::from_secs(3));
        registered.insert("taskmanager-00002".to_owned(), beat);
        bench.scheduler.handle_taskmanagers_heard(&registered, bench.now);
        bench.orders();
    }
    assert_eq!(bench.registration(1), Registration::Unheard, "it is in the list, and was not heard again");
    assert_eq!(bench.registration(2), Registration::Registered);
}

#[test]
fn a_frozen_one_is_replaced_and_ends_when_the_other_is_heard() {
    let mut bench = Bench::with_heard(2);
    assert_eq!(bench.listen(51, &[2]), "", "it was dropped, and may come back");
    assert_eq!(bench.listen(3, &[2]), "store revive");
    assert_eq!(bench.offer(&[("b", 1.0)]), "store accept(o3:3) suppress");
    bench.update(3, TaskState::Running, true);
    assert_eq!(bench.listen(30, &[2]), "", "the other has yet to register, and the time for it");
    assert_eq!(bench.listen(3, &[2, 3]), "store kill(1)");
    assert_eq!(bench.update(1, TaskState::Killed, true), "store ack(1)");
    assert_eq!(bench.counted(), (2, 0));
    assert_eq!(bench.failures(), 0);
}

#[test]
fn one_that_never_registered_has_the_time_for_it() {
    let mut bench = Bench::with_heard(2);
    bench.scheduler.handle_scaled(3, bench.now).expect("no job says it");
    bench.orders();
    bench.offer(&[("b", 1.0)]);
    bench.update(3, TaskState::Running, true);
    assert_eq!(bench.listen(297, &[1, 2]), "");
    assert_eq!(bench.counted(), (2, 1));
    assert_eq!(bench.listen(3, &[1, 2]), "store revive");
}

#[test]
fn one_that_is_heard_again_stays() {
    let mut bench = Bench::with_heard(2);
    bench.listen(54, &[2]);
    bench.offer(&[("b", 1.0)]);
    bench.update(3, TaskState::Running, true);
    assert_eq!(bench.listen(3, &[1, 2]), "store kill(3)", "the one that nobody needs any more");
    assert!(bench.stored.tasks["taskmanager-00001"].goal == Goal::Run);
}

#[test]
fn where_no_room_is_beside_it_another_gets_its_room() {
    let mut bench = Bench::with_heard(2);
    bench.listen(54, &[2]);
    assert_eq!(bench.offer(&[("b", 0.5)]), "decline(o3)");
    assert_eq!(bench.listen(27, &[2]).replace("revive", "").trim(), "");
    assert!(bench.listen(6, &[2]).contains("store kill(1)"));
    bench.update(1, TaskState::Killed, true);
    assert_eq!(bench.offer(&[("a1", 1.0)]), "store accept(o4:3) suppress");
}

#[test]
fn nothing_is_replaced_while_the_jobmanager_is_away_nor_soon_after() {
    let mut bench = Bench::with_heard(2);
    bench.listen(15, &[2]);
    assert_eq!(bench.counted(), (1, 1));
    for _ in 0..200 {
        assert_eq!(bench.pass(Duration::from_secs(3)).replace("reconcile(1,2) reconcile()", ""), "");
    }
    assert_eq!(bench.counted(), (1, 1), "as it said last");
    assert_eq!(bench.listen(297, &[2]), "", "they may have to register anew");
    assert_eq!(bench.listen(6, &[2]), "store revive");
}

#[test]
fn another_leader_is_given_the_time_too() {
    let mut bench = Bench::with_heard(2);
    bench.scheduler.handle_jobmanager_changed(bench.now);
    assert_eq!(bench.listen(297, &[]), "");
    bench.listen(3, &[1, 2]);
    assert_eq!(bench.counted(), (2, 0));
}

#[test]
fn a_jobmanager_that_hears_nobody_gets_one_other_at_a_time() {
    let mut bench = Bench::with_heard(3);
    assert_eq!(
        bench.listen(300, &[]),
        "",
        "all at once: it is another JobManager, or none that can be believed"
    );
    assert_eq!(bench.counted(), (0, 3));
    assert_eq!(bench.listen(3, &[]), "store revive", "the youngest is tried");
    bench.offer(&[("b", 1.0)]);
    bench.update(4, TaskState::Running, true);
    assert_eq!(bench.listen(297, &[]), "");
    assert_eq!(bench.listen(3, &[]), "store kill(3) store revive", "the other is not heard either");
    bench.update(3, TaskState::Killed, true);
    assert!(!bench.listen(1200, &[]).contains("kill"), "no room came for the next: nobody else has to go");
    let left = |number: &str| bench.stored.tasks[&format!("taskmanager-0000{number}")].goal;
    assert_eq!([left("1"), left("2")], [Goal::Run, Goal::Run]);
    bench.listen(3, &[1, 2]);
    assert_eq!(bench.counted().0, 2, "and they are there when it hears them again");
}

#[test]
fn a_dead_host_s_taskmanager_is_given_up_soon_when_the_jobmanager_has_lost_it() {
    let mut bench = Bench::with_heard(2);
    bench.listen(30, &[2]);
    bench.update(1, TaskState::Unreachable, false);
    assert_eq!(bench.listen(3, &[2]), "");
    let mut orders = String::new();
    for _ in 0..2 {
        bench.pass(Duration::from_secs(3));
        orders += &bench.update(1, TaskState::Unreachable, false);
        bench.heard(&[2]);
    }
    assert_eq!(orders, "store revive", "within seconds");
}

#[test]
fn one_that_a_new_master_does_not_know_yet_has_its_time() {
    let mut bench = Bench::with_heard(2);
    bench.listen(30, &[2]);
    bench.update(1, TaskState::Unknown, false);
    for _ in 0..20 {
        bench.pass(Duration::from_secs(3));
        assert_eq!(bench.update(1, TaskState::Unknown, false), "");
    }
}

#[test]
fn the_unheard_are_retired_first() {
    let mut bench = Bench::with_heard(2);
    bench.listen(15, &[2]);
    bench.scheduler.handle_scaled(1, bench.now).expect("no job says it");
    assert_eq!(bench.orders(), "store kill(1)");
}

#[test]
fn a_successor_knows_who_gives_way_and_why() {
    let mut bench = Bench::with_heard(2);
    bench.listen(54, &[2]);
    let mut next = Bench::resume(2, bench.stored);
    next.scheduler.handle_jobmanager_listening(next.now);
    next.scheduler.handle_subscribed("f-1", next.now);
    next.orders();
    next.update(1, TaskState::Running, false);
    next.update(2, TaskState::Running, false);
    assert_eq!(next.heard(&[1, 2]), "store suppress", "it is heard again");
    assert!(next.stored.tasks.values().all(|record| record.goal == Goal::Run));
}
