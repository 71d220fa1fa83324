//! Several groups of tasks in one framework.

mod asked;
mod dispatched;

use super::*;
use crate::spec::{GroupSpec, TooMany};
use domain::need::Milli;

fn blue() -> GroupName {
    GroupName::parse("blue").expect("a name")
}

fn of_half_a_cpu(target: u32) -> GroupSpec {
    GroupSpec::of_cpus(target, Milli(500))
}

impl Bench {
    fn with_blue(taskmanagers: u32, blues: GroupSpec) -> Self {
        let mut bench = Self::ready(taskmanagers);
        bench.scheduler.handle_group_defined(&blue(), blues, bench.now);
        bench.orders();
        bench
    }

    fn update_blue(&mut self, number: u64, state: TaskState) -> String {
        let task_id = TaskId::new(format!("blue-{number:05}"));
        let update = StatusUpdate { task_id, ..Self::update_of(number, state, None, true) };
        self.scheduler.handle_update(&update, self.now);
        self.orders()
    }

    fn reason(&self, group: &GroupName) -> Reason {
        let report = self.scheduler.report(self.now);
        let waiting = report.groups[group.text()].waiting.clone();
        waiting.expect("some are missing").reason
    }
}

#[test]
fn groups_take_turns_and_each_task_is_of_its_own() {
    let mut bench = Bench::with_blue(4, of_half_a_cpu(1));
    assert_eq!(
        bench.offer(&[("a", 2.0)]),
        "store accept(o1:blue-00001,2)",
        "the small group does not wait until the big one has all"
    );
    assert_eq!(bench.stored.tasks["blue-00001"].group, blue());
    let report = bench.scheduler.report(bench.now);
    assert_eq!((report.target, report.waiting.as_ref().map(|waiting| waiting.taskmanagers)), (4, Some(3)));
    assert_eq!((report.groups["blue"].target, &report.groups["blue"].waiting), (1, &None));
    assert!(matches!(bench.reason(&GroupName::TASKMANAGERS), Reason::DoesNotFit { offers: 1, .. }));
    bench.update_blue(1, TaskState::Running);
    let report = bench.scheduler.report(bench.now);
    assert_eq!((report.running, report.groups["blue"].running), (0, 1));
    let explanation = bench.scheduler.explain_group(&blue(), None, bench.now);
    assert_eq!((explanation.need, explanation.running), ("cpus 0.5".to_owned(), 1));
}

#[test]
fn a_group_comes_and_goes_while_the_others_run() {
    let mut bench = Bench::ready(1);
    assert_eq!(bench.offer(&[("a", 1.0)]), "store accept(o1:1) suppress");
    bench.scheduler.handle_group_defined(&blue(), of_half_a_cpu(2), bench.now);
    assert_eq!(bench.orders(), "revive");
    assert_eq!(bench.offer(&[("a", 4.0)]), "store accept(o2:blue-00002,blue-00003) suppress");
    bench.scheduler.handle_group_scaled(&blue(), 3, bench.now).expect("no job says it");
    assert_eq!(bench.orders(), "store revive");
    assert_eq!(bench.stored.group(&blue()).scale, Some(3));
    assert!(bench.scheduler.handle_group_removed(&blue(), bench.now));
    assert_eq!(bench.orders(), "store kill(blue-00002) kill(blue-00003) suppress");
    assert!(!bench.stored.groups.contains_key(&blue()), "the next one of this name begins anew");
    assert!(!bench.scheduler.handle_group_removed(&blue(), bench.now));
    bench.scheduler.handle_group_scaled(&blue(), 3, bench.now).expect_err("there is none");
    assert_eq!(bench.update_blue(2, TaskState::Killed), "store ack(blue-00002)");
    // Of the same name again: what is left of the one before does not count.
    bench.scheduler.handle_group_defined(&blue(), of_half_a_cpu(1), bench.now);
    assert_eq!(bench.orders(), "revive");
    assert_eq!(bench.offer(&[("a", 4.0)]), "store accept(o3:blue-00004) suppress");
}

