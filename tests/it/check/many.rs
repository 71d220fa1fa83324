//! Many files such as people have, and the same ones with one mistake each: nothing is told of the good ones, and of the others
//! the mistake alone, with key and line. All of it follows from a seed.

mod deployments;
mod mistakes;

use std::fmt::Write as _;
use std::fs;

use conf::grammar::Version;
use fastrand::Rng;
use serde_json::Value;

use super::Site;
use deployments::Deployment;
use mistakes::{Expected, Planted};

/// For each version of Flink.
const FILES: u64 = 100;

/// What `config --check --json` says, in order.
#[derive(Debug)]
struct Report {
    code: i32,
    findings: Vec<Value>,
}

fn check(site: &Site) -> Report {
    let outcome = site.config(&["--check", "--json"], &[]);
    let report: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
    let of = |name: &str| report[name].as_array().expect("a list").clone();
    assert_eq!(report["valid"], outcome.code == 0, "{outcome:?}");
    assert_eq!(report["errors"] == Value::Array(Vec::new()), outcome.code == 0, "{outcome:?}");
    assert_eq!(outcome.stderr, "");
    Report { code: outcome.code, findings: of("errors").into_iter().chain(of("warnings")).collect() }
}

fn site(flink: &str, name: &str, deployment: &Deployment) -> Site {
    let mut site = Site::new(flink, name, &deployment.text);
    if !deployment.properties.is_empty() {
        site = site.variable("FLINK_PROPERTIES", &deployment.properties);
    }
    for (name, value) in &deployment.variables {
        let below = site.path().join(value).display().to_string();
        site = site.variable(name, if *name == "JAVA_HOME" { &below } else { value });
    }
    site
}

fn all(flink: &str, version: Version, names: &[&str]) {
    let mut wrong = Vec::new();
    for seed in 0..FILES {
        let name = names[usize::try_from(seed).expect("small") % names.len()];
        let mut rng = Rng::with_seed(seed);
        let good = Deployment::new(&mut rng, version, name);
        let report = check(&site(flink, name, &good));
        if report.code != 0 || !report.findings.is_empty() {
            wrong.push(format!("seed {seed}: {report:?}"));
        }

        let (bad, expected) = Planted::new(&mut rng, version, name, good);
        let site = site(flink, name, &bad.deployment);
        for (path, text) in &bad.files {
            let path = site.path().join(path);
            fs::create_dir_all(path.parent().expect("a directory")).expect("created");
            fs::write(path, text).expect("written");
        }
        let report = check(&site);
        let mismatch = match &report.findings[..] {
            [finding] => expected.mismatch(finding, report.code),
            _ => Some("one finding expected".to_owned()),
        };
        wrong.extend(mismatch.map(|mismatch| format!("seed {seed}: {mismatch}; {expected:?}: {report:?}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_flink_1_17() {
    all("1.17.2", (1, 17), &["flink-conf.yaml"]);
}

#[test]
fn of_flink_1_20() {
    all("1.20.5", (1, 20), &["config.yaml", "flink-conf.yaml"]);
}

#[test]
fn of_flink_2_3() {
    all("2.3.0", (2, 3), &["config.yaml"]);
}

/// `key: value` lines, one for each pair.
fn lines(pairs: &[(String, String)]) -> String {
    pairs.iter().fold(String::new(), |mut text, (key, value)| {
        writeln!(text, "{key}: {value}").expect("a string takes everything");
        text
    })
}

impl Expected {
    /// What of it is not as expected.
    fn mismatch(&self, finding: &Value, code: i32) -> Option<String> {
        let text = finding["text"].as_str().expect("a text");
        let is = |name: &str, expected: Option<Value>| match &finding[name]
            == expected.as_ref().unwrap_or(&Value::Null)
        {
            true => None,
            false => Some(format!("{name}: {}", finding[name])),
        };
        let file = match (&self.file, finding["file"].as_str()) {
            (Some(expected), Some(file)) if file.ends_with(expected.as_str()) => None,
            (None, None) => None,
            (_, file) => Some(format!("file: {file:?}")),
        };
        let code = (code != self.code).then(|| format!("code: {code}"));
        let words = (!text.contains(&self.words)).then(|| format!("no `{}` in: {text}", self.words));
        is("key", self.key.clone().map(Value::from))
            .or_else(|| is("line", self.line.map(Value::from)))
            .or(file)
            .or(code)
            .or(words)
    }
}
