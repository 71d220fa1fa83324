//! One mistake in a good file.

use conf::grammar::Version;
use conf::keys;
use fastrand::Rng;

use super::deployments::{self, Deployment};

/// A deployment with a mistake.
pub struct Planted {
    pub deployment: Deployment,
    /// Further files, below the site's directory.
    pub files: Vec<(&'static str, String)>,
}

/// How it must be told.
#[derive(Debug)]
pub struct Expected {
    pub code: i32,
    pub key: Option<String>,
    /// How the path ends.
    pub file: Option<String>,
    pub line: Option<usize>,
    pub words: String,
}

/// A wrong pair, the code, and what the message says.
const WRONG_VALUES: [(&str, &str, i32, &str); 17] = [
    ("mesos.initial-tasks", "many", 78, "a whole number from 0"),
    ("mesos.placement", "anywhere", 78, "`spread` or `pack`"),
    ("mesos.master", "ftp://m", 78, "unknown scheme"),
    ("mesos.failover-timeout", "soon", 78, "a number of seconds"),
    ("mesos.status.bind-address", "here", 78, "an IP address"),
    ("taskmanager.numberOfTaskSlots", "0", 78, "a whole number from 1"),
    ("rest.port", "x", 78, "a port"),
    ("jobmanager.rpc.address", "http://jm:6123", 78, "without scheme, port and path"),
    ("rest.bind-address", "0.0.0.0:8081", 78, "without scheme, port and path"),
    ("taskmanager.host", "tm/1", 78, "without scheme, port and path"),
    ("mesos.status.port", "6123", 78, "another port than that of"),
    ("metrics.internal.query-service.port", "6123", 78, "another port than that of"),
    ("security.kerberos.login.keytab", "/nosuch/flink.keytab", 66, "cannot read /nosuch/flink.keytab"),
    ("mesos.master", "file:///nosuch/master", 66, "/nosuch/master"),
    ("taskmanager.memory.process.size", "1 parsec", 78, "taskmanager.memory.process.size"),
    ("env.java.opts.jobmanager", "-Da='x", 78, "quote"),
    ("containerized.heap-cutoff-min", "600", 0, "has no effect any more"),
];

const HA: &str = "high-availability.type: zookeeper
high-availability.storageDir: hdfs:///flink/ha
high-availability.cluster-id: /orders";

const QUORUMS: [&str; 4] = ["zk://z1:2181/flink", "z1:port", "z1:2181;z2:2181", "z1:2181/a,z2:2181/b"];

impl Planted {
    pub fn new(rng: &mut Rng, version: Version, file: &str, good: Deployment) -> (Self, Expected) {
        let mut planted = Self { deployment: good, files: Vec::new() };
        let expected = match rng.u8(0..12) {
            0..3 => planted.misspelt(rng, version, file),
            3..6 => planted.wrong_value(rng, file),
            6 => planted.other_version(rng, version, file),
            7 => planted.quorum(rng, file),
            8 => planted.both_files(version, file),
            9 => planted.broken_line(file),
            10 => planted.properties(),
            _ => planted.surroundings(rng, version),
        };
        (planted, expected)
    }

    /// The only one of its key, wherever there were others.
    fn set(&mut self, key: &str, value: &str) {
        let deployment = &mut self.deployment;
        deployment.pairs.retain(|(own, _)| own != key);
        let at = deployment.pairs.len() / 2;
        deployment.pairs.insert(at, (key.to_owned(), value.to_owned()));
        deployment.properties = String::new();
        deployment.render(false);
    }

    fn told(&self, key: &str, file: &str, code: i32, words: &str) -> Expected {
        Expected {
            code,
            key: Some(key.to_owned()),
            file: Some(file.to_owned()),
            line: Some(self.deployment.line(key)),
            words: words.to_owned(),
        }
    }

    fn misspelt(&mut self, rng: &mut Rng, version: Version, file: &str) -> Expected {
        let ours: Vec<_> = keys::KEYS.iter().map(|key| key.name).collect();
        let names = if rng.u8(0..3) == 0 {
            ours
        } else {
            deployments::options(|range| (range.0..=range.1).contains(&version))
        };
        loop {
            let name = names[rng.usize(..names.len())];
            let is_free = ["env.java", "containerized.", "external-resource.", "flink."]
                .iter()
                .any(|free| name.starts_with(free));
            let wrong = slip(rng, name);
            // Another name by that, or too short to be like one.
            let is_known =
                deployments::options(|_| true).contains(&&*wrong) || keys::all().any(|key| key.name == wrong);
            if is_free || is_known || name.len() < 14 {
                continue;
            }
            self.set(&wrong, "1");
            return self.told(&wrong, file, 0, &format!("did you mean `{name}`?"));
        }
    }

    fn wrong_value(&mut self, rng: &mut Rng, file: &str) -> Expected {
        let (key, value, code, words) = WRONG_VALUES[rng.usize(..WRONG_VALUES.len())];
        for other in ["jobmanager.rpc.port", "high-availability.type"] {
            self.deployment.pairs.retain(|(own, _)| own != other);
        }
        self.set(key, value);
        self.told(key, file, code, words)
    }

