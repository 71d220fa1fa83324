//! Whether a cluster can be made of a manifest: what the operator tries at a submission, as far as it applies to Mesos, and what
//! `config --check` tries.

use conf::environment::Environment;
use conf::grammar::Grammar;
use conf::keys::{self, flink};
use conf::options;
use conf::problem::{Found, Problem};
use conf::redact;
use conf::settings::{self, Settings};
use conf::table::{Origin, Table};
use domain::demand::MAX_TASKMANAGERS;

use super::canonical::CanonicalError;
use super::configuration::{self, CONFIGURATION, Composed};
use super::draft::Circumstances;
use super::fields::Reading;
use super::finding::{Finding, Lines};
use super::job;
use super::owned;
use super::quantity::Memory;
use super::specification::{Containerizer, Manifest, Resource, Specification};
use super::version::FlinkVersion;

const MAX_NAME: usize = 45;

/// No JVM with Flink in it starts in less; mostly a unit was forgotten.
const LEAST_MEMORY: u64 = 64 << 20;

/// The names under which the operator and Flink keep the log's configuration.
const LOG_FILES: [&str; 2] = ["log4j-console.properties", "logback-console.xml"];

/// Keys that are told of in what is expected of others, and the fields that they are here.
const FIELDS: [(&str, &str); 2] =
    [(keys::CONTAINER_IMAGE.name, "spec.image"), (keys::CONTAINER_TYPE.name, "spec.mesos.container.type")];

/// Stand in for what the dispatcher adds, so that the rest can be tried.
const ANY_SERVER: &str = "localhost";

pub fn validate(manifest: &Manifest, lines: &Lines, circumstances: &Circumstances<'_>) -> Reading {
    let mut reading = Reading { lines: lines.clone(), ..Reading::default() };
    check_name(&manifest.metadata.name, &mut reading);
    let spec = &manifest.spec;
    check_version(manifest, circumstances, &mut reading);
    check_owned(spec, circumstances, &mut reading);
    check_resources(spec, &mut reading);
    check_log_files(spec, &mut reading);
    check_container(spec, &mut reading);
    check_identity(spec, &mut reading);
    job::check(spec, circumstances, &mut reading);
    match manifest.canonical() {
        Ok(_) => check_configuration(manifest, circumstances, &mut reading),
        Err(error @ CanonicalError::TooLarge { .. }) => reading.refuse("spec", error.to_string()),
    }
    reading
}

/// The operator's `[a-z]([-a-z\d]{0,43}[a-z\d])?`
fn check_name(name: &str, reading: &mut Reading) {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_inner = |c: char| is_letter(c) || c.is_ascii_digit() || c == '-';
    let is_good = name.starts_with(is_letter)
        && name.chars().all(is_inner)
        && !name.ends_with('-')
        && name.len() <= MAX_NAME;
    if name.is_empty() {
        reading.refuse("metadata.name", "is not set");
    } else if !is_good {
        let reason = format!(
            "`{name}` is no name for a cluster: up to {MAX_NAME} lower-case letters, digits and `-`, the first a letter, the last no `-`"
        );
        reading.refuse("metadata.name", reason);
    }
}

fn check_version(manifest: &Manifest, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    let spec = &manifest.spec;
    let version = spec.flink_version;
    if !version.is_supported() {
        let reason = format!("{version} is not supported, expected one of {}", FlinkVersion::supported());
        reading.refuse("spec.flinkVersion", reason);
    } else if spec.image.is_none()
        && let Some(flinks) = circumstances.flinks.filter(|flinks| !flinks.contains(&version))
    {
        if is_unchanged(manifest, circumstances) {
            let reason = format!(
                "this dispatcher has no {version} any more: what runs goes on, and no other AppMaster of it can be launched"
            );
            return reading.warn("spec.flinkVersion", reason);
        }
        let there: Vec<_> = flinks.iter().map(ToString::to_string).collect();
        let expected = match &there[..] {
            [] => "an image in spec.image".to_owned(),
            there => format!("one of {}, or an image in spec.image", there.join(", ")),
        };
        reading.refuse("spec.flinkVersion", format!("this dispatcher has no {version}, expected {expected}"));
    }
}

fn is_unchanged(manifest: &Manifest, circumstances: &Circumstances<'_>) -> bool {
    circumstances.previous.is_some_and(|previous| {
        let before = Manifest { spec: previous.clone(), ..manifest.clone() };
        before.canonical() == manifest.canonical()
    })
}

