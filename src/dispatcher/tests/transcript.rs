//! What is answered and told, one order after the other.

use std::collections::BTreeMap;

use manifest::Manifest;
use records::{Change, Key, Revision};
use serde_json::json;

use super::mutations::Mutation;
use super::process::Process;
use super::{SECRET, by, manifest, session, with_nonce};
use crate::Dispatcher;
use crate::action::Action;
use crate::apply::{Outcome, Plan};
use crate::condition::State;
use crate::journal::Verb;
use crate::limits::Limits;
use crate::order::{Match, Order};
use crate::orders::Jobs;
use crate::refusal::Refusal;
use domain::time::Timestamp;
use domain::view::{End, TaskView, View};

fn process() -> Process {
    Process::new(Limits::default(), Mutation::None)
}

/// With a cluster `a` that runs.
fn running() -> Process {
    let mut process = process();
    process.apply(&session("a"), &by("ann")).expect("it is taken");
    process.come_to_rest().expect("no violation");
    process
}

fn carried_out(process: &mut Process) {
    process.carry_out(usize::MAX).expect("no violation");
}

fn matching(matching: Match) -> Order {
    Order { matching, ..by("ann") }
}

/// `running: why`
fn standing(process: &Process, name: &str) -> String {
    let report = process.core.describe(name).expect("a cluster").cluster;
    let why = report.why.map(|why| format!(": {why}"));
    format!("{}{}", report.state.word(), why.unwrap_or_default())
}

fn refused(result: Result<Plan, Refusal>) -> String {
    result.expect_err("refused").to_string()
}

/// Orders to the scheduler, in short.
fn orders(core: &mut Dispatcher) -> Vec<String> {
    let mut orders = Vec::new();
    let mut revision = 100;
    while let Some(action) = core.next_action() {
        match action {
            Action::Commit(_) => {
                revision += 1;
                core.handle_committed(Revision(revision));
            }
            Action::Define(definition) => orders.push(format!(
                "define {} by revision {}, generation {}, for {}",
                definition.cluster, definition.revision, definition.generation, definition.target
            )),
            Action::Keep { cluster, .. } => orders.push(format!("keep {cluster}")),
            Action::Renew { cluster, .. } => orders.push(format!("renew {cluster}")),
            Action::Replace { task_id, .. } => orders.push(format!("replace {task_id}")),
            Action::Remove { cluster, .. } => orders.push(format!("remove {cluster}")),
            Action::Event(_) => {}
        }
    }
    orders
}

#[test]
fn a_specification_is_compared_before_it_is_taken() {
    let mut process = running();
    let plan = process.apply(&session("a"), &by("ann")).expect("taken");
    assert_eq!((plan.outcome, plan.revision), (Outcome::Unchanged, 1));
    let dry = Order { dry_run: true, ..by("ann") };
    let plan = process.apply(&with_nonce("a", 1), &dry).expect("taken");
    assert_eq!((plan.outcome, plan.revision, plan.begins_anew), (Outcome::Changed, 2, true));
    assert_eq!(orders(&mut process.core), [""; 0]);

    let refusal = refused(process.apply(&with_nonce("a", 1), &matching(Match::Revision(7))));
    assert_eq!(refusal, "cluster a is at revision 1, and 7 was expected");
    let refusal = refused(process.apply(&with_nonce("a", 1), &matching(Match::Nothing)));
    assert_eq!(refusal, "cluster a exists already");
    let refusal = refused(process.apply(&session("b"), &matching(Match::Revision(1))));
    assert_eq!(refusal, "there is no cluster b");

    process.apply(&with_nonce("a", 1), &matching(Match::Revision(1))).expect("taken");
    assert_eq!(orders(&mut process.core), ["define a by revision 2, generation 2, for 1"]);
    let priority = manifest("a", json!({"restartNonce": 1, "mesos": {"priority": 3}}));
    let plan = process.apply(&priority, &by("ann")).expect("taken");
    assert_eq!((plan.revision, plan.begins_anew), (3, false));
    assert_eq!(orders(&mut process.core), ["define a by revision 3, generation 2, for 1"]);
}

