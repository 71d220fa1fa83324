//! Generated configurations, answered by us and by Flink's own `BashJavaUtils`.

mod generate;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use conf::environment::Environment;
use conf::table::{Origin, Table};
use flink::memory::{self, MemoryError};
use flink::version::Version;

use super::home;

/// For each version and each role.
const CONFIGURATIONS: usize = 600;

#[test]
fn flink_1_17_gives_the_same_memory() {
    compare("1.17.2");
}

#[test]
fn flink_1_20_gives_the_same_memory() {
    compare("1.20.5");
}

#[test]
fn flink_2_3_gives_the_same_memory() {
    compare("2.3.0");
}

fn compare(version: &str) {
    let seed: u64 =
        std::env::var("MEMORY_SEED").map_or(1, |seed| seed.parse().expect("MEMORY_SEED is a number"));
    println!("MEMORY_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut questions = vec![];
    for _ in 0..CONFIGURATIONS {
        questions.push(Question::generate(&mut random, Role::JobManager));
        questions.push(Question::generate(&mut random, Role::TaskManager));
    }
    let theirs = ask_flink(version, &questions);
    assert_eq!(theirs.len(), questions.len());
    let parsed = Version::parse(version).expect("a version");
    let mut accepted = 0;
    let mut different = String::new();
    for (question, theirs) in questions.iter().zip(&theirs) {
        let ours = question.answer(parsed);
        accepted += usize::from(theirs.is_ok());
        if ours.as_ref().ok() != theirs.as_ref().ok() {
            writeln!(different, "{question:?}\n  ours   {ours:?}\n  Flink's {theirs:?}").expect("a string");
        }
    }
    assert!(different.is_empty(), "Flink {version}, MEMORY_SEED={seed}:\n{different}");
    println!("Flink {version}: {accepted} of {} accepted", questions.len());
    let share = accepted * 100 / questions.len();
    assert!((20..=80).contains(&share), "the generator is lopsided: {share} % accepted");
}

/// JVM arguments and sorted dynamic properties.
type Answer = (String, BTreeMap<String, String>);

#[derive(Clone, Copy, Debug)]
enum Role {
    JobManager,
    TaskManager,
}

#[derive(Debug)]
struct Question {
    role: Role,
    configuration: BTreeMap<String, String>,
    heap_variable: Option<String>,
}

impl Question {
    fn answer(&self, version: Version) -> Result<Answer, MemoryError> {
        let mut table = Table::default();
        for (key, value) in &self.configuration {
            table.set(key, value, Origin::Argument);
        }
        let environment: Environment =
            self.heap_variable.iter().map(|value| (self.role.heap_variable(), value)).collect();
        let (arguments, properties) = match self.role {
            Role::JobManager => {
                let memory = memory::jobmanager(&table, &environment, version)?;
                (memory.jvm_args(), memory.dynamic_properties())
            }
            Role::TaskManager => {
                let memory = memory::taskmanager(&table, &environment, version)?;
                (memory.jvm_args(), memory.dynamic_properties())
            }
        };
        Ok((arguments.join(" "), properties.into_iter().collect()))
    }

    fn line(&self) -> String {
        let mut line = match self.role {
            Role::JobManager => "JM".to_owned(),
            Role::TaskManager => "TM".to_owned(),
        };
        for (key, value) in &self.configuration {
            write!(line, "\t{key}={value}").expect("a string");
        }
        if let Some(value) = &self.heap_variable {
            write!(line, "\t${}={value}", self.role.heap_variable()).expect("a string");
        }
        line
    }
}

impl Role {
    fn heap_variable(self) -> &'static str {
        match self {
            Self::JobManager => "FLINK_JM_HEAP",
            Self::TaskManager => "FLINK_TM_HEAP",
        }
    }
}

fn ask_flink(version: &str, questions: &[Question]) -> Vec<Result<Answer, String>> {
    let home = home::flink_home(version);
    let scratch = tempfile::tempdir().expect("a directory");
    let class_path = format!(
        "{}:{}:{}",
        home.join(format!("lib/flink-dist-{version}.jar")).display(),
        home.join("bin/bash-java-utils.jar").display(),
        scratch.path().display(),
    );
    home::compile("tests/java/MemoryOracle.java", &class_path, scratch.path());
    let lines: Vec<_> = questions.iter().map(Question::line).collect();
    run_oracle(&class_path, &scratch.path().join("questions"), &(lines.join("\n") + "\n"))
        .lines()
        .map(read_answer)
        .collect()
}

fn run_oracle(class_path: &str, file: &Path, questions: &str) -> String {
    fs::write(file, questions).expect("the questions are written");
    let output = Command::new("java")
        .args(["--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED"])
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-classpath", class_path, "MemoryOracle"])
        .stdin(fs::File::open(file).expect("the questions are there"))
        .output()
        .expect("java starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn read_answer(line: &str) -> Result<Answer, String> {
    let fields: Vec<_> = line.split('\t').collect();
    match fields[..] {
        ["ok", arguments, properties] => {
            let properties = properties.split("-D ").map(str::trim).filter(|property| !property.is_empty());
            let properties = properties.map(|property| property.split_once('=').expect("key=value"));
            let properties = properties.map(|(key, value)| (key.to_owned(), sorted_list(key, value)));
            Ok((arguments.to_owned(), properties.collect()))
        }
        ["error", message] => Err(message.to_owned()),
        _ => panic!("what is {line:?}?"),
    }
}

/// Flink writes the list of external resources in the order of a hash map.
fn sorted_list(key: &str, value: &str) -> String {
    if key != "external-resources" || value == "none" {
        return value.to_owned();
    }
    let mut names: Vec<_> = value.trim_matches('"').split(';').collect();
    names.sort_unstable();
    format!("\"{}\"", names.join(";"))
}
