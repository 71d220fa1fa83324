//! Generated configuration files, read by us and by Flink's own `GlobalConfiguration`.

mod legacy;
mod yaml;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use base::log::chain;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use conf::files;
use conf::grammar::{Grammar, Version};
use conf::settings::Settings;
use conf::table::{Origin, Table};

use super::home;

/// For each seed.
const FILES: usize = 3000;
const SEEDS: u64 = 3;

type Values = BTreeMap<String, String>;

#[test]
fn flink_1_17_reads_the_same_old_files() {
    compare("1.17.2", (1, 17), Grammar::Legacy, legacy::generate);
}

#[test]
fn flink_1_20_reads_the_same_old_files() {
    compare("1.20.5", (1, 20), Grammar::Legacy, legacy::generate);
}

#[test]
fn flink_1_20_reads_the_same_yaml() {
    compare("1.20.5", (1, 20), Grammar::Yaml, yaml::generate);
}

#[test]
fn flink_2_3_reads_the_same_yaml() {
    compare("2.3.0", (2, 3), Grammar::Yaml, yaml::generate);
}

/// `CONF_SEED` is the first of the seeds.
fn compare(release: &str, version: Version, grammar: Grammar, generate: fn(&mut fastrand::Rng) -> Vec<u8>) {
    let first: u64 =
        std::env::var("CONF_SEED").map_or(1, |seed| seed.parse().expect("CONF_SEED is a number"));
    let mut generated = Vec::new();
    for seed in first..first + SEEDS {
        let mut random = fastrand::Rng::with_seed(seed);
        generated.extend((0..FILES).map(|_| (seed, generate(&mut random))));
    }
    let begin = Instant::now();
    let asked = generated.iter().map(|(_, bytes)| as_asked(bytes, grammar));
    let theirs = ask_flink(release, grammar.file_name(), asked);
    println!("Flink {release} has read {} files in {:?}", generated.len(), begin.elapsed());
    assert_eq!(theirs.len(), generated.len());
    let (mut accepted, mut wrong, mut different) = (0, 0, String::new());
    for ((seed, bytes), theirs) in generated.iter().zip(&theirs) {
        accepted += usize::from(theirs.is_ok());
        let ours = read(bytes, version, grammar);
        if !are_alike(&ours, theirs) {
            wrong += 1;
            let text = String::from_utf8_lossy(bytes);
            writeln!(different, "CONF_SEED={seed} {text:?}\n  ours    {ours:?}\n  Flink's {theirs:?}")
                .expect("a string");
        }
    }
    println!("Flink {release}: {accepted} of {} accepted", generated.len());
    assert!(wrong == 0, "{wrong} files are read in another way:\n{different}");
    let share = accepted * 100 / generated.len();
    assert!((30..=100).contains(&share), "the generator is lopsided: {share} % accepted");
}

/// What they are not alike in is refused here although Flink's client takes it, as nothing can come of it.
const HOPELESS: [&str; 11] = [
    "",
    "z:0",
    "z:-1",
    "z;y",
    "zk://z:2181/flink",
    "z:1/x,y:1/x",
    "user:pw@z:2181",
    "\"z:2181\"",
    "2001:db8::1",
    "/a",
    ",",
];

#[test]
fn flink_takes_the_same_quorums() {
    let texts = [
        "z",
        "z:2181",
        " z:1 , y:2 ,",
        ",z",
        "z:1,,y",
        "z:",
        "z:1/",
        "z:1/a/b",
        "z:1//a",
        "z:1/a/",
        "z:1/../a",
        "z:x",
        "z:65536",
        "10.0.0.1:1",
        "[::1]:2181",
        "[2001:db8::1]:1,[2001:db8::2]:2/x",
    ];
    let all: Vec<_> = texts.iter().chain(&HOPELESS).copied().collect();
    for release in ["1.20.5", "2.3.0"] {
        let theirs = ask_flink(release, "quorum", all.iter().map(|text| text.as_bytes()));
        assert_eq!(theirs.len(), all.len());
        for (text, theirs) in all.iter().zip(theirs) {
            let ours = quorum(text);
            let bare = |text: &str| text.replace(' ', ":").replace(['[', ']'], "");
            let theirs = theirs.ok().map(|values| bare(&values["quorum"]));
            let is_alike = ours.as_deref().map(bare) == theirs;
            let is_refused = ours.is_none() && HOPELESS.contains(text);
            assert!(is_alike || is_refused, "{release} {text:?}: {ours:?}, Flink's {theirs:?}");
        }
    }
}

