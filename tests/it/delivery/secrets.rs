//! Secrets of a configuration, and the search for them where they must not be.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::cluster::harness::Program;
use crate::cluster::processes::Part;

pub const REST: &str = "hush-rest-store-91";
pub const TRUST: &str = "hush-trust-store-92";
pub const INTERNAL: &str = "hush-internal-store-93";
pub const INTERNAL_KEY: &str = "hush-internal-key-94";
/// Of the framework.
pub const PRINCIPAL: &str = "hush-principal-95";
/// Of an address that agents fetch.
pub const SIGNATURE: &str = "hush-signature-85";
/// In the environment of the JVMs, where it belongs.
const IN_ENVIRONMENT: &str = "hush-database-87";
/// Begins all of them.
const COMMON: &str = "hush-";

/// Keys that Flink or we call sensitive, beside those of stores.
pub const VALUES: [(&str, &str); 12] = [
    ("mesos.resourcemanager.framework.principal", "flink"),
    ("mesos.resourcemanager.framework.secret", PRINCIPAL),
    ("s3.secret-key", "hush-s3-96"),
    ("fs.azure.account.key.test.blob", "hush-azure-97"),
    ("metrics.reporter.dghttp.apikey", "hush-datadog-98"),
    ("security.kerberos.token.provider.s3.secret-key", "hush-token-99"),
    ("rest.client.http-headers", "Authorization:hush-headers-90"),
    ("zookeeper.sasl.jaas.config", "hush-jaas-89"),
    ("high-availability.zookeeper.client.authorization", "digest:user:hush-zookeeper-88"),
    ("containerized.master.env.DB_PASS", IN_ENVIRONMENT),
    ("containerized.taskmanager.env.DB_PASS", IN_ENVIRONMENT),
    ("mesos.resourcemanager.tasks.bootstrap-cmd", "test -n hush-bootstrap-86"),
];

/// Fails where a text that others can read holds one of them.
pub fn assert_hidden(what: &str, text: &str) {
    if let Some(line) = text.lines().find(|line| line.contains(COMMON)) {
        panic!("{what} tells a secret: {line}");
    }
}

/// Command lines and environments of everything that runs.
pub fn search_processes(program: &Program) {
    let everything = program.everything();
    assert!(!everything.is_empty());
    let jvms = [program.parts(Part::JobManager), program.parts(Part::TaskManager)].concat();
    for process in everything {
        for file in ["cmdline", "environ"] {
            // Some end meanwhile.
            let content = fs::read(format!("/proc/{}/{file}", process.pid)).unwrap_or_default();
            let mut text = String::from_utf8_lossy(&content).replace('\0', "\n");
            if file == "environ" && jvms.contains(&process) {
                let own = format!("DB_PASS={IN_ENVIRONMENT}");
                assert!(text.contains(&own), "{} lacks its variable: {text}", process.pid);
                text = text.replace(&own, "");
            }
            assert_hidden(&format!("{file} of {}", process.pid), &text);
        }
    }
}

/// A file that holds one is its owner's alone. Answers how many there are.
pub fn search_files(directory: &Path) -> usize {
    let holds_one = |path: &Path| {
        let content = fs::read(path).unwrap_or_default();
        content.windows(COMMON.len()).any(|window| window == COMMON.as_bytes())
    };
    // Archives of programs and of Flink are larger.
    let is_small = |path: &Path| fs::metadata(path).is_ok_and(|metadata| metadata.len() < 1 << 20);
    let mut found = 0;
    for path in super::files_below(directory) {
        if is_small(&path) && holds_one(&path) {
            let mode = fs::metadata(&path).expect("there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{} is readable by others: {mode:o}", path.display());
            found += 1;
        }
    }
    found
}
