//! What AppMasters are told to do, and what comes of it.

use domain::carried::Carried;
use domain::job::SessionJob;
use manifest::Manifest;
use serde_json::json;

use super::mutations::Mutation;
use super::process::Process;
use super::{by, manifest, session, with_nonce};
use crate::apply::Outcome;
use crate::cluster::Status;
use crate::condition::State;
use crate::instructions::{Asker, Instruction};
use crate::jobs::SubmissionState;
use crate::journal::Verb;
use crate::limits::Limits;
use crate::order::Order;
use crate::orders::Jobs;
use crate::refusal::Refusal;
use crate::stored;
use domain::time::Timestamp;

const TASK: &str = "a-00001";

fn with_replicas(replicas: u32) -> Manifest {
    manifest("a", json!({"taskManager": {"replicas": replicas, "resource": {}}}))
}

/// With a session `a` that runs with one TaskManager.
fn running() -> Process {
    let mut process = Process::new(Limits::default(), Mutation::None);
    process.apply(&session("a"), &by("ann")).expect("it is taken");
    process.come_to_rest().expect("no violation");
    process
}

fn scale(process: &mut Process, replicas: u32) {
    process.apply(&with_replicas(replicas), &by("ann")).expect("it is taken");
    carry_out(process);
}

fn restart(process: &mut Process, taskmanager: &str) -> Result<Outcome, Refusal> {
    let outcome = process.core.restart_taskmanager("a", taskmanager, &by("ann"), process.now);
    if outcome == Ok(Outcome::Changed) {
        process.oracle.expect("a", Verb::RestartTaskManager, None);
        carry_out(process);
    }
    outcome
}

fn carry_out(process: &mut Process) {
    process.carry_out(usize::MAX).expect("no violation");
}

/// The scheduler tells how it stands, after all that it was ordered.
fn look(process: &mut Process) {
    let (seen, views) = process.look();
    process.hear(seen, &views);
    carry_out(process);
}

/// What the task is told: `3: scaling to 2 TaskManagers`.
fn told(process: &Process, task_id: &str, asker: Asker) -> Vec<String> {
    let due = process.told.due(task_id, asker, process.now);
    due.orders.iter().map(|order| format!("{}: {}", order.id, order.what)).collect()
}

fn says(process: &mut Process, task_id: &str, id: u64, carried: &Carried) {
    process.oracle.telling.said("a", id, carried);
    assert!(process.core.handle_outcome(task_id, id, carried, process.now), "it is current");
    carry_out(process);
}

fn last_event(process: &Process) -> String {
    process.core.describe("a").expect("a cluster").events[0].text.clone()
}

fn pending(process: &Process) -> usize {
    process.core.describe("a").expect("a cluster").pending.len()
}

fn why() -> String {
    "the scheduler is starting".to_owned()
}

#[test]
fn another_number_of_taskmanagers_is_told_to_the_appmaster_that_runs() {
    let mut process = running();
    scale(&mut process, 3);
    assert_eq!(told(&process, TASK, Asker::Alone), [""; 0], "one that was launched meanwhile is not known");
    look(&mut process);
    assert_eq!(told(&process, TASK, Asker::Alone), ["1: scaling to 3 TaskManagers"]);
    assert_eq!(told(&process, "b-00001", Asker::Leader), [""; 0]);
    process.crash();
    carry_out(&mut process);
    assert_eq!(told(&process, TASK, Asker::Alone), [""; 0]);
    look(&mut process);
    assert_eq!(told(&process, TASK, Asker::Alone), ["1: scaling to 3 TaskManagers"]);
    says(&mut process, TASK, 1, &Carried::Done);
    assert_eq!(last_event(&process), "scaled to 3 TaskManagers");
    assert!(process.told.is_empty());
    process.crash();
    carry_out(&mut process);
    look(&mut process);
    assert!(process.told.is_empty());
    let generation = process.core.definition("a").expect("a cluster").generation;
    assert_eq!((process.world.groups["a"].launched, generation), (1, 1));
}