fn check_owned(spec: &Specification, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    for (key, value) in &spec.flink_configuration {
        let field = format!("{CONFIGURATION}.{key}");
        if let Some(why) = owned::is_forbidden(key) {
            reading.refuse(&field, format!("cannot be set here: {why}"));
        } else if owned::is_kubernetes_ha(key, value) && !circumstances.has_zookeeper {
            let reason =
                "there is no Kubernetes, and the dispatcher has no ZooKeeper: expected `zookeeper` or `NONE`";
            reading.refuse(&field, reason);
        } else if let Some(why) = owned::is_dropped(key, value) {
            reading.warn(&field, why);
        }
    }
}

fn check_resources(spec: &Specification, reading: &mut Reading) {
    let job_manager = ("spec.jobManager", &spec.job_manager.resource, Some(spec.job_manager.replicas));
    let task_manager = ("spec.taskManager", &spec.task_manager.resource, spec.task_manager.replicas);
    for (path, resource, replicas) in [job_manager, task_manager] {
        check_resource(&format!("{path}.resource"), resource, reading);
        if replicas.is_some_and(|replicas| !(1..=MAX_TASKMANAGERS).contains(&replicas)) {
            let reason = format!("expected a whole number from 1 to {MAX_TASKMANAGERS}");
            reading.refuse(&format!("{path}.replicas"), reason);
        }
    }
    for (key, size) in configuration::sizes(spec) {
        let field = format!("{CONFIGURATION}.{key}");
        match size {
            None if key.ends_with(".mb") => reading.refuse(&field, "expected a number of MiB"),
            None => reading.refuse(&field, "expected a size such as `1728m` or `4g`"),
            Some(size) if key.ends_with(".process.size") => check_memory(&field, size, reading),
            Some(_) => {}
        }
    }
    let memories = [
        ("spec.jobManager.resource.memory", "jobmanager.memory.process.size", spec.has_job_manager_memory()),
        ("spec.taskManager.resource.memory", flink::PROCESS_MEMORY.name, spec.has_task_manager_memory()),
    ];
    for (field, key, has_memory) in memories {
        if !has_memory {
            let version = spec.flink_version;
            reading.refuse(
                field,
                format!("is not set, and {CONFIGURATION} has no size that {version} reads, such as `{key}`"),
            );
        }
    }
}

fn check_resource(path: &str, resource: &Resource, reading: &mut Reading) {
    if resource.cpu.is_some_and(|cpu| !cpu.is_positive()) {
        reading.refuse(&format!("{path}.cpu"), "expected a number above 0, in thousandths at the finest");
    }
    if let Some(memory) = resource.memory {
        check_memory(&format!("{path}.memory"), memory, reading);
    }
    if resource.ephemeral_storage.is_some_and(|storage| storage.mebibytes() > u64::from(u32::MAX)) {
        reading.refuse(&format!("{path}.ephemeralStorage"), "is more than any machine has");
    }
}

fn check_memory(field: &str, memory: Memory, reading: &mut Reading) {
    if memory.bytes() < LEAST_MEMORY {
        let reason = format!("{} is too little for a JVM; without a unit a number is bytes", memory.size());
        reading.refuse(field, reason);
    }
}

fn check_log_files(spec: &Specification, reading: &mut Reading) {
    for name in spec.log_configuration.keys().filter(|name| !LOG_FILES.contains(&name.as_str())) {
        let field = format!("spec.logConfiguration.{name}");
        reading
            .refuse(&field, format!("expected {}", LOG_FILES.map(|file| format!("`{file}`")).join(" or ")));
    }
}

/// Whoever may not take another role or user must not do so by other spellings of it: what is there is what the AppMaster reads.
fn check_identity(spec: &Specification, reading: &mut Reading) {
    let has_quotes = |text: &str| text.contains(['"', '\'']);
    if let Some(role) = &spec.mesos.role
        && keys::FRAMEWORK_ROLE.read(role).is_ok_and(|roles| roles != [role.as_str()] || has_quotes(role))
    {
        reading.refuse("spec.mesos.role", "expected one role, without quotes and blanks around it");
    }
    if let Some(user) = &spec.mesos.user
        && keys::FRAMEWORK_USER.read(user).is_ok_and(|read| read != *user || has_quotes(user))
    {
        reading.refuse("spec.mesos.user", "expected one user, without quotes and blanks around it");
    }
}

/// What a file of Flink's can hold; a key with blanks could be read as another one.
fn check_expressible(spec: &Specification, composed: &Composed, reading: &mut Reading) {
    let grammars = Grammar::of(spec.flink_version.number());
    for (key, effective) in &composed.values {
        let field = effective.field.clone().unwrap_or_else(|| format!("{CONFIGURATION}.{key}"));
        let reasons: Vec<_> =
            grammars.iter().map(|grammar| grammar.inexpressible(key, &effective.value)).collect();
        if key.is_empty() || key.contains(|c: char| c.is_whitespace() || c.is_control()) {
            reading.refuse(&field, "a key cannot have blanks in it");
        } else if let Some(Some(reason)) = reasons.iter().min() {
            reading.refuse(&field, format!("cannot be written for {}: {reason}", spec.flink_version));
        }
    }
}

