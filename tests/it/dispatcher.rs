//! The dispatcher with stock Flink on the embedded Mesos: clusters from manifests, and what becomes of them when parts die.

mod agents;
mod applications;
mod artifacts;
mod asked;
mod available;
mod browser;
mod client;
mod clusterd;
mod described;
mod logs;
mod orders;
mod programs;
mod purged;
mod running;
mod script;
mod services;
mod several;
mod site;

use nix::sys::signal::Signal;

use crate::cluster::processes::{self, Part};
use crate::cluster::stop::SOON;

use site::Site;

/// Of each test's sessions, in MiB.
const MEMORY: u32 = 1024;

#[tokio::test]
async fn sessions_of_two_versions_are_launched_replaced_and_deleted() {
    let mut site = Site::start(&[]).await;
    site.apply(&[&site::session("old", "v1_20", MEMORY), &site::session("new", "v2_3", MEMORY)]);
    for name in ["old", "new"] {
        site.until_state(name, "running").await;
        site.until_slots(name, 1).await;
    }
    let flinks = [("old", "1.20"), ("new", "2.3")];
    for (name, version) in flinks {
        let found =
            site.flink(name).await.expect("it answers").overview().await.expect("an answer").flink_version;
        assert!(found.starts_with(version), "{name} runs Flink {found}");
    }
    assert_eq!(site.attempts("new"), [1]);
    site.program
        .until("its AppMaster has told what runs", async || {
            let told = site.describe("new")?["appmasters"][0].clone();
            let flink = site.framework("new").await?["webui_url"].clone();
            (told["running"] == 1 && told["flink_url"] == flink).then_some(())
        })
        .await;

    // Its cluster notices nothing of the dispatcher's end.
    let before = site.tasks();
    site.kill_dispatcher().await;
    assert_eq!(site.mesos.parts(Part::JobManager).len(), 2);
    site.start_again().await;
    site.until_state("old", "running").await;
    site.until_state("new", "running").await;
    assert_eq!(site.tasks(), before);

    let jobmanager = site.jobmanager("new");
    processes::signal(site.init_of(jobmanager), Signal::SIGKILL);
    site.program.until("another attempt runs", async || (site.attempts("new") == [2, 1]).then_some(())).await;
    site.until_state("new", "running").await;
    site.until_slots("new", 1).await;
    assert_eq!(site.attempts("old"), [1], "what befalls one does not concern the other");

    for name in ["old", "new"] {
        site.command(&["delete", name, "--force"]);
        site.until_gone(name).await;
    }
    site.until_nothing_runs().await;
    site.program.signal(Signal::SIGTERM);
    assert_eq!(site.program.end().await.code(), Some(0), "{}", site.program.log_end());
    site.program.assert_nothing_left(SOON).await;
}
