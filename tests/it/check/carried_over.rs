//! Files, arguments and variables that were written for older generations.

use super::{FLINK, FLINKS, Site};

#[test]
fn a_task_manager_s_command_of_1_13_is_told() {
    for command in [
        "$FLINK_HOME/bin/mesos-taskmanager.sh",
        "\"/opt/flink/bin/mesos-taskmanager.sh\"",
        "./bin/mesos-taskmanager.sh",
    ] {
        let site = Site::old(&format!("mesos.resourcemanager.tasks.taskmanager-cmd: {command}\n"));
        for outcome in [site.check(&[]), site.config(&[], &[])] {
            assert!(outcome.code == 0 && outcome.says("taskmanager-cmd"), "{command}: {outcome:?}");
        }
    }
}

const OF_THE_PACKAGE: [&str; 9] = [
    "blob.server.port=21024",
    "jobmanager.heap.mb=256",
    "jobmanager.rpc.port=21023",
    "jobmanager.web.port=21091",
    "mesos.artifact-server.port=21085",
    "mesos.initial-tasks=1",
    "mesos.resourcemanager.tasks.cpus=1",
    "taskmanager.heap.mb=512",
    "taskmanager.numberOfTaskSlots=2",
];

#[test]
fn arguments_of_the_dcos_package() {
    let conf = "mesos.master: m1:5050\njobmanager.rpc.address: 10.1.2.3\n";
    let old = Site::new(FLINK, "config.yaml", conf).check(&OF_THE_PACKAGE);
    let artifacts = old.messages("WARN").into_iter().find(|line| line.contains("mesos.artifact-server.port"));
    assert!(
        artifacts.is_some_and(|line| line.contains("`mesos.resourcemanager.artifactserver.port`?")),
        "{old:?}"
    );
    let new = Site::new("2.3.0", "config.yaml", conf).check(&OF_THE_PACKAGE);
    assert_eq!(new.code, 78);
    let errors = new.messages("ERROR");
    assert_eq!(errors.len(), 2, "one for each process: {new:?}");
    for key in ["jobmanager.heap.mb", "taskmanager.heap.mb", "taskmanager.memory.process.size"] {
        assert!(errors.iter().any(|error| error.contains(key)), "{key}: {errors:?}");
    }
}

#[test]
fn variables_of_the_dcos_package() {
    let site =
        Site::with(FLINK, "").variable("FLINK_TASK_MANAGER_COUNT", "3").variable("_CLIENT_SHIP_FILES", "a");
    let outcome = site.check(&[]);
    assert_eq!(outcome.code, 0);
    for text in [
        "FLINK_TASK_MANAGER_COUNT",
        "mesos.initial-tasks",
        "_CLIENT_SHIP_FILES",
        "mesos.resourcemanager.tasks.uris",
    ] {
        assert!(outcome.says(text), "{text}: {outcome:?}");
    }
}

#[test]
fn the_container_s_size_wins_over_a_heap() {
    for flink in FLINKS {
        let name = if flink.starts_with("1.17") { "flink-conf.yaml" } else { "config.yaml" };
        let conf = "mesos.master: m1:5050\njobmanager.memory.process.size: 1600m\n\
                    mesos.resourcemanager.tasks.mem: 2048\ntaskmanager.heap.mb: 1024\n";
        let site = Site::new(flink, name, conf);
        let outcome = site.check(&[]);
        assert_eq!(outcome.code, 0, "{outcome:?}");
        let given_up = outcome.messages("WARN").into_iter().find(|line| line.contains("taskmanager.heap.mb"));
        let told = given_up.is_some_and(|line| line.contains("1024") && line.contains("2048"));
        assert!(told, "{outcome:?}");
        assert_eq!(site.value("taskmanager.memory.process.size").as_deref(), Some("2048m"));
        let with_variable = site.variable("FLINK_TM_HEAP", "3g").variable("FLINK_JM_HEAP", "3g").check(&[]);
        assert_eq!(with_variable.code, 0, "{with_variable:?}");
        assert!(
            with_variable.says("FLINK_TM_HEAP") && with_variable.says("FLINK_JM_HEAP"),
            "{with_variable:?}"
        );
    }
}

#[test]
fn a_heap_alone_meant_the_container() {
    let conf = "mesos.master: m1:5050\njobmanager.heap.size: 1g\ntaskmanager.heap.mb: 2048\n";
    let site = Site::new(FLINK, "flink-conf.yaml", conf);
    assert_eq!(site.check(&[]).code, 0);
    assert_eq!(site.value("taskmanager.memory.process.size").as_deref(), Some("2048m"));
}