fn check_container(spec: &Specification, reading: &mut Reading) {
    let mesos = &spec.mesos;
    if mesos.networks.len() > 1 {
        reading.refuse("spec.mesos.networks", "expected one network");
    }
    if !mesos.container.parameters.is_empty() && mesos.container.containerizer == Containerizer::Mesos {
        let reason = "are for docker alone: expected spec.mesos.container.type `docker` with them";
        reading.refuse("spec.mesos.container.parameters", reason);
    }
}

/// What the AppMaster would find in its configuration.
fn check_configuration(manifest: &Manifest, circumstances: &Circumstances<'_>, reading: &mut Reading) {
    let spec = &manifest.spec;
    let composed = spec.compose(&manifest.metadata.name);
    for (field, reason) in &composed.conflicts {
        reading.refuse(field, reason);
    }
    for (field, reason) in &composed.overruled {
        reading.warn(field, reason);
    }
    check_expressible(spec, &composed, reading);
    let mut table = table(&composed, &reading.lines);
    complete(&mut table, circumstances);
    let (_, mut remarks) = conf::settle(&mut table, &Environment::default(), spec.flink_version.number());
    remarks.extend(Settings::warnings(&table));
    remarks.extend(options::warnings(&table, Some(spec.flink_version.number())));
    for remark in remarks {
        // The remark says at which line.
        reading.warnings.push(Finding { field: CONFIGURATION.to_owned(), line: None, reason: remark.text });
    }
    if let Err(problems) = Settings::from_table(&table) {
        for problem in problems {
            let (field, reason) = told(&problem, &composed);
            if reading.findings.iter().all(|finding| finding.field != field) {
                reading.refuse(&field, reason);
            }
        }
    }
    let is_highly_available = settings::is_highly_available(&table);
    if let Some(job) = &spec.job
        && job.keeps_state()
        && !is_highly_available
    {
        let reason = format!(
            "is kept with high availability only: a dispatcher with ZooKeeper, or `{}: zookeeper` in {CONFIGURATION}",
            flink::HA_TYPE.name
        );
        reading.refuse("spec.job.upgradeMode", reason);
    }
    if spec.job_manager.replicas > 1 && !is_highly_available {
        let reason = format!(
            "more than one needs high availability: a dispatcher with ZooKeeper, or `{}: zookeeper` in {CONFIGURATION}",
            flink::HA_TYPE.name
        );
        reading.refuse("spec.jobManager.replicas", reason);
    }
}

fn table(composed: &Composed, lines: &Lines) -> Table {
    let mut table = Table::default();
    for (key, effective) in &composed.values {
        let (field, place) = match &effective.field {
            Some(field) => (field.clone(), field.clone()),
            None => (CONFIGURATION.to_owned(), format!("{CONFIGURATION}.{key}")),
        };
        table.set(key, &effective.value, Origin::Specification { field, line: lines.of(&place) });
    }
    table
}

/// With what the dispatcher adds.
fn complete(table: &mut Table, circumstances: &Circumstances<'_>) {
    table.set_default(keys::MASTER.name, format!("{ANY_SERVER}:5050"));
    table.set_default(flink::CLUSTER_ID.name, "/cluster");
    if circumstances.has_zookeeper {
        for (key, value) in [
            (flink::HA_TYPE.name, "zookeeper"),
            (flink::HA_QUORUM.name, "localhost:2181"),
            (flink::HA_STORAGE_DIR.name, "file:///ha"),
        ] {
            if keys::lookup(table, key).is_none() {
                table.set_default(key, value);
            }
        }
    }
}

/// The field of the problem, and what is wrong with it.
fn told(problem: &Problem, composed: &Composed) -> (String, String) {
    let Problem { subject, found, expected } = problem;
    let own = format!("{CONFIGURATION}.{subject}");
    let field = composed.values.get(subject).and_then(|effective| effective.field.clone()).unwrap_or(own);
    let expected = FIELDS.iter().fold(expected.clone(), |text, (key, field)| text.replace(key, field));
    let reason = match found {
        Found::Nothing => format!("is not set, expected {expected}"),
        Found::Value { value, .. } => {
            let (shown, expected) = redact::mismatch(subject, value, &expected);
            format!("expected {expected}, found `{shown}`")
        }
    };
    (field, reason)
}