#[test]
fn the_last_number_counts_and_each_restart_once() {
    let mut process = running();
    scale(&mut process, 2);
    assert_eq!(restart(&mut process, "tm-1"), Ok(Outcome::Changed));
    assert_eq!(restart(&mut process, "tm-1"), Ok(Outcome::Unchanged));
    scale(&mut process, 4);
    look(&mut process);
    assert_eq!(
        told(&process, TASK, Asker::Alone),
        ["2: restart of TaskManager tm-1", "3: scaling to 4 TaskManagers"]
    );
    for number in 2..16 {
        assert_eq!(restart(&mut process, &format!("tm-{number}")), Ok(Outcome::Changed));
    }
    let refusal = restart(&mut process, "tm-16").expect_err("refused").to_string();
    assert_eq!(
        refusal,
        "15 restarts of TaskManagers of cluster a are pending: wait until its AppMaster has carried them out"
    );
    for id in ["", "a b", "a/b", "a\n", &"x".repeat(257)] {
        let refusal = restart(&mut process, id).expect_err("refused").to_string();
        assert!(refusal.ends_with("cannot be the id of a TaskManager"), "{refusal}");
    }
    scale(&mut process, 5);
    assert_eq!(pending(&process), 16);
    says(&mut process, TASK, 2, &Carried::Refused { why: "there is none".to_owned() });
    assert_eq!(last_event(&process), "restart of TaskManager tm-1 was refused: there is none");
    let audit: Vec<_> = process.core.audit().filter(|entry| entry.verb == Verb::RestartTaskManager).collect();
    assert_eq!((audit.len(), &*audit[0].fields[0].field), (15, "TaskManager tm-1"));
}

#[test]
fn what_a_jobmanager_is_asked_is_in_the_audit_and_changes_nothing() {
    let mut process = running();
    let before = process.core.describe("a").expect("a cluster");
    assert_eq!(process.order_to(Verb::AskJobManager, "a"), Ok(Outcome::Changed));
    carry_out(&mut process);
    let entry = process.core.audit().last().expect("an entry").clone();
    assert_eq!((entry.verb, entry.user.as_deref()), (Verb::AskJobManager, Some("ann")));
    assert_eq!(entry.fields[0].field, "POST /jars/upload");
    assert_eq!(process.core.describe("a").expect("a cluster"), before);
    let refusal = process.order_to(Verb::AskJobManager, "b").expect_err("refused");
    assert_eq!(refusal.to_string(), "there is no cluster b");
}

#[test]
fn what_cannot_be_done_yet_is_told_again_under_another_id_and_later() {
    let mut process = running();
    scale(&mut process, 2);
    look(&mut process);
    let begin = process.now;
    says(&mut process, TASK, 1, &Carried::NotNow { why: why() });
    assert_eq!(last_event(&process), "scaling to 2 TaskManagers has to wait: the scheduler is starting");
    restart(&mut process, "tm-1").expect("taken");
    assert_eq!(
        told(&process, TASK, Asker::Alone),
        [""; 0],
        "nothing is told before what was ordered earlier"
    );
    let due = process.told.due(TASK, Asker::Alone, process.now);
    assert_eq!(due.next, Some(Timestamp(begin.0 + 1000)));
    process.now.0 += 1000;
    assert_eq!(
        told(&process, TASK, Asker::Alone),
        ["2: scaling to 2 TaskManagers", "3: restart of TaskManager tm-1"]
    );
    let events = process.core.describe("a").expect("a cluster").events.len();
    says(&mut process, TASK, 2, &Carried::NotNow { why: why() });
    assert_eq!(told(&process, TASK, Asker::Alone), ["3: restart of TaskManager tm-1"]);
    assert_eq!(process.core.describe("a").expect("a cluster").events.len(), events, "it is told once");
    process.now.0 += 1999;
    assert_eq!(told(&process, TASK, Asker::Alone).len(), 1);
    process.now.0 += 1;
    assert_eq!(told(&process, TASK, Asker::Alone).len(), 2);
    process.now.0 -= 100_000;
    assert_eq!(told(&process, TASK, Asker::Alone).len(), 2, "a clock that is set back lengthens no wait");
}

