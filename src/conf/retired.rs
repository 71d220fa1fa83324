//! Keys and variables of older generations that nobody reads any more, with what to write instead: of the Mesos module up to Flink
//! 1.13, of its scripts, of its forerunners and of the DC/OS package.

use super::environment::Environment;
use super::grammar::Version;
use super::keys;
use super::table::Table;
use super::warning::Warning;

/// Keys that had another name, or none that Flink ever read, and what was meant.
const RENAMED: [(&str, &str); 3] = [
    ("mesos.artifact-server.port", keys::ARTIFACT_PORT.name),
    ("mesos.maximum-failed-workers-per-interval", keys::MAXIMUM_FAILED_TASKS.name),
    ("mesos.workers-failure-rate-interval", keys::FAILED_TASKS_INTERVAL.name),
];

/// Keys without effect, and what to write instead; empty for nothing.
const KEYS: [(&str, &str); 9] = [
    ("containerized.heap-cutoff-min", "`taskmanager.memory.jvm-overhead.min`"),
    ("containerized.heap-cutoff-ratio", "`taskmanager.memory.jvm-overhead.fraction`"),
    ("internal.jobgraph-path", "the command `appmaster-job` with `--job-classname`"),
    ("jobmanager.web.upload.dir", "`web.upload.dir`"),
    ("taskmanager.memory.fraction", "`taskmanager.memory.managed.fraction`"),
    ("taskmanager.memory.off-heap", ""),
    ("taskmanager.memory.preallocate", ""),
    ("taskmanager.registration.initial-backoff", ""),
    ("taskmanager.registration.max-backoff", ""),
];

/// Keys that Flink 2 has dropped, and what to write instead. The old sizes of heaps are told where memory is (`rewrite/memory.rs`).
const GONE_IN_2: [(&str, &str); 3] = [
    ("security.ssl.enabled", "`security.ssl.internal.enabled` and `security.ssl.rest.enabled`"),
    ("taskmanager.network.numberOfBuffers", "`taskmanager.memory.network.fraction`"),
    ("taskmanager.memory.size", "`taskmanager.memory.managed.size`"),
];

/// Variables of the DC/OS package and of the images before Flink 1.2, and what to write instead; empty for nothing.
const VARIABLES: [(&str, &str); 38] = [
    ("APPLICATION_WEB_PROXY_BASE", ""),
    ("FLINK_APP_MASTER_CPUS", ""),
    ("FLINK_APP_MASTER_HEAP", "`jobmanager.memory.process.size`"),
    ("FLINK_APP_MASTER_MEM", "`jobmanager.memory.process.size`"),
    ("FLINK_ARTIFACT_SERVER_SSL_ENABLED", "`mesos.resourcemanager.artifactserver.ssl.enabled`"),
    ("FLINK_BLOB_SERVER_PORT", "the variable `PORT_BLOB`"),
    ("FLINK_DISPATCHER_MESOS_PRINCIPAL", "`mesos.resourcemanager.framework.principal`"),
    ("FLINK_DISPATCHER_MESOS_ROLE", "`mesos.resourcemanager.framework.role`"),
    ("FLINK_DISPATCHER_MESOS_SECRET", "the variable `MESOS_FRAMEWORK_SECRET_FILE`"),
    ("FLINK_EXTRA_ARGS", "the variable `FLINK_PROPERTIES`, or `-D key=value` as arguments"),
    ("FLINK_JAVA_OPTS", "`-D key=value` as arguments"),
    ("FLINK_JOBMANAGER_RPC_PORT", "the variable `PORT_RPC`"),
    ("FLINK_JOBMANAGER_WEB_PORT", "the variable `PORT_REST`"),
    ("FLINK_LOG_LEVEL", "the variable `ROOT_LOG_LEVEL`"),
    ("FLINK_MESOS_ARTIFACT_SERVER_PORT", "the variable `PORT_ARTIFACT`"),
    ("FLINK_PARALLELISM_DEFAULT", "`parallelism.default`"),
    ("FLINK_SSL_ENABLED", "`security.ssl.internal.enabled` and `security.ssl.rest.enabled`"),
    ("FLINK_SSL_ENABLEDALGORITHMS", "`security.ssl.algorithms`"),
    ("FLINK_SSL_KEYPASSWORD", "`security.ssl.rest.key-password`"),
    ("FLINK_SSL_KEYSTOREBASE64", "`security.ssl.rest.keystore`, the path of the store"),
    ("FLINK_SSL_KEYSTOREPASSWORD", "`security.ssl.rest.keystore-password`"),
    ("FLINK_SSL_PROTOCOL", "`security.ssl.protocol`"),
    ("FLINK_SSL_TRUSTSTOREBASE64", "`security.ssl.rest.truststore`, the path of the store"),
    ("FLINK_SSL_TRUSTSTOREPASSWORD", "`security.ssl.rest.truststore-password`"),
    ("FLINK_TASK_MANAGER_COUNT", "`mesos.initial-tasks`"),
    ("FLINK_TASK_MANAGER_CPUS", "`mesos.resourcemanager.tasks.cpus`"),
    ("FLINK_TASK_MANAGER_HEAP", "`taskmanager.memory.process.size`"),
    ("FLINK_TASK_MANAGER_MEM", "`taskmanager.memory.process.size`"),
    ("FLINK_TASK_MANAGER_MEM_PREALLOCATION", ""),
    ("FLINK_TASK_SLOTS", "`taskmanager.numberOfTaskSlots`"),
    ("FLINK_UI_WEB_PROXY_BASE", ""),
    ("FLINK_USER", "`mesos.resourcemanager.framework.user`"),
    ("_CLIENT_SESSION_ID", ""),
    ("_CLIENT_SHIP_FILES", "`mesos.resourcemanager.tasks.uris`, or put the files into Flink's `lib`"),
    ("_DYNAMIC_PROPERTIES", "the variable `FLINK_PROPERTIES`, or `-D key=value` as arguments"),
    ("_FLINK_CLASSPATH", "the variable `HADOOP_CLASSPATH`, or put the jars into Flink's `lib`"),
    ("_FLINK_CONTAINER_ID", ""),
    ("_FLINK_TMP_DIR", "`io.tmp.dirs`"),
];

