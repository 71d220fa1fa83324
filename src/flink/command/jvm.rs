//! The JVM's flags that we choose because the user did not.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::options::UserOptions;
use super::{Compilation, Launch, Role, joined};
use crate::memory::MemorySize;

/// Below this Flink warns about a JobManager's heap.
pub(super) const RECOMMENDED_JOBMANAGER_HEAP: MemorySize = MemorySize::from_mib(128);

/// What the JVM itself takes for a server: from two processors and this much memory it would use G1.
const SERVER_CPUS: f64 = 2.0;
const SERVER_MEMORY: MemorySize = MemorySize::from_mib(1792);

const COLLECTORS: [&str; 9] = [
    "-XX:+UseG1GC",
    "-XX:+UseSerialGC",
    "-XX:+UseParallelGC",
    "-XX:+UseParallelOldGC",
    "-XX:+UseConcMarkSweepGC",
    "-XX:+UseParNewGC",
    "-XX:+UseZGC",
    "-XX:+UseShenandoahGC",
    "-XX:+UseEpsilonGC",
];

/// Packages that Flink and its libraries reach into, as Flink's shipped configuration lists them.
const EXPORTS: [&str; 7] = [
    "java.rmi/sun.rmi.registry",
    "jdk.compiler/com.sun.tools.javac.api",
    "jdk.compiler/com.sun.tools.javac.file",
    "jdk.compiler/com.sun.tools.javac.parser",
    "jdk.compiler/com.sun.tools.javac.tree",
    "jdk.compiler/com.sun.tools.javac.util",
    "java.security.jgss/sun.security.krb5",
];
/// Flink 1.x: up to 1.17 it ends with an IllegalAccessError without it.
const EXPORT_OF_FLINK_1: &str = "java.base/sun.net.util";
const KRB5_CONF: &str = "security.kerberos.krb5-conf.path";
const OPENS: [&str; 12] = [
    "java.base/java.lang",
    "java.base/java.net",
    "java.base/java.io",
    "java.base/java.nio",
    "java.base/sun.nio.ch",
    "java.base/java.lang.reflect",
    "java.base/java.text",
    "java.base/java.time",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/java.util.concurrent.locks",
];

/// In front of everything, so that whatever the user says wins.
pub(super) fn defaults(launch: &Launch<'_>, user: &UserOptions, role: &Role) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec![];
    // With two collectors the JVM refuses to start; with none a small container gets whatever the JVM makes of it.
    if !user.all().any(|option| COLLECTORS.contains(&option)) {
        let is_server = launch.cpus >= SERVER_CPUS && role.process >= SERVER_MEMORY;
        args.push(if is_server { "-XX:+UseG1GC" } else { "-XX:+UseSerialGC" }.into());
    }
    // The compilers would take a quarter of a start's processor time.
    if role.compilation == Compilation::Late && !user.has_prefix("-XX:CompileThresholdScaling=") {
        args.push("-XX:CompileThresholdScaling=5".into());
    }
    // Otherwise in the working directory or /tmp, which need not be writable or outlive the container.
    args.push(joined("-XX:ErrorFile=", launch.log_dir.join("hs_err_%p.log")));
    args.push(joined("-XX:HeapDumpPath=", launch.log_dir));
    if let Some(tmp_dir) = launch.tmp_dir {
        args.push(joined("-Djava.io.tmpdir=", tmp_dir));
    }
    // Without a locale Java before 18 reads the configuration as ASCII.
    args.push("-Dfile.encoding=UTF-8".into());
    // With a security manager, which Flink can install, addresses would be kept for ever.
    args.push("-Dsun.net.inetaddr.ttl=30".into());
    if let Some(identity) = launch.identity {
        args.push(joined("-Duser.name=", &identity.name));
        args.push(joined("-Duser.home=", &identity.home));
    }
    args
}

/// What Flink's scripts and its shipped configuration put in front of the user's options.
pub(super) fn for_flink(launch: &Launch<'_>, user: &UserOptions) -> Vec<String> {
    let mut args = vec![];
    if launch.distribution.version.at_least(1, 18) {
        args.push("-XX:+IgnoreUnrecognizedVMOptions".to_owned());
    }
    if launch.java.feature >= 9 {
        args.extend(module_flags(launch, user));
    }
    // Java 24 and later have no security manager and refuse the option.
    if (18..24).contains(&launch.java.feature) && !user.has_prefix("-Djava.security.manager") {
        args.push("-Djava.security.manager=allow".to_owned());
    }
    // Flink itself hands it to containers of YARN and Kubernetes only.
    if let Some(path) = launch.table.get(KRB5_CONF)
        && !user.has_prefix("-Djava.security.krb5.conf=")
    {
        args.push(format!("-Djava.security.krb5.conf={path}"));
    }
    args
}

/// Those that the user has not given, for modules that this runtime has.
fn module_flags(launch: &Launch<'_>, user: &UserOptions) -> Vec<String> {
    let given: BTreeSet<&str> = user.all().collect();
    let for_version = (!launch.distribution.version.at_least(2, 0)).then_some(EXPORT_OF_FLINK_1);
    let exports = for_version.into_iter().chain(EXPORTS).map(|package| ("--add-exports", package));
    let opens = OPENS.into_iter().map(|package| ("--add-opens", package));
    exports
        .chain(opens)
        .filter(|(_, package)| has_module(launch, package))
        .map(|(option, package)| format!("{option}={package}=ALL-UNNAMED"))
        .filter(|flag| !given.contains(flag.as_str()))
        .collect()
}

fn has_module(launch: &Launch<'_>, package: &str) -> bool {
    let Some(modules) = &launch.java.modules else { return true };
    package.split_once('/').is_some_and(|(module, _)| modules.contains(module))
}
