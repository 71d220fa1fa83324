//! The API against its own description, and the metrics against Prometheus.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use tokio::net::{TcpListener, UnixStream};

use crate::cluster::harness::{Cluster, Start};
use crate::ports::free_ports;
use crate::schemathesis;

const DESCRIPTION: &str = "/v1/openapi.json";

/// It has no end.
const STREAM: [&str; 2] = ["--exclude-path", "/v1/stream"];

#[tokio::test]
async fn keeps_to_its_description_whatever_comes() {
    let [port] = free_ports();
    let port_text = port.to_string();
    let properties = [("mesos.status.port", &*port_text), ("mesos.initial-tasks", "1")];
    let cluster = Cluster::start(&Start { properties: &properties, ..Start::default() });
    cluster.until_slots(1, 2).await;
    metrics_are_clean(port).await;
    schemathesis::run(&format!("http://127.0.0.1:{port}"), DESCRIPTION, "", &STREAM).await;
    let socket = through_tcp(cluster.program.path().join("socket")).await;
    // It would end the cluster.
    let [exclude, stream] = STREAM;
    schemathesis::run(&socket, DESCRIPTION, "", &[exclude, stream, exclude, "/v1/teardown"]).await;
    let worker_restarts = cluster.program.log().matches("init: started worker").count();
    assert_eq!(worker_restarts, 1, "{}", cluster.program.log_end());
}

async fn metrics_are_clean(port: u16) {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let text = reqwest::get(url).await.expect("an answer").text().await.expect("text");
    for line in [
        "flink_on_mesos_jobmanager_up 1",
        "flink_on_mesos_taskmanagers{state=\"running\"} 1",
        "flink_on_mesos_leader 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    for name in [
        "offers_total",
        "accepts_total",
        "declines_total",
        "taskmanager_restarts_total",
        "taskmanager_failures_total",
        "subscriptions_total",
        "disconnections_total",
        "reconciliations_total",
        "store_write_seconds_count",
        "scheduler_round_seconds_count",
        "subscribed",
    ] {
        let begin = format!("flink_on_mesos_{name} ");
        assert!(text.lines().any(|line| line.starts_with(&begin)), "{name}: {text}");
    }
    has_no_complaint(&text);
}

/// Prometheus' own tool takes this for good metrics.
pub fn has_no_complaint(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    promtool.stdin.take().expect("a pipe").write_all(text.as_bytes()).expect("it reads");
    let output = promtool.wait_with_output().expect("it ends");
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An address that leads to `socket`, for those who know only TCP.
async fn through_tcp(socket: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                let mut server = UnixStream::connect(socket).await.expect("it listens");
                // Either side may leave at any time.
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    format!("http://{address}")
}
