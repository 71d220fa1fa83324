//! Clusters with a job of their own, which runs once.

use base::digest::Digest;
use domain::remains::Remains;
use manifest::Manifest;
use serde_json::json;

use super::mutations::Mutation;
use super::process::Process;
use super::{by, manifest, session};
use crate::References;
use crate::action::Action;
use crate::condition::State;
use crate::journal::Verb;
use crate::limits::Limits;

fn application(mode: &str, state: &str, nonce: i64) -> Manifest {
    let job = json!({"jarURI": "local:///a.jar", "upgradeMode": mode, "state": state});
    manifest("a", json!({"job": job, "restartNonce": nonce}))
}

/// With an application `a` that runs.
fn running(mode: &str) -> Process {
    let mut process = Process::new(Limits::default(), Mutation::None);
    apply(&mut process, &application(mode, "running", 0));
    process.come_to_rest().expect("no violation");
    assert_eq!(state(&process), State::Running);
    process
}

#[test]
fn what_any_revision_refers_to_is_kept_and_nothing_is_known_of_what_cannot_be_read() {
    let mut process = Process::new(Limits::default(), Mutation::None);
    let [old, new] = ["old", "new"].map(Digest::of);
    for digest in [old, new] {
        let job = json!({"jarURI": format!("artifact://{digest}/a.jar"), "upgradeMode": "stateless"});
        apply(&mut process, &manifest("a", json!({"job": job})));
        process.come_to_rest().expect("no violation");
    }
    let references = process.core.references();
    assert_eq!(references.all(), Some([old, new].into()));
    assert!(process.core.refers("a", &old) && !process.core.refers("b", &old));
    let refusal = references.check(&old).expect_err("it is referred to").to_string();
    assert_eq!(refusal, format!("artifact {old} is referred to by cluster a"));
    let none = Digest::of("none");
    assert_eq!(references.check(&none), Ok(()));
    let unreadable = References { unknown: vec!["b".to_owned()], ..references };
    assert_eq!(unreadable.all(), None);
    assert!(
        unreadable
            .check(&none)
            .is_err_and(|refusal| refusal.to_string().contains("may be referred to by cluster b"))
    );
}

fn apply(process: &mut Process, manifest: &Manifest) {
    process.apply(manifest, &by("ann")).expect("it is taken");
}

fn state(process: &Process) -> State {
    process.core.describe("a").expect("a cluster").cluster.state
}

/// Generation and number of AppMasters of each definition, until nothing more is to be done.
fn definitions(process: &mut Process) -> Vec<(u64, u32)> {
    let mut found = Vec::new();
    while let Some(action) = process.core.next_action() {
        match &action {
            Action::Commit(changes) => {
                let revision = process.store.commit(changes).expect("no conflict");
                process.core.handle_committed(revision);
            }
            Action::Define(definition) => found.push((definition.generation, definition.target)),
            Action::Keep { .. }
            | Action::Renew { .. }
            | Action::Replace { .. }
            | Action::Remove { .. }
            | Action::Event(_) => {}
        }
        process.carried = action.order().unwrap_or(process.carried);
        process.world.carry_out(&action);
    }
    found
}

/// The first AppMaster that there was.
fn first(process: &Process) -> String {
    let attempts = process.core.describe("a").expect("a cluster").attempts;
    attempts.last().expect("an attempt").task_id.clone()
}

#[test]
fn the_next_appmaster_of_an_application_waits_for_the_end_of_the_one_before() {
    for mode in ["stateless", "last-state"] {
        let mut process = running(mode);
        apply(&mut process, &application(mode, "running", 1));
        assert_eq!(definitions(&mut process), [(2, 0)], "{mode}");
        let (seen, views) = process.look();
        process.hear(seen, &views);
        assert_eq!(definitions(&mut process), [], "{mode}: the one before is still ending");
        process.crash();
        assert_eq!(definitions(&mut process), [(2, 0)], "{mode}: nor does another process forget it");
        process.world.settle();
        let (seen, views) = process.look();
        process.hear(seen, &views);
        assert_eq!(definitions(&mut process), [(2, 1)], "{mode}");
    }
}

