//! What is added to the environment that the JVM inherits.

use std::ffi::OsString;

use super::Launch;

const DEFAULT_MAX_LOG_FILES: &str = "10";
const DEFAULT_LOG_LEVEL: &str = "INFO";
/// As Hadoop's scripts do: glibc's default of eight arenas per core lets native memory, above all RocksDB's, grow far beyond its use.
const MALLOC_ARENAS: &str = "4";

pub(super) fn additions(launch: &Launch<'_>) -> Vec<(OsString, OsString)> {
    let distribution = launch.distribution;
    let environment = launch.environment;
    let from_conf = |variable, key, default: &str| {
        let value = environment.text(variable).or_else(|| launch.table.get(key)).unwrap_or(default);
        (variable, OsString::from(value))
    };
    let mut additions: Vec<(&str, OsString)> = vec![
        ("FLINK_HOME", distribution.home.clone().into()),
        ("FLINK_BIN_DIR", distribution.home.join("bin").into()),
        ("FLINK_CONF_DIR", launch.conf_dir.into()),
        ("FLINK_LIB_DIR", distribution.lib().into()),
        ("FLINK_LOG_DIR", launch.log_dir.into()),
        ("FLINK_OPT_DIR", distribution.opt().into()),
        ("FLINK_PLUGINS_DIR", distribution.plugins().into()),
        ("JAVA_HOME", launch.java.path.clone().into()),
        // log4j's configuration reads these two.
        from_conf("MAX_LOG_FILE_NUMBER", "env.log.max", DEFAULT_MAX_LOG_FILES),
        from_conf("ROOT_LOG_LEVEL", "env.log.level", DEFAULT_LOG_LEVEL),
    ];
    let has_locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().any(|name| environment.text(name).is_some());
    if !has_locale {
        additions.push(("LC_ALL", "C.UTF-8".into()));
    }
    let other_malloc = environment.text("LD_PRELOAD").is_some();
    if !other_malloc && environment.text("MALLOC_ARENA_MAX").is_none() {
        additions.push(("MALLOC_ARENA_MAX", MALLOC_ARENAS.into()));
    }
    if let Some(identity) = launch.identity.filter(|_| environment.text("HADOOP_USER_NAME").is_none()) {
        additions.push(("HADOOP_USER_NAME", identity.name.clone().into()));
    }
    additions.into_iter().map(|(name, value)| (name.into(), value)).collect()
}
