//! How values are written: YAML, quotes, marks, variables.

use super::{BASE, FLINK, Site};

#[test]
fn a_map_in_a_list_is_what_it_looks_like() {
    for (lines, key, expected) in [
        ("hard.hostattribute:\n  - rack: r1\n", "hard", Some("rack:r1")),
        ("soft.hostattribute: [{rack: r1}]\n", "soft", Some("rack:r1")),
        ("hard.hostattribute: [rack:r1, zone:z1]\n", "hard", Some("['rack:r1', 'zone:z1']")),
    ] {
        let site = Site::with(FLINK, &format!("mesos.constraints.{lines}"));
        assert_eq!(site.check(&[]).code, 0, "{lines}");
        assert_eq!(site.value(&format!("mesos.constraints.{key}.hostattribute")).as_deref(), expected);
    }
    let outcome = Site::with(FLINK, "mesos.constraints.hard.hostattribute: [[{rack: r1}]]\n").check(&[]);
    assert!(outcome.code == 78 && outcome.says("hostattribute"), "{outcome:?}");
}

#[test]
fn words_of_other_schedulers_work_or_are_refused() {
    for (constraint, code) in [
        ("rack:CLUSTER:r1", 0),
        ("rack:cluster", 0),
        ("rack:IS:r1", 0),
        ("rack:equals:r1", 0),
        ("hostname:unique", 0),
        ("host:limit:2", 0),
        ("rack:!r1", 0),
        ("[[rack, CLUSTER, r1], [hostname, UNIQUE]]", 0),
        ("[[\"rack\", \"LIKE\", \"r[12]\"]]", 0),
        ("rack:IS", 78),
        ("rack:like", 78),
        ("rack:MAX_PER", 78),
        ("rack:limit:many", 78),
        ("[rack, CLUSTER, r1]", 78),
    ] {
        let property = format!("mesos.constraints.hard.hostattribute={constraint}");
        let outcome = Site::with(FLINK, "").check(&[&property]);
        assert_eq!(outcome.code, code, "{constraint}: {outcome:?}");
    }
}

#[test]
fn java_options_can_be_a_list() {
    let site = Site::with(FLINK, "env.java.opts.all:\n  - -Duser.a=1\n  - -Duser.b=2\n");
    for process in ["jobmanager", "taskmanager"] {
        let arguments = site.arguments(process);
        assert!(
            ["-Duser.a=1", "-Duser.b=2"].iter().all(|option| arguments.iter().any(|own| own == option)),
            "{arguments:?}"
        );
    }
}

#[test]
fn variables_of_flink_s_scripts_are_never_empty() {
    let options = "-Xlog:gc:$FLINK_LOG_PREFIX.gc.log -Duser.a=${FLINK_CONF_DIR}/a -Duser.b=$HOSTNAME -Duser.c=$NOBODY $NOBODY";
    let site = Site::old(&format!("env.java.opts.all: {options}\n"));
    let arguments = site.arguments("jobmanager");
    let begins = |text: String| arguments.iter().any(|own| own.starts_with(&text));
    assert!(begins(format!("-Xlog:gc:{}/flink-jobmanager.gc.log", site.path().display())), "{arguments:?}");
    assert!(begins(format!("-Duser.a={}/conf/a", site.path().display())), "{arguments:?}");
    assert!(arguments.iter().any(|own| own.starts_with("-Duser.b=") && own.len() > 9), "{arguments:?}");
    assert!(arguments.contains(&"-Duser.c=$NOBODY".to_owned()) && !arguments.contains(&"$NOBODY".to_owned()));
    assert!(site.check(&[]).says("`$NOBODY` in env.java.opts.all"));
}

#[test]
fn yaml_in_flink_properties_makes_no_junk() {
    let site = |text: &str| Site::with(FLINK, "").variable("FLINK_PROPERTIES", text);
    let jars = site("pipeline.jars:\n  - file:///a.jar\n  - file: ///b.jar");
    let listed = jars.config(&[], &[]);
    assert!(!listed.stdout.contains("\n- file") && listed.says("read as YAML"), "{listed:?}");
    let options = site("env.java.opts.all: >-\n  -Duser.a=1\n  -Duser.b=2").arguments("jobmanager");
    assert!(!options.contains(&">-".to_owned()) && options.contains(&"-Duser.b=2".to_owned()), "{options:?}");
    let plain = site(
        "env.java.opts.all: -Duser.a=1 --add-opens=java.base/java.util=ALL-UNNAMED\ntaskmanager.numberOfTaskSlots: 5",
    );
    assert_eq!(
        plain.value("env.java.opts.all").as_deref(),
        Some("-Duser.a=1 --add-opens=java.base/java.util=ALL-UNNAMED")
    );
    assert_eq!(plain.value("taskmanager.numberOfTaskSlots").as_deref(), Some("5"));
}

#[test]
fn a_byte_order_mark_hides_nothing() {
    for name in ["flink-conf.yaml", "config.yaml"] {
        let site = Site::new(FLINK, name, format!("\u{feff}taskmanager.numberOfTaskSlots: 4\n{BASE}"));
        assert_eq!(site.value("taskmanager.numberOfTaskSlots").as_deref(), Some("4"));
        assert_eq!(site.check(&[]).says("byte order mark"), name == "flink-conf.yaml");
    }
}

#[test]
fn quotes_of_the_old_grammar_are_undone_and_told() {
    let site = Site::old("mesos.resourcemanager.framework.role: \"flink\"\nmesos.initial-tasks: '3'\n");
    assert_eq!(site.value("mesos.resourcemanager.framework.role").as_deref(), Some("flink"));
    assert_eq!(site.value("mesos.initial-tasks").as_deref(), Some("3"));
    let outcome = site.check(&[]);
    assert!(outcome.code == 0 && outcome.says("without the quotes"), "{outcome:?}");
}

#[test]
fn what_was_right_stays_so() {
    let nested = Site::with(FLINK, "taskmanager:\n  numberOfTaskSlots: 2\n");
    assert_eq!(nested.check(&["taskmanager.memory.process.size=2 gb"]).code, 0);
    let twice = Site::with(FLINK, "rest.port: 1\nrest.port: 2\n");
    assert_eq!(twice.check(&[]).code, 65);
    let ha = "high-availability: zookeeper\nhigh-availability.zookeeper.quorum: zk:2181\nhigh-availability.storageDir: \n";
    assert!(Site::old(ha).check(&[]).says("storageDir"));
}
