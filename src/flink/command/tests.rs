use std::collections::BTreeMap;

use super::*;
use conf::table::Origin;

#[test]
fn a_user_with_two_cpus_and_memory_gets_g1_and_others_serial() {
    for (cpus, process, expected) in
        [(2.0, "1792m", "-XX:+UseG1GC"), (1.9, "8g", "-XX:+UseSerialGC"), (8.0, "1728m", "-XX:+UseSerialGC")]
    {
        let mut case = Case::new("1.20.5");
        case.cpus = cpus;
        case.set("taskmanager.memory.process.size", process);
        assert_eq!(case.collectors(), [expected], "{cpus} {process}");
    }
}

#[test]
fn the_users_collector_is_the_only_one() {
    for key in
        ["env.java.opts.all", "env.java.opts", "env.java.opts.taskmanager", "env.java.default-opts.all"]
    {
        let mut case = Case::new("1.20.5");
        case.set(key, "-XX:+UseZGC -Dx=1");
        assert_eq!(case.collectors(), ["-XX:+UseZGC"], "{key}");
    }
    let mut case = Case::new("1.20.5");
    case.environment.set("JAVA_TOOL_OPTIONS", "-XX:+UseParallelGC");
    assert_eq!(case.collectors(), Vec::<String>::new());
}

#[test]
fn the_users_options_come_behind_ours_and_the_role_behind_all() {
    let mut case = Case::new("1.20.5");
    case.set("env.java.default-opts.all", "-Dorder=1");
    case.set("env.java.opts.all", "\"-Dorder=2 -Xmx1g\"");
    case.set("env.java.opts", "-Dnever=1");
    case.set("env.java.default-opts.taskmanager", "-Dorder=3");
    case.set("env.java.opts.taskmanager", "-Dorder=4 -Dhome=${HOME} -Dblank='a b'");
    case.set("env.java.opts.jobmanager", "-Dnever=2");
    case.environment.set("HOME", "/home/me");
    case.environment.set("JVM_ARGS", "-Dorder=0");
    let args = case.taskmanager().args;
    let position =
        |wanted: &str| args.iter().position(|arg| arg == wanted).unwrap_or_else(|| panic!("{wanted}"));
    let order: Vec<_> = (0..5).map(|n| position(&format!("-Dorder={n}"))).collect();
    assert!(order.is_sorted(), "{order:?}");
    assert!(position("-Dorder=0") < position("-Xmx536870902"));
    assert!(position("-Xmx536870902") < position("-Xmx1g"));
    assert!(position("-Dfile.encoding=UTF-8") < position("-Dorder=0"));
    position("-Dhome=/home/me");
    position("-Dblank=a b");
    assert!(!args.iter().any(|arg| arg.to_str().unwrap().starts_with("-Dnever")));
}

#[test]
fn a_variable_takes_the_place_of_the_keys() {
    let mut case = Case::new("1.20.5");
    case.set("env.java.opts.all", "-Dfrom=key");
    case.environment.set("FLINK_ENV_JAVA_OPTS", "-Dfrom=variable");
    let args = case.taskmanager().args;
    assert!(args.contains(&"-Dfrom=variable".into()) && !args.contains(&"-Dfrom=key".into()));
}

#[test]
fn modules_are_opened_once_and_only_where_they_exist() {
    let mut case = Case::new("1.17.2");
    case.set("env.java.opts.all", "--add-opens=java.base/java.lang=ALL-UNNAMED");
    case.java.modules = Some(["java.base".to_owned(), "java.rmi".to_owned()].into());
    let args = case.taskmanager().args;
    let count = |wanted: &str| args.iter().filter(|arg| *arg == wanted).count();
    assert_eq!(count("--add-opens=java.base/java.lang=ALL-UNNAMED"), 1);
    assert_eq!(count("--add-exports=java.base/sun.net.util=ALL-UNNAMED"), 1);
    assert_eq!(count("--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED"), 1);
    assert!(!args.iter().any(|arg| arg.to_str().unwrap().contains("jdk.compiler")));
    case.java.feature = 8;
    let args = case.taskmanager().args;
    assert_eq!(args.iter().filter(|arg| arg.to_str().unwrap().starts_with("--add-")).count(), 1);
}

#[test]
fn the_security_manager_is_allowed_where_that_is_needed_and_possible() {
    for (feature, expected) in [(17, false), (18, true), (23, true), (24, false), (25, false)] {
        let mut case = Case::new("2.3.0");
        case.java.feature = feature;
        let args = case.taskmanager().args;
        assert_eq!(args.contains(&"-Djava.security.manager=allow".into()), expected, "Java {feature}");
    }
}