    fn other_version(&mut self, rng: &mut Rng, version: Version, file: &str) -> Expected {
        let is_other = |range: (Version, Version)| !(range.0..=range.1).contains(&version);
        let names: Vec<_> = deployments::options(is_other)
            .into_iter()
            .filter(|name| {
                name.matches('.').count() > 1 && !name.contains("heap") && !name.starts_with("env.java")
            })
            .collect();
        let name = names[rng.usize(..names.len())];
        self.set(name, "1");
        self.told(name, file, 0, "is not read by Flink")
    }

    fn quorum(&mut self, rng: &mut Rng, file: &str) -> Expected {
        for (key, value) in deployments::pairs(HA) {
            self.set(&key, &value);
        }
        let key = "high-availability.zookeeper.quorum";
        self.set(key, QUORUMS[rng.usize(..QUORUMS.len())]);
        self.told(key, file, 78, "ZooKeeper servers such as")
    }

    fn both_files(&mut self, version: Version, file: &str) -> Expected {
        let other = if file == "config.yaml" { "conf/flink-conf.yaml" } else { "conf/config.yaml" };
        // With both there, Flink 1.20 reads the old one.
        let (read, unread) =
            if version == (1, 20) { ("flink-conf.yaml", "config.yaml") } else { (file, &other[5..]) };
        self.deployment.render(false);
        self.files.push((other, self.deployment.text.clone()));
        let words = format!("{unread} is not read: Flink {}.{} ", version.0, version.1);
        assert_ne!(read, unread);
        Expected { code: 0, key: None, file: None, line: None, words }
    }

    fn broken_line(&mut self, file: &str) -> Expected {
        let deployment = &mut self.deployment;
        deployment.render(false);
        let line = deployment.text.lines().count() + 1;
        let (broken, code, words) = match file {
            "flink-conf.yaml" => ("web.refresh-interval:3000\n", 0, "skipped"),
            _ => ("\tweb.refresh-interval: 3000\n", 65, "tab"),
        };
        deployment.text.push_str(broken);
        Expected { code, key: None, file: Some(file.to_owned()), line: Some(line), words: words.to_owned() }
    }

    fn properties(&mut self) -> Expected {
        self.deployment.properties = "my.note: a\n\nweb.refresh-interval=3000\n".to_owned();
        let file = Some("FLINK_PROPERTIES".to_owned());
        Expected { code: 0, key: None, file, line: Some(3), words: "skipped".to_owned() }
    }

    /// Variables, and a Java that this Flink does not run on.
    fn surroundings(&mut self, rng: &mut Rng, version: Version) -> Expected {
        let told = |code, key: Option<&str>, words: &str| Expected {
            code,
            key: key.map(str::to_owned),
            file: None,
            line: None,
            words: words.to_owned(),
        };
        let (name, value, expected) = match rng.u8(0..6) {
            0 => (
                "FLINK_ON_MESOS_GRACE",
                "soon",
                told(64, Some("FLINK_ON_MESOS_GRACE"), "FLINK_ON_MESOS_GRACE"),
            ),
            1 => (
                "FLINK_ON_MESOS_FORWARD_T0",
                "group",
                told(0, Some("FLINK_ON_MESOS_FORWARD_T0"), "did you mean FLINK_ON_MESOS_FORWARD_TO?"),
            ),
            2 => ("FLINK_ON_MESOS_LOG", "loud", told(0, Some("FLINK_ON_MESOS_LOG"), "`loud`")),
            3 => ("_SLOTS", "two", told(78, Some("_SLOTS"), "a whole number from 1")),
            4 => (
                "FLINK_TASK_MANAGER_COUNT",
                "3",
                told(0, Some("FLINK_TASK_MANAGER_COUNT"), "`mesos.initial-tasks`"),
            ),
            _ => {
                let is_new = version >= (2, 0);
                let release = if is_new { "1.8.0_402" } else { "1.7.0_80" };
                self.files.push(("java/release", format!("JAVA_VERSION=\"{release}\"\n")));
                self.files.push(("java/bin/java", String::new()));
                ("JAVA_HOME", "java", told(78, None, if is_new { "11" } else { "8" }))
            }
        };
        self.deployment.variables.retain(|(own, _)| *own != name);
        self.deployment.variables.push((name, value.to_owned()));
        expected
    }
}

/// A letter left out, twice, another one or swapped with the next one; or a capital for a small one.
fn slip(rng: &mut Rng, name: &str) -> String {
    let letters: Vec<_> = name.chars().collect();
    // Not in front of the first dot, where families are told apart.
    let begin = name.find('.').map_or(0, |dot| dot + 1);
    let at = rng.usize(begin..letters.len() - 1);
    let mut wrong = letters.clone();
    match rng.u8(0..5) {
        0 => drop(wrong.remove(at)),
        1 => wrong.insert(at, letters[at]),
        2 => wrong[at] = 'q',
        3 => wrong.swap(at, at + 1),
        _ => wrong[at] = letters[at].to_ascii_uppercase(),
    }
    let wrong: String = wrong.into_iter().collect();
    if wrong == name || wrong.contains("..") { format!("{name}s") } else { wrong }
}
