//! What the start refuses, `config --check` refuses with the same code and words.

use std::fs;

use super::{FLINK, FLINKS, Outcome, Site};

/// Both, with nothing left behind.
fn both(site: &Site, properties: &[&str]) -> [Outcome; 2] {
    let options = properties.iter().flat_map(|property| ["-D", property]);
    let start: Vec<_> = ["appmaster"].into_iter().chain(options).collect();
    let outcomes = [site.run(&start), site.check(properties)];
    let left: Vec<_> = fs::read_dir(site.path())
        .expect("a directory")
        .map(|entry| entry.expect("one").file_name())
        .collect();
    assert_eq!(left, ["conf"], "{properties:?}");
    outcomes
}

fn agree(site: &Site, properties: &[&str], code: i32, told: &[&str]) {
    let [start, check] = both(site, properties);
    assert_eq!((start.code, check.code), (code, code), "{properties:?}: {start:?}\n{check:?}");
    assert_eq!(start.messages("ERROR"), check.messages("ERROR"), "{properties:?}");
    assert_eq!(start.messages("WARN"), check.messages("WARN"), "{properties:?}");
    for text in told {
        assert!(check.says(text), "{properties:?}: no {text} in {check:?}");
    }
}

#[test]
fn what_is_wrong_is_told_alike() {
    let missing = [
        "mesos.resourcemanager.framework.principal=p",
        "mesos.resourcemanager.framework.secret-file=/nosuch",
    ];
    let ha = |property: &'static str| {
        [
            "high-availability.type=zookeeper",
            "high-availability.cluster-id=/a",
            "high-availability.storageDir=hdfs:///a",
            property,
        ]
    };
    let cases: [(&[&str], i32, &[&str]); 14] = [
        (&["env.java.opts.all=-Da=\"x"], 78, &["env.java.opts.all", "quote"]),
        (&["env.java.opts.jobmanager=-Da='x"], 78, &["env.java.opts.jobmanager", "quote"]),
        (&["env.java.opts.taskmanager=-Da=\"x"], 78, &["env.java.opts.taskmanager", "quote"]),
        (&missing, 66, &["secret-file", "/nosuch", "No such file"]),
        (&["mesos.master=file:///nosuch"], 66, &["mesos.master", "/nosuch"]),
        (
            &["rest.port=21460", "jobmanager.rpc.port=21460"],
            78,
            &["rest.port", "jobmanager.rpc.port", "21460"],
        ),
        (&["rest.port=21460", "mesos.status.port=21460"], 78, &["rest.port", "mesos.status.port"]),
        (
            &["blob.server.port=21460", "jobmanager.rpc.port=21460"],
            78,
            &["blob.server.port", "jobmanager.rpc.port"],
        ),
        (&["rest.port=6123"], 78, &["rest.port", "jobmanager.rpc.port", "6123"]),
        (
            &["mesos.initial-tasks=many", "env.java.opts.all='"],
            78,
            &["mesos.initial-tasks", "env.java.opts.all"],
        ),
        (
            &ha("high-availability.zookeeper.quorum=zk://z:2181/flink"),
            78,
            &["high-availability.zookeeper.quorum"],
        ),
        (
            &ha("high-availability.zookeeper.quorum=z:port"),
            78,
            &["high-availability.zookeeper.quorum", "z:port"],
        ),
        (
            &[
                "security.ssl.rest.enabled=true",
                "security.ssl.rest.keystore=/nosuch",
                "security.ssl.rest.keystore-password=p",
                "security.ssl.rest.key-password=p",
            ],
            66,
            &["/nosuch"],
        ),
        (&["mesos.mastr=x", "mesos.initial-tasks=many"], 78, &["did you mean `mesos.master`?"]),
    ];
    for (properties, code, told) in cases {
        agree(&Site::with(FLINK, ""), properties, code, told);
    }
}

