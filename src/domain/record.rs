//! The stored form of the state: JSON with a version, so that a person can read it and a newer program can tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::{State, TaskRecord};

/// Raised with every change that an older program would misread. It would take the tasks of any group for TaskManagers,
/// so what has tasks of TaskManagers alone is still of the first version.
const VERSION: u32 = 2;
const VERSION_OF_TASKMANAGERS_ALONE: u32 = 1;

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
    let version = version(state.has_other_groups());
    serde_json::to_vec(&Written { version, state }).map_err(RecordError::Unwritable)
}

pub fn decode(bytes: &[u8]) -> Result<State, RecordError> {
    check_version(bytes)?;
    let Read { state } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    Ok(state)
}

/// Some of the state's tasks, where they lie apart from the rest.
pub fn encode_tasks(tasks: &BTreeMap<&str, &TaskRecord>) -> Result<Vec<u8>, RecordError> {
    let version = version(tasks.values().any(|record| !record.group.is_taskmanagers()));
    serde_json::to_vec(&WrittenTasks { version, tasks }).map_err(RecordError::Unwritable)
}

pub fn decode_tasks(bytes: &[u8]) -> Result<BTreeMap<String, TaskRecord>, RecordError> {
    check_version(bytes)?;
    let ReadTasks { tasks } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    Ok(tasks)
}

fn version(has_other_groups: bool) -> u32 {
    if has_other_groups { VERSION } else { VERSION_OF_TASKMANAGERS_ALONE }
}

fn check_version(bytes: &[u8]) -> Result<(), RecordError> {
    let Version { version } = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    if version > VERSION { Err(RecordError::Newer { found: version }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::GroupName;
    use crate::state::{Ended, Goal, GroupState, Probing};

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
        let group = &GroupName::TASKMANAGERS;
        assert!(state.tasks.contains_key(&state.task_id(group, 3)), "{state:?}");
        assert_eq!(State { nonce: "x7k2pb".into(), ..state }.task_id(group, 4), "taskmanager-x7k2pb-00004");
    }

    /// As the version wrote it that knew one group only, and still what is written of such a cluster.
    const BEFORE_GROUPS: &str = concat!(
        r#"{"version":1,"state":{"framework_id":"f-1","archived":["f-0"],"nonce":"x7k2pb","task_counter":9,"#,
        r#""scale":3,"demanded":2,"failures":4,"probing":{"since":17,"failures":3,"cause":"no java","keys":["k"],"#,
        r#""rounds":2,"most":1,"is_relapse":false,"tasks":["taskmanager-x7k2pb-00009"]},"origin":"d1","#,
        r#""artifact_port":4040,"token_secret":"#,
        "[7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7,7],",
        r#""tasks":{"taskmanager-x7k2pb-00009":{"agent_id":"S0","hostname":"a","goal":"Replace","#,
        r#""unheard":true,"fetched":true,"leaves":false,"attributes":{"rack":"r1"}}}}}"#
    );

    #[test]
    fn a_state_from_before_there_were_groups_is_one_of_taskmanagers() {
        let state = decode(BEFORE_GROUPS.as_bytes()).expect("read");
        assert_eq!(state.groups.keys().collect::<Vec<_>>(), [&GroupName::TASKMANAGERS]);
        let known = state.group(&GroupName::TASKMANAGERS);
        assert_eq!((known.scale, known.demanded, known.failures), (Some(3), Some(2), 4));
        assert_eq!(known.probing.as_ref().map(|probing| &probing.cause[..]), Some("no java"));
        let record = &state.tasks["taskmanager-x7k2pb-00009"];
        assert_eq!((&record.group, record.goal), (&GroupName::TASKMANAGERS, Goal::Replace));
        // The version before can go on with it.
        assert_eq!(String::from_utf8(encode(&state).expect("written")).expect("text"), BEFORE_GROUPS);
    }

    #[test]
    fn other_groups_are_read_as_they_were_written_and_by_no_version_that_knows_none() {
        let blue = GroupName::parse("blue").expect("a name");
        let probing = Some(Probing { failures: 2, ..Probing::default() });
        let mut state = State { framework_id: Some("f-1".into()), ..State::default() };
        let ended = Some(Ended { task: "blue-00001".into(), generation: 3, code: 0, at: 17 });
        *state.group_mut(&blue) =
            GroupState { scale: Some(5), failures: 1, probing, ended, ..GroupState::default() };
        state.group_mut(&GroupName::TASKMANAGERS).scale = Some(2);
        let record = TaskRecord {
            group: blue.clone(),
            attempt: 2,
            generation: 4,
            ..TaskRecord::new("S0".into(), "a".into())
        };
        state.tasks.insert(state.task_id(&blue, 1), record.clone());
        let written = encode(&state).expect("written");
        assert_eq!(decode(&written).expect("read"), state);
        let version = |bytes: &[u8]| serde_json::from_slice::<Version>(bytes).expect("a version").version;
        assert_eq!(version(&written), 2);
        let tasks = BTreeMap::from([("blue-00001", &record)]);
        let written = encode_tasks(&tasks).expect("written");
        assert_eq!(version(&written), 2);
        assert_eq!(decode_tasks(&written).expect("read")["blue-00001"], record);
    }

    #[test]
    fn a_newer_or_foreign_record_is_refused() {
        let newer = decode(br#"{"version": 3, "everything": "new"}"#).expect_err("newer");
        assert!(newer.to_string().contains("version 3"), "{newer}");
        assert!(matches!(decode(b"garbage"), Err(RecordError::Malformed(_))));
    }
}
