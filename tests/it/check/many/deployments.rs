//! Files without a mistake: what clusters need, pieces of typical ones, and options of Flink.

use std::collections::BTreeSet;

use conf::grammar::Version;
use conf::keys;
use fastrand::Rng;

use super::lines;

/// As recorded, for the program and this test alike.
const NAMES: &str = include_str!("../../../../src/conf/options/names.txt");

/// A file, and what else says something.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// In the file's order.
    pub pairs: Vec<(String, String)>,
    /// What stands in front of the pairs.
    pub head: String,
    pub text: String,
    pub properties: String,
    pub variables: Vec<(&'static str, String)>,
}

const NEEDED: &str = "mesos.master: zk://m1:2181,m2:2181/mesos
jobmanager.rpc.address: jm-1.example.org
jobmanager.memory.process.size: 1600m
taskmanager.memory.process.size: 1728m";

const PIECES: [&str; 20] = [
    "taskmanager.numberOfTaskSlots: 4
parallelism.default: 8",
    "state.backend: rocksdb
state.backend.incremental: true
state.checkpoints.dir: s3://bucket/checkpoints
state.savepoints.dir: s3://bucket/savepoints
execution.checkpointing.interval: 1 min",
    "s3.endpoint: https://minio.example.org:9000
s3.access-key: flink
s3.secret-key: very-secret
s3.path.style.access: true",
    "fs.s3a.connection.maximum: 100
fs.azure.account.key.store.blob.core.windows.net: abc
flink.hadoop.dfs.replication: 2",
    "metrics.reporters: prom
metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
metrics.reporter.prom.port: 9250-9260",
    "high-availability.type: zookeeper
high-availability.zookeeper.quorum: zk1:2181,zk2:2181,zk3:2181/flink
high-availability.storageDir: hdfs:///flink/ha
high-availability.cluster-id: /orders",
    "mesos.resourcemanager.tasks.container.type: docker
mesos.resourcemanager.tasks.container.image.name: registry.example.org/flink:7
mesos.resourcemanager.tasks.container.volumes: /data:/data:RO",
    "mesos.resourcemanager.framework.role: analytics
mesos.resourcemanager.framework.principal: flink
mesos.resourcemanager.framework.secret: hush
mesos.resourcemanager.framework.name: orders",
    "mesos.constraints.hard.hostattribute: rack:r1,zone:z2
mesos.resourcemanager.tasks.labels: team:data,tier:gold
mesos.resourcemanager.tasks.cpus: 2.0",
    "env.java.opts.all: -Duser.timezone=UTC -XX:+UseG1GC
env.java.opts.taskmanager: -XX:MaxGCPauseMillis=200",
    "containerized.master.env.TZ: UTC
containerized.taskmanager.env.LD_PRELOAD_PATH: /usr/lib",
    "table.exec.state.ttl: 1 h
python.fn-execution.bundle.size: 1000
kubernetes.cluster-id: unused
yarn.application.name: unused",
    "my.app.url: http://service.example.org/api
kafka.bootstrap.servers: k1:9092,k2:9092
company.team: data",
    "mesos.scaling: demand
mesos.scaling.minimum: 1
mesos.scaling.maximum: 10",
    "rest.port: 31000
jobmanager.rpc.port: 31001
blob.server.port: 31002
mesos.status.port: 31003
mesos.resourcemanager.artifactserver.port: 31004",
    "restart-strategy: fixed-delay
restart-strategy.fixed-delay.attempts: 3
restart-strategy.fixed-delay.delay: 10 s",
    "jobmanager.archive.fs.dir: hdfs:///flink/completed
historyserver.web.port: 8082
historyserver.archive.fs.dir: hdfs:///flink/completed",
    "rest.bind-address: 0.0.0.0
rest.address: 2001:db8::7
web.submit.enable: false",
    "security.kerberos.login.use-ticket-cache: true
security.kerberos.login.contexts: Client,KafkaClient",
    "taskmanager.memory.managed.fraction: 0.4
taskmanager.memory.network.min: 64mb
taskmanager.memory.network.max: 256mb",
];

