//! What a failure says: which failures are alike, and which of them the configuration causes.

use serde::{Deserialize, Serialize};

use mesos::event::StatusUpdate;
use mesos::wire::status::{Reason, TaskState};

/// So much of a message tells one kind of failure from another.
const MAX_SHAPE_CHARS: usize = 160;

/// A word with a digit that is longer than this is an id, an address, a path or an amount; exit codes are shorter.
const MAX_WORD_BYTES: usize = 4;

/// Failures of one kind have the same state, the same reason and a message that differs in ids, addresses and amounts
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Symptom(String);

impl Symptom {
    /// `names` are those of the task, its host and its agent.
    pub fn of(update: &StatusUpdate, state: TaskState, names: &[&str]) -> Self {
        let mut message = update.message.clone();
        for name in names.iter().filter(|name| !name.is_empty()) {
            message = message.replace(name, "#");
        }
        let is_of_word = |symbol: char| symbol.is_alphanumeric() || "_-./:".contains(symbol);
        let words = message.split(|symbol| !is_of_word(symbol)).filter(|word| !word.is_empty());
        let is_name =
            |word: &str| word.len() > MAX_WORD_BYTES && word.contains(|symbol: char| symbol.is_ascii_digit());
        let words: Vec<_> = words.map(|word| if is_name(word) { "#" } else { word }).collect();
        let shape: String = words.join(" ").chars().take(MAX_SHAPE_CHARS).collect();
        Self(format!("{} {} {shape}", state.name(), update.reason.map_or("", Reason::name)))
    }
}

/// A cause that lies in the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whose values to look at.
    pub keys: &'static [&'static str],
    /// The master says so, so that it is the same on every agent and each time.
    pub is_certain: bool,
}

/// One line of [`FAULTS`]: all of it must hold.
struct Row {
    states: &'static [TaskState],
    /// Empty for any, and for none.
    reasons: &'static [Reason],
    /// One of them is in the message, in small letters; empty for any message.
    words: &'static [&'static str],
    fault: Fault,
}

const ERROR: &[TaskState] = &[TaskState::Error];
const DROPPED: &[TaskState] = &[TaskState::Dropped, TaskState::Lost];
const FAILED: &[TaskState] = &[TaskState::Failed];
const INVALID: &[Reason] = &[Reason::TaskInvalid, Reason::TaskGroupInvalid];
const CONTAINER: &[Reason] = &[Reason::ContainerLaunchFailed, Reason::ExecutorTerminated];

const USERS: &[&str] = &["mesos.resourcemanager.tasks.user", "mesos.resourcemanager.framework.user"];

const fn row(
    states: &'static [TaskState],
    reasons: &'static [Reason],
    words: &'static [&'static str],
    keys: &'static [&'static str],
) -> Row {
    let is_certain = matches!(states[0], TaskState::Error);
    Row { states, reasons, words, fault: Fault { keys, is_certain } }
}