#[test]
fn only_the_current_appmaster_is_told_and_believed() {
    let mut process = running();
    process.world.is_ha = true;
    process.apply(&session("b"), &by("ann")).expect("it is taken");
    process.come_to_rest().expect("no violation");
    scale(&mut process, 2);
    look(&mut process);
    for (task_id, id, is_current) in
        [("b-00002", 1, true), ("nobody", 1, false), (TASK, 2, true), (TASK, 0, true)]
    {
        let found = process.core.handle_outcome(task_id, id, &Carried::Done, process.now);
        assert_eq!(found, is_current, "{task_id} {id}");
        assert_eq!(process.core.next_action(), None, "{task_id} {id}");
    }
    // Its agent is lost, and it lives on there.
    process.world.groups.get_mut("a").expect("a group").tasks.remove(TASK);
    look(&mut process);
    assert_eq!(process.core.successor(TASK), None, "nothing runs in its place");
    process.world.settle();
    look(&mut process);
    assert_eq!(told(&process, TASK, Asker::Leader), [""; 0]);
    assert!(!process.core.handle_outcome(TASK, 1, &Carried::Done, process.now));
    assert_eq!(process.core.next_action(), None);
    assert_eq!(process.core.successor(TASK), Some(2));
    assert_eq!(process.core.successor("a-00003"), None, "it is the current one");
    assert_eq!(told(&process, "a-00003", Asker::Alone), ["1: scaling to 2 TaskManagers"]);

    // A second one is launched in the place of the first, or beside it.
    let group = process.world.groups.get_mut("a").expect("a group");
    group.tasks.get_mut("a-00003").expect("a task").giving_way = true;
    process.world.launch("a");
    look(&mut process);
    assert_eq!(told(&process, "a-00003", Asker::Alone), [""; 0]);
    assert_eq!(told(&process, "a-00003", Asker::Leader).len(), 1, "it was elected");
    assert_eq!(told(&process, "a-00004", Asker::Alone).len(), 1);
}

#[test]
fn a_frozen_cluster_is_told_nothing() {
    let mut process = running();
    scale(&mut process, 2);
    look(&mut process);
    process.order_to(Verb::Freeze, "a").expect("taken");
    carry_out(&mut process);
    assert!(process.told.is_empty());
    let manifest = process.core.scaled("a", 3).expect("it can be");
    let plan = process.apply(&manifest, &by("ann")).expect("taken");
    assert_eq!(plan.waits.as_deref(), Some("the cluster is frozen"));
    carry_out(&mut process);
    let refusal = restart(&mut process, "tm-1").expect_err("refused").to_string();
    assert_eq!(refusal, "cluster a is frozen: thaw it first");
    // It may have been told before.
    says(&mut process, TASK, 1, &Carried::Done);
    process.order_to(Verb::Thaw, "a").expect("taken");
    carry_out(&mut process);
    look(&mut process);
    assert_eq!(told(&process, TASK, Asker::Alone), ["2: scaling to 3 TaskManagers"]);
}

#[test]
fn what_does_not_run_has_nothing_to_do_and_begins_with_its_number() {
    for is_ha in [false, true] {
        let mut process = running();
        process.world.is_ha = is_ha;
        scale(&mut process, 2);
        process.come_to_rest().expect("no violation");
        restart(&mut process, "tm-1").expect("taken");
        process.order_to(Verb::Suspend, "a").expect("taken");
        carry_out(&mut process);
        assert_eq!(pending(&process), 0);
        let refusal = restart(&mut process, "tm-1").expect_err("refused").to_string();
        assert_eq!(refusal, "cluster a is suspended: resume it first");
        // The AppMaster is killed before it has asked what shall remain.
        process.world.settle();
        let manifest = process.core.scaled("a", 3).expect("it can be");
        let plan = process.apply(&manifest, &by("ann")).expect("taken");
        assert_eq!(plan.waits.as_deref(), Some("the cluster is suspended"));
        carry_out(&mut process);
        assert_eq!(pending(&process), 0);
        process.order_to(Verb::Resume, "a").expect("taken");
        process.come_to_rest().expect("it has three TaskManagers");

        restart(&mut process, "tm-1").expect("taken");
        let id = process.appmasters("a").pop().expect("it runs");
        process.world.groups.get_mut("a").expect("a group").end(&id, 0, Timestamp(1));
        look(&mut process);
        assert_eq!(pending(&process), 0);
        let refused = |refusal: Refusal| assert_eq!(refusal, Refusal::Ended { name: "a".to_owned() });
        refused(restart(&mut process, "tm-1").expect_err("refused"));
        refused(process.core.scaled("a", 4).expect_err("refused"));
        process.order_to(Verb::Delete, "a").expect("taken");
        process.come_to_rest().expect("no violation");
    }
}

