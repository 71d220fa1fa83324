//! The variables that Flink's scripts set before they expand java options, so that `-Xlog:gc:$FLINK_LOG_PREFIX.gc.log` means something.

use std::path::Path;

use super::Launch;
use conf::environment::Environment;

const MASTER_ENVIRONMENT: &str = "containerized.master.env.";
const TASK_MANAGER_ENVIRONMENT: &str = "containerized.taskmanager.env.";

/// The value of `name` for the options of `role`; `None` for one that nobody knows.
pub(super) fn value(launch: &Launch<'_>, role: &str, name: &str) -> Option<String> {
    let text = |path: &Path| Some(path.display().to_string());
    let distribution = launch.distribution;
    let log = || launch.log_dir.join(format!("flink-{role}"));
    match name {
        "FLINK_HOME" | "FLINK_ROOT_DIR" => text(&distribution.home),
        "FLINK_BIN_DIR" => text(&distribution.home.join("bin")),
        "FLINK_LIB_DIR" => text(&distribution.lib()),
        "FLINK_OPT_DIR" => text(&distribution.opt()),
        "FLINK_PLUGINS_DIR" => text(&distribution.plugins()),
        "FLINK_CONF_DIR" => text(launch.conf_dir),
        "FLINK_LOG_DIR" => text(launch.log_dir),
        "FLINK_LOG_PREFIX" => text(&log()),
        "log" => text(&log().with_extension("log")),
        "out" => text(&log().with_extension("out")),
        "err" => text(&log().with_extension("err")),
        "JAVA_HOME" => text(&launch.java.path),
        "JAVA_RUN" => text(&launch.java.program()),
        _ => given(launch, role, name).or_else(|| by_default(launch, role, name)),
    }
}

/// Empty counts as given.
fn given(launch: &Launch<'_>, role: &str, name: &str) -> Option<String> {
    let prefix = match role {
        super::JOB_MANAGER => Some(MASTER_ENVIRONMENT),
        super::console::CLIENT => None,
        _ => Some(TASK_MANAGER_ENVIRONMENT),
    };
    let of_process = prefix.and_then(|prefix| launch.table.get(&format!("{prefix}{name}")));
    of_process.map(str::to_owned).or_else(|| launch.environment.get(name)?.to_str().map(str::to_owned))
}

/// What the scripts set where nothing else is.
fn by_default(launch: &Launch<'_>, role: &str, name: &str) -> Option<String> {
    let key = |key: &str, default: &str| Some(launch.table.get(key).unwrap_or(default).to_owned());
    match name {
        "FLINK_PID_DIR" => key("env.pid.dir", "/tmp"),
        "FLINK_SSH_OPTS" => key("env.ssh.opts", ""),
        "FLINK_IDENT_STRING" => Some(user(launch.environment)),
        "MAX_LOG_FILE_NUMBER" => key("env.log.max", "10"),
        "ROOT_LOG_LEVEL" => key("env.log.level", "INFO"),
        "HADOOP_CONF_DIR" => key("env.hadoop.conf.dir", ""),
        "YARN_CONF_DIR" => key("env.yarn.conf.dir", ""),
        "HBASE_CONF_DIR" => key("env.hbase.conf.dir", ""),
        "SERVICE" => {
            Some(if role == super::JOB_MANAGER { "standalonesession" } else { "taskexecutor" }.to_owned())
        }
        "id" => Some("0".to_owned()),
        "HOSTNAME"
        | "JVM_ARGS"
        | "HADOOP_CLASSPATH"
        | "INTERNAL_HADOOP_CLASSPATHS"
        | "FLINK_TM_CLASSPATH" => Some(String::new()),
        _ => None,
    }
}

fn user(environment: &Environment) -> String {
    environment.text("USER").unwrap_or_default().to_owned()
}
