//! One history each of creation, replacement and deletion, with a crash at every single step of it.

use super::appmasters::done;
use super::mutations::Mutation;
use super::process::Process;
use super::{by, session, with_nonce};
use crate::condition::State;
use crate::jobs::SubmissionState;
use crate::journal::Verb;
use crate::limits::Limits;
use crate::refusal::Refusal;

/// More actions than any history has.
const MOST: usize = 60;

/// Until nothing new follows from what is seen; dies after so many actions, at most once. Whether it died.
fn go_on(process: &mut Process, left: &mut Option<usize>) -> bool {
    let mut died = false;
    for _ in 0..8 {
        died |= carry_out(process, left);
        died |= obey(process, left);
        process.world.settle();
        let (seen, views) = process.look();
        process.hear(seen, &views);
    }
    died | carry_out(process, left)
}

fn carry_out(process: &mut Process, left: &mut Option<usize>) -> bool {
    loop {
        if *left == Some(0) {
            *left = None;
            process.crash();
            process.carry_out(usize::MAX).expect("no violation");
            return true;
        }
        if process.carry_out(1).expect("no violation") {
            return false;
        }
        *left = left.map(|left| left - 1);
    }
}

/// The AppMaster asks and says what came of it; what was not stored it says again.
fn obey(process: &mut Process, left: &mut Option<usize>) -> bool {
    let mut died = false;
    for task_id in process.appmasters("a") {
        process.ask("a", &task_id, &mut done).expect("no violation");
        let Some(task) = process.world.carried("a", &task_id) else { continue };
        for (id, carried) in task.outcomes.clone() {
            process.oracle.telling.said("a", id, &carried);
            process.core.handle_outcome(&task_id, id, &carried, process.now);
            let has_died = carry_out(process, left);
            died |= has_died;
            if let (false, Some(task)) = (has_died, process.world.carried("a", &task_id)) {
                task.outcomes.remove(&id);
            }
        }
    }
    died
}

/// Dies after each number of actions of `order`; whoever ordered asks again after a death, as one without an answer does.
fn die_at_each_step(
    begin: impl Fn(&mut Process),
    order: impl Fn(&mut Process) -> Result<(), Refusal>,
    end: impl Fn(&Process),
) {
    for step in 0..MOST {
        let mut process = Process::new(Limits::default(), Mutation::None);
        begin(&mut process);
        let mut left = Some(step);
        order(&mut process).expect("it is taken");
        let mut died = go_on(&mut process, &mut left);
        if died {
            order(&mut process).expect("it is taken again");
        }
        died |= go_on(&mut process, &mut left);
        process.come_to_rest().unwrap_or_else(|violation| panic!("after {step} actions: {violation}"));
        end(&process);
        if !died {
            assert!(step > 3, "it has more steps than {step}");
            return;
        }
    }
    panic!("more than {MOST} steps");
}

fn state(process: &Process) -> Option<State> {
    process.core.list().first().map(|report| report.state)
}

fn launched(process: &Process) -> u32 {
    process.world.groups.get("a").map_or(0, |group| group.launched)
}

fn running(process: &mut Process) {
    process.apply(&session("a"), &by("ann")).expect("it is taken");
    process.come_to_rest().expect("no violation");
}

#[test]
fn a_creation_comes_out_as_without_a_crash() {
    die_at_each_step(
        |_| {},
        |process| process.apply(&session("a"), &by("ann")).map(|_| ()),
        |process| {
            assert_eq!(state(process), Some(State::Running));
            assert_eq!(launched(process), 1, "it is launched once");
            assert_eq!(process.core.audit().count(), 1);
        },
    );
}

#[test]
fn a_replacement_comes_out_as_without_a_crash() {
    die_at_each_step(
        running,
        |process| process.apply(&with_nonce("a", 1), &by("ann")).map(|_| ()),
        |process| {
            assert_eq!(state(process), Some(State::Running));
            assert_eq!(launched(process), 2, "it is replaced once");
            assert_eq!(process.core.audit().count(), 2);
        },
    );
}

/// Which of both it is nobody knows who ordered: so it is ordered again only by whoever sees that it was not stored.
#[test]
fn a_restart_comes_out_as_without_a_crash() {
    die_at_each_step(
        running,
        |process| {
            let is_stored = process.core.audit().any(|entry| entry.verb == Verb::Restart);
            if !is_stored {
                process.order_to(Verb::Restart, "a")?;
            }
            Ok(())
        },
        |process| {
            assert_eq!(state(process), Some(State::Running));
            assert_eq!(launched(process), 2, "it is replaced once");
            assert_eq!(process.core.audit().count(), 2);
        },
    );
}

#[test]
fn another_number_of_taskmanagers_comes_out_as_without_a_crash() {
    die_at_each_step(
        running,
        |process| {
            let manifest = process.core.scaled("a", 3)?;
            process.apply(&manifest, &by("ann")).map(|_| ())
        },
        |process| {
            assert_eq!((state(process), launched(process)), (Some(State::Running), 1));
            assert_eq!(process.world.number("a", "a-00001"), Some(3));
            assert_eq!(process.core.audit().count(), 2);
        },
    );
}

#[test]
fn a_restart_of_a_taskmanager_comes_out_as_without_a_crash() {
    die_at_each_step(
        running,
        |process| {
            let is_stored = process.core.audit().any(|entry| entry.verb == Verb::RestartTaskManager);
            if !is_stored {
                process.order_to(Verb::RestartTaskManager, "a")?;
            }
            Ok(())
        },
        |process| {
            assert_eq!((state(process), launched(process)), (Some(State::Running), 1));
            let events = process.core.describe("a").expect("a cluster").events;
            let done = events.iter().filter(|event| event.text.ends_with("is being replaced"));
            assert_eq!(done.count(), 1, "{events:?}");
            assert_eq!(process.core.audit().count(), 2);
        },
    );
}

/// Whoever submits it does so again until it is answered.
#[test]
fn a_job_comes_out_as_without_a_crash() {
    let id = "0123456789abcdef0123456789abcdef";
    die_at_each_step(
        running,
        |process| process.submit("a", id).map(|_| ()),
        |process| {
            let jobs = process.core.submissions("a").expect("a session");
            assert_eq!(
                jobs.iter().map(|job| (&*job.id, job.state)).collect::<Vec<_>>(),
                [(id, SubmissionState::Submitted)]
            );
            let events = process.core.describe("a").expect("a cluster").events;
            let done = events.iter().filter(|event| event.text.ends_with("was submitted"));
            assert_eq!(done.count(), 1, "{events:?}");
            assert_eq!(process.core.audit().count(), 2);
        },
    );
}

#[test]
fn a_deletion_comes_out_as_without_a_crash() {
    die_at_each_step(
        running,
        |process| match process.order_to(Verb::Delete, "a") {
            Err(Refusal::NoSuchCluster { .. }) => Ok(()),
            outcome => outcome.map(|_| ()),
        },
        |process| {
            assert_eq!(state(process), None);
            assert!(process.world.groups.is_empty() && process.store.below("clusters/").is_empty());
            let verbs: Vec<_> = process.core.audit().map(|entry| entry.verb).collect();
            assert_eq!(verbs, [Verb::Create, Verb::Delete, Verb::Forget]);
        },
    );
}
