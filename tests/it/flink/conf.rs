//! Generated configuration files, read by us and by Flink's own `GlobalConfiguration`.

mod legacy;
mod yaml;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flink_on_mesos::conf::files;
use flink_on_mesos::conf::grammar::{Grammar, Version};
use flink_on_mesos::log::chain;

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
    let theirs = ask_flink(release, grammar, generated.iter().map(|(_, bytes)| bytes.as_slice()));
    println!("Flink {release} has read {} files in {:?}", generated.len(), begin.elapsed());
    assert_eq!(theirs.len(), generated.len());
    let (mut accepted, mut wrong, mut different) = (0, 0, String::new());
    for ((seed, bytes), theirs) in generated.iter().zip(&theirs) {
        accepted += usize::from(theirs.is_ok());
        let ours = read(bytes, version, grammar);
        if !are_alike(&ours, theirs, grammar) {
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

fn read(bytes: &[u8], version: Version, grammar: Grammar) -> Result<Values, String> {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join(grammar.file_name()), bytes).expect("written");
    match files::read(directory.path(), version) {
        Ok(file) => Ok(file.entries.into_iter().map(|entry| (entry.key, entry.value)).collect()),
        Err(error) => Err(chain(&error)),
    }
}

/// But for what is different on purpose.
fn are_alike(ours: &Result<Values, String>, theirs: &Result<Values, String>, grammar: Grammar) -> bool {
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            // The mark is not taken for a part of the first key.
            let bare = |key: &str| match grammar {
                Grammar::Legacy => key.trim_start_matches('\u{feff}').to_owned(),
                Grammar::Yaml => key.to_owned(),
            };
            let theirs: Vec<_> = theirs.iter().map(|(key, value)| (bare(key), value)).collect();
            let is_alike = |key: &String, value: &String| {
                // Flink prints the number of an anchor, which only it can read.
                ours.get(key).is_some_and(|ours| ours == value || value.contains("&id0"))
            };
            ours.len() == theirs.len() && theirs.iter().all(|(key, value)| is_alike(key, value))
        }
        (Err(_), Err(_)) => true,
        (Err(ours), Ok(_)) => ["an alias inside of what it stands for", "half of a character"]
            .iter()
            .any(|text| ours.contains(text)),
        (Ok(_), Err(_)) => false,
    }
}

fn ask_flink<'a>(
    release: &str,
    grammar: Grammar,
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
        writeln!(questions, "{}\t{}", grammar.file_name(), STANDARD.encode(bytes)).expect("a string");
    }
    let file = scratch.path().join("questions");
    fs::write(&file, questions).expect("the questions are written");
    run_oracle(&class_path, &file, &directory).lines().map(read_answer).collect()
}

fn run_oracle(class_path: &str, questions: &Path, directory: &Path) -> String {
    let output = Command::new("java")
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-Dfile.encoding=UTF-8", "-Dlog4j2.level=OFF"])
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