fn quorum(text: &str) -> Option<String> {
    let mut table = Table::default();
    for (key, value) in [
        ("mesos.master", "m:5050"),
        ("high-availability.type", "zookeeper"),
        ("high-availability.storageDir", "hdfs:///a"),
        ("high-availability.zookeeper.quorum", text),
    ] {
        table.set(key, value, Origin::Argument);
    }
    let settings = Settings::from_table(&table).ok()?;
    settings.high_availability.map(|ha| ha.quorum.to_string())
}

fn read(bytes: &[u8], version: Version, grammar: Grammar) -> Result<Values, String> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(grammar.file_name()), bytes).expect("written");
    match files::read(directory.path(), version) {
        Ok(file) => Ok(file.entries.into_iter().map(|entry| (entry.key, entry.value)).collect()),
        Err(error) => Err(chain(&error)),
    }
}

/// Flink takes a mark in front of an old file for a part of the first key, which it is not.
fn as_asked(bytes: &[u8], grammar: Grammar) -> &[u8] {
    match grammar {
        Grammar::Legacy => bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes),
        Grammar::Yaml => bytes,
    }
}

/// But for what is different on purpose.
fn are_alike(ours: &Result<Values, String>, theirs: &Result<Values, String>) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let is_alike = |key: &String, value: &String| {
                // Flink prints the number of an anchor, which only it can read, and a mark within a list as it is.
                let is_printed_otherwise = value.contains("&id0") || value.contains('\u{feff}');
                ours.get(key).is_some_and(|ours| ours == value || is_printed_otherwise)
            };
            ours.len() == theirs.len() && theirs.iter().all(|(key, value)| is_alike(key, value))
        }
        (Err(_), Err(_)) => true,
        (Err(ours), Ok(_)) => {
            ["an alias inside of its own value", "half of a character"].iter().any(|text| ours.contains(text))
        }
        (Ok(_), Err(_)) => false,
    }
}

/// `name` is that of the file.
fn ask_flink<'a>(
    release: &str,
    name: &str,
    files: impl Iterator<Item = &'a [u8]>,
) -> Vec<Result<Values, String>> {
    let home = home::flink_home(release);
    let scratch = tempfile::tempdir().expect("a directory");
    let class_path = format!("{}/*:{}", home.join("lib").display(), scratch.path().display());
    home::compile("tests/java/ConfOracle.java", &class_path, scratch.path());
    let directory = scratch.path().join("conf");
    fs::create_dir(&directory).expect("a directory");
    let mut questions = String::new();
    for bytes in files {
        writeln!(questions, "{name}\t{}", STANDARD.encode(bytes)).expect("a string");
    }
    let file = scratch.path().join("questions");
    fs::write(&file, questions).expect("the questions are written");
    run_oracle(&class_path, &file, &directory).lines().map(read_answer).collect()
}

fn run_oracle(class_path: &str, questions: &Path, directory: &Path) -> String {
    let output = Command::new("java")
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8"])
        .args(["-classpath", class_path, "ConfOracle"])
        .arg(directory)
        .stdin(fs::File::open(questions).expect("the questions are there"))
        .output()
        .expect("java starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn read_answer(line: &str) -> Result<Values, String> {
    let mut fields = line.split('\t');
    let is_ok = fields.next() == Some("ok");
    let decode = |field| String::from_utf8(STANDARD.decode(field).expect("base64")).expect("UTF-8");
    let texts: Vec<_> = fields.map(decode).collect();
    match is_ok {
        true => Ok(texts.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()),
        false => Err(texts.concat()),
    }
}
