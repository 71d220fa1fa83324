//! The examples, read as those read them that they are for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use conf::document::{self, Node, Value};
use serde_json::Value as Json;

/// Where the API is in all examples, and where agents fetch.
pub const API: u16 = 8090;
pub const ARTIFACTS: u16 = 28090;

const STATE: &str = "/var/lib/flink-on-mesos";

/// As Aurora's own words, with which its job is written; a port of the task is told by name.
const AURORA: &str = r#"
import json, sys
class Thing(dict):
    def __init__(self, **fields): super().__init__(fields)
names = "Process Task Service Resources Announcer HealthCheckConfig HealthCheckerConfig HttpHealthChecker"
words = {name: Thing for name in names.split()} | {"MB": 1 << 20, "GB": 1 << 30}
exec(open(sys.argv[1]).read(), words)
print(json.dumps(words["jobs"]))
"#;

/// One dispatcher as an example has it run.
#[derive(Clone, Debug)]
pub struct Service {
    pub command: Vec<String>,
    pub variables: Vec<(String, String)>,
    /// The path at which its API is asked for its health.
    pub health: String,
    pub keeps_state: bool,
}

impl Service {
    pub fn variable(&self, name: &str) -> String {
        let found = self.variables.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        // Where a shell sets it.
        let in_line = || {
            let words = self.command.iter().flat_map(|line| line.split(' '));
            words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('=')).next().map(str::to_owned)
        };
        found.or_else(in_line).unwrap_or_else(|| panic!("{name} is not set: {self:?}"))
    }
}

pub fn alone() -> Vec<(&'static str, Service)> {
    vec![
        ("Marathon", marathon("marathon.json", 1)),
        ("Aurora", aurora("dispatcher", 1)),
        ("compose", compose("compose.yaml", "dispatcher")),
        ("systemd", super::systemd::service()),
    ]
}

/// With ZooKeeper.
pub fn several() -> Vec<(&'static str, [Service; 2])> {
    let (marathon, aurora) = (marathon("marathon-zookeeper.json", 2), aurora("dispatchers", 2));
    vec![
        ("Marathon", [marathon.clone(), marathon]),
        ("Aurora", [aurora.clone(), aurora]),
        ("compose", ["dispatcher-1", "dispatcher-2"].map(|name| compose("compose-zookeeper.yaml", name))),
    ]
}

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("image/dispatcher").join(name)
}

pub fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect("readable")
}

/// What the container runs with what Marathon gives each task.
fn marathon(name: &str, instances: u64) -> Service {
    let app: Json = serde_json::from_str(&read(name)).expect("JSON");
    assert_eq!(app["instances"], instances);
    assert_eq!((&app["networks"][0]["mode"], &app["requirePorts"]), (&"host".into(), &true.into()));
    let mut variables = texts(&app["env"]);
    let ports = app["portDefinitions"].as_array().expect("ports");
    for (place, port) in ports.iter().enumerate() {
        let (number, name) =
            (port["port"].to_string(), port["name"].as_str().expect("a name").to_uppercase());
        variables.extend([(format!("PORT{place}"), number.clone()), (format!("PORT_{name}"), number)]);
    }
    let check = &app["healthChecks"][0];
    let port = &ports[usize::try_from(check["portIndex"].as_u64().expect("a place")).expect("small")];
    assert_eq!(port["port"], API);
    let container = &app["container"];
    assert_eq!(container["volumes"][0]["containerPath"], "/etc/flink-on-mesos");
    let parameters = container["docker"]["parameters"].as_array().expect("parameters");
    let is_state = |parameter: &Json| {
        parameter["key"] == "volume"
            && parameter["value"].as_str().is_some_and(|text| text.ends_with(&format!(":{STATE}")))
    };
    Service {
        command: entrypoint(
            app["args"].as_array().expect("arguments").iter().map(|word| word.as_str().expect("a text")),
        ),
        variables,
        health: check["path"].as_str().expect("a path").to_owned(),
        keeps_state: parameters.iter().any(is_state),
    }
}

fn texts(map: &Json) -> Vec<(String, String)> {
    let map = map.as_object().expect("a map").iter();
    map.map(|(name, value)| (name.clone(), value.as_str().expect("a text").to_owned())).collect()
}

/// The line that Thermos has a shell run.
fn aurora(job: &str, instances: u64) -> Service {
    let output =
        Command::new("python3").args(["-c", AURORA]).arg(path("aurora.py")).output().expect("python3");
    assert!(output.status.success(), "{output:?}");
    let jobs: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let job = jobs.as_array().expect("jobs").iter().find(|other| other["name"] == job).expect("the job");
    assert_eq!(job.get("instances").and_then(Json::as_u64).unwrap_or(1), instances);
    assert_eq!(job["announce"]["portmap"]["health"], API);
    let http = &job["health_check_config"]["health_checker"]["http"];
    assert_eq!((&http["expected_response"], &http["expected_response_code"]), (&"ok".into(), &200.into()));
    let line = job["task"]["processes"][0]["cmdline"].as_str().expect("a line");
    let line = line.replace("HOST={{mesos.hostname}} ", "");
    assert!(!line.contains("{{"), "{line}");
    Service {
        keeps_state: !line.contains("zookeeper"),
        command: vec!["bash".to_owned(), "-c".to_owned(), line],
        variables: Vec::new(),
        health: http["endpoint"].as_str().expect("a path").to_owned(),
    }
}

fn compose(name: &str, service: &str) -> Service {
    let file = document::documents(&read(name)).expect("YAML").remove(0);
    let service = at(at(&file, "services").expect("services"), service).expect("the service").clone();
    let list = |key: &str| match at(&service, key).map(|node| &node.value) {
        Some(Value::List(items)) => items.iter().map(|item| item.value.clone().into_text()).collect(),
        Some(_) | None => Vec::new(),
    };
    assert_eq!(text(&service, "network_mode"), "host");
    let (command, volumes): (Vec<_>, Vec<_>) = (list("command"), list("volumes"));
    let socket = at(&service, "environment").map(|variables| text(variables, "FLINK_ON_MESOS_DISPATCHER"));
    let check = at(&service, "healthcheck").and_then(|check| at(check, "test")).expect("a check");
    let Value::List(words) = &check.value else { panic!("no list") };
    let words: Vec<_> = words.iter().map(|word| word.value.clone().into_text()).collect();
    assert_eq!(words, ["CMD", "/usr/bin/flink-on-mesos", "get"]);
    Service {
        command: entrypoint(command.iter().map(String::as_str)),
        variables: vec![("FLINK_ON_MESOS_DISPATCHER".to_owned(), socket.expect("it is told"))],
        health: "/healthz".to_owned(),
        keeps_state: volumes.iter().any(|volume| volume.ends_with(&format!(":{STATE}"))),
    }
}

/// Of the image.
fn entrypoint<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    std::iter::once(super::PROGRAM).chain(words).map(str::to_owned).collect()
}

/// What stands there itself counts before what is merged into it.
fn at<'a>(node: &'a Node, key: &str) -> Option<&'a Node> {
    let Value::Map(pairs) = &node.value else { return None };
    let named = |key: &str| {
        let is_it = |name: &Node| matches!(&name.value, Value::Text(text) if text == key);
        pairs.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value)
    };
    named(key).or_else(|| at(named("<<")?, key))
}

fn text(node: &Node, key: &str) -> String {
    at(node, key).map(|node| node.value.clone().into_text()).unwrap_or_default()
}
