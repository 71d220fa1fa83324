//! What is applied: good specifications, and bad ones among them.

/// Each is refused as a whole document.
const REFUSED: [&str; 2] = ["misspelt", "without-flink"];

/// What is told of those.
pub const REASONS: [&str; 2] = ["replcas", "this dispatcher has no v1_1"];

/// No agent has so much.
pub const UNPLACEABLE: &str = "unplaceable";

/// In one file.
const MOST_IN_A_FILE: usize = 100;

pub fn name(number: usize) -> String {
    format!("cluster-{number:04}")
}

/// One text for each file.
pub fn files(clusters: usize, version: &str) -> Vec<String> {
    let good = (1..=clusters).map(|number| session(&name(number), version));
    let mut all: Vec<_> = good.collect();
    // A version that is known, and is not there.
    let other = if version.starts_with("1.17.") { "1.18" } else { "1.17" };
    let bad = [
        session(REFUSED[0], version).replace("replicas", "replcas"),
        session(REFUSED[1], other),
        session(UNPLACEABLE, version).replace("cpu: 0.5", "cpu: 512"),
    ];
    // Neither first nor last.
    all.splice(clusters / 2..clusters / 2, bad);
    all.chunks(MOST_IN_A_FILE).map(|chunk| chunk.join("---\n")).collect()
}

/// As people write them, with some configuration of their own.
pub fn session(name: &str, version: &str) -> String {
    let mut numbers = version.split('.');
    let (major, minor) = (numbers.next().expect("a number"), numbers.next().expect("a second number"));
    format!(
        "apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata:
  name: {name}
spec:
  flinkVersion: v{major}_{minor}
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: \"2\"
    state.backend.type: rocksdb
    execution.checkpointing.interval: 30 s
    state.checkpoints.dir: s3://flink/{name}/checkpoints
  jobManager:
    resource: {{memory: 1600m, cpu: 0.5}}
  taskManager:
    replicas: 2
    resource: {{memory: 2048m, cpu: 1}}
"
    )
}