#[test]
fn what_cannot_be_kept_is_refused_with_its_reason() {
    let limits = Limits { clusters: 1, ..Limits::default() };
    let mut process = Process::new(limits, Mutation::None);
    for name in ["", "a/b", "..", "taskmanager", "ä"] {
        let refusal = refused(process.apply(&session(name), &by("ann")));
        assert_eq!(refusal, format!("{name:?} cannot name a cluster"));
    }
    let many = manifest("a", json!({"jobManager": {"replicas": 17, "resource": {}}}));
    let refusal = refused(process.apply(&many, &by("ann")));
    assert_eq!(refusal, "spec.jobManager.replicas: cluster a would have 17 AppMasters, at most 16");
    let large =
        manifest("a", json!({"logConfiguration": {"log4j-console.properties": "x".repeat(256 << 10)}}));
    let refusal = refused(process.apply(&large, &by("ann")));
    assert!(refusal.starts_with("the specification of a takes 262"), "{refusal}");
    let talkative = Order { message: Some("x".repeat(1025)), ..by("ann") };
    let refusal = refused(process.apply(&session("a"), &talkative));
    assert_eq!(refusal, "the message has 1025 bytes, at most 1024");
    assert_eq!(process.core.list().len(), 0);

    process.apply(&session("a"), &by("ann")).expect("taken");
    let refusal = refused(process.apply(&session("b"), &by("ann")));
    assert_eq!(refusal, "there are 1 clusters, and no more can be kept");
}