#[test]
fn surroundings_that_are_wrong_are_told_alike() {
    agree(&Site::with(FLINK, "").variable("JAVA_HOME", "/nosuch"), &[], 72, &["JAVA_HOME", "/nosuch"]);
    agree(
        &Site::with(FLINK, "").variable("FLINK_ON_MESOS_GRACE", "soon"),
        &[],
        64,
        &["FLINK_ON_MESOS_GRACE"],
    );
    agree(&Site::with(FLINK, "").variable("_SLOTS", "two"), &["rest.port=x"], 78, &["_SLOTS", "rest.port"]);
    agree(
        &Site::with(FLINK, "").variable("ENABLE_BUILT_IN_PLUGINS", "no.jar"),
        &[],
        66,
        &["ENABLE_BUILT_IN_PLUGINS", "no.jar"],
    );
    agree(&Site::old("some.key: a\n"), &["other.key=a#b"], 78, &["other.key", "#"]);
    let storage = Site::with(FLINK, "");
    let file = storage.path().join("conf/config.yaml");
    let directory = format!("high-availability.storageDir=file://{}/ha", file.display());
    let ha = [
        "high-availability.type=zookeeper",
        "high-availability.cluster-id=/a",
        "high-availability.zookeeper.quorum=z",
        &directory,
    ];
    agree(&storage, &ha, 73, &["high-availability.storageDir"]);
    let misspelt = Site::with(FLINK, "taskmanager.numberOfTaskSlot: 2\nrest.port: x\n")
        .variable("FLINK_ON_MESOS_GRACES", "1s");
    let told =
        ["did you mean `taskmanager.numberOfTaskSlots`?", "did you mean FLINK_ON_MESOS_GRACE?", "rest.port"];
    agree(&misspelt, &[], 78, &told);
}

/// For people: each a line, errors first, and how many.
#[test]
fn errors_and_warnings_are_apart() {
    let site =
        Site::with(FLINK, "taskmanager.numberOfTaskSlot: 2\nrest.port: x\nmesos.placement: anywhere\n");
    let outcome = site.check(&[]);
    let levels: Vec<_> = outcome
        .stderr
        .lines()
        .filter_map(|line| ["ERROR", "WARN"].into_iter().find(|level| line.contains(level)))
        .collect();
    assert_eq!(levels, ["ERROR", "ERROR", "WARN"], "{outcome:?}");
    assert_eq!(outcome.stdout, "the configuration is wrong: 2 errors, 1 warning\n");
}

#[test]
fn programs_read_it_as_json() {
    let site = Site::with(FLINK, "rest.port: x\nmesos.initial-task: 2\n");
    let outcome = site.config(&["--check", "--json"], &[]);
    let file = site.path().join("conf/config.yaml").display().to_string();
    let expected = serde_json::json!({
        "valid": false,
        "flink": FLINK,
        "errors": [{
            "key": "rest.port",
            "file": file,
            "line": 6,
            "text": format!("`rest.port` is `x` ({file}:6), expected a port, or ports such as `50100-50200,50300`"),
            "documentation": "https://nightlies.apache.org/flink/flink-docs-release-1.20/docs/deployment/config/",
        }],
        "warnings": [{
            "key": "mesos.initial-task",
            "file": file,
            "line": 7,
            "text": format!("`mesos.initial-task` ({file}:7) is not a known key; did you mean `mesos.initial-tasks`?"),
            "documentation": "README.md#configuration",
        }],
    });
    let printed: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!((printed, outcome.code, &*outcome.stderr), (expected, 78, ""));
    let broken = Site::new(FLINK, "config.yaml", "a: 1\na: 2\n").config(&["--check", "--json"], &[]);
    let printed: serde_json::Value = serde_json::from_str(&broken.stdout).expect("JSON");
    assert_eq!((&printed["errors"][0]["line"], broken.code), (&serde_json::json!(2), 65));
}

#[test]
fn lines_that_are_skipped_are_told_alike() {
    let site = Site::old("rest.port:8081\nmesos.initial-tasks: many\n");
    agree(&site, &[], 78, &["flink-conf.yaml:6: skipped"]);
}

#[test]
fn a_plugin_that_is_there_is_good() {
    let site = Site::with(FLINK, "").variable("ENABLE_BUILT_IN_PLUGINS", "flink-python-1.20.5.jar");
    let outcome = site.check(&[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
}

/// Those that are started elsewhere have a configuration of their own.
#[test]
fn a_jobmanager_alone_needs_no_memory_of_taskmanagers() {
    for flink in FLINKS {
        let name = if flink.starts_with("1.17") { "flink-conf.yaml" } else { "config.yaml" };
        let site = Site::new(flink, name, "jobmanager.memory.process.size: 1600m\nrest.port: x\n");
        for command in ["jobmanager", "standalone-job"] {
            let outcome = site.run(&[command]);
            assert_eq!(outcome.code, 78, "{outcome:?}");
            assert!(!outcome.says("taskmanager.memory"), "{outcome:?}");
            assert!(outcome.says("rest.port"), "{outcome:?}");
        }
    }
}
