//! What is told while something takes long.

use std::time::Duration;

use super::super::{Action, Note};
use super::{Bench, TaskState, wire};

/// What is told within so many seconds, and after how many.
fn told(bench: &mut Bench, seconds: u64) -> Vec<(u64, String)> {
    let (start, mut told) = (bench.now, Vec::new());
    let end = start + Duration::from_secs(seconds);
    while let Some(due) = bench.scheduler.poll_timeout().filter(|due| *due <= end) {
        bench.now = due.max(bench.now);
        bench.scheduler.handle_timeout(bench.now);
        while let Some(action) = bench.scheduler.next_action() {
            if let Action::Note(note @ (Note::StillWaiting { .. } | Note::StillStarting { .. })) = action {
                told.push((bench.now.since(start).as_secs(), note.to_string()));
            }
        }
    }
    bench.now = end;
    told
}

#[test]
fn who_gets_no_offers_says_so_ever_more_seldom() {
    let mut bench = Bench::ready(2);
    let told = told(&mut bench, 1000);
    assert_eq!(told.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [10, 30, 70, 150, 310, 610, 910]);
    assert_eq!(told[0].1, "still waiting taskmanagers=2: waiting for offers; none since REVIVE");
}

#[test]
fn a_launch_that_takes_long_is_told_and_an_idle_cluster_only_asks_the_jobmanager() {
    let mut bench = Bench::ready(2);
    bench.offer(&[("a", 1.0), ("b", 1.0)]);
    bench.update(1, TaskState::Staging, true);
    bench.update(2, TaskState::Staging, true);
    let first = told(&mut bench, 12);
    let text = "still starting task=taskmanager-00001 host=a state=TASK_STAGING for 10 s, and 1 more";
    assert_eq!(first, [(10, text.to_owned())]);
    bench.update(1, TaskState::Running, true);
    bench.update(2, TaskState::Running, true);
    assert_eq!(told(&mut bench, 100), []);
    let (begin, asked, mut woken) = (bench.now, bench.questions, 0);
    while bench.now.since(begin) < Duration::from_secs(600) {
        let due = bench.scheduler.poll_timeout().expect("a question");
        assert_eq!(bench.pass(due.since(bench.now)), "");
        woken += 1;
    }
    assert_eq!(woken, bench.questions - asked, "for a question each time");
}

#[test]
fn what_offers_lack_is_told_once_though_it_changes_with_each() {
    let mut bench = Bench::ready(1);
    let mut told = 0;
    for step in 0..20_u32 {
        let cpus = f64::from(step) / 100.0;
        let offers = bench.offers_of(&[("a", cpus)]);
        bench.scheduler.handle_offers(&wire::encoded(&offers), bench.now);
        while let Some(action) = bench.scheduler.next_action() {
            told += u32::from(matches!(action, Action::Note(Note::DoesNotFit { .. })));
        }
    }
    assert_eq!(told, 1);
}