#[test]
fn what_is_left_of_a_group_that_is_gone_ends_with_the_next_worker() {
    let mut bench = Bench::with_blue(1, of_half_a_cpu(1));
    bench.offer(&[("a", 2.0)]);
    assert_eq!(bench.stored.tasks.len(), 2);
    let mut next = Bench::resume(1, bench.stored);
    next.scheduler.handle_subscribed("f-1", next.now);
    assert_eq!(next.orders(), "store reconcile(blue-00001,2) reconcile() kill(blue-00001)");
    assert_eq!(next.stored.tasks["blue-00001"].goal, Goal::End);
    assert_eq!(next.stored.tasks["taskmanager-00002"].goal, Goal::Run);
}

#[test]
fn failures_of_one_group_hold_no_other_back() {
    let mut bench = Bench::with_blue(1, of_half_a_cpu(1));
    bench.offer(&[("a", 2.0)]);
    bench.update_blue(1, TaskState::Running);
    bench.update(2, TaskState::Running, true);
    assert_eq!(bench.update_blue(1, TaskState::Failed), "store ack(blue-00001)", "it is held back");
    assert!(matches!(bench.reason(&blue()), Reason::Backoff { .. }));
    assert_eq!(bench.failures(), 0);
    assert_eq!(bench.stored.group(&blue()).failures, 1);
    bench.scheduler.handle_scaled(2, bench.now).expect("no job says it");
    assert_eq!(bench.orders(), "store revive");
    assert_eq!(bench.offer(&[("b", 4.0)]), "store accept(o2:3) suppress", "the other group goes on");
    assert_eq!(bench.wake(), "revive");
    assert_eq!(bench.offer(&[("b", 4.0)]), "store accept(o3:blue-00004) suppress");
}

#[test]
fn a_gang_that_waits_leaves_what_it_does_not_take_to_others() {
    let gang = Some(Duration::from_secs(60));
    let mut bench = Bench::with_blue(3, GroupSpec { gang, ..of_half_a_cpu(6) });
    // Turn by turn both would have got some, and no gang would have been whole.
    assert_eq!(bench.offer(&[("a", 2.0)]), "store accept(o1:1,2)");
    assert!(matches!(bench.reason(&blue()), Reason::Gang { .. }), "{:?}", bench.reason(&blue()));
    assert_eq!(bench.offer(&[("b", 4.0)]).matches("blue").count(), 6, "all of them together");
}

#[test]
fn of_two_gangs_one_is_whole_rather_than_none() {
    let gang = Some(Duration::from_secs(60));
    let mut bench = Bench::with_blue(2, GroupSpec { gang, ..of_half_a_cpu(4) });
    bench.scheduler.taskmanagers().gang = gang;
    let orders = bench.offer(&[("a", 2.0)]);
    assert_eq!(orders, "store accept(o1:1,2)", "the one that lacks more waits, by name where both are alike");
}

/// What users see of a cluster is what they saw before there were groups.
#[test]
fn of_taskmanagers_alone_no_group_is_told() {
    let mut bench = Bench::ready(2);
    bench.offer(&[("a", 1.0)]);
    let told = serde_json::to_value(bench.scheduler.report(bench.now)).expect("JSON");
    assert_eq!(told.get("groups"), None);
    assert_eq!(told["tasks"][0].get("group"), None);
    assert_eq!((&told["target"], &told["waiting"]["taskmanagers"]), (&2.into(), &1.into()));
    let mut bench = Bench::with_blue(2, of_half_a_cpu(1));
    bench.offer(&[("a", 0.5)]);
    let told = serde_json::to_value(bench.scheduler.report(bench.now)).expect("JSON");
    assert_eq!(told["tasks"][0]["group"], "blue");
    assert_eq!(told["groups"]["blue"]["waiting"], serde_json::Value::Null);
    assert_eq!(told["groups"]["taskmanager"]["waiting"]["taskmanagers"], 2);
}

fn ended(number: u64, state: TaskState, message: &str) -> StatusUpdate {
    let task_id = TaskId::new(format!("blue-{number:05}"));
    StatusUpdate { task_id, message: message.to_owned(), ..Bench::update_of(number, state, None, true) }
}

