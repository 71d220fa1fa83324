//! The stored form of the state: JSON with a version, so that a person can read it and a newer program can tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::{State, TaskRecord};

/// Raised with every change that an older program would misread.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    state: &'a State,
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Read {
    state: State,
}

#[derive(Serialize)]
struct WrittenTasks<'a> {
    version: u32,
    tasks: &'a BTreeMap<&'a str, &'a TaskRecord>,
}

#[derive(Deserialize)]
struct ReadTasks {
    tasks: BTreeMap<String, TaskRecord>,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("it is not a state that this program has written")]
    Malformed(#[source] serde_json::Error),
    #[error("it was written by a newer program: version {found}, this one reads up to {VERSION}")]
    Newer { found: u32 },
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("the state cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

pub fn encode(state: &State) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(&Written { version: VERSION, state }).map_err(RecordError::Unwritable)
}

pub fn decode(bytes: &[u8]) -> Result<State, RecordError> {
    check_version(bytes)?;
    let Read { state } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    Ok(state)
}

/// Some of the state's tasks, where they lie apart from the rest.
pub fn encode_tasks(tasks: &BTreeMap<&str, &TaskRecord>) -> Result<Vec<u8>, RecordError> {
    serde_json::to_vec(&WrittenTasks { version: VERSION, tasks }).map_err(RecordError::Unwritable)
}

pub fn decode_tasks(bytes: &[u8]) -> Result<BTreeMap<String, TaskRecord>, RecordError> {
    check_version(bytes)?;
    let ReadTasks { tasks } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    Ok(tasks)
}

fn check_version(bytes: &[u8]) -> Result<(), RecordError> {
    let Version { version } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    if version > VERSION { Err(RecordError::Newer { found: version }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::TaskRecord;

    #[test]
    fn what_is_written_is_read() {
        let mut state = State { framework_id: Some("f-0000".into()), task_counter: 7, ..State::default() };
        let record = TaskRecord { fetched: true, ..TaskRecord::new("S0".into(), "a".into()) };
        state.tasks.insert("taskmanager-00007".into(), record);
        assert_eq!(decode(&encode(&state).expect("written")).expect("read"), state);
    }

    /// As the version wrote it that had no nonce.
    #[test]
    fn a_state_from_before_task_ids_had_a_nonce_goes_on() {
        let written = br#"{"version":1,"state":{"framework_id":"f-1","archived":[],"task_counter":3,"scale":null,
            "demanded":null,"failures":0,"token_secret":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],
            "tasks":{"taskmanager-00003":{"agent_id":"S0","hostname":"a","goal":"Run","fetched":true,"attributes":{}}}}}"#;
        let state = decode(written).expect("read");
        assert!(state.tasks.contains_key(&state.task_id(3)), "{state:?}");
        assert_eq!(State { nonce: "x7k2pb".into(), ..state }.task_id(4), "taskmanager-x7k2pb-00004");
    }

    #[test]
    fn a_newer_or_foreign_record_is_refused() {
        let newer = decode(br#"{"version": 2, "everything": "new"}"#).expect_err("newer");
        assert!(newer.to_string().contains("version 2"), "{newer}");
        assert!(matches!(decode(b"garbage"), Err(RecordError::Malformed(_))));
    }
}
