//! What is left of dispatchers when they are to be gone.

use nix::sys::signal::Signal;

use super::several::lines;
use super::site::{Site, session};
use crate::ha::ensemble::Ensemble;

/// More than an agent has, in MiB: no JVM is started.
const TOO_MUCH: u32 = 32 << 10;

impl Site {
    /// The code, and what is said.
    fn purge(&self, more: &[&str]) -> (Option<i32>, String) {
        let conf = self.conf();
        let (code, out, err) = self.try_command(&[&["purge", "--configDir", &conf], more].concat());
        (code, out + &err)
    }

    /// One that gets no AppMaster, with a framework that is registered.
    async fn apply_too_much(&self) {
        let file = self.write_as("much", &session("much", "v1_20", TOO_MUCH));
        // Whether it fits nobody may know yet, and of several dispatchers none may lead yet.
        let is_taken = async || {
            let (code, ..) = self.try_command(&["apply", "-f", &file]);
            matches!(code, Some(0 | 2)).then_some(())
        };
        self.program.until("the cluster is taken", is_taken).await;
        let is_there = async || self.framework("dispatcher").await.map(drop);
        self.program.until("the framework is registered", is_there).await;
    }

    async fn stop(&mut self) {
        self.program.signal(Signal::SIGTERM);
        assert_eq!(self.program.end().await.code(), Some(0), "{}", self.program.log_end());
        assert!(self.framework_of_any_kind().await, "Mesos waits for the next dispatcher");
    }

    async fn framework_of_any_kind(&self) -> bool {
        let state: serde_json::Value = serde_json::from_str(&self.state().await).expect("JSON");
        state["frameworks"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "dispatcher"))
    }
}

#[tokio::test]
async fn a_directory_is_emptied_once_no_dispatcher_and_no_cluster_uses_it() {
    let mut site = Site::start(&[]).await;
    site.apply_too_much().await;
    let (code, told) = site.purge(&["--force"]);
    assert_eq!((code, told.contains("a dispatcher uses ")), (Some(73), true), "{told}");
    site.command(&["get", "much"]);
    site.stop().await;
    let (code, told) = site.purge(&[]);
    assert_eq!((code, told.contains("there are clusters: much; ")), (Some(3), true), "{told}");
    assert!(site.framework_of_any_kind().await);
    let (code, told) = site.purge(&["--force"]);
    assert_eq!(code, Some(0), "{told}");
    for part in [
        "tore down framework ",
        " with 0 AppMasters",
        "removed the records of clusters much",
        "/state/clusters\n",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!site.framework_of_any_kind().await);
    site.start_again().await;
    assert!(site.describe("much").is_none());
    site.stop().await;
    let (code, told) = site.purge(&[]);
    assert_eq!((code, told.contains("of which there were none")), (Some(0), true), "{told}");
}

#[tokio::test]
async fn a_path_of_zookeeper_is_removed_by_one_that_leads() {
    let ensemble = Ensemble::start().await;
    let mut site = Site::start(&lines(&ensemble)).await;
    site.apply_too_much().await;
    let (code, told) = site.purge(&["--force"]);
    let leads = format!(" at {}: stop all dispatchers first", site.url());
    assert_eq!((code, told.contains(&leads)), (Some(3), true), "{told}");
    site.stop().await;
    let (code, told) = site.purge(&[]);
    assert_eq!((code, told.contains("there are clusters: much; ")), (Some(3), true), "{told}");
    let (code, told) = site.purge(&["--force"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("removed ZooKeeper's /flink-on-mesos/dispatcher\n"), "{told}");
    assert!(!site.framework_of_any_kind().await);
    let client = zookeeper_client::Client::connect(&ensemble.quorum()).await.expect("a session");
    let left = client.list_children("/flink-on-mesos").await.expect("a list");
    assert_eq!(left, Vec::<String>::new());
}
