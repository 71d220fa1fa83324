//! From documents to drafts of manifests.

use std::collections::BTreeMap;

use conf::document::{self, Entry, Node, Remark, Value};

use super::draft::Draft;
use super::fields::{Fields, Reading, described};
use super::finding::Finding;
use super::merge;
use super::quantity::{CPUS_EXPECTED, Cpus, MEMORY_EXPECTED, Memory};
use super::read_mesos;
use super::specification::{
    ApiVersion, Job, JobManager, JobState, Kind, Manifest, Metadata, Mode, PullPolicy, Resource,
    Specification, TaskManager, UpgradeMode,
};
use super::version::FlinkVersion;

const API_VERSION: &str = "flink.apache.org/v1beta1";
const KIND: &str = "FlinkDeployment";

/// Of the operator, too.
const OTHER_KINDS: [&str; 3] = ["FlinkBlueGreenDeployment", "FlinkSessionJob", "FlinkStateSnapshot"];

/// What a cluster of Kubernetes has written there.
const FOREIGN_METADATA: [&str; 11] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generation",
    "managedFields",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// A whole manifest once more, as `kubectl apply` leaves it there.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Of all manifests that are handed in together; what aliases stand for is counted where they are read.
pub const MAX_BYTES: usize = 4 << 20;

/// Why there is not a single draft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error("line {line}: {text}")]
    Yaml { line: usize, text: String },
    #[error("there is no manifest in it")]
    Empty,
    #[error("{bytes} bytes are more than the {MAX_BYTES} that are read")]
    TooLarge { bytes: usize },
}

impl From<Remark> for ReadError {
    fn from(Remark { line, text }: Remark) -> Self {
        Self::Yaml { line, text }
    }
}

/// Reads manifests in YAML or JSON, several with `---` between them. What is wrong in one is in its draft.
///
/// YAML is read as Flink reads it, by version 1.2: `yes` is a text and `010` is ten. Beyond that there are `<<`, and tabs that
/// separate.
pub fn read(text: &str) -> Result<Vec<Draft>, ReadError> {
    if text.len() > MAX_BYTES {
        return Err(ReadError::TooLarge { bytes: text.len() });
    }
    let mut drafts = Vec::new();
    for node in document::documents(text)? {
        if node.value != Value::Null {
            drafts.push(draft(merge::merged(node)?));
        }
    }
    if drafts.is_empty() { Err(ReadError::Empty) } else { Ok(drafts) }
}

fn draft(node: Node) -> Draft {
    let mut reading = Reading::default();
    let manifest = Fields::of(&mut reading, "", node).and_then(manifest);
    Draft::new(manifest, reading)
}

/// `None` when it is something else altogether.
fn manifest(mut fields: Fields<'_>) -> Option<Manifest> {
    match fields.text("kind").as_deref() {
        Some(KIND) => {}
        Some(kind) if OTHER_KINDS.contains(&kind) => {
            fields.refuse("kind", format!("{kind} is not supported yet; only {KIND} is"));
            return None;
        }
        Some(kind) => {
            fields.refuse("kind", format!("expected `{KIND}`, found `{kind}`"));
            return None;
        }
        None => fields.refuse("kind", format!("is not set, expected `{KIND}`")),
    }
    match fields.text("apiVersion").as_deref() {
        Some(API_VERSION) => {}
        Some(other) => fields.refuse("apiVersion", format!("expected `{API_VERSION}`, found `{other}`")),
        None => fields.refuse("apiVersion", format!("is not set, expected `{API_VERSION}`")),
    }
    let metadata = fields.nested("metadata").map(metadata).unwrap_or_default();
    let spec = match fields.nested("spec") {
        Some(spec) => Some(specification(spec)),
        None => {
            fields.refuse("spec", "is not set");
            None
        }
    };
    fields.finish(&["status"]);
    Some(Manifest { api_version: ApiVersion::V1Beta1, kind: Kind::FlinkDeployment, metadata, spec: spec? })
}

fn metadata(mut fields: Fields<'_>) -> Metadata {
    let name = fields.text("name").unwrap_or_default();
    let labels = fields.map("labels");
    let mut annotations = fields.map("annotations");
    annotations.remove(LAST_APPLIED);
    fields.finish(&FOREIGN_METADATA);
    Metadata { name, labels, annotations }
}

fn specification(mut fields: Fields<'_>) -> Specification {
    let policies = [
        ("Always", PullPolicy::Always),
        ("IfNotPresent", PullPolicy::IfNotPresent),
        ("Never", PullPolicy::Never),
    ];
    let modes = [("native", Mode::Native), ("standalone", Mode::Standalone)];
    let spec = Specification {
        flink_version: flink_version(&mut fields),
        image: fields.text("image"),
        image_pull_policy: fields.one_of("imagePullPolicy", &policies),
        flink_configuration: flink_configuration(&mut fields),
        job_manager: fields.nested("jobManager").map(job_manager).unwrap_or_default(),
        task_manager: fields.nested("taskManager").map(task_manager).unwrap_or_default(),
        job: fields.nested("job").map(job),
        restart_nonce: fields.number("restartNonce", "a whole number"),
        log_configuration: fields.map("logConfiguration"),
        mode: fields.one_of("mode", &modes).unwrap_or_default(),
        mesos: fields.nested("mesos").map(read_mesos::mesos).unwrap_or_default(),
    };
    fields.finish(&["ingress", "podTemplate", "serviceAccount"]);
    spec
}

