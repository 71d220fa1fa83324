//! What is ordered of a cluster that runs, and carried out by its AppMaster.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;

use super::available::with_zookeeper;
use super::site::{Site, session};
use crate::cluster::application as jobs;
use crate::cluster::processes::{self, Part};
use crate::ha::ensemble::Ensemble;
use flink::rest::JarRun;

#[tokio::test]
async fn a_session_is_scaled_and_its_taskmanagers_are_replaced_by_its_appmaster() {
    let site = Site::start(&[]).await;
    let text = site.refused(&session("other", "v1_19", super::MEMORY));
    assert!(
        text.contains(
            "spec.flinkVersion: this dispatcher has no v1_19, expected one of v1_20, v2_3, or an image"
        ),
        "{text}"
    );
    site.apply(&[&session("a", "v1_20", super::MEMORY)]);
    site.until_slots("a", 1).await;
    let told = site.command(&["session", "scale", "a", "2", "--message", "evening"]);
    assert_eq!(told, "a is being scaled to 2 TaskManagers, revision 2\n");
    site.until_slots("a", 2).await;
    until_event(&site, "a", "scaled to 2 TaskManagers").await;
    assert_eq!(site.attempts("a"), [1], "its AppMaster goes on");

    let before = taskmanagers(&site, "a").await.expect("it answers");
    let replaced = before.first().expect("there are two").clone();
    let told = site.command(&["restart", "a", "--taskmanager", &replaced]);
    assert_eq!(told, format!("the AppMaster of a is told to replace TaskManager {replaced}\n"));
    site.program
        .until("another one is in its place", async || {
            let now = taskmanagers(&site, "a").await?;
            (now.len() == 2 && now.intersection(&before).count() == 1 && !now.contains(&replaced))
                .then_some(())
        })
        .await;
    site.command(&["restart", "a", "--taskmanager", "nobody"]);
    until_event(&site, "a", "restart of TaskManager nobody was refused: there is no TaskManager nobody")
        .await;
    assert!(site.describe("a").expect("it is there")["pending"].is_null());

    processes::signal(site.init_of(site.jobmanager("a")), Signal::SIGKILL);
    site.program.until("another attempt runs", async || (site.attempts("a") == [2, 1]).then_some(())).await;
    site.until_slots("a", 2).await;

    let storage = tempfile::tempdir().expect("a directory");
    let flink = site.flink("a").await.expect("it answers");
    let jar = flink.upload_jar(jobs::jar("Endless", storage.path()).as_ref()).await.expect("an upload");
    flink.run_jar(&jar, &JarRun { parallelism: Some(1), ..JarRun::default() }).await.expect("a start");
    let runs = async || {
        let told = site.describe("a")?["appmasters"][0]["jobs_running"].clone();
        (told == 1).then_some(())
    };
    site.program.until("its AppMaster has told of the job", runs).await;
    for words in [&["delete", "a"][..], &["suspend", "a"], &["session", "stop", "a"]] {
        let (code, _, text) = site.try_command(words);
        assert_eq!(code, Some(3), "{words:?}: {text}");
        assert!(text.contains("1 job runs in session a: cancel what shall not be lost, or insist"), "{text}");
    }
    site.command(&["delete", "a", "--force"]);
    site.until_gone("a").await;
    site.until_nothing_runs().await;
}

#[tokio::test]
async fn with_zookeeper_the_next_appmaster_goes_on_with_what_was_ordered() {
    let ensemble = Ensemble::start().await;
    let storage = tempfile::tempdir().expect("a directory");
    let site = Site::start(&with_zookeeper(&ensemble, storage.path())).await;
    let manifest = session("a", "v1_20", super::MEMORY);
    site.apply(&[&manifest]);
    site.until_slots("a", 1).await;
    site.command(&["session", "scale", "a", "2"]);
    site.until_slots("a", 2).await;
    until_event(&site, "a", "scaled to 2 TaskManagers").await;
    let before = site.mesos.parts(Part::TaskManager);

    processes::signal(site.init_of(site.jobmanager("a")), Signal::SIGKILL);
    site.program.until("another attempt runs", async || (site.attempts("a") == [2, 1]).then_some(())).await;
    site.until_slots("a", 2).await;
    assert_eq!(site.mesos.parts(Part::TaskManager), before);

    // What was ordered before is stored there, and would go before the specification.
    site.apply(&[&format!("{manifest}  restartNonce: 1\n")]);
    site.program.until("it begins anew", async || (site.attempts("a") == [3, 2, 1]).then_some(())).await;
    until_event(&site, "a", "scaled to 1 TaskManager").await;
    site.until_slots("a", 1).await;
    site.command(&["delete", "a", "--force"]);
    site.until_gone("a").await;
    site.until_nothing_runs().await;
}

async fn until_event(site: &Site, name: &str, text: &str) {
    let has_come = async || {
        let events = site.describe(name)?["events"].as_array().cloned()?;
        events
            .iter()
            .any(|event| event["text"].as_str().is_some_and(|told| told.contains(text)))
            .then_some(())
    };
    site.program.until(&format!("it is told: {text}"), has_come).await;
}

/// Those that have registered.
async fn taskmanagers(site: &Site, name: &str) -> Option<BTreeSet<String>> {
    let found = site.flink(name).await?.taskmanagers().await.ok()?;
    Some(found.into_iter().map(|taskmanager| taskmanager.id).collect())
}
