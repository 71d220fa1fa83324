//! What can be made to go wrong, for tests of schedulers. `POST /mini/<name>` with the fields as a JSON object;
//! outside Mesos' own name space, and answered to loopback only. Releases are built without.

use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use mesos::wire::id::{FrameworkId, TaskId};
use mesos::wire::status::{Reason, StatusSource, TaskState};

use super::agent::Fate;
use super::leadership::Leadership;

/// Times are those of the embedded Mesos' clock, which `--time-scale` makes faster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "fault", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// A new master with a new id takes over. All streams end, then it answers in phases, and leads after them.
    ChangeMaster {
        #[serde(default)]
        phases: Vec<Phase>,
        /// Whether it knows which agents there were.
        #[serde(default)]
        registry: RegistryFate,
        /// When the agents come to it, in milliseconds after now: the n-th time is the n-th agent's, the last
        /// one all further ones'. At once if empty.
        #[serde(default)]
        agents_after_ms: Vec<u64>,
    },
    /// The same master answers in phases, as if it did not lead, and goes on after them.
    Phases {
        phases: Vec<Phase>,
    },
    /// The agent's connection breaks, and the master notices. It is back after a while, or with `connect-agent`.
    DisconnectAgent {
        agent: String,
        for_ms: Option<u64>,
    },
    /// Nothing comes through between agent and master, and nobody notices but by silence.
    PartitionAgent {
        agent: String,
        for_ms: Option<u64>,
    },
    ConnectAgent {
        agent: String,
    },
    /// The agent loses its work directory: its tasks end, and it comes back as a new one.
    ReplaceAgent {
        agent: String,
    },
    /// The agent leaves in good order.
    UnregisterAgent {
        agent: String,
    },
    /// Events stop coming, without an end of the stream. Of one framework or of all.
    SilenceStreams {
        framework: Option<FrameworkId>,
    },
    /// The stream ends.
    CloseStreams {
        framework: Option<FrameworkId>,
    },
    /// The stream breaks in the middle of the next record.
    CutStreams {
        framework: Option<FrameworkId>,
    },
    /// From now on every record comes in chunks of so many bytes, each a chunk of HTTP of its own.
    SplitStreams {
        framework: Option<FrameworkId>,
        bytes: NonZeroUsize,
    },
    /// What becomes of calls of one kind, such as `ACCEPT`, or of all: after `skip` of them, the next `times`.
    Calls {
        call: Option<String>,
        #[serde(default)]
        skip: u32,
        #[serde(default = "once")]
        times: u32,
        deed: Deed,
    },
    /// Offers are taken back, those of one agent or all.
    Rescind {
        agent: Option<String>,
    },
    /// The next launches end at once.
    FailLaunches {
        #[serde(default = "once")]
        times: u32,
        /// Only those whose task id begins so.
        #[serde(default)]
        task: String,
        end: NamedFate,
    },
    /// A running task is killed, and its end is told so.
    EndTask {
        task: TaskId,
        framework: Option<FrameworkId>,
        end: NamedFate,
    },
    /// The next updates of agents arrive twice.
    DuplicateUpdates {
        #[serde(default = "once")]
        times: u32,
    },
    /// Acknowledgements are lost on their way to the agent: after `skip` of them, the next `times`.
    LoseAcknowledgements {
        #[serde(default)]
        skip: u32,
        #[serde(default = "once")]
        times: u32,
    },
    /// An update for a task that the framework never launched, on the first agent. It comes once.
    StrayUpdate {
        task: TaskId,
        framework: Option<FrameworkId>,
        update: NamedFate,
    },
    /// The next updates of agents are lost on their way to the scheduler, and come again when they are due.
    LoseUpdates {
        #[serde(default = "once")]
        times: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub for_ms: u64,
    pub answer: Leadership,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryFate {
    #[default]
    Kept,
    Lost,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// 202, and nothing happens.
    Swallow,
    /// No answer ever, and nothing happens.
    Hang,
    /// It is carried out, but no answer ever comes.
    Mute,
    /// Another answer, and nothing happens.
    Refuse { status: u16, text: String },
}

/// An end of a task in the names of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NamedFate {
    pub state: String,
    pub reason: Option<String>,
    pub source: Option<String>,
    pub message: Option<String>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("expected a JSON object with the fields of '{name}': {detail}")]
    Malformed { name: String, detail: String },
    #[error("there is no {what} '{name}'")]
    Unknown { what: &'static str, name: String },
    #[error("there is no agent '{name}', only {known}")]
    UnknownAgent { name: String, known: String },
    #[error("agent '{0}' is a process of its own: end it and start another")]
    Remote(String),
    #[error("there is no {0} that could tell of it")]
    Nobody(&'static str),
}

/// Reads what was posted to `/mini/<name>`.
pub fn parse(name: &str, body: &[u8]) -> Result<Fault, FaultError> {
    let malformed =
        |error: serde_json::Error| FaultError::Malformed { name: name.to_owned(), detail: error.to_string() };
    let mut fields: Map<String, Value> =
        if body.is_empty() { Map::new() } else { serde_json::from_slice(body).map_err(malformed)? };
    fields.insert("fault".to_owned(), Value::from(name));
    serde_json::from_slice(Value::Object(fields).to_string().as_bytes()).map_err(malformed)
}

impl NamedFate {
    pub fn resolve(&self) -> Result<Fate, FaultError> {
        let unknown = |what, name: &str| FaultError::Unknown { what, name: name.to_owned() };
        let state = TaskState::from_name(&self.state).ok_or_else(|| unknown("task state", &self.state))?;
        let reason =
            self.reason.as_deref().map(|name| Reason::from_name(name).ok_or_else(|| unknown("reason", name)));
        let source = self.source.as_deref().unwrap_or(StatusSource::Agent.name());
        let source = StatusSource::from_name(source).ok_or_else(|| unknown("source", source))?;
        Ok(Fate { state, reason: reason.transpose()?, source, message: self.message.clone() })
    }
}

impl Phase {
    pub fn span(&self) -> Duration {
        Duration::from_millis(self.for_ms)
    }
}

fn once() -> u32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_their_name_and_fields() {
        let parsed = parse("change-master", br#"{"phases":[{"for_ms":5,"answer":{"redirects":"h:1"}}]}"#);
        let phases = vec![Phase { for_ms: 5, answer: Leadership::Redirects("h:1".to_owned()) }];
        let (registry, agents_after_ms) = (RegistryFate::Kept, Vec::new());
        assert_eq!(parsed, Ok(Fault::ChangeMaster { phases, registry, agents_after_ms }));
        let refuse = Deed::Refuse { status: 503, text: "no".to_owned() };
        let parsed = parse("calls", br#"{"skip":2,"deed":{"refuse":{"status":503,"text":"no"}}}"#);
        assert_eq!(parsed, Ok(Fault::Calls { call: None, skip: 2, times: 1, deed: refuse }));
        assert_eq!(parse("rescind", b""), Ok(Fault::Rescind { agent: None }));
        for (name, body) in [("nothing", "{}"), ("rescind", "[]"), ("rescind", r#"{"agnt":"S0"}"#)] {
            assert!(parse(name, body.as_bytes()).is_err(), "{name} {body}");
        }
    }

    #[test]
    fn ends_of_tasks_are_named_as_in_the_protocol() {
        let Ok(Fault::FailLaunches { times: 1, end, .. }) = parse(
            "fail-launches",
            br#"{"end":{"state":"TASK_FAILED","reason":"REASON_CONTAINER_LAUNCH_FAILED"}}"#,
        ) else {
            panic!("a good fault")
        };
        let fate = end.resolve().expect("known names");
        assert_eq!((fate.state, fate.source), (TaskState::Failed, StatusSource::Agent));
        let wrong = NamedFate { state: "TASK_HAPPY".to_owned(), reason: None, source: None, message: None };
        assert_eq!(wrong.resolve().expect_err("unknown").to_string(), "there is no task state 'TASK_HAPPY'");
    }
}
