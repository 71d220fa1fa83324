//! Alerts and a dashboard for who watches with Prometheus and Grafana: of metrics that there are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const PREFIX: &str = "flink_on_mesos_";

/// Where metrics have their names.
const SOURCES: [&str; 4] = [
    "src/status/metrics.rs",
    "src/status/exposition.rs",
    "src/status/lookout.rs",
    "src/role/dispatcher/metrics.rs",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn monitoring() -> PathBuf {
    root().join("conf/monitoring")
}

#[test]
fn prometheus_takes_the_alerts_and_they_come_when_they_shall() {
    for words in [["check", "rules", "alerts.yaml"], ["test", "rules", "alerts-test.yaml"]] {
        let output =
            Command::new("promtool").args(words).current_dir(monitoring()).output().expect("it starts");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(output.status.success(), "{words:?}: {}", text.concat());
    }
}

#[test]
fn alerts_and_dashboard_ask_for_metrics_that_there_are() {
    let code = SOURCES.map(|path| fs::read_to_string(root().join(path)).expect("a source")).concat();
    let is_there = |name: &str| {
        let name = ["_total", "_bucket"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        code.contains(&format!("\"{name}\""))
            || code.contains(&format!("{{PREFIX}}{name}"))
            || code.contains(&format!("{PREFIX}{name}"))
    };
    let mut names = BTreeSet::new();
    for file in ["alerts.yaml", "grafana.json"] {
        let text = fs::read_to_string(monitoring().join(file)).expect("a file");
        names.extend(text.split(PREFIX).skip(1).map(|rest| {
            rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>()
        }));
    }
    assert!(names.len() > 20, "{names:?}");
    let unknown: Vec<_> = names.iter().filter(|name| !is_there(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn panels_of_the_dashboard_are_apart() {
    let text = fs::read_to_string(monitoring().join("grafana.json")).expect("a file");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("a list");
    let mut taken = BTreeSet::new();
    for panel in panels {
        let at = |key: &str| panel["gridPos"][key].as_u64().expect("a number");
        for x in at("x")..at("x") + at("w") {
            for y in at("y")..at("y") + at("h") {
                assert!(x < 24 && taken.insert((x, y)), "{} covers another at {x}, {y}", panel["title"]);
            }
        }
        let is_row = panel["type"] == "row";
        assert_eq!(panel["targets"].as_array().is_none_or(Vec::is_empty), is_row, "{}", panel["title"]);
    }
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
}