/// Agents give these to all their tasks; only somebody else's hand is told.
const OF_LIBMESOS: [&str; 4] =
    ["LIBPROCESS_IP", "LIBPROCESS_PORT", "MESOS_NATIVE_JAVA_LIBRARY", "MESOS_NATIVE_LIBRARY"];

/// The script that starts a TaskManager in Flink 1.13.
const TASK_MANAGER_SCRIPT: &str = "mesos-taskmanager.sh";

/// What `name` is called today, if it is one that had another name.
pub fn renamed(name: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
}

/// Whether `key` is one of those that are told here, or where memory is settled.
pub fn is_told(key: &str) -> bool {
    let is_heap = |role| heap_keys(role).iter().any(|heap| heap == key);
    KEYS.iter().chain(&GONE_IN_2).any(|(told, _)| *told == key)
        || [JOB_MANAGER, TASK_MANAGER].into_iter().any(is_heap)
}

/// One line for each that is set.
pub fn warnings(table: &Table, environment: &Environment, version: Version) -> Vec<Warning> {
    let gone_in_2 = if version >= (2, 0) { &GONE_IN_2[..] } else { &[] };
    let keys = KEYS.iter().map(|(key, instead)| (key, instead, "has no effect any more"));
    let keys = keys.chain(gone_in_2.iter().map(|(key, instead)| (key, instead, "is not read by Flink 2")));
    let mut warnings: Vec<_> = keys
        .filter_map(|(key, instead, what)| {
            let setting = table.setting(key)?;
            Some(Warning::of_setting(key, setting, format!("{what}{}", advice(instead))))
        })
        .collect();
    let variables = VARIABLES.iter().filter(|(name, _)| environment.text(name).is_some());
    let of_variable =
        |name: &str, why: String| Warning::about(name, format!("the variable {name} has no effect{why}"));
    warnings.extend(variables.map(|(name, instead)| of_variable(name, advice(instead))));
    if environment.get("MESOS_SANDBOX").is_none() {
        let names = OF_LIBMESOS.iter().filter(|name| environment.text(name).is_some());
        warnings.extend(names.map(|name| of_variable(name, ": libmesos is not used".to_owned())));
    }
    warnings.extend(task_manager_script(table));
    warnings
}

fn advice(instead: &str) -> String {
    if instead.is_empty() { ": nothing replaces it".to_owned() } else { format!(": use {instead}") }
}

/// Whatever stands around the script's name: quotes, `exec`, `sh -c`, arguments.
fn task_manager_script(table: &Table) -> Option<Warning> {
    let key = keys::TASK_COMMAND.name;
    let setting = table.setting(key)?;
    let is_separator = |c: char| c.is_whitespace() || "\"'`;&|()/=".contains(c);
    setting.value.split(is_separator).any(|word| word == TASK_MANAGER_SCRIPT).then(|| {
        let rest = format!(
            "runs {TASK_MANAGER_SCRIPT}, which Flink no longer has: remove the key, and this program starts the TaskManager; or end the command with `exec \"$FLINK_ON_MESOS_TASKMANAGER\" …`"
        );
        Warning::of_setting(key, setting, rest)
    })
}

