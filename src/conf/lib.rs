//! Flink's configuration: reading, layers, rewriting.
//!
//! Later layers win: defaults, the file in the configuration directory, `FLINK_PROPERTIES`, environment
//! variables, `-D` arguments. The user's directory is only read.

#![forbid(unsafe_code)]

pub mod document;
mod encoding;
mod entry;
pub mod environment;
pub mod files;
pub mod grammar;
pub mod java;
pub mod keys;
mod legacy;
pub mod nearest;
pub mod options;
pub mod problem;
mod properties;
mod quotes;
pub mod redact;
pub mod retired;
pub mod rewrite;
pub mod settings;
pub mod size;
pub mod table;
pub mod variables;
pub mod warning;
pub mod write;
mod yaml;

use std::path::Path;

use serde::{Deserialize, Serialize};

use base::exit::Exit;
use entry::Remark;
use environment::Environment;
use files::ReadError;
use grammar::{Grammar, Version};
use problem::Problem;
use rewrite::{Change, Circumstances, Reach};
use settings::Settings;
use table::{Origin, Table};
use warning::Warning;

/// The items of a list as YAML writes it on one line (`[a, 'b, c']`); `None` for what is no such list.
pub fn list_items(text: &str) -> Option<Vec<String>> {
    let items = yaml::items(text)?;
    Some(items.into_iter().map(yaml::Item::into_text).collect())
}

/// A list as [`list_items`] and readers of lists with commas take it.
pub fn list_text(items: Vec<String>) -> String {
    match items.iter().any(|item| item.contains(',')) {
        true => yaml::Item::Texts(items).into_text(),
        false => items.join(","),
    }
}

/// Where the layers come from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub conf_dir: &'a Path,
    pub version: Version,
    /// The layers `FLINK_PROPERTIES` and variables.
    pub environment: &'a Environment,
    /// `-D key=value`, in order.
    pub arguments: &'a [(String, String)],
    /// The kernel's host name.
    pub host_name: &'a str,
    pub mode: Mode,
}

/// For whom the configuration is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The JobManager must be reachable from other machines.
    Cluster,
    /// Everything stays on this machine unless the user says otherwise.
    Local,
}

/// The layers in one table, and what there is to say about them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Loaded {
    pub table: Table,
    /// The rewritten keys, each to be logged once.
    #[serde(skip)]
    pub report: Vec<Change>,
    /// What is odd but does not stop the start; with file and line where there is one.
    #[serde(skip)]
    pub warnings: Vec<Warning>,
    /// Environment variables with wrong values.
    #[serde(skip)]
    pub problems: Vec<Problem>,
    /// Variables that count no more: what they say is in the table, or was given up.
    #[serde(skip)]
    pub consumed: Vec<&'static str>,
    /// The grammar of the file that was read, in which the effective configuration is to be written.
    pub grammar: Grammar,
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl ConfError {
    /// The code with which the program ends.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Read(error) => error.exit(),
        }
    }
}

/// Reads all layers and rewrites what the mode demands.
pub fn load(request: &Request<'_>) -> Result<Loaded, ConfError> {
    let Request { conf_dir, version, environment, arguments, host_name, mode } = *request;
    let Loaded { mut table, mut report, mut warnings, mut problems, grammar, .. } =
        read_file(conf_dir, version)?;
    match variables::text(environment, "FLINK_PROPERTIES") {
        Ok(text) => warnings.extend(apply_properties(text, environment, &mut table)),
        Err(problem) => problems.push(problem),
    }
    problems.extend(variables::apply(environment, &mut table));
    apply_arguments(arguments, &mut table);
    let (changes, remarks) = settle(&mut table, environment, version);
    report.extend(changes);
    warnings.extend(remarks);
    let consumed = retired::consumed_heaps(&table, version).into_iter().chain(["FLINK_PROPERTIES"]).collect();
    let asked = environment.text("JOB_MANAGER_RPC_ADDRESS").map(str::trim);
    let reach = match mode {
        Mode::Cluster => {
            Reach::Network { address: asked, host: environment.text("HOST").map(str::trim), host_name }
        }
        Mode::Local => Reach::Loopback,
    };
    report.extend(rewrite::rewrite(&mut table, Circumstances { version, reach }));
    if let (Some(asked), Some(address)) = (asked, table.get(keys::flink::ADDRESS.name))
        && asked != address
    {
        let key = keys::flink::ADDRESS.name;
        let text = format!("JOB_MANAGER_RPC_ADDRESS={asked} is not used, as {key} is {address}");
        warnings.push(Warning::about("JOB_MANAGER_RPC_ADDRESS", text));
    }
    warnings.extend(Settings::warnings(&table));
    Ok(Loaded { table, report, warnings, problems, consumed, grammar })
}

/// Spells what all layers together say in the way of today. Answers what it changed, and what is odd.
pub fn settle(table: &mut Table, environment: &Environment, version: Version) -> (Vec<Change>, Vec<Warning>) {
    let mut warnings = quotes::undo(table);
    let mut report = spell(table);
    warnings.extend(retired::warnings(table, environment, version));
    let (changes, given_up) = rewrite::settle_memory(table, environment, version);
    report.extend(changes);
    warnings.extend(given_up);
    (report, warnings)
}

/// What an AppMaster has made of all layers for a task, with what is given to that task alone on top.
pub fn load_delivered(
    conf_dir: &Path,
    version: Version,
    arguments: &[(String, String)],
) -> Result<Loaded, ConfError> {
    let mut loaded = read_file(conf_dir, version)?;
    apply_arguments(arguments, &mut loaded.table);
    Ok(loaded)
}

fn read_file(conf_dir: &Path, version: Version) -> Result<Loaded, ConfError> {
    let file = files::read(conf_dir, version)?;
    let mut table = Table::default();
    for entry in file.entries {
        let origin = Origin::File { path: file.path.clone(), line: entry.line };
        table.set(entry.key, entry.value, origin);
    }
    Ok(Loaded {
        table,
        report: Vec::new(),
        warnings: file.warnings,
        problems: Vec::new(),
        consumed: Vec::new(),
        grammar: file.grammar,
    })
}

fn apply_arguments(arguments: &[(String, String)], table: &mut Table) {
    for (key, value) in arguments {
        table.set(key, value, Origin::Argument);
    }
}

/// The origin stays: what is wrong with such a value is told with its place.
fn spell(table: &mut Table) -> Vec<Change> {
    let spelled = settings::spelled(table);
    let change = |(key, new): (&'static str, String)| {
        let before = table.remove(key)?;
        table.set(key, &new, before.origin);
        let why = "an item of the list is a map or a list".into();
        Some(Change { key: key.to_owned(), old: Some(before.value), new: Some(new), why })
    };
    spelled.into_iter().filter_map(change).collect()
}

/// Returns the warnings.
fn apply_properties(text: &str, environment: &Environment, table: &mut Table) -> Vec<Warning> {
    let variable = |name: &str| environment.get(name).and_then(|value| value.to_str());
    let (entries, remarks) = properties::parse(text, variable);
    for entry in entries {
        table.set(entry.key, entry.value, Origin::Properties { line: entry.line });
    }
    let warning = |Remark { line, text }| Warning::of_line(Origin::Properties { line }, text);
    remarks.into_iter().map(warning).collect()
}
