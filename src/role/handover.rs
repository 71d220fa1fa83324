//! What the AppMaster has worked out for the worker, in a memory file that init keeps open: each worker reads it anew, and nothing that
//! has changed on the disk meanwhile counts.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde::{Deserialize, Serialize};

use artifact::Configuration;
use artifact::delivered::Delivered;
use conf::settings::Settings;
use dial::Home;
use status::Setting;

use super::setup::Setup;

const NAME: &CStr = c"flink-on-mesos-settings";

#[derive(Serialize, Deserialize)]
pub struct Handover {
    pub setup: Setup,
    pub settings: Settings,
    /// What each TaskManager gets.
    pub delivered: Configuration,
    /// The effective configuration without secrets, for whoever looks at the status.
    pub shown: Vec<Setting>,
    /// What agents can fetch at the base URL, as this AppMaster was given it itself.
    pub files: Vec<Delivered>,
    /// Where a jar is kept while it is handed to the JobManager.
    pub scratch: PathBuf,
    /// Where its dispatcher is, if one has launched it.
    pub home: Option<Home>,
    /// What was odd when the cluster started.
    pub warnings: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum HandoverError {
    #[error("cannot write the settings for the worker into a memory file")]
    Write(#[source] io::Error),
    #[error("cannot write the settings for the worker")]
    Encode(#[source] postcard::Error),
    #[error("cannot read the settings that the AppMaster has left in a memory file")]
    Read(#[source] io::Error),
    #[error(
        "the memory file with the AppMaster's settings holds something else; was the program replaced by another version?"
    )]
    Decode(#[source] postcard::Error),
}

impl Handover {
    /// The file that holds it, which nobody can change.
    pub fn write(&self) -> Result<OwnedFd, HandoverError> {
        let bytes = postcard::to_stdvec(self).map_err(HandoverError::Encode)?;
        let write = || {
            let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
            let mut file = File::from(memfd_create(NAME, flags)?);
            file.write_all(&bytes)?;
            let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK;
            fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
            Ok(OwnedFd::from(file))
        };
        write().map_err(HandoverError::Write)
    }

    /// From the beginning, wherever others who have the file open stand in it.
    pub fn read(file: OwnedFd) -> Result<Self, HandoverError> {
        let file = File::from(file);
        let read = || {
            let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
            let mut bytes = vec![0; length];
            file.read_exact_at(&mut bytes, 0)?;
            Ok(bytes)
        };
        let bytes = read().map_err(HandoverError::Read)?;
        postcard::from_bytes(&bytes).map_err(HandoverError::Decode)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;
    use std::path::PathBuf;

    use conf::Loaded;
    use conf::environment::Environment;
    use conf::grammar::Grammar;
    use conf::table::{Origin, Table};
    use dial::Told;
    use flink::command::{HadoopClassPath, Identity};
    use flink::distribution::Distribution;
    use flink::java::JavaHome;
    use flink::manifest::CdsArchives;
    use flink::version::Version;

    use super::*;

    /// One of each type that settings are made of.
    const PROPERTIES: [(&str, &str); 21] = [
        ("mesos.master", "zk://user:password@h1:2181,h2:2181/mesos"),
        ("mesos.master.ssl.cert.fingerprint", "0b"),
        ("mesos.constraints.hard.hostattribute", "rack:LIKE:r[12],zone:MAX_PER:2"),
        ("mesos.gang-start.timeout", "3 min"),
        ("mesos.maximum-failed-tasks", "7"),
        ("mesos.resourcemanager.framework.principal", "flink"),
        ("mesos.resourcemanager.framework.secret", "hush"),
        ("mesos.resourcemanager.tasks.container.type", "docker"),
        ("mesos.resourcemanager.tasks.container.image.name", "flink:1.20"),
        ("mesos.resourcemanager.tasks.container.docker.parameters", "ulimit=nofile=9:9"),
        ("mesos.resourcemanager.tasks.container.volumes", "/a:/b:RO,/c"),
        ("mesos.resourcemanager.tasks.labels", "team:a"),
        ("mesos.resourcemanager.tasks.uris", "https://h/x?sig=1"),
        ("mesos.scaling", "demand"),
        ("mesos.scaling.maximum", "9"),
        ("high-availability.type", "zookeeper"),
        ("high-availability.zookeeper.quorum", "z1:2181,z2:2181/chroot"),
        ("high-availability.storageDir", "hdfs:///ha"),
        ("high-availability.zookeeper.client.authorization", "digest:user:hush"),
        ("security.ssl.rest.enabled", "true"),
        ("containerized.taskmanager.env.DB_PASS", "hush"),
    ];

    fn handover() -> Handover {
        let mut table = Table::default();
        for (key, value) in PROPERTIES {
            let value = if value == "0b" { "0b".repeat(32) } else { value.to_owned() };
            table.set(key, value, Origin::File { path: "config.yaml".into(), line: 1 });
        }
        for (key, value) in
            [("keystore", "/rest.p12"), ("keystore-password", "hush"), ("key-password", "hush")]
        {
            table.set(format!("security.ssl.rest.{key}"), value, Origin::Argument);
        }
        let settings = Settings::from_table(&table).expect("good");
        let odd = PathBuf::from(std::ffi::OsStr::from_bytes(b"/opt/\xff"));
        let odd_home = odd.clone();
        let loaded = Loaded {
            table,
            report: Vec::new(),
            warnings: Vec::new(),
            problems: Vec::new(),
            consumed: Vec::new(),
            grammar: Grammar::Yaml,
        };
        let setup = Setup {
            distribution: Distribution {
                home: odd.clone(),
                version: Version::new(1, 20, 5),
                jars: vec![odd.clone()],
            },
            java: JavaHome { path: odd.clone(), feature: 17, modules: Some(["java.base".to_owned()].into()) },
            conf_dir: odd,
            loaded,
            hadoop: HadoopClassPath::default(),
            environment: Environment::default(),
            cds_archives: CdsArchives::default(),
            identity: Some(Identity { name: "flink".to_owned(), home: odd_home }),
        };
        let delivered = Configuration { files: [("config.yaml".to_owned(), b"a: b\n".to_vec())].into() };
        let files = vec![Delivered { name: "flink.tar".to_owned(), digest: "0a".repeat(32) }];
        let told = Told {
            dispatchers: "https://h1:1,https://h2:1",
            certificates: Some(&"0b".repeat(32)),
            task_id: "one.2-abc",
            attempt: "2",
            token: "hush",
        };
        let home = Some(Home::of(told).expect("good"));
        let warnings = vec!["odd".to_owned()];
        Handover {
            shown: setup.shown(),
            setup,
            settings,
            delivered,
            files,
            scratch: PathBuf::new(),
            home,
            warnings,
        }
    }

    #[test]
    fn each_worker_reads_the_same() {
        let handed = handover();
        let file = handed.write().expect("written");
        for _ in 0..2 {
            let read = Handover::read(file.try_clone().expect("a second descriptor")).expect("read");
            assert_eq!(read.settings, handed.settings);
            assert_eq!(read.setup.loaded.table, handed.setup.loaded.table);
            assert_eq!(read.setup.distribution, handed.setup.distribution);
            assert_eq!(read.setup.java, handed.setup.java);
            assert_eq!(read.setup.identity, handed.setup.identity);
            assert_eq!((read.delivered, read.warnings), (handed.delivered.clone(), handed.warnings.clone()));
            assert_eq!((&read.files, &read.home), (&handed.files, &handed.home));
            assert!(read.shown.iter().all(|setting| !setting.value.contains("hush")), "{:?}", read.shown);
        }
        let file = File::from(file);
        assert!(file.write_at(b"x", 0).is_err() && file.set_len(0).is_err(), "it can be changed");
    }

    #[test]
    fn something_else_is_told() {
        let file = File::from(memfd_create(NAME, MFdFlags::MFD_CLOEXEC).expect("a memory file"));
        let error = Handover::read(file.into()).err().expect("it is empty");
        assert!(matches!(error, HandoverError::Decode(_)), "{error}");
    }
}