#[test]
fn a_cluster_that_begins_anew_forgets_restarts_and_keeps_its_number() {
    let mut process = running();
    process.world.is_ha = true;
    scale(&mut process, 2);
    process.come_to_rest().expect("no violation");
    restart(&mut process, "tm-1").expect("taken");
    let mut both = with_nonce("a", 7);
    both.spec.task_manager.replicas = Some(3);
    process.apply(&both, &by("ann")).expect("taken");
    carry_out(&mut process);
    let orders = process.core.describe("a").expect("a cluster").pending;
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0].what, Instruction::Scale { taskmanagers: 3 });
    process.order_to(Verb::Restart, "a").expect("taken");
    process.come_to_rest().expect("it has three TaskManagers");
    assert_eq!(last_event(&process), "scaled to 3 TaskManagers");
}

#[test]
fn a_number_that_follows_the_jobs_is_no_order() {
    let mut process = running();
    let demand = json!({"flinkConfiguration": {"mesos.scaling": "demand"}});
    process.apply(&manifest("a", demand), &by("ann")).expect("taken");
    process.come_to_rest().expect("no violation");
    let refusal = process.core.scaled("a", 3).expect_err("refused").to_string();
    assert_eq!(refusal, "the number of TaskManagers of cluster a follows its jobs (`mesos.scaling`)");
    assert_eq!(pending(&process), 0);
}

#[test]
fn a_session_with_jobs_ends_only_if_somebody_insists() {
    let mut process = running();
    let (order, now) = (by("ann"), process.now);
    for (jobs, expected) in [
        (Jobs::Running(0), None),
        (Jobs::NotAsked, None),
        (Jobs::Running(1), Some("1 job runs in session a")),
        (Jobs::Running(2), Some("2 jobs run in session a")),
        (Jobs::Unknown, Some("it is not known how many jobs run in session a")),
    ] {
        let dry = Order { dry_run: true, ..order.clone() };
        for ended in [process.core.delete("a", jobs, &dry, now), process.core.suspend("a", jobs, &dry, now)] {
            match expected {
                None => assert_eq!(ended, Ok(Outcome::Changed), "{jobs:?}"),
                Some(text) => {
                    let refusal = ended.expect_err("refused").to_string();
                    assert!(refusal.starts_with(text) && refusal.contains("--force"), "{refusal}");
                }
            }
        }
    }
    // After a restart of the dispatcher it is not known who runs.
    process.crash();
    carry_out(&mut process);
    assert_eq!(process.core.running_appmasters("a"), [TASK]);
    assert!(process.core.delete("a", Jobs::Unknown, &order, now).is_err());
    // Where no AppMaster runs there are no jobs.
    process.world.groups.get_mut("a").expect("a group").tasks.clear();
    look(&mut process);
    assert!(process.core.running_appmasters("a").is_empty());
    assert_eq!(process.core.suspend("a", Jobs::Unknown, &order, now), Ok(Outcome::Changed));
    process.oracle.expect("a", Verb::Suspend, None);
    carry_out(&mut process);
    assert_eq!(process.core.delete("a", Jobs::Unknown, &order, now), Ok(Outcome::Changed));

    let mut process = Process::new(Limits::default(), Mutation::None);
    process.apply(&manifest("a", json!({"job": {"jarURI": "local:///a.jar"}})), &by("ann")).expect("taken");
    process.come_to_rest().expect("no violation");
    let outcome = process.core.delete("a", Jobs::Running(1), &order, now);
    assert_eq!(outcome, Ok(Outcome::Changed), "an application ends with its job");
}

#[test]
fn a_status_of_before_there_were_orders_can_be_read() {
    let process = running();
    let (_, value) = process.store.below("clusters/a/status")[0];
    let mut json: serde_json::Value = serde_json::from_slice(value).expect("JSON");
    let content = json["content"].as_object_mut().expect("fields");
    assert_eq!(content.remove("ordered"), Some(json!(0)));
    assert!(!content.contains_key("pending"));
    let status: Status = stored::decode(json.to_string().as_bytes()).expect("it is read");
    assert_eq!((status.state, status.ordered, status.pending.len()), (State::Running, 0, 0));
}

