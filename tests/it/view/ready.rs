//! Health and readiness, from before there is a Mesos to a JobManager that hangs, and what the log says meanwhile.

use nix::sys::signal::Signal;

use crate::cluster::harness::{Cluster, Start};
use crate::cluster::masters::start_mesos;
use crate::cluster::processes::{self, Part};
use crate::ports::{free_ports, free_range};

#[tokio::test]
async fn ready_is_who_serves_and_has_a_master() {
    let [status, mesos_port] = free_ports();
    let cluster = Cluster::start(&Start {
        command: &["appmaster"],
        variables: &[("_CLIENT_TM_COUNT", "1"), ("_SLOTS", "1"), ("_CLIENT_TM_MEMORY", "1024")],
        properties: &[
            ("mesos.master", &format!("127.0.0.1:{mesos_port}")),
            ("mesos.status.port", &status.to_string()),
            // The Mesos comes late.
            ("mesos.registration.timeout", "10 min"),
        ],
        ..Start::default()
    });
    let page = Page { cluster: &cluster, url: format!("http://127.0.0.1:{status}") };
    page.until("readyz", 503, "the JobManager: nothing listens on port ").await;
    page.until("healthz", 200, "ok").await;
    page.until("readyz", 503, "the framework is not subscribed to a Mesos master").await;
    cluster.program.until_log("still waiting taskmanagers=1: not subscribed to a Mesos master for ").await;
    let _mesos = start_mesos(mesos_port, &free_range(8)).await;
    page.until("readyz", 200, "ok").await;
    cluster.until_slots(1, 1).await;

    let jobmanager = cluster.program.part(Part::JobManager);
    processes::signal(jobmanager, Signal::SIGSTOP);
    page.until("readyz", 503, "the JobManager: port ").await;
    page.until("healthz", 503, "the JobManager: port ").await;
    cluster.program.until_log("the JobManager is unavailable: port ").await;
    processes::signal(jobmanager, Signal::SIGCONT);
    page.until("healthz", 200, "ok").await;
    page.until("readyz", 200, "ok").await;
    cluster
        .program
        .until("its recovery is told", async || {
            let answers = cluster.program.log().matches("worker: the JobManager answers").count();
            (answers == 2).then_some(())
        })
        .await;
}

struct Page<'a> {
    cluster: &'a Cluster,
    url: String,
}

impl Page<'_> {
    async fn until(&self, path: &str, code: u16, beginning: &str) {
        let url = format!("{}/{path}", self.url);
        self.cluster
            .program
            .until(&format!("{path} answers {code} {beginning}"), async || {
                let answer = reqwest::get(&url).await.ok()?;
                let found = answer.status().as_u16();
                let text = answer.text().await.ok()?;
                (found == code && text.starts_with(beginning)).then_some(())
            })
            .await;
    }
}