#[test]
fn a_group_ends_with_the_task_that_did_what_it_is_for() {
    let once = GroupSpec { final_codes: vec![0, 163], ..of_half_a_cpu(2) };
    let mut bench = Bench::with_blue(0, once.clone());
    assert_eq!(bench.offer(&[("a", 1.0)]), "store accept(o1:blue-00001,blue-00002) suppress");
    assert_eq!(bench.stored.tasks["blue-00002"].attempt, 2);
    for number in [1, 2] {
        bench.update_blue(number, TaskState::Running);
    }
    // Any other code is a failure, after which another is launched.
    let update = ended(1, TaskState::Failed, "Command exited with status 1");
    bench.scheduler.handle_update(&update, bench.now);
    assert_eq!(bench.orders(), "store ack(blue-00001)");
    assert_eq!(bench.stored.group(&blue()).ended, None);
    let update = ended(2, TaskState::Failed, "Command exited with status 163");
    bench.scheduler.handle_update(&update, bench.now);
    assert_eq!(bench.orders(), "store ack(blue-00002)");
    let told = bench.stored.group(&blue()).ended.clone().expect("it has ended");
    assert_eq!((told.task.as_str(), told.code), ("blue-00002", 163));
    bench.pass(Duration::from_secs(3600));
    assert_eq!(bench.offer(&[("a", 1.0)]), "decline(o2) suppress", "what has ended gets no other");
    // Nor after a restart, until somebody wants it to begin anew.
    let state = bench.stored.clone();
    let mut spec = bench.scheduler.whole_spec();
    spec.groups.insert(blue(), once);
    bench.scheduler = Scheduler::new(spec, state, 1, bench.now);
    assert_eq!(bench.scheduler.group_target(&blue()), 0);
    assert!(bench.scheduler.handle_group_renewed(&blue(), 1, bench.now));
    assert_eq!(bench.scheduler.group_target(&blue()), 2);
    bench.orders();
    assert_eq!(bench.stored.group(&blue()).ended, None);
    assert_eq!(bench.stored.group(&blue()).launched, 2, "attempts go on being counted");
}

#[test]
fn the_last_of_a_group_that_ends_takes_the_others_along() {
    let once = GroupSpec { final_codes: vec![0], ..of_half_a_cpu(2) };
    let mut bench = Bench::with_blue(0, once);
    bench.offer(&[("a", 1.0)]);
    for number in [1, 2] {
        bench.update_blue(number, TaskState::Running);
    }
    let update = ended(1, TaskState::Finished, "Command exited with status 0");
    bench.scheduler.handle_update(&update, bench.now);
    assert_eq!(bench.orders(), "store ack(blue-00001) kill(blue-00002)");
}

#[test]
fn a_group_of_which_too_many_failed_rests_and_the_others_go_on() {
    let rests = GroupSpec {
        max_failures: Some(2),
        failures_within: Some(Duration::from_secs(600)),
        after_too_many: TooMany::Rest(Duration::from_secs(300)),
        ..of_half_a_cpu(1)
    };
    let mut bench = Bench::with_blue(1, rests);
    let mut offers = 0;
    for number in 1..=3 {
        bench.pass(Duration::from_secs(61));
        offers += 1;
        bench.offer(&[("a", 0.5)]);
        bench.update_blue(number, TaskState::Running);
        let update = ended(number, TaskState::Failed, "Command exited with status 1");
        bench.scheduler.handle_update(&update, bench.now);
        bench.orders();
    }
    assert!(
        matches!(bench.reason(&blue()), Reason::Backoff { left_ms: 300_000, .. }),
        "{:?}",
        bench.reason(&blue())
    );
    bench.pass(Duration::from_secs(200));
    offers += 1;
    assert_eq!(bench.offer(&[("a", 0.5)]), format!("decline(o{offers})"), "it rests, whatever comes");
    bench.pass(Duration::from_secs(101));
    offers += 1;
    assert_eq!(bench.offer(&[("a", 0.5)]), format!("store accept(o{offers}:blue-00004)"), "and begins anew");
}