const JOB: &str = "0123456789abcdef0123456789abcdef";

fn submit(process: &mut Process, id: &str, job: SessionJob) -> Result<Outcome, Refusal> {
    let outcome = process.core.submit_job("a", id, job, &by("ann"), process.now);
    if outcome == Ok(Outcome::Changed) {
        process.oracle.expect("a", Verb::SubmitJob, None);
        carry_out(process);
    }
    outcome
}

fn jar(name: &str) -> SessionJob {
    SessionJob {
        jar_uri: format!("local:///{name}.jar"),
        args: vec!["--word=sesame".to_owned()],
        ..SessionJob::default()
    }
}

fn submission(process: &Process) -> (SubmissionState, Option<String>) {
    let known = process.core.submission("a", JOB).expect("it was handed in");
    (known.state, known.why)
}

#[test]
fn a_job_that_is_handed_in_again_is_the_same_job() {
    let mut process = running();
    assert_eq!(submit(&mut process, JOB, jar("a")), Ok(Outcome::Changed));
    assert_eq!(submit(&mut process, JOB, jar("a")), Ok(Outcome::Unchanged));
    let (name, id) = ("a".to_owned(), JOB.to_owned());
    assert_eq!(submit(&mut process, JOB, jar("b")), Err(Refusal::OtherJob { name, id }));
    let described = process.core.describe("a").expect("a cluster");
    assert_eq!(described.pending.len(), 1);
    assert!(
        !serde_json::to_string(&described).expect("JSON").contains("sesame"),
        "arguments may have secrets"
    );
    assert_eq!(submission(&process), (SubmissionState::Pending, None));
    process.ask("a", TASK, &mut |_| Carried::NotNow { why: "no JobManager".to_owned() }).expect("asked");
    process.say("a", TASK, false).expect("said");
    carry_out(&mut process);
    assert_eq!(submission(&process), (SubmissionState::Pending, Some("no JobManager".to_owned())));
    process.now.0 += 60_000;
    process.ask("a", TASK, &mut |_| Carried::Done).expect("asked");
    process.say("a", TASK, false).expect("said");
    carry_out(&mut process);
    assert_eq!(submission(&process), (SubmissionState::Submitted, None));
    assert_eq!(submit(&mut process, JOB, jar("a")), Ok(Outcome::Unchanged));
}

#[test]
fn a_job_that_no_session_can_run_is_refused() {
    let mut process = running();
    for id in ["", "0123", "0123456789ABCDEF0123456789abcdef", "../6789abcdef0123456789abcdef0123"] {
        assert_eq!(submit(&mut process, id, jar("a")), Err(Refusal::JobId { id: id.to_owned() }));
    }
    let large = SessionJob { args: vec!["x".repeat(20_000)], ..jar("a") };
    assert!(matches!(submit(&mut process, JOB, large), Err(Refusal::LargeJob { most: 16_384, .. })));
    let id = |number: usize| format!("{number:032x}");
    for number in 0..8 {
        assert_eq!(submit(&mut process, &id(number), jar("a")), Ok(Outcome::Changed));
    }
    assert!(matches!(submit(&mut process, JOB, jar("a")), Err(Refusal::TooManyJobs { most: 8, .. })));
    process.order_to(Verb::Suspend, "a").expect("it is taken");
    carry_out(&mut process);
    let jobs = process.core.submissions("a").expect("a cluster");
    assert_eq!(jobs.len(), 8);
    for job in jobs {
        assert_eq!(job.state, SubmissionState::Refused);
        assert_eq!(job.why.as_deref(), Some("the session ended before it was submitted"));
    }
    assert_eq!(submit(&mut process, JOB, jar("a")), Err(Refusal::Suspended { name: "a".to_owned() }));
    assert!(matches!(process.core.submission("a", JOB), Err(Refusal::NoSuchJob { .. })));
}

#[test]
fn a_session_that_begins_anew_is_given_the_jobs_that_wait() {
    let mut process = running();
    submit(&mut process, JOB, jar("a")).expect("it is taken");
    process.order_to(Verb::Restart, "a").expect("it is taken");
    process.come_to_rest().expect("no violation");
    assert_eq!(submission(&process).0, SubmissionState::Submitted);
}
