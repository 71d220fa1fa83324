//! Our command lines beside those that Flink's own scripts exec.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use conf::environment::Environment;
use conf::table::{Origin, Table};
use flink::command::{self, CommandError, Console, Entrypoint, HadoopClassPath, Launch, Log4j, LogFile};
use flink::distribution::Distribution;

use super::home;

#[test]
fn flink_1_17_is_started_as_by_its_scripts() {
    compare("1.17.2");
}

#[test]
fn flink_1_20_is_started_as_by_its_scripts() {
    compare("1.20.5");
}

#[test]
fn flink_2_3_is_started_as_by_its_scripts() {
    compare("2.3.0");
}

/// Flags that only we pass, and why.
const ONLY_OURS: [(&str, &str); 5] = [
    ("-XX:+UseSerialGC", "the collector is chosen for the container, not left to the JVM"),
    ("-XX:+UseG1GC", "the collector is chosen for the container, not left to the JVM"),
    (
        "-XX:CompileThresholdScaling=5",
        "the JobManager's compilers leave a start's processor time to the start",
    ),
    ("-XX:ErrorFile=", "a crash report goes where it can be written and outlives the process"),
    ("-XX:HeapDumpPath=", "a heap dump goes where it can be written and outlives the process"),
];
/// Flags that only the scripts pass, and why.
const ONLY_THEIRS: [(&str, &str); 1] =
    [("-XX:+UseG1GC", "up to 1.17 TaskManagers get G1 whatever their size; we choose by size")];
/// System properties that only we set, and why.
const ONLY_OUR_PROPERTIES: [(&str, &str); 2] = [
    ("file.encoding", "containers have no locale, and Java before 18 would then read ASCII"),
    ("sun.net.inetaddr.ttl", "addresses are not kept for ever under Flink's security manager"),
];

fn compare(version: &str) {
    let home = home::flink_home(version);
    compare_consoles(version, &home);
    for role in ["jobmanager", "taskmanager"] {
        let scratch = tempfile::tempdir().expect("a directory");
        let theirs = stock(&home, role, scratch.path());
        let ours = ours(&home, scratch.path(), Log4j::Stock, |launch| match role {
            "jobmanager" => command::jobmanager(launch, &Entrypoint::Session),
            _ => command::taskmanager(launch),
        });
        let context = format!("{version} {role}");
        assert_eq!(ours.main_class, theirs.main_class, "{context}");
        assert_eq!(ours.memory, theirs.memory, "{context}");
        assert_eq!(ours.dynamic, theirs.dynamic, "{context}");
        assert_eq!(ours.main_args, theirs.main_args, "{context}");
        // The scripts leave empty elements behind, which put the working directory on the class path.
        let jars: Vec<_> = theirs.class_path.iter().filter(|element| !element.is_empty()).cloned().collect();
        assert!(jars.len() < theirs.class_path.len(), "{context}: the scripts have improved");
        assert_eq!(ours.class_path, jars, "{context}");
        assert!(ours.class_path.last().expect("jars").contains("flink-dist"), "{context}");
        compare_modules(version, &ours, &theirs);
        explained(&ours.flags, &theirs.flags, &ONLY_OURS, &context);
        explained(&theirs.flags, &ours.flags, &ONLY_THEIRS, &context);
        let names = |line: &Line| line.system.keys().cloned().collect::<BTreeSet<_>>();
        explained(&names(&ours), &names(&theirs), &ONLY_OUR_PROPERTIES, &context);
        explained(&names(&theirs), &names(&ours), &[], &context);
        for (name, value) in theirs.system.iter().filter(|(name, _)| *name != "log.file") {
            assert_eq!(ours.system.get(name), Some(value), "{context} {name}");
        }
        for name in
            ["FLINK_CONF_DIR", "FLINK_LIB_DIR", "FLINK_OPT_DIR", "FLINK_PLUGINS_DIR", "MAX_LOG_FILE_NUMBER"]
        {
            assert_eq!(ours.environment.get(name), theirs.environment.get(name), "{context} {name}");
            assert!(theirs.environment.contains_key(name), "{context} {name}");
        }
    }
}

