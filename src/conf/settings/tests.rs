use super::*;
use crate::table::Origin;
use zookeeper::security::Sasl;

/// `key=value` a line, as if given by `-D`; `mesos.master` is added when it is not there.
fn table(text: &str) -> Table {
    let mut table = Table::default();
    table.set("mesos.master", "m:5050", Origin::Argument);
    for line in text.lines() {
        let (key, value) = line.split_once('=').unwrap();
        table.set(key, value, Origin::Argument);
    }
    table
}

fn read(text: &str) -> Settings {
    Settings::from_table(&table(text)).unwrap()
}

fn problems(table: &Table) -> String {
    let problems = Settings::from_table(table).unwrap_err();
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn only_the_master_has_no_default() {
    assert_eq!(
        problems(&Table::default()),
        "`mesos.master` is not set, expected the Mesos master: host:port, zk://… or file:///…"
    );
    let settings = read("");
    assert_eq!(settings.tasks.initial, 1);
    assert_eq!(settings.tasks.cpus, 1.0);
    assert_eq!(settings.framework.failover_timeout.as_secs(), 120);
    assert_eq!(settings.registration_timeout.as_secs(), 60);
    assert_eq!(settings.tasks.kill_grace.as_secs(), 30);
    assert_eq!(settings.offers.unused_expiration.as_secs(), 120);
    assert_eq!(settings.status, Status { bind_address: [0, 0, 0, 0].into(), port: 8084 });
    assert_eq!(settings.job_manager.rpc_ports.single(), Some(6123));
    assert_eq!(settings.high_availability, None);
    assert_eq!(settings.failed_tasks_max, None);
}

/// Every key with a default reads its own default as a user's value.
#[test]
fn defaults_are_values() {
    let mut table = table("");
    for key in keys::KEYS {
        if let Some(default) = key.default {
            table.set(key.name, default, Origin::Default);
        }
    }
    assert_eq!(Settings::from_table(&table).unwrap(), read(""));
    assert_eq!(Settings::warnings(&table), [""; 0]);
}

#[test]
fn all_problems_are_told_at_once() {
    let wrong = "mesos.master=ftp://m
mesos.failover-timeout=soon
mesos.initial-tasks=-1
mesos.maximum-failed-tasks=-2
mesos.placement=anywhere
mesos.registration.timeout=1 fortnight
mesos.resourcemanager.artifactserver.port=65536
mesos.resourcemanager.artifactserver.ssl.enabled=yes
mesos.resourcemanager.framework.role=a b
mesos.resourcemanager.tasks.container.docker.parameters=a=b,c
mesos.resourcemanager.tasks.container.type=docker
mesos.resourcemanager.tasks.container.volumes=/a:/b:RX
mesos.resourcemanager.tasks.cpus=-1
mesos.resourcemanager.tasks.gpus=0.5
mesos.resourcemanager.tasks.uris=http://a,,http://b
mesos.constraints.hard.hostattribute=rack
mesos.scaling=magic
mesos.status.bind-address=here
taskmanager.cpu.cores=0
taskmanager.numberOfTaskSlots=0
high-availability=kubernetes
rest.port=x";
    let mut told: Vec<_> = problems(&table(wrong)).lines().map(str::to_owned).collect();
    told.sort();
    let expected = "`high-availability` is `kubernetes` (-D), expected `zookeeper` or `NONE`
`mesos.constraints.hard.hostattribute` is `rack` (-D), expected `attribute:value` in place of `rack`
`mesos.failover-timeout` is `soon` (-D), expected a number of seconds, or a duration such as `10 min`, `7 d`
`mesos.initial-tasks` is `-1` (-D), expected a whole number from 0 to 10000
`mesos.master` is `ftp://m` (-D), expected an address: unknown scheme 'ftp', expected http, https, zk or file
`mesos.maximum-failed-tasks` is `-2` (-D), expected a whole number from -1 to 4294967295
`mesos.placement` is `anywhere` (-D), expected `spread` or `pack`
`mesos.registration.timeout` is `1 fortnight` (-D), expected a duration such as `500ms`, `10 s`, `1 min`, or a number of milliseconds
`mesos.resourcemanager.artifactserver.port` is `65536` (-D), expected a port from 1 to 65535, or 0 for any free one
`mesos.resourcemanager.artifactserver.ssl.enabled` is `yes` (-D), expected `true` or `false`
`mesos.resourcemanager.framework.role` is `a b` (-D), expected a role of Mesos, such as `*`, `analytics` or `analytics/flink` in place of `a b`
`mesos.resourcemanager.tasks.container.docker.parameters` is `******` (-D), expected `key=value` in place of `******`
`mesos.resourcemanager.tasks.container.type` is `docker` (-D), expected `mesos` unless `mesos.resourcemanager.tasks.container.image.name` is set
`mesos.resourcemanager.tasks.container.volumes` is `/a:/b:RX` (-D), expected `[host:]container[:RO|RW]` in place of `/a:/b:RX`
`mesos.resourcemanager.tasks.cpus` is `-1` (-D), expected a number, 0 or more
`mesos.resourcemanager.tasks.gpus` is `0.5` (-D), expected a whole number from 0 to 100000
`mesos.resourcemanager.tasks.uris` is `http://a,,http://b` (-D), expected a text without white space in place of ``
`mesos.scaling` is `magic` (-D), expected `fixed` or `demand`
`mesos.status.bind-address` is `here` (-D), expected an IP address
`rest.port` is `x` (-D), expected a port, or ports such as `50100-50200,50300`
`taskmanager.cpu.cores` is `0` (-D), expected a number above 0
`taskmanager.numberOfTaskSlots` is `0` (-D), expected a whole number from 1 to 100000";
    assert_eq!(told.join("\n"), expected);
}

#[test]
fn a_secret_is_not_told() {
    let secret = "mesos.resourcemanager.framework.secret=";
    let told = problems(&table(&format!("mesos.resourcemanager.framework.principal=p\n{secret}")));
    assert_eq!(
        told,
        "`mesos.resourcemanager.framework.secret` is `******` (-D), expected a text that is not empty"
    );
    let settings = read(&format!("mesos.resourcemanager.framework.principal=p\n{secret}hush"));
    assert!(!format!("{settings:?}").contains("hush"));
}

#[test]
fn cpus_have_an_order() {
    for (text, expected) in [
        ("", 1.0),
        ("taskmanager.numberOfTaskSlots=4", 4.0),
        ("taskmanager.numberOfTaskSlots=4\nmesos.resourcemanager.tasks.cpus=0.5", 0.5),
        ("taskmanager.cpu.cores=2.5\nmesos.resourcemanager.tasks.cpus=0.5", 2.5),
    ] {
        assert_eq!(read(text).tasks.cpus, expected, "{text}");
    }
}

#[test]
fn everything_about_tasks() {
    let tasks = read(
        "mesos.resourcemanager.tasks.container.type=docker
mesos.resourcemanager.tasks.container.image.name=flink:2
mesos.resourcemanager.tasks.container.docker.force-pull-image=true
mesos.resourcemanager.tasks.container.docker.parameters=label=a=b, shm-size=1g
mesos.resourcemanager.tasks.container.volumes=/c,/d:ro,/h:/e,/h2:/f:RO
mesos.resourcemanager.tasks.labels=k:v:w
mesos.resourcemanager.tasks.labels.map=entry
mesos.resourcemanager.tasks.port-assignments=metrics.port
containerized.taskmanager.env.A_B=c",
    )
    .tasks;
    let image = Image { name: "flink:2".to_owned(), force_pull: true };
    let parameter = |key: &str, value: &str| DockerParameter { key: key.to_owned(), value: value.to_owned() };
    let parameters = vec![parameter("label", "a=b"), parameter("shm-size", "1g")];
    assert_eq!(tasks.container.runtime, Runtime::Docker { image, parameters });
    let volume = |host: Option<&str>, path: &str, mount| Volume {
        host_path: host.map(str::to_owned),
        container_path: path.to_owned(),
        mount,
    };
    assert_eq!(
        tasks.container.volumes,
        [
            volume(None, "/c", Mount::ReadWrite),
            volume(None, "/d", Mount::ReadOnly),
            volume(Some("/h"), "/e", Mount::ReadWrite),
            volume(Some("/h2"), "/f", Mount::ReadOnly),
        ]
    );
    let map =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    assert_eq!(tasks.labels, map(&[("k", "v:w"), ("map", "entry")]));
    assert_eq!(tasks.environment, map(&[("A_B", "c")]));
    assert_eq!(tasks.port_keys, ["metrics.port"]);
}

#[test]
fn high_availability_under_old_names() {
    let text = "recovery.mode=ZooKeeper
recovery.zookeeper.quorum=z:2181
high-availability.zookeeper.storageDir=file:///ha
high-availability.zookeeper.path.namespace=one/
high-availability.jobmanager.port=50010-50020";
    let settings = read(text);
    let ha = settings.high_availability.unwrap();
    assert_eq!((&*ha.quorum.to_string(), &*ha.cluster_id, &*ha.root), ("z:2181", "/one", "/flink"));
    assert_eq!(settings.job_manager.rpc_ports.ranges(), [50010..=50020]);
    assert_eq!(Settings::warnings(&table(text)), [""; 0]);

    let missing = table("high-availability.type=zookeeper");
    assert_eq!(
        problems(&missing),
        "`high-availability.zookeeper.quorum` is not set, expected the ZooKeeper servers, host:port,…
`high-availability.storageDir` is not set, expected a URI that all JobManagers reach"
    );
    assert_eq!(
        Settings::warnings(&missing),
        ["high availability is on and `high-availability.cluster-id` is not set: all clusters without it \
             share one state at `/default`"]
    );
}

#[test]
fn unknown_keys_are_told_with_the_nearest() {
    assert_eq!(
        Settings::warnings(&table(
            "mesos.fail-over-timeout=1\nmesos.resourcemanager.tasks.cpu=1\nmesos.quux=1\nmesosphere.x=1"
        )),
        [
            "`mesos.fail-over-timeout` (-D) is not a known key; did you mean `mesos.failover-timeout`?",
            "`mesos.quux` (-D) is not a known key",
            "`mesos.resourcemanager.tasks.cpu` (-D) is not a known key; did you mean \
             `mesos.resourcemanager.tasks.cpus`?",
        ]
    );
}

#[test]
fn who_may_touch_the_nodes_is_read_as_flink_reads_it() {
    let on = "high-availability.type=zookeeper
high-availability.zookeeper.quorum=z:2181
high-availability.storageDir=file:///ha
high-availability.cluster-id=/one
high-availability.zookeeper.client.acl=creator";
    let given = format!("{on}\nhigh-availability.zookeeper.client.authorization=digest:flink:pass:word");
    let ha = read(&given).high_availability.unwrap();
    let authorization: Vec<_> =
        ha.authorization.iter().map(|(scheme, data)| (&**scheme, data.expose())).collect();
    assert!(ha.creator_acl);
    assert_eq!(authorization, [("digest", "flink:pass:word")]);
    let sasl = |more: &str| read(&format!("{on}\n{more}")).high_availability.unwrap().sasl;
    assert_eq!(sasl(""), Sasl { disabled: false, section: "Client".to_owned(), by_kerberos: false });
    assert!(sasl("security.kerberos.login.contexts=Client,KafkaClient").by_kerberos);
    assert!(!sasl("security.kerberos.login.contexts=KafkaClient").by_kerberos);
    let other = sasl("zookeeper.sasl.login-context-name=Mine\nzookeeper.sasl.disable=true");
    assert_eq!(other, Sasl { disabled: true, section: "Mine".to_owned(), by_kerberos: false });
}

#[test]
fn who_can_take_over_decides_how_long_a_framework_is_kept() {
    let ha = "high-availability.type=zookeeper\nhigh-availability.zookeeper.quorum=z:2181\n\
              high-availability.storageDir=file:///ha\n";
    let given = "mesos.failover-timeout=17\n";
    for (text, succession, seconds) in [
        (String::new(), Succession::Nobody, 120),
        (ha.to_owned(), Succession::Elected, 604_800),
        (given.to_owned(), Succession::Nobody, 17),
        (format!("{ha}{given}"), Succession::Elected, 17),
    ] {
        let settings = read(&text);
        assert_eq!(settings.succession(), succession, "{text}");
        assert_eq!(settings.framework.failover_timeout.as_secs(), seconds, "{text}");
        assert_eq!(settings.succession().silence_most().is_some(), succession == Succession::Nobody);
        assert_eq!(succession.to_string().parse(), Ok(succession));
    }
}

#[test]
fn a_number_is_no_user_to_an_agent() {
    for key in ["framework.user", "tasks.user"] {
        let told = problems(&table(&format!("mesos.master=m\nmesos.resourcemanager.{key}=9999")));
        let expected = "is `9999` (-D), expected the name of a user whom the agents have, not a number";
        assert_eq!(told, format!("`mesos.resourcemanager.{key}` {expected}"));
    }
    let settings = read("mesos.master=m\nmesos.resourcemanager.tasks.user=ann");
    assert_eq!((settings.tasks.user.as_deref(), settings.framework.user), (Some("ann"), None));
}

#[test]
fn certificates_of_masters_are_read_as_openssl_prints_them() {
    let colons = ["AB"; 32].join(":");
    let plain = "cd".repeat(32);
    let settings =
        read(&format!("mesos.master=m\nmesos.master.ssl.cert.fingerprint={colons}, {plain}")).master_tls;
    let shown: Vec<_> = settings.fingerprints.iter().map(ToString::to_string).collect();
    assert_eq!((shown, settings.is_wanted), (vec!["ab".repeat(32), plain], true));
    assert!(!read("mesos.master=m").master_tls.is_wanted);
    let told = problems(&table("mesos.master=m\nmesos.master.ssl.cert.fingerprint=ab:cd"));
    assert!(told.contains("expected a SHA-256 in 64 hexadecimal digits"), "{told}");
}
