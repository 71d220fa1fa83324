//! What the network may ask, and what only the operator may.

use std::process::Command;

use super::site::{Site, ask, connect};
use crate::cluster::harness::binary;

#[tokio::test]
async fn suppositions_are_for_the_operator_alone() {
    let site = Site::open((1024, 4096), &[("mesos.resourcemanager.tasks.delivery", "none")]).await;
    let refused = ask(&connect(site.status), "/v1/explain?what-if=count=100000");
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    assert!(refused.contains("flink-on-mesos explain --what-if"), "{refused}");
    assert!(ask(&connect(site.status), "/v1/explain").starts_with("HTTP/1.1 200 "));

    let output = Command::new(binary())
        .env_clear()
        .env("FLINK_ON_MESOS_SOCKET", site.socket())
        .args(["explain", "--json", "--what-if", "count=3"])
        .output()
        .expect("it starts");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(answer["what_if"]["taskmanagers"], 3, "{answer}");
}
