//! TaskManagers that come and go with the jobs.

use std::collections::BTreeSet;

use super::*;
use domain::demand::{Asked, Wish};
use domain::leadership::NotScaled;

impl Bench {
    fn elastic() -> Self {
        let mut bench = Self::new(0);
        let spec = Spec::of_one_cpu(0).with(|group| group.follows_jobs = true);
        bench.scheduler = Scheduler::new(spec, State::default(), 1, bench.now);
        bench.scheduler.handle_jobmanager_listening(bench.now);
        bench.scheduler.handle_subscribed("f-1", bench.now);
        bench.orders();
        bench
    }

    fn wish(&mut self, least: u32, most: u32, idle: &[u64]) -> String {
        let idle: BTreeSet<_> = idle.iter().map(|number| format!("taskmanager-{number:05}")).collect();
        let wish = Wish { least, most, idle, asked: Asked { taskmanagers: least, ..Asked::default() } };
        self.scheduler.handle_demanded(wish, self.now);
        self.orders()
    }

    /// With so many that run.
    fn running(count: u32) -> Self {
        let mut bench = Self::elastic();
        bench.wish(count, count, &[]);
        bench.offer(&[("a", f64::from(count))]);
        for number in 1..=u64::from(count) {
            bench.update(number, TaskState::Running, true);
        }
        bench
    }
}

#[test]
fn what_jobs_ask_for_is_stored_and_launched() {
    let mut bench = Bench::elastic();
    assert_eq!(bench.wish(0, 0, &[]), "");
    assert_eq!(bench.wish(2, 2, &[]), "store revive");
    assert_eq!(bench.stored.group(&GroupName::TASKMANAGERS).demanded, Some(2));
    assert_eq!(bench.wish(2, 2, &[]), "", "asked for already");
    assert_eq!(bench.offer(&[("a", 2.0)]), "store accept(o1:1,2) suppress");
    assert_eq!(bench.scheduler.report(bench.now).asked.map(|asked| asked.taskmanagers), Some(2));
}

#[test]
fn what_is_not_launched_is_given_up_at_once() {
    let mut bench = Bench::running(1);
    assert_eq!(bench.wish(3, 3, &[]), "store revive");
    assert_eq!(bench.wish(0, 0, &[]), "store suppress");
    assert_eq!(bench.scheduler.target(), 1, "what runs is not");
}

#[test]
fn nothing_goes_that_is_not_idle_and_no_more_than_is_too_much() {
    let mut bench = Bench::running(3);
    assert_eq!(bench.wish(0, 1, &[]), "");
    assert_eq!(bench.wish(0, 2, &[1, 3]), "store kill(1)");
    assert_eq!(bench.wish(0, 2, &[1, 3]), "", "it is ending already");
    assert_eq!(bench.update(1, TaskState::Killed, true), "store ack(1)");
    assert_eq!(bench.wish(0, 0, &[3, 99]), "store kill(3)");
    assert_eq!(bench.scheduler.target(), 1);
}

#[test]
fn one_that_dies_is_replaced_as_long_as_it_is_asked_for() {
    let mut bench = Bench::running(2);
    bench.update(2, TaskState::Failed, true);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.wish(2, 2, &[]), "");
    assert_eq!(bench.offer(&[("a", 1.0)]), "store accept(o2:3) suppress");
}

#[test]
fn nobody_sets_a_number_that_follows_the_jobs() {
    let mut bench = Bench::elastic();
    assert_eq!(bench.scheduler.handle_scaled(5, bench.now), Err(NotScaled::FollowsJobs));
    assert_eq!(bench.orders(), "");
}