/// Options that Flink alone reads, and whose value nobody here looks at.
const PREFIXES: [&str; 9] = [
    "execution.",
    "pipeline.",
    "state.backend.rocksdb.",
    "metrics.",
    "cluster.",
    "client.",
    "classloader.",
    "jobstore.",
    "web.",
];

impl Deployment {
    pub fn new(rng: &mut Rng, version: Version, file: &str) -> Self {
        let mut blocks = vec![pairs(NEEDED)];
        for piece in PIECES {
            if rng.u8(..) < 90 {
                blocks.push(pairs(piece));
            }
        }
        let names = options(|range| (range.0..=range.1).contains(&version));
        let free: Vec<_> =
            names.into_iter().filter(|name| PREFIXES.iter().any(|own| name.starts_with(own))).collect();
        blocks.push(
            (0..rng.usize(0..12))
                .map(|_| (free[rng.usize(..free.len())].to_owned(), "1".to_owned()))
                .collect(),
        );
        rng.shuffle(&mut blocks);
        let mut seen = BTreeSet::new();
        let pairs: Vec<_> =
            blocks.into_iter().flatten().filter(|(key, _)| seen.insert(key.clone())).collect();
        let head = "# Of the cluster for orders\n\n".repeat(rng.usize(0..3));
        let mut deployment =
            Self { pairs, head, text: String::new(), properties: String::new(), variables: Vec::new() };
        if rng.bool() {
            deployment.properties =
                "taskmanager.numberOfTaskSlots: 2\nmy.note: from the variable\n".to_owned();
        }
        if rng.bool() {
            deployment.variables.push(("FLINK_ON_MESOS_GRACE", "20s".to_owned()));
        }
        deployment.render(rng.bool() && file == "config.yaml");
        deployment
    }

    /// Writes the text anew; `is_nested` puts the keys that begin alike into a map.
    pub fn render(&mut self, is_nested: bool) {
        if is_nested {
            self.nest();
        } else {
            self.text = format!("{}{}", self.head, lines(&self.pairs));
        }
    }

    /// The line of `key`, counted from 1, where no key is in a map.
    pub fn line(&self, key: &str) -> usize {
        let is_there = |line: &str| line.split_once(": ").is_some_and(|(own, _)| own == key);
        self.text.lines().position(is_there).expect("it is there") + 1
    }

    fn nest(&mut self) {
        let first = |key: &str| key.split_once('.').map(|(first, _)| first.to_owned());
        let scalars: BTreeSet<_> =
            self.pairs.iter().filter(|(key, _)| !key.contains('.')).map(|(key, _)| key.clone()).collect();
        let order: BTreeSet<_> = self.pairs.iter().filter_map(|(key, _)| first(key)).collect();
        let mut text = self.head.clone();
        for (key, value) in &self.pairs {
            if first(key).is_none_or(|first| scalars.contains(&first)) {
                text.extend([key, ": ", value, "\n"]);
            }
        }
        for map in order.iter().filter(|map| !scalars.contains(*map)) {
            text.extend([map, ":\n"]);
            for (key, value) in &self.pairs {
                if let Some((_, rest)) = key.split_once('.').filter(|(first, _)| first == map) {
                    text.extend(["  ", rest, ": ", value, "\n"]);
                }
            }
        }
        self.text = text;
    }
}

/// Those whose versions are `wanted`, and which this program does not read itself.
pub fn options(wanted: impl Fn((Version, Version)) -> bool) -> Vec<&'static str> {
    let version = |text: &str| {
        let (major, minor) = text.split_once('.').expect("a version");
        (major.parse().expect("a number"), minor.parse().expect("a number"))
    };
    let mut range = ((0, 0), (0, 0));
    let mut names = Vec::new();
    for line in NAMES.lines() {
        match line.split_once(' ') {
            Some((first, last)) => range = (version(first), version(last)),
            None if wanted(range) => names.push(line),
            None => {}
        }
    }
    names.retain(|name| !keys::all().any(|key| key.name == *name || key.aliases.contains(name)));
    names
}

pub fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |line: &str| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned()));
    text.lines().map(|line| pair(line).expect("a key and a value")).collect()
}