/// What people type at. The only difference in how they are started is what Java 17 wants to be told, which 1.17 does not tell.
fn compare_consoles(version: &str, stock_home: &Path) {
    let scratch = tempfile::tempdir().expect("a directory");
    let home = scratch.path().join("home");
    for directory in ["bin", "conf"] {
        copy_files(&stock_home.join(directory), &home.join(directory));
    }
    for directory in ["lib", "opt"] {
        fs::create_dir(home.join(directory)).expect("a directory");
        for jar in fs::read_dir(stock_home.join(directory)).expect("a directory").flatten() {
            symlink(jar.path(), home.join(directory).join(jar.file_name())).expect("a link");
        }
    }
    // Distributions of Python's index come without it.
    fs::write(home.join(format!("opt/flink-sql-gateway-{version}.jar")), "").expect("written");
    copy_files(&home.join("conf"), &conf_dir(scratch.path()));
    for (script, console, words) in
        [("flink", Console::Flink, ["list", "-a"]), ("sql-client.sh", Console::SqlClient, ["-f", "a.sql"])]
    {
        let theirs = caught(&home, script, &words, scratch.path());
        let ours = ours(&home, scratch.path(), Log4j::Client, |launch| {
            command::console(launch, console, None, &words.map(Into::into))
        });
        let context = format!("{version} {script}");
        assert_eq!(ours.main_class, theirs.main_class, "{context}");
        assert_eq!(ours.main_args, theirs.main_args, "{context}");
        let jars: Vec<_> = theirs.class_path.iter().filter(|element| !element.is_empty()).cloned().collect();
        assert_eq!(ours.class_path, jars, "{context}");
        compare_modules(version, &ours, &theirs);
        explained(&ours.flags, &theirs.flags, &ONLY_OURS, &context);
        explained(&theirs.flags, &ours.flags, &[], &context);
        let names = |line: &Line| line.system.keys().cloned().collect::<BTreeSet<_>>();
        explained(&names(&ours), &names(&theirs), &ONLY_OUR_PROPERTIES, &context);
        explained(&names(&theirs), &names(&ours), &[], &context);
        for (name, value) in theirs.system.iter().filter(|(name, _)| *name != "log.file") {
            assert_eq!(ours.system.get(name), Some(value), "{context} {name}");
        }
    }
}

/// Flink 1.17 ships no module flags and does not start on Java 17 without those that 1.18 ships.
fn compare_modules(version: &str, ours: &Line, theirs: &Line) {
    if version.starts_with("1.17") {
        assert!(theirs.modules.is_empty());
        assert_eq!(ours.modules.len(), 20);
        return;
    }
    assert_eq!(ours.modules, theirs.modules);
}

/// Whatever `these` has and `those` has not must be among the differences that we want.
fn explained(these: &BTreeSet<String>, those: &BTreeSet<String>, wanted: &[(&str, &str)], context: &str) {
    let unexplained: Vec<_> = these
        .difference(those)
        .filter(|item| !wanted.iter().any(|(prefix, _reason)| item.starts_with(prefix)))
        .collect();
    assert!(unexplained.is_empty(), "{context}: {unexplained:?}");
}

/// A java command line, taken apart.
#[derive(Debug, Default)]
struct Line {
    memory: BTreeSet<String>,
    modules: BTreeSet<String>,
    flags: BTreeSet<String>,
    system: BTreeMap<String, String>,
    class_path: Vec<String>,
    main_class: String,
    dynamic: BTreeSet<String>,
    main_args: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Line {
    fn parse(args: &[String]) -> Self {
        let mut line = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "-classpath" {
                line.class_path = args.next().expect("a class path").split(':').map(str::to_owned).collect();
                line.main_class = args.next().expect("a main class").clone();
                break;
            }
            if let Some((name, value)) = arg.strip_prefix("-D").and_then(|property| property.split_once('='))
            {
                line.system.insert(name.to_owned(), value.to_owned());
            } else if arg.starts_with("--add-") {
                line.modules.insert(arg.clone());
            } else if arg.starts_with("-Xm") || arg.starts_with("-XX:Max") {
                line.memory.insert(arg.clone());
            } else {
                line.flags.insert(arg.clone());
            }
        }
        while let Some(arg) = args.next() {
            if arg == "-D" {
                line.dynamic.insert(args.next().expect("a property").clone());
            } else {
                line.main_args.push(arg.clone());
            }
        }
        line
    }
}