/// The sizes of heaps from before Flink 1.10 that are set and that a Flink of `version` does not read, for a role such as
/// `taskmanager`.
pub fn unread_heaps(table: &Table, environment: &Environment, version: Version, role: &str) -> Vec<String> {
    if version < (2, 0) {
        return Vec::new();
    }
    let keys = heap_keys(role).into_iter().filter(|key| table.get(key).is_some());
    let variable = heap_variable(role);
    keys.chain((environment.text(variable).is_some()).then(|| variable.to_owned())).collect()
}

/// Variables with sizes of heaps that are settled by now: a Flink that reads them must not see them again.
pub fn consumed_heaps(table: &Table, version: Version) -> Vec<&'static str> {
    if version >= (2, 0) {
        return Vec::new();
    }
    let is_settled = table.get("jobmanager.memory.process.size").is_some();
    let jobmanager = is_settled.then(|| heap_variable(JOB_MANAGER));
    [heap_variable(TASK_MANAGER)].into_iter().chain(jobmanager).collect()
}

/// In the order in which Flink looks.
pub fn heap_keys(role: &str) -> [String; 2] {
    [format!("{role}.heap.size"), format!("{role}.heap.mb")]
}

/// It wins over the keys.
pub(super) fn heap_variable(role: &str) -> &'static str {
    if role == JOB_MANAGER { "FLINK_JM_HEAP" } else { "FLINK_TM_HEAP" }
}

pub const JOB_MANAGER: &str = "jobmanager";
pub const TASK_MANAGER: &str = "taskmanager";

#[cfg(test)]
mod tests {
    use super::super::table::Origin;
    use super::*;

    fn told(pairs: &[(&str, &str)], variables: &[(&str, &str)], version: Version) -> Vec<Warning> {
        let mut table = Table::default();
        for (key, value) in pairs {
            table.set(*key, *value, Origin::Argument);
        }
        warnings(&table, &variables.iter().copied().collect(), version)
    }

    #[test]
    fn what_was_once_read_is_told() {
        for (old, new) in RENAMED {
            assert_eq!(renamed(old), Some(new));
        }
        assert_eq!(
            told(&[("containerized.heap-cutoff-min", "600")], &[], (1, 17)),
            [
                "`containerized.heap-cutoff-min` (-D) has no effect any more: use `taskmanager.memory.jvm-overhead.min`"
            ]
        );
        let numbers = [("taskmanager.network.numberOfBuffers", "2048")];
        assert_eq!(told(&numbers, &[], (1, 20)), [""; 0]);
        assert_eq!(told(&numbers, &[], (2, 0)).len(), 1);
        for (name, _) in VARIABLES {
            let told = told(&[], &[(name, "x")], (2, 3));
            assert!(told.len() == 1 && told[0].contains(name), "{told:?}");
        }
        let libmesos = [("LIBPROCESS_PORT", "1"), ("MESOS_SANDBOX", "/s")];
        assert_eq!(told(&[], &libmesos[..1], (2, 3)).len(), 1);
        assert_eq!(told(&[], &libmesos, (2, 3)), [""; 0]);
    }

    #[test]
    fn the_script_of_1_13_is_told_whatever_stands_around_it() {
        for (command, is_told) in [
            ("$FLINK_HOME/bin/mesos-taskmanager.sh", true),
            ("\"/opt/flink/bin/mesos-taskmanager.sh\"", true),
            ("'/opt/flink/bin/mesos-taskmanager.sh'", true),
            ("./bin/mesos-taskmanager.sh", true),
            ("mesos-taskmanager.sh", true),
            ("exec /x/mesos-taskmanager.sh -Da=b", true),
            ("sh -c \"cd /opt && bin/mesos-taskmanager.sh\"", true),
            ("FLINK_HOME=/opt/flink bash bin/mesos-taskmanager.sh;", true),
            ("/opt/my-mesos-taskmanager.sh", false),
            ("mesos-taskmanager.sh.orig", false),
            ("exec $FLINK_ON_MESOS_TASKMANAGER", false),
        ] {
            let told = told(&[(keys::TASK_COMMAND.name, command)], &[], (1, 20));
            assert_eq!(told.len(), usize::from(is_told), "{command}: {told:?}");
        }
    }
}
