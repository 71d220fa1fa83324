//! What dependencies may be like, by `deny.toml`: their licences, more than one version of them, and whence they come.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde::Deserialize;

/// As much of it as is kept to here.
#[derive(Deserialize)]
pub struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    exceptions: Vec<Exception>,
}

#[derive(Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    name: String,
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<Skip>,
}

#[derive(Deserialize)]
struct Skip {
    /// `name@version`
    #[serde(rename = "crate")]
    which: String,
    #[expect(dead_code, reason = "for the reader of the file, and so that none is without")]
    reason: String,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

#[derive(Deserialize)]
pub struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    /// None for those of this tree.
    source: Option<String>,
}

/// All that is built for Linux, tests too.
pub fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--locked", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).expect("metadata");
    let built: BTreeSet<_> = metadata.resolve.nodes.into_iter().map(|node| node.id).collect();
    metadata.packages.into_iter().filter(|package| built.contains(&package.id)).collect()
}

/// What breaks the rules, and which of them nothing needs any more.
pub fn check(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let licences = packages.iter().filter_map(|package| licence(&rules.licenses, package));
    let sources = packages.iter().filter_map(source);
    licences.chain(sources).chain(versions(&rules.bans, packages)).collect()
}

fn licence(rules: &Licenses, package: &Package) -> Option<String> {
    let Package { name, license, .. } = package;
    let Some(expression) = license else { return Some(format!("{name} names no licence")) };
    let excepted = rules.exceptions.iter().find(|exception| exception.name == *name);
    let allowed =
        |id: &str| rules.allow.contains(id) || excepted.is_some_and(|exception| exception.allow.contains(id));
    let is_allowed = is_met(expression, &allowed);
    (!is_allowed).then(|| format!("{name} has the licence {expression}, which deny.toml does not allow"))
}

fn source(package: &Package) -> Option<String> {
    let is_known = package.source.as_deref().is_none_or(|source| source.contains("crates.io-index"));
    (!is_known).then(|| format!("{} comes from {}", package.name, package.source.as_deref().unwrap_or("?")))
}

fn versions(rules: &Bans, packages: &[Package]) -> Vec<String> {
    let named: BTreeSet<_> =
        packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect();
    let skipped: BTreeSet<_> = rules.skip.iter().map(|skip| skip.which.clone()).collect();
    let mut counted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, version) in named.difference(&skipped).filter_map(|one| one.split_once('@')) {
        counted.entry(name).or_default().push(version);
    }
    let several = counted.iter().filter(|(_, versions)| versions.len() > 1);
    let several = several.map(|(name, versions)| format!("{name} is there as {}", versions.join(" and ")));
    let stale = skipped.difference(&named).map(|one| format!("deny.toml skips {one}, which is gone"));
    several.chain(stale).collect()
}

/// Whether an expression of SPDX holds, such as `(MIT OR Apache-2.0) AND Unicode-3.0`; older crates write `/` for `OR`.
fn is_met(expression: &str, allowed: &dyn Fn(&str) -> bool) -> bool {
    let text = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: Vec<_> = text.split_whitespace().rev().collect();
    let met = any(&mut words, allowed);
    assert!(words.is_empty(), "{expression}");
    met
}

fn any(words: &mut Vec<&str>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = all(words, allowed);
    while words.pop_if(|word| *word == "OR").is_some() {
        met |= all(words, allowed);
    }
    met
}

fn all(words: &mut Vec<&str>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let mut met = one(words, allowed);
    while words.pop_if(|word| *word == "AND").is_some() {
        met &= one(words, allowed);
    }
    met
}

fn one(words: &mut Vec<&str>, allowed: &dyn Fn(&str) -> bool) -> bool {
    let word = words.pop().expect("a licence");
    if word == "(" {
        let met = any(words, allowed);
        assert_eq!(words.pop(), Some(")"));
        return met;
    }
    if words.pop_if(|word| *word == "WITH").is_some() {
        let exception = words.pop().expect("an exception");
        return allowed(&format!("{word} WITH {exception}"));
    }
    allowed(word)
}

mod catches {
    use super::*;

    fn package(name: &str, version: &str, license: &str, source: &str) -> Package {
        Package {
            id: String::new(),
            name: name.to_owned(),
            version: version.to_owned(),
            license: Some(license.to_owned()),
            source: Some(source.to_owned()),
        }
    }

    #[test]
    fn what_breaks_the_rules_is_found() {
        let rules = r#"
            [licenses]
            allow = ["MIT", "Apache-2.0 WITH X"]
            exceptions = [{ crate = "c", allow = ["MPL-2.0"] }]
            [bans]
            skip = [{ crate = "d@1.0.0", reason = "old" }, { crate = "e@1.0.0", reason = "gone" }]
        "#;
        let rules: Rules = toml::from_str(rules).expect("rules");
        let registry = "registry+https://example.org/crates.io-index";
        let packages = [
            package("a", "1.0.0", "GPL-3.0/MIT", registry),
            package("b", "1.0.0", "MIT AND (GPL-3.0 OR ISC)", registry),
            package("c", "1.0.0", "MPL-2.0 AND Apache-2.0 WITH X", registry),
            package("d", "1.0.0", "MIT", registry),
            package("d", "2.0.0", "MIT", registry),
            package("f", "1.0.0", "MIT", "git+https://example.org/f"),
            package("g", "1.0.0", "MIT", registry),
            package("g", "2.0.0", "MPL-2.0", registry),
        ];
        let expected = [
            "b has the licence MIT AND (GPL-3.0 OR ISC), which deny.toml does not allow",
            "g has the licence MPL-2.0, which deny.toml does not allow",
            "f comes from git+https://example.org/f",
            "g is there as 1.0.0 and 2.0.0",
            "deny.toml skips e@1.0.0, which is gone",
        ];
        assert_eq!(check(&rules, &packages), expected);
    }
}