/// Where it is wrong the newest stands in for it, so that the rest can be looked at.
fn flink_version(fields: &mut Fields<'_>) -> FlinkVersion {
    let [.., newest] = FlinkVersion::SUPPORTED;
    let expected = "a version such as `v1_20`";
    if !fields.has("flinkVersion") {
        fields.refuse("flinkVersion", format!("is not set, expected {expected}"));
    }
    fields.parsed("flinkVersion", expected, FlinkVersion::parse).unwrap_or(newest)
}

/// The old form, keys with dots, and the new one, maps in maps, or both mixed.
fn flink_configuration(fields: &mut Fields<'_>) -> BTreeMap<String, String> {
    let mut configuration = BTreeMap::new();
    let Some(node) = fields.take("flinkConfiguration") else { return configuration };
    let path = fields.path("flinkConfiguration");
    let reading = &mut *fields.reading;
    let Value::Map(pairs) = node.value else {
        reading.refuse(&path, format!("expected a map, not {}", described(&node.value)));
        return configuration;
    };
    for pair in pairs {
        let mut entries = Vec::new();
        if let Err(Remark { line, text }) = document::flatten(&[pair], "", &mut entries) {
            reading.found(Finding { field: path.clone(), line: Some(line), reason: text });
        }
        for Entry { key, value, line } in entries {
            let field = format!("{path}.{key}");
            if configuration.contains_key(&key) {
                let reason = "is set twice, flat and within a map".to_owned();
                reading.found(Finding { field, line: Some(line), reason });
                continue;
            }
            reading.lines.note(&field, line);
            let value = in_order(&key, value);
            configuration.insert(key, value);
        }
    }
    configuration
}

/// A map in one text whose order means nothing, and which the operator's autoscaler writes in any.
fn in_order(key: &str, value: String) -> String {
    if key != "pipeline.jobvertex-parallelism-overrides" {
        return value;
    }
    let mut pairs: Vec<_> = value.split(',').map(str::trim).collect();
    pairs.sort_unstable();
    pairs.join(",")
}

fn job_manager(mut fields: Fields<'_>) -> JobManager {
    let resource = resource(&mut fields);
    let replicas = fields.number("replicas", "a whole number from 1").unwrap_or(1);
    fields.finish(&["podTemplate"]);
    JobManager { resource, replicas }
}

fn task_manager(mut fields: Fields<'_>) -> TaskManager {
    let resource = resource(&mut fields);
    let replicas = fields.number("replicas", "a whole number from 1");
    fields.finish(&["podTemplate"]);
    TaskManager { resource, replicas }
}

/// `resource`, and before it `resources` in Kubernetes' form, of which requests count before limits.
fn resource(fields: &mut Fields<'_>) -> Resource {
    let mut resource = Resource::default();
    if let Some(fields) = fields.nested("resource") {
        resource = amounts(fields, "ephemeralStorage");
    }
    let Some(mut resources) = fields.nested("resources") else { return resource };
    let requests = resources.nested("requests").map(|fields| amounts(fields, "ephemeral-storage"));
    let limits = resources.nested("limits").map(|fields| amounts(fields, "ephemeral-storage"));
    resources.finish(&["claims"]);
    let sources = || requests.iter().chain(&limits).chain(std::iter::once(&resource));
    Resource {
        cpu: sources().find_map(|source| source.cpu),
        memory: sources().find_map(|source| source.memory),
        ephemeral_storage: sources().find_map(|source| source.ephemeral_storage),
    }
}

fn amounts(mut fields: Fields<'_>, storage: &'static str) -> Resource {
    let resource = Resource {
        cpu: fields.parsed("cpu", CPUS_EXPECTED, Cpus::parse),
        memory: fields.parsed("memory", MEMORY_EXPECTED, Memory::parse),
        ephemeral_storage: fields.parsed(storage, MEMORY_EXPECTED, Memory::parse),
    };
    fields.finish(&[]);
    resource
}

fn job(mut fields: Fields<'_>) -> Job {
    let states = [("running", JobState::Running), ("suspended", JobState::Suspended)];
    let modes = [
        ("stateless", UpgradeMode::Stateless),
        ("last-state", UpgradeMode::LastState),
        ("savepoint", UpgradeMode::Savepoint),
    ];
    let nonce = "a whole number";
    let job = Job {
        jar_uri: fields.text("jarURI").filter(|uri| !uri.is_empty()),
        entry_class: fields.text("entryClass"),
        args: fields.texts("args"),
        parallelism: fields.number("parallelism", "a whole number from 1"),
        state: fields.one_of("state", &states).unwrap_or_default(),
        upgrade_mode: fields.one_of("upgradeMode", &modes).unwrap_or_default(),
        initial_savepoint_path: fields.text("initialSavepointPath"),
        allow_non_restored_state: fields.flag("allowNonRestoredState").unwrap_or_default(),
        savepoint_redeploy_nonce: fields.number("savepointRedeployNonce", nonce),
        savepoint_trigger_nonce: fields.number("savepointTriggerNonce", nonce),
        checkpoint_trigger_nonce: fields.number("checkpointTriggerNonce", nonce),
        autoscaler_reset_nonce: fields.number("autoscalerResetNonce", nonce),
    };
    fields.finish(&[]);
    job
}