#[test]
fn one_that_is_refused_does_not_concern_the_others() {
    let mut process = process();
    let manifests = [session("a"), session("taskmanager"), session("b")];
    let plans = process.core.apply(&manifests, &by("ann"), Timestamp(1));
    assert_eq!(plans.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    let names: Vec<_> = process.core.list().into_iter().map(|report| report.name).collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn a_frozen_cluster_is_not_changed() {
    let mut process = running();
    process.order_to(Verb::Freeze, "a").expect("taken");
    let plan = process.apply(&with_nonce("a", 1), &by("ann")).expect("taken");
    assert_eq!(plan.waits.as_deref(), Some("the cluster is frozen"));
    assert_eq!(orders(&mut process.core), [""; 0]);
    let report = process.core.list().remove(0);
    assert_eq!((report.revision, report.running_revision), (Some(2), Some(1)));
    for verb in [Verb::Suspend, Verb::Resume, Verb::Restart, Verb::Delete] {
        let refusal = process.order_to(verb, "a").expect_err("refused").to_string();
        assert_eq!(refusal, "cluster a is frozen: thaw it first");
    }
    process.order_to(Verb::Thaw, "a").expect("taken");
    assert_eq!(orders(&mut process.core), ["define a by revision 2, generation 2, for 1"]);
    assert_eq!(process.order_to(Verb::Thaw, "a"), Ok(Outcome::Unchanged));
}

#[test]
fn the_end_of_its_work_is_a_clusters() {
    for (code, told) in [
        (0, "finished: AppMaster a-00001 ended with code 0"),
        (163, "failed: the job has failed: AppMaster a-00001 ended with code 163"),
    ] {
        let mut process = running();
        process.world.groups.get_mut("a").expect("a group").end("a-00001", code, Timestamp(1));
        process.come_to_rest().expect("no violation");
        assert_eq!(standing(&process, "a"), told);
        process.crash();
        process.come_to_rest().expect("no violation");
        assert_eq!(standing(&process, "a"), told);
        let refusal = process.order_to(Verb::Suspend, "a").expect_err("refused").to_string();
        assert_eq!(refusal, "cluster a has ended: restart it, or apply another specification");

        if code == 0 {
            process.order_to(Verb::Restart, "a").expect("taken");
        } else {
            process.apply(&manifest("a", json!({"mesos": {"priority": 1}})), &by("ann")).expect("taken");
        }
        process.come_to_rest().expect("no violation");
        assert_eq!(standing(&process, "a"), "running");
    }
}

#[test]
fn a_suspended_cluster_has_no_app_masters() {
    let mut process = running();
    process.order_to(Verb::Suspend, "a").expect("taken");
    carried_out(&mut process);
    assert_eq!(standing(&process, "a"), "suspended: the scheduler has not reported on it yet");
    process.come_to_rest().expect("no violation");
    assert_eq!(standing(&process, "a"), "suspended");
    let refusal = process.order_to(Verb::Restart, "a").expect_err("refused").to_string();
    assert_eq!(refusal, "cluster a is suspended: resume it first");
    process.order_to(Verb::Resume, "a").expect("taken");
    process.come_to_rest().expect("no violation");
    assert_eq!(standing(&process, "a"), "running");

    let suspended = manifest("a", json!({"job": {"jarURI": "local:///a.jar", "state": "suspended"}}));
    process.apply(&suspended, &by("ann")).expect("taken");
    process.come_to_rest().expect("no violation");
    assert_eq!(standing(&process, "a"), "suspended");
    let refusal = process.order_to(Verb::Resume, "a").expect_err("refused").to_string();
    assert!(refusal.contains("apply one with spec.job.state `running`"), "{refusal}");
}

#[test]
fn a_name_is_free_when_nothing_is_left_of_the_cluster() {
    let mut process = running();
    process.order_to(Verb::Delete, "a").expect("taken");
    assert_eq!(process.order_to(Verb::Delete, "a"), Ok(Outcome::Unchanged));
    carried_out(&mut process);
    let refusal = refused(process.apply(&session("a"), &by("ann")));
    assert_eq!(refusal, "cluster a is being deleted: wait until its last AppMaster has ended");
    let (seen, views) = process.look();
    process.hear(seen - 1, &BTreeMap::new());
    assert_eq!(standing(&process, "a"), "deleting: the scheduler has not reported on it yet");
    process.hear(seen, &views);
    assert_eq!(standing(&process, "a"), "deleting: one AppMaster is ending");
    process.come_to_rest().expect("no violation");
    let plan = process.apply(&session("a"), &by("ann")).expect("taken");
    assert_eq!((plan.outcome, plan.revision), (Outcome::Created, 1));
}

fn task(id: &str, attempt: u32, runs: bool) -> TaskView {
    TaskView {
        id: id.to_owned(),
        attempt,
        generation: 1,
        agent_id: "S1".to_owned(),
        hostname: "h1".to_owned(),
        state: if runs { "TASK_RUNNING" } else { "TASK_STAGING" }.to_owned(),
        since: Timestamp(1),
        runs,
        ending: false,
        giving_way: false,
    }
}

#[test]
fn where_a_cluster_stands_follows_from_its_tasks() {
    let mut process = process();
    let pair = manifest("a", json!({"jobManager": {"replicas": 2, "resource": {}}}));
    process.apply(&pair, &by("ann")).expect("taken");
    carried_out(&mut process);
    assert_eq!(standing(&process, "a"), "waiting: the scheduler has not reported on it yet");
    let why = Some("no room in 3 offers 2 s ago".to_owned());
    let gives_way = TaskView { giving_way: true, ..task("a-1", 1, true) };
    for (view, told, running) in [
        (View { waiting: why.clone(), ..View::default() }, "waiting: no room in 3 offers 2 s ago", 0),
        (View { tasks: vec![task("a-1", 1, false)], ..View::default() }, "starting", 0),
        (
            View { tasks: vec![task("a-1", 1, true)], waiting: why, ..View::default() },
            "degraded: 1 of 2 AppMasters run: no room in 3 offers 2 s ago",
            1,
        ),
        (View { tasks: vec![task("a-1", 1, true), task("a-2", 2, true)], ..View::default() }, "running", 2),
        (
            View { tasks: vec![gives_way, task("a-2", 2, true), task("a-3", 3, true)], ..View::default() },
            "running",
            2,
        ),
        (View { rests: true, ..View::default() }, "resting", 0),
    ] {
        process.hear(process.carried, &BTreeMap::from([("a".to_owned(), view)]));
        carried_out(&mut process);
        assert_eq!(standing(&process, "a"), told);
        assert_eq!(process.core.list()[0].running, running, "{told}");
    }
    let attempts = process.core.describe("a").expect("a cluster").attempts;
    let numbers: Vec<_> = attempts.iter().map(|attempt| (attempt.number, attempt.ended.is_some())).collect();
    assert_eq!(numbers, [(3, true), (2, true), (1, true)]);
}

#[test]
fn a_restart_ends_a_rest_that_is_older() {
    let mut process = running();
    let resting = BTreeMap::from([("a".to_owned(), View { rests: true, ..View::default() })]);
    process.hear(process.carried, &resting);
    assert_eq!(orders(&mut process.core), [""; 0]);
    process.order_to(Verb::Restart, "a").expect("taken");
    assert_eq!(orders(&mut process.core), ["define a by revision 1, generation 2, for 1"]);
    process.hear(1, &resting);
    assert_eq!(orders(&mut process.core), [""; 0], "it was seen before the restart");
    process.hear(u64::MAX, &resting);
    assert_eq!(orders(&mut process.core), ["renew a"]);
    process.hear(u64::MAX, &resting);
    assert_eq!(orders(&mut process.core), [""; 0], "it has failed too often since");
}

#[test]
fn an_end_is_not_forgotten_with_a_rest() {
    let mut process = process();
    process.apply(&session("a"), &by("ann")).expect("taken");
    carried_out(&mut process);
    let ended = End { task_id: "a-1".to_owned(), generation: 1, code: 0, at: Timestamp(1) };
    let view = View { rests: true, ended: Some(ended), ..View::default() };
    process.hear(process.carried, &BTreeMap::from([("a".to_owned(), view)]));
    assert_eq!(orders(&mut process.core), [""; 0]);
    assert_eq!(standing(&process, "a"), "finished: AppMaster a-1 ended with code 0");
}

#[test]
fn nothing_that_is_told_has_a_secret() {
    let mut process = running();
    let other = manifest(
        "a",
        json!({"flinkConfiguration": {"security.ssl.rest.key-password": format!("{SECRET}-new")}}),
    );
    let plan = process.apply(&other, &by("ann")).expect("taken");
    carried_out(&mut process);
    let description = process.core.describe("a").expect("a cluster");
    let old = process.core.revision("a", 1).expect("it is kept");
    let audit: Vec<_> = process.core.audit().collect();
    let fields: Vec<_> = audit[1].fields.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["spec.flinkConfiguration.security.ssl.rest.key-password"]);
    let told = serde_json::to_string(&(&plan, &description, &old, &audit)).expect("JSON");
    assert!(!told.contains(SECRET), "{told}");
    let definition = process.core.definition("a").expect("it is defined");
    let whole = serde_json::to_string::<Manifest>(&definition.manifest).expect("JSON");
    assert!(whole.contains(SECRET), "{whole}");
}

#[test]
fn a_record_that_cannot_be_read_concerns_its_cluster_alone() {
    let mut process = running();
    process.apply(&session("b"), &by("ann")).expect("taken");
    process.come_to_rest().expect("no violation");
    for (path, value, why) in [
        (
            "status",
            Some(r#"{"format":9}"#),
            "record clusters/b/status: it was written by a newer program: format 9, this one reads up to 1",
        ),
        ("events", Some("{"), "record clusters/b/events: it is damaged at byte 1"),
        ("status", None, "its status is missing"),
        ("revisions/0000000001", None, "its revision 1 is missing"),
        ("later", Some("{}"), "record clusters/b/later: it is none that this program writes"),
    ] {
        let mut store = process.store.clone();
        let key = Key::parse(&format!("clusters/b/{path}")).expect("a name");
        match value {
            Some(value) => store.records.insert(key, (Revision(1), value.as_bytes().to_vec())),
            None => store.records.remove(&key),
        };
        let mut core = Dispatcher::restore(&store.loaded(), Limits::default());
        assert_eq!(orders(&mut core), ["define a by revision 1, generation 1, for 1", "keep b"]);
        let reports = core.list();
        let states: Vec<_> = reports.iter().map(|report| report.state).collect();
        assert_eq!(states, [State::Running, State::Unreadable]);
        assert_eq!(reports[1].why.as_deref(), Some(why));
        let refusal =
            core.delete("b", Jobs::NotAsked, &by("ann"), Timestamp(1)).expect_err("refused").to_string();
        assert!(refusal.ends_with(why), "{refusal}");
        assert_eq!(core.delete("a", Jobs::NotAsked, &by("ann"), Timestamp(1)), Ok(Outcome::Changed));
    }
}

#[test]
fn many_clusters_are_stored_a_few_at_a_time() {
    let mut process = process();
    let names: Vec<_> = (0..200).map(|number| format!("c{number:03}")).collect();
    for name in &names {
        process.apply(&session(name), &by("ann")).expect("taken");
    }
    carried_out(&mut process);
    for name in &names {
        process.world.launch(name);
    }
    let (seen, views) = process.look();
    process.hear(seen, &views);
    let mut commits = 0;
    while let Some(action) = process.core.next_action() {
        let Action::Commit(changes) = action else { continue };
        commits += 1;
        assert!(changes.iter().all(|change| matches!(change, Change::Put { .. })));
        let revision = process.store.commit(&changes).expect("within what a commit takes");
        process.core.handle_committed(revision);
    }
    assert_eq!(commits, 7, "two records of each, up to 64 at once");
}