#[test]
fn one_that_is_deleted_meanwhile_is_not_begun_anew() {
    let mut process = running("stateless");
    apply(&mut process, &application("stateless", "running", 1));
    process.order_to(Verb::Delete, "a").expect("taken");
    process.come_to_rest().expect("no violation");
    assert!(process.core.list().is_empty());
}

#[test]
fn where_it_stores_its_state_is_its_own_and_changes_when_it_starts_without_that() {
    let place = |process: &Process| process.core.definition("a").expect("a cluster").place;
    for (mode, keeps) in [("stateless", false), ("last-state", true)] {
        let mut process = running(mode);
        let before = place(&process);
        process.order_to(Verb::Restart, "a").expect("taken");
        assert_eq!(place(&process) == before, keeps, "{mode}: {before}");
        let origin = place(&process);
        process.order_to(Verb::Suspend, "a").expect("taken");
        process.come_to_rest().expect("no violation");
        process.order_to(Verb::Resume, "a").expect("taken");
        assert_eq!(place(&process) == origin, keeps, "{mode}: {origin}");
        process.order_to(Verb::Delete, "a").expect("taken");
        process.come_to_rest().expect("no violation");
        process.now.0 += 1;
        apply(&mut process, &application(mode, "running", 0));
        assert_ne!(place(&process), before, "{mode}: another application of the same name");
    }
}

#[test]
fn what_remains_of_one_whose_appmaster_is_stopped_depends_on_why() {
    use Remains::{Cluster, Data, Nothing};
    for (mode, restarted, suspended) in [("stateless", Nothing, Nothing), ("last-state", Cluster, Data)] {
        let mut process = running(mode);
        let task = first(&process);
        assert_eq!(process.core.remains(&task), Cluster, "{mode}: nobody has ordered anything");
        process.order_to(Verb::Restart, "a").expect("taken");
        assert_eq!(process.core.remains(&task), restarted, "{mode}");

        let mut process = running(mode);
        process.order_to(Verb::Suspend, "a").expect("taken");
        assert_eq!(process.core.remains(&task), suspended, "{mode}");

        let mut process = running(mode);
        apply(&mut process, &application(mode, "suspended", 0));
        assert_eq!(process.core.remains(&task), suspended, "{mode}: by its specification");

        let mut process = running(mode);
        process.order_to(Verb::Delete, "a").expect("taken");
        assert_eq!(process.core.remains(&task), Nothing, "{mode}");
    }
    let mut process = Process::new(Limits::default(), Mutation::None);
    apply(&mut process, &session("a"));
    process.come_to_rest().expect("no violation");
    let task = first(&process);
    process.order_to(Verb::Restart, "a").expect("taken");
    assert_eq!(process.core.remains(&task), Cluster);
    process.order_to(Verb::Suspend, "a").expect("taken");
    assert_eq!(process.core.remains(&task), Data);
    process.order_to(Verb::Delete, "a").expect("taken");
    assert_eq!(process.core.remains(&task), Nothing);
    assert_eq!(process.core.remains("of-nobody"), Cluster);
}

#[test]
fn one_that_keeps_its_state_is_started_and_stopped_and_nothing_else() {
    let mut process = running("last-state");
    apply(&mut process, &application("last-state", "suspended", 0));
    process.come_to_rest().expect("no violation");
    assert_eq!(state(&process), State::Suspended);
    apply(&mut process, &application("last-state", "running", 1));
    process.come_to_rest().expect("no violation");
    assert_eq!(state(&process), State::Running);
    let other = json!({"jarURI": "local:///b.jar", "upgradeMode": "last-state"});
    let refusal = process.apply(&manifest("a", json!({"job": other})), &by("ann")).expect_err("refused");
    assert_eq!(
        refusal.to_string(),
        "spec.job.jarURI of application a cannot be changed while spec.job.upgradeMode keeps its state: use \
         `stateless`, or delete the application first"
    );
}