/// The first that holds counts. What master and agents say is theirs word for word, typing errors too.
static FAULTS: &[Row] = &[
    // The master, and an agent that asks its own authorizer.
    row(
        ERROR,
        &[Reason::TaskUnauthorized, Reason::TaskGroupUnauthorized],
        &[],
        &[
            "mesos.resourcemanager.tasks.user",
            "mesos.resourcemanager.framework.user",
            "mesos.resourcemanager.framework.principal",
        ],
    ),
    // Another task has the id, or had it: nothing that a key changes.
    row(ERROR, INVALID, &["duplicate id", "reuses the id", "invalid agent"], &[]),
    row(ERROR, INVALID, &["kill_policy"], &["mesos.resourcemanager.tasks.kill-grace"]),
    row(
        ERROR,
        INVALID,
        &["dockerinfo must not be"],
        &["mesos.resourcemanager.tasks.container.docker.parameters"],
    ),
    row(ERROR, INVALID, &["volume", "host_path"], &["mesos.resourcemanager.tasks.container.volumes"]),
    row(
        ERROR,
        INVALID,
        &["containerinfo", "dockerinfo"],
        &["mesos.resourcemanager.tasks.container.type", "mesos.resourcemanager.tasks.container.image.name"],
    ),
    row(ERROR, INVALID, &["environment variable"], &["containerized.taskmanager.env."]),
    row(ERROR, INVALID, &["commandinfo"], &["mesos.resourcemanager.tasks.uris"]),
    row(ERROR, INVALID, &["gpus"], &["mesos.resourcemanager.tasks.gpus"]),
    row(
        ERROR,
        INVALID,
        &["resource"],
        &[
            "mesos.resourcemanager.tasks.cpus",
            "taskmanager.memory.process.size",
            "mesos.resourcemanager.tasks.disk",
            "mesos.resourcemanager.framework.role",
        ],
    ),
    row(DROPPED, &[], &["no such user", "failed to chown", "failed to get user"], USERS),
    row(
        FAILED,
        &[],
        &["no such user", "failed to chown", "failed to get user", "failed to change user"],
        USERS,
    ),
    row(
        FAILED,
        CONTAINER,
        &["none of the enabled containerizers", "unsupported container image", "no container logger"],
        &["mesos.resourcemanager.tasks.container.type"],
    ),
    row(
        FAILED,
        CONTAINER,
        &["not included in resources", "cni", "network"],
        &["mesos.resourcemanager.tasks.container.network", "mesos.resourcemanager.tasks.port-assignments"],
    ),
    row(
        FAILED,
        CONTAINER,
        &["invalid mount", "bind source path", "host path volume", "host_path", "volume", "failed to mount"],
        &["mesos.resourcemanager.tasks.container.volumes"],
    ),
    row(
        FAILED,
        CONTAINER,
        &["unknown flag", "unknown shorthand flag"],
        &["mesos.resourcemanager.tasks.container.docker.parameters"],
    ),
    row(
        FAILED,
        CONTAINER,
        &[
            "pull",
            "manifest",
            "no such image",
            "repository",
            "invalid reference format",
            "unexpected http response",
            "failed to parse docker image",
        ],
        &["mesos.resourcemanager.tasks.container.image.name"],
    ),
    row(
        FAILED,
        CONTAINER,
        &["failed to fetch"],
        &[
            "mesos.resourcemanager.tasks.uris",
            "mesos.resourcemanager.artifactserver.port",
            "jobmanager.rpc.address",
        ],
    ),
    row(FAILED, &[Reason::ContainerLimitationDisk], &[], &["mesos.resourcemanager.tasks.disk"]),
    // The program is not there or is none: of an image, a delivery or a command that does not fit.
    row(
        FAILED,
        &[],
        &[
            "exited with status 126",
            "exited with status 127",
            "failed to execute",
            "executable file not found",
        ],
        &[
            "mesos.resourcemanager.tasks.delivery",
            "mesos.resourcemanager.tasks.container.image.name",
            "mesos.resourcemanager.tasks.bootstrap-cmd",
            "mesos.resourcemanager.tasks.taskmanager-cmd",
        ],
    ),
];

/// The keys that the end of a task at its start points to, if it points to any.
pub fn fault(update: &StatusUpdate, state: TaskState) -> Option<&'static Fault> {
    let message = update.message.to_lowercase();
    let holds = |row: &&Row| {
        row.states.contains(&state)
            && (row.reasons.is_empty() || update.reason.is_some_and(|reason| row.reasons.contains(&reason)))
            && (row.words.is_empty() || row.words.iter().any(|word| message.contains(word)))
    };
    FAULTS.iter().find(holds).map(|row| &row.fault).filter(|fault| !fault.keys.is_empty())
}

/// The code with which a task's command has ended, in the words of the command executor ("Command exited with status 3") and
/// of the executor for Docker ("Container exited with status 3").
pub fn exit_code(message: &str) -> Option<u8> {
    let (_, rest) = message.split_once("exited with status ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| &rest[..end]);
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
