//! Which clusters wait, and for what.

use std::collections::BTreeMap;

use manifest::Manifest;
use serde_json::json;

use super::mutations::Mutation;
use super::process::Process;
use super::{by, manifest, session};
use crate::journal::Verb;
use crate::limits::Limits;
use crate::queue::WaitsFor;
use domain::time::Timestamp;
use domain::view::{TaskView, View};

fn process(of: &Manifest) -> Process {
    let mut process = Process::new(Limits::default(), Mutation::None);
    process.apply(of, &by("ann")).expect("taken");
    process.carry_out(usize::MAX).expect("no violation");
    process
}

fn task(runs: bool, ending: bool) -> TaskView {
    TaskView {
        id: "a-00001".to_owned(),
        attempt: 1,
        generation: 1,
        agent_id: "S1".to_owned(),
        hostname: "host1".to_owned(),
        state: "TASK_RUNNING".to_owned(),
        since: Timestamp(1),
        runs,
        ending,
        giving_way: false,
    }
}

/// For what `a` waits as the scheduler sees it, and how many AppMasters are missing.
fn seen(process: &mut Process, view: View) -> Option<(WaitsFor, u32)> {
    let views = BTreeMap::from([("a".to_owned(), view)]);
    process.core.handle_groups(process.carried, &views, Timestamp(5));
    waiting(process)
}

fn waiting(process: &Process) -> Option<(WaitsFor, u32)> {
    let waiting = process.core.waiting();
    waiting.into_iter().find(|cluster| cluster.name == "a").map(|found| (found.waits_for, found.missing))
}

#[test]
fn a_cluster_waits_for_what_its_appmasters_lack() {
    let two = manifest("a", json!({"jobManager": {"replicas": 2, "resource": {}}}));
    let mut process = process(&two);
    assert_eq!(waiting(&process), Some((WaitsFor::Scheduler, 2)));
    let why = || Some("no room".to_owned());
    let of = |tasks: &[TaskView]| View { target: 2, tasks: tasks.to_vec(), ..View::default() };
    let (runs, starts) = (task(true, false), TaskView { id: "a-00002".to_owned(), ..task(false, false) });
    for (view, expected) in [
        (View { waiting: why(), ..of(&[]) }, Some((WaitsFor::Offers, 2))),
        (View { waiting: why(), rests: true, ..of(&[]) }, Some((WaitsFor::Rest, 2))),
        (View { waiting: why(), ..of(std::slice::from_ref(&runs)) }, Some((WaitsFor::Offers, 1))),
        (of(&[runs.clone(), starts]), Some((WaitsFor::Start, 1))),
        (of(&[runs.clone(), TaskView { id: "a-00003".to_owned(), ..runs.clone() }]), None),
    ] {
        assert_eq!(seen(&mut process, view.clone()), expected, "{view:?}");
    }
    let alive = |name| process.core.alive(name).map(|attempt| attempt.task_id.clone()).collect::<Vec<_>>();
    let found = alive("a");
    assert_eq!((found.len(), process.core.running("a")), (2, 2), "{found:?}");
    assert_eq!(process.core.alive_by_cluster()["a"], found);
    assert_eq!((alive("b").len(), process.core.running("b")), (0, 0));
}

#[test]
fn who_is_not_to_run_waits_for_nothing() {
    for verb in [Verb::Suspend, Verb::Delete] {
        let mut process = process(&session("a"));
        assert!(waiting(&process).is_some());
        process.order_to(verb, "a").expect("taken");
        assert_eq!(waiting(&process), None, "{verb:?}");
    }
}

#[test]
fn an_application_that_begins_anew_waits_for_the_end_of_the_attempt_before() {
    let application = |nonce: i64| {
        let job = json!({"jarURI": "local:///a.jar", "upgradeMode": "stateless", "state": "running"});
        manifest("a", json!({"job": job, "restartNonce": nonce}))
    };
    let mut process = process(&application(0));
    let view = View { target: 1, tasks: vec![task(true, false)], ..View::default() };
    assert_eq!(seen(&mut process, view.clone()), None);
    process.apply(&application(1), &by("ann")).expect("taken");
    process.carry_out(usize::MAX).expect("no violation");
    let ending = View { target: 0, tasks: vec![task(true, true)], ..View::default() };
    assert_eq!(seen(&mut process, ending).map(|(waits_for, _)| waits_for), Some(WaitsFor::EarlierAttempt));
}

#[test]
fn what_ran_when_it_was_stored_does_not_wait_while_nobody_has_looked() {
    let mut process = process(&session("a"));
    process.come_to_rest().expect("no violation");
    process.crash();
    assert_eq!(waiting(&process), None);
}
