//! TaskManagers that fail at their start, as processes.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use scheduler::explain::Explanation;
use scheduler::neighbours::Listed;
use scheduler::report::{AgentStanding, TaskReport};

use super::*;

impl AppMaster {
    async fn explanation(&self) -> Explanation {
        *self.requests.ask(|reply| Request::Explain(None, reply)).await.expect("an answer")
    }

    /// What a JobManager would say with which all that run have registered.
    async fn register_all(&self, heartbeat: i64) {
        let tasks = self.report().await.tasks.into_iter().filter(|task| task.state == "TASK_RUNNING");
        let listed = |task: TaskReport| (task.task_id, Listed { hostname: task.hostname, heartbeat });
        let registered = tasks.map(listed).collect();
        self.facts.heard.send_replace(Some(registered));
    }
}

/// Which run from when a file is there, and end with 1 before.
fn spec_that_waits_for(file: &std::path::Path, target: u32) -> Spec {
    let script = format!("test -e {} || exit 1; exec sleep 1000", file.display());
    spec(vec!["flink".to_owned()]).with(|group| {
        group.target = target;
        Arc::make_mut(&mut group.template).arguments = ["sh", "-c", &script].map(str::to_owned).to_vec();
    })
}

#[tokio::test]
async fn a_storm_of_failures_is_tried_by_one_until_one_registers() {
    const WANTED: u32 = 40;
    local(async {
        let embedded = Embedded::start(&["--agents=4", "--resources=cpus:10;mem:4096;disk:1024"]);
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("ready");
        let shelf = Shelf::default();
        let spec = spec_that_waits_for(&file, WANTED);
        let appmaster = AppMaster::start_with(&embedded, &shelf, framework(&["flink"]), spec.clone());
        appmaster.wait_for("failures", |report| report.probing.is_some()).await;
        sleep(Duration::from_secs(8)).await;
        let report = appmaster.report().await;
        let failures = report.counters.failures;
        assert!((u64::from(WANTED)..u64::from(WANTED) + 12).contains(&failures), "{failures} failed");
        let probing = report.probing.expect("still").to_string();
        assert!(probing.contains("exited with status 1"), "{probing}");
        let is_out = |standing: &AgentStanding| matches!(standing, AgentStanding::Quarantined { .. });
        assert!(!report.agents.iter().any(|agent| is_out(&agent.standing)), "{:?}", report.agents);

        // The next worker does not begin with all of them.
        appmaster.leave().await;
        let appmaster = AppMaster::start_with(&embedded, &shelf, framework(&["flink"]), spec);
        sleep(Duration::from_secs(4)).await;
        let report = appmaster.report().await;
        assert!(report.counters.launches <= 2 && report.probing.is_some(), "{report:?}");

        fs::write(&file, "").expect("written");
        let begin = Instant::now();
        let mut heartbeat = 0;
        while appmaster.report().await.running < WANTED as usize {
            assert!(begin.elapsed() < PATIENCE, "{:?}", appmaster.report().await);
            heartbeat += 1;
            appmaster.register_all(heartbeat).await;
            sleep(Duration::from_millis(200)).await;
        }
        println!("{failures} failed; all ran {:?} after the cause was gone", begin.elapsed());
        assert!(appmaster.report().await.probing.is_none());
        appmaster.end().await.expect("torn down");
    })
    .await;
}

#[tokio::test]
async fn a_user_that_the_master_does_not_allow_is_named_with_its_key() {
    local(async {
        let embedded = cluster(&[]);
        let end = json!({
            "state": "TASK_ERROR",
            "reason": "REASON_TASK_UNAUTHORIZED",
            "source": "SOURCE_MASTER",
            "message": "Principal 'flink' no authorized to launch task T of framework F under user 'ann'",
        });
        client::fault(embedded.address, "fail-launches", &json!({ "times": 100, "end": end }));
        let appmaster = AppMaster::start(&embedded, &Shelf::default(), framework(&["flink"]));
        appmaster.wait_for("a refusal", |report| report.probing.is_some()).await;
        sleep(Duration::from_secs(5)).await;
        assert_eq!(appmaster.report().await.counters.launches, 1, "the next is tried much later");
        let explanation = appmaster.explanation().await;
        let why = explanation.waiting.expect("one is missing").why;
        assert!(why.contains("under user 'ann'"), "{why}");
        assert!(why.contains("mesos.resourcemanager.framework.user"), "{why}");
        appmaster.end().await.expect("torn down");
    })
    .await;
}