#[test]
fn only_the_jobmanager_compiles_late_and_the_user_has_the_last_word() {
    let late = |args: &[OsString]| -> Vec<String> {
        let options = args.iter().filter_map(|arg| arg.to_str());
        options
            .filter(|option| option.starts_with("-XX:CompileThresholdScaling="))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut case = Case::new("2.3.0");
    let none: Vec<String> = Vec::new();
    assert_eq!(late(&case.taskmanager().args), none);
    let jobmanager = case.jobmanager(&Entrypoint::Session).unwrap();
    assert_eq!(late(&jobmanager.args), ["-XX:CompileThresholdScaling=5".to_owned()]);
    case.set("env.java.opts.all", "-XX:CompileThresholdScaling=2");
    let jobmanager = case.jobmanager(&Entrypoint::Session).unwrap();
    assert_eq!(late(&jobmanager.args), ["-XX:CompileThresholdScaling=2".to_owned()]);
}

#[test]
fn what_cannot_run_is_refused() {
    let mut case = Case::new("2.3.0");
    case.java.feature = 8;
    assert_eq!(case.refusal(), "Flink 2.3.0 needs Java 11, but /opt/java is Java 8");
    assert!(Case::new("1.14.6").refusal().starts_with("Flink 1.14.6 is too old"));
    let mut case = Case::new("1.20.5");
    case.set("env.java.opts.taskmanager", "-Dx='y");
    assert_eq!(case.refusal(), "env.java.opts.taskmanager has a quote that is not closed");
    case.set("taskmanager.memory.process.size", "300m");
    assert_eq!(case.refusal(), "cannot compute the memory of the TaskManager");
}

#[test]
fn an_application_has_its_options_before_its_arguments() {
    let mut case = Case::new("1.20.5");
    case.properties.push(("rest.port".to_owned(), "8081".to_owned()));
    let application = Application {
        jars: vec!["a.jar".to_owned(), "b.jar".to_owned()],
        job_classname: Some("org.example.Job".to_owned()),
        job_id: Some("00000000000000000000000000000001".to_owned()),
        from_savepoint: Some("file:///savepoint".to_owned()),
        unrestored_state: UnrestoredState::Allow,
        arguments: vec!["--input".into(), "x".into()],
    };
    let args = case.jobmanager(&Entrypoint::Application(application.clone())).unwrap().args;
    let main = args.iter().position(|arg| arg == APPLICATION).unwrap();
    let args: Vec<_> = args[main + 1..].iter().map(|arg| arg.to_str().unwrap()).collect();
    let expected = "--configDir /conf --jars a.jar,b.jar --job-classname org.example.Job \
        --job-id 00000000000000000000000000000001 --fromSavepoint file:///savepoint --allowNonRestoredState -D";
    assert!(args.join(" ").starts_with(expected), "{args:?}");
    assert!(args.join(" ").ends_with("-D rest.port=8081 --input x"), "{args:?}");
    let case = Case::new("1.17.2");
    let error = case.jobmanager(&Entrypoint::Application(application)).unwrap_err();
    assert!(error.to_string().starts_with("Flink 1.17.2 does not know --jars"), "{error}");
}

#[test]
fn the_environment_is_completed_and_not_overridden() {
    let mut case = Case::new("1.20.5");
    case.set("env.log.max", "3");
    case.set("env.log.level", "DEBUG");
    let env = case.environment_of_taskmanager();
    for (name, value) in [
        ("FLINK_CONF_DIR", "/conf"),
        ("FLINK_LIB_DIR", "/opt/flink/lib"),
        ("FLINK_PLUGINS_DIR", "/opt/flink/plugins"),
        ("JAVA_HOME", "/opt/java"),
        ("MAX_LOG_FILE_NUMBER", "3"),
        ("ROOT_LOG_LEVEL", "DEBUG"),
        ("LC_ALL", "C.UTF-8"),
        ("MALLOC_ARENA_MAX", "4"),
    ] {
        assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
    }
    case.environment.set("LANG", "de_DE.UTF-8");
    case.environment.set("LD_PRELOAD", "libjemalloc.so");
    case.environment.set("ROOT_LOG_LEVEL", "WARN");
    let env = case.environment_of_taskmanager();
    assert_eq!(env["ROOT_LOG_LEVEL"], "WARN");
    assert!(!env.contains_key("LC_ALL") && !env.contains_key("MALLOC_ARENA_MAX"));
}

#[test]
fn a_user_without_a_name_is_given_one() {
    let mut case = Case::new("1.20.5");
    let given = |case: &Case| {
        let args = case.taskmanager().args.into_iter().map(|arg| arg.into_string().unwrap());
        args.filter(|arg| arg.starts_with("-Duser.")).collect::<Vec<_>>()
    };
    assert_eq!(given(&case), Vec::<String>::new());
    assert!(!case.environment_of_taskmanager().contains_key("HADOOP_USER_NAME"));
    case.identity = Some(Identity { name: "flink".to_owned(), home: "/home/flink".into() });
    assert_eq!(given(&case), ["-Duser.name=flink", "-Duser.home=/home/flink"]);
    assert_eq!(case.environment_of_taskmanager()["HADOOP_USER_NAME"], "flink");
    case.set("env.java.opts.all", "-Duser.name=ann");
    assert_eq!(given(&case), ["-Duser.name=flink", "-Duser.home=/home/flink", "-Duser.name=ann"]);
    case.environment.set("HADOOP_USER_NAME", "ann");
    assert!(!case.environment_of_taskmanager().contains_key("HADOOP_USER_NAME"), "it is inherited");
}

#[test]
fn hadoops_part_of_the_class_path_has_no_empty_element() {
    let environment: Environment =
        [("HADOOP_CLASSPATH", ":/a/*::/b:"), ("HADOOP_HOME", "/hadoop")].into_iter().collect();
    let mut table = Table::default();
    table.set("env.yarn.conf.dir", "/yarn", Origin::Argument);
    let is_dir = |path: &Path| {
        ["/hadoop/etc/hadoop", "/hadoop/conf", "/etc/hbase/conf"].map(Path::new).contains(&path)
    };
    let mut case = Case::new("1.20.5");
    case.hadoop = HadoopClassPath::find(&table, &environment, is_dir);
    let args = case.taskmanager().args;
    let class_path = args.iter().position(|arg| arg == "-classpath").unwrap() + 1;
    let expected =
        "/opt/flink/lib/a.jar:/opt/flink/lib/flink-dist.jar:/a/*:/b:/hadoop/etc/hadoop:/yarn:/etc/hbase/conf";
    assert_eq!(args[class_path], expected);
}

#[test]
fn warns_of_what_breaks_the_shutdown() {
    let mut case = Case::new("1.20.5");
    case.set("env.java.opts.all", "-Xrs");
    assert_eq!(case.taskmanager().warnings.len(), 1);
    case.set("jobmanager.memory.process.size", "600m");
    assert_eq!(case.jobmanager(&Entrypoint::Session).unwrap().warnings.len(), 2);
}

#[test]
fn little_is_kept_of_a_log_that_goes_with_the_run() {
    let mut case = Case::new("1.20.5");
    let logging = |case: &Case| -> Vec<String> {
        let args = case.taskmanager().args.into_iter().map(|arg| arg.into_string().unwrap());
        args.filter(|arg| arg.starts_with("-Dlog.")).collect()
    };
    let of_run = ["-Dlog.file=/log/flink-taskmanager.log", "-Dlog.file.size=4MB", "-Dlog.file.number=1"];
    assert_eq!(logging(&case), of_run);
    case.log_file = LogFile::KeptIn("/var/log/flink".into());
    assert_eq!(logging(&case), ["-Dlog.file=/var/log/flink/flink-taskmanager.log"]);
    case.log_file = LogFile::Kept("/sandbox/flink.log".into());
    assert_eq!(logging(&case), ["-Dlog.file=/sandbox/flink.log"]);
}

/// A launch that can be changed before it is used.
struct Case {
    distribution: Distribution,
    java: JavaHome,
    table: Table,
    environment: Environment,
    hadoop: HadoopClassPath,
    log_file: LogFile,
    cpus: f64,
    identity: Option<Identity>,
    properties: Vec<(String, String)>,
}

impl Case {
    fn new(version: &str) -> Self {
        let home = PathBuf::from("/opt/flink");
        let jars = ["lib/a.jar", "lib/flink-dist.jar"].map(|jar| home.join(jar)).to_vec();
        let mut case = Self {
            distribution: Distribution { home, version: Version::parse(version).unwrap(), jars },
            java: JavaHome { path: "/opt/java".into(), feature: 17, modules: None },
            table: Table::default(),
            environment: Environment::default(),
            hadoop: HadoopClassPath::default(),
            log_file: LogFile::OfRun,
            cpus: 2.0,
            identity: None,
            properties: vec![],
        };
        case.set("jobmanager.memory.process.size", "1600m");
        case.set("taskmanager.memory.process.size", "1728m");
        case
    }

    fn set(&mut self, key: &str, value: &str) {
        self.table.set(key, value, Origin::Argument);
    }

    fn launch(&self) -> Launch<'_> {
        Launch {
            distribution: &self.distribution,
            java: &self.java,
            table: &self.table,
            environment: &self.environment,
            hadoop: &self.hadoop,
            conf_dir: Path::new("/conf"),
            log_dir: Path::new("/log"),
            log_file: &self.log_file,
            tmp_dir: None,
            log4j: Log4j::Stock,
            cpus: self.cpus,
            identity: self.identity.as_ref(),
            properties: &self.properties,
        }
    }

    fn taskmanager(&self) -> Command {
        taskmanager(&self.launch()).unwrap()
    }

    fn jobmanager(&self, entrypoint: &Entrypoint) -> Result<Command, CommandError> {
        jobmanager(&self.launch(), entrypoint)
    }

    fn refusal(&self) -> String {
        taskmanager(&self.launch()).unwrap_err().to_string()
    }

    fn collectors(&self) -> Vec<String> {
        let args = self.taskmanager().args.into_iter().map(|arg| arg.into_string().unwrap());
        args.filter(|arg| arg.starts_with("-XX:+Use") && arg.ends_with("GC")).collect()
    }

    fn environment_of_taskmanager(&self) -> BTreeMap<String, String> {
        let env = self.taskmanager().env.into_iter();
        env.map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap())).collect()
    }
}
