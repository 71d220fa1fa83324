//! Where Flink's log goes.

use std::ffi::OsString;
use std::path::PathBuf;

use super::{Launch, joined};

/// The configuration of log4j in the effective configuration directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log4j {
    /// The one that Flink ships, or the user's in its place.
    Stock,
    /// Ours.
    Container,
    /// Of a console: the one that Flink ships, the user's, or ours where there is neither.
    Client,
}

pub const STOCK_FILE: &str = "log4j-console.properties";
pub const CONTAINER_FILE: &str = "log4j-container.properties";
const CLIENT_FILE: &str = "log4j-cli.properties";

/// The screen belongs to what the console itself says.
const CLIENT_PROPERTIES: &str = "\
# Written by flink-on-mesos, because the configuration directory has no log4j-cli.properties.
rootLogger.level = ${env:ROOT_LOG_LEVEL:-INFO}
rootLogger.appenderRef.file.ref = File

appender.file.name = File
appender.file.type = File
appender.file.append = false
appender.file.fileName = ${sys:log.file}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n

# As without Hadoop's native libraries.
logger.hadoop.name = org.apache.hadoop.util.NativeCodeLoader
logger.hadoop.level = OFF
logger.netty.name = org.jboss.netty.channel.DefaultChannelPipeline
logger.netty.level = OFF
";

/// Writes to the standard output and to the [`LogFile`], at the level of `ROOT_LOG_LEVEL`.
pub const CONTAINER_PROPERTIES: &str = "\
# Written by flink-on-mesos, because the configuration directory has no log4j-console.properties.
rootLogger.level = ${env:ROOT_LOG_LEVEL:-INFO}
rootLogger.appenderRef.console.ref = Console
rootLogger.appenderRef.file.ref = File

appender.console.name = Console
appender.console.type = Console
appender.console.target = SYSTEM_OUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n

# What Flink's own pages and REST API show. Whoever starts Flink says where it is, and how much of it is kept.
appender.file.name = File
appender.file.type = RollingFile
appender.file.fileName = ${sys:log.file}
appender.file.filePattern = ${sys:log.file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = ${sys:log.file.size:-50MB}
appender.file.strategy.type = DefaultRolloverStrategy
# The newest is number 1.
appender.file.strategy.fileIndex = min
appender.file.strategy.max = ${sys:log.file.number:-${env:MAX_LOG_FILE_NUMBER:-10}}

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
            Self::Client => CLIENT_FILE,
        }
    }

    /// What the caller writes to the file if it is not there.
    pub fn ours(self) -> Option<&'static str> {
        match self {
            Self::Stock => None,
            Self::Container => Some(CONTAINER_PROPERTIES),
            Self::Client => Some(CLIENT_PROPERTIES),
        }
    }

    fn logback_file_name(self) -> &'static str {
        match self {
            Self::Stock | Self::Container => "logback-console.xml",
            Self::Client => "logback.xml",
        }
    }
}

/// Where Flink's log is written to besides the standard output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogFile {
    /// This file, which stays there.
    Kept(PathBuf),
    /// A file in this directory, named by the process.
    KeptIn(PathBuf),
    /// A file in the directory of logs, which goes with the run and may be in memory: the last few megabytes.
    OfRun,
}

impl LogFile {
    fn path(&self, launch: &Launch<'_>, role: &str) -> PathBuf {
        let name = || format!("flink-{role}.log");
        match self {
            Self::Kept(path) => path.clone(),
            Self::KeptIn(directory) => directory.join(name()),
            Self::OfRun => launch.log_dir.join(name()),
        }
    }

    /// As [`CONTAINER_PROPERTIES`] reads them.
    fn limits(&self) -> &'static [&'static str] {
        match self {
            Self::Kept(_) | Self::KeptIn(_) => &[],
            Self::OfRun => &["-Dlog.file.size=4MB", "-Dlog.file.number=1"],
        }
    }
}

/// `log.file` is also where Flink's REST API looks for the log.
pub(super) fn args(launch: &Launch<'_>, role: &str) -> Vec<OsString> {
    let log4j = launch.conf_dir.join(launch.log4j.file_name());
    let mut args = vec![joined("-Dlog.file=", launch.log_file.path(launch, role))];
    args.extend(launch.log_file.limits().iter().map(OsString::from));
    args.extend([
        joined("-Dlog4j.configuration=file:", &log4j),
        joined("-Dlog4j.configurationFile=file:", &log4j),
        joined("-Dlogback.configurationFile=file:", launch.conf_dir.join(launch.log4j.logback_file_name())),
    ]);
    args
}