/// What the script of a role execs, caught by a java that runs only Flink's helpers.
fn stock(home: &Path, role: &str, scratch: &Path) -> Line {
    copy_files(&home.join("conf"), &conf_dir(scratch));
    caught(home, &format!("{role}.sh"), &["start-foreground"], scratch)
}

fn caught(home: &Path, script_name: &str, words: &[&str], scratch: &Path) -> Line {
    let java = scratch.join("java/bin/java");
    let captured = scratch.join("captured");
    fs::create_dir_all(java.parent().expect("bin")).expect("a directory");
    let script = format!(
        "#!/bin/sh\nfor arg in \"$@\"; do case \"$arg\" in *.TaskManagerRunner|*.StandaloneSessionClusterEntrypoint|*.CliFrontend|*.SqlClient)\n\
         printf '%s\\n' \"$@\" > '{captured}'; tr '\\0' '\\n' < /proc/$$/environ > '{captured}.environment'; exit 0;;\n\
         esac; done\nexec '{real}' \"$@\"\n",
        captured = captured.display(),
        real = home::java().program().display(),
    );
    fs::write(&java, script).expect("the fake java is written");
    fs::set_permissions(&java, fs::Permissions::from_mode(0o755)).expect("it can be executed");
    let output = Command::new(home.join("bin").join(script_name))
        .args(words)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").expect("PATH"))
        .env("JAVA_HOME", scratch.join("java"))
        .env("FLINK_CONF_DIR", conf_dir(scratch))
        .env("FLINK_LOG_DIR", scratch.join("log"))
        .env("FLINK_PID_DIR", scratch)
        .stdin(Stdio::null())
        .output()
        .expect("the script starts");
    let text = fs::read_to_string(&captured).unwrap_or_else(|error| {
        panic!("{script_name} ran no java ({error}): {}", String::from_utf8_lossy(&output.stderr))
    });
    let mut line = Line::parse(&text.lines().map(str::to_owned).collect::<Vec<_>>());
    let environment = fs::read_to_string(scratch.join("captured.environment")).expect("the environment");
    line.environment = environment
        .lines()
        .filter_map(|variable| variable.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    line
}

/// The same from us, with the sizes of Flink's shipped configuration.
fn ours(
    home: &Path,
    scratch: &Path,
    log4j: Log4j,
    composed: impl FnOnce(&Launch<'_>) -> Result<command::Command, CommandError>,
) -> Line {
    let mut table = Table::default();
    for (key, value) in [
        ("jobmanager.memory.process.size", "1600m"),
        ("taskmanager.memory.process.size", "1728m"),
        ("taskmanager.numberOfTaskSlots", "1"),
    ] {
        table.set(key, value, Origin::Default);
    }
    let distribution = Distribution::open(home).expect("a distribution");
    let java = home::java();
    let environment = Environment::default();
    let hadoop = HadoopClassPath::find(&table, &environment, Path::is_dir);
    let launch = Launch {
        distribution: &distribution,
        java: &java,
        table: &table,
        environment: &environment,
        hadoop: &hadoop,
        conf_dir: &conf_dir(scratch),
        log_dir: &scratch.join("log"),
        tmp_dir: None,
        log_file: &LogFile::KeptIn(scratch.join("log")),
        log4j,
        cpus: 2.0,
        identity: None,
        properties: &[],
    };
    let command = composed(&launch).expect("a command line");
    let text = |text: std::ffi::OsString| text.into_string().expect("UTF-8");
    let mut line = Line::parse(&command.args.into_iter().map(text).collect::<Vec<_>>());
    line.environment = command.env.into_iter().map(|(name, value)| (text(name), text(value))).collect();
    line
}

fn conf_dir(scratch: &Path) -> PathBuf {
    scratch.join("conf")
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}
