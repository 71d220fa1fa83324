//! Where Flink's log goes.

use std::ffi::OsString;

use super::{Launch, joined};

/// The configuration of log4j in the effective configuration directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log4j {
    /// The one that Flink ships, or the user's in its place.
    Stock,
    /// Ours: the caller writes [`CONTAINER_PROPERTIES`] to [`CONTAINER_FILE`].
    Container,
}

pub const STOCK_FILE: &str = "log4j-console.properties";
pub const CONTAINER_FILE: &str = "log4j-container.properties";

/// Writes to the standard output only, at the level of `ROOT_LOG_LEVEL`.
pub const CONTAINER_PROPERTIES: &str = "\
# Written by flink-on-mesos, because the configuration directory has no log4j-console.properties.
rootLogger.level = ${env:ROOT_LOG_LEVEL:-INFO}
rootLogger.appenderRef.console.ref = Console

appender.console.name = Console
appender.console.type = Console
appender.console.target = SYSTEM_OUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n

# Netty warns here about every connection that a client drops.
logger.netty.name = org.jboss.netty.channel.DefaultChannelPipeline
logger.netty.level = OFF

# Flink logs all that it has loaded, and does not take for a secret what it tells ZooKeeper.
logger.loaded.name = org.apache.flink.configuration.GlobalConfiguration
logger.loaded.level = ${env:ROOT_LOG_LEVEL:-INFO}
logger.loaded.filter.secret.type = RegexFilter
logger.loaded.filter.secret.regex = .*client[.]authorization.*
logger.loaded.filter.secret.onMatch = DENY
logger.loaded.filter.secret.onMismatch = NEUTRAL
";

impl Log4j {
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Stock => STOCK_FILE,
            Self::Container => CONTAINER_FILE,
        }
    }
}

/// `log.file` is also where Flink's REST API looks for the log.
pub(super) fn args(launch: &Launch<'_>, role: &str) -> [OsString; 4] {
    let log4j = launch.conf_dir.join(launch.log4j.file_name());
    [
        joined("-Dlog.file=", launch.log_dir.join(format!("flink-{role}.log"))),
        joined("-Dlog4j.configuration=file:", &log4j),
        joined("-Dlog4j.configurationFile=file:", &log4j),
        joined("-Dlogback.configurationFile=file:", launch.conf_dir.join("logback-console.xml")),
    ]
}
