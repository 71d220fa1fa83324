//! What the master's `/tasks` and `/slaves` say of where something is.

use std::fmt;

use serde::Deserialize;

use super::address::Scheme;

/// On which agent a task runs, or ran.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TaskSite {
    pub id: String,
    #[serde(rename = "slave_id")]
    pub agent_id: String,
    pub framework_id: String,
    /// In Mesos' words.
    pub state: String,
    /// Empty where the task is its own executor.
    #[serde(default)]
    executor_id: String,
}

/// Those of a task that runs, or may run again.
const ALIVE: [&str; 6] =
    ["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE", "TASK_UNKNOWN"];

#[derive(Deserialize)]
struct Tasks {
    tasks: Vec<TaskSite>,
}

impl TaskSite {
    /// Masters before 1.2 tell the tasks of all frameworks.
    pub fn read(json: &[u8], framework_id: &str) -> Result<Vec<Self>, serde_json::Error> {
        let mut tasks = serde_json::from_slice::<Tasks>(json)?.tasks;
        tasks.retain(|task| task.framework_id == framework_id);
        Ok(tasks)
    }

    pub fn has_ended(&self) -> bool {
        !ALIVE.contains(&self.state.as_str())
    }

    /// Whose sandbox is the task's.
    pub fn executor(&self) -> &str {
        if self.executor_id.is_empty() { &self.id } else { &self.executor_id }
    }
}

/// Where an agent answers operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSite {
    pub id: String,
    scheme: Scheme,
    /// `host:port`
    authority: String,
    /// Its libprocess name, with which several agents behind one port are told apart.
    process: String,
}

#[derive(Deserialize)]
struct Agents {
    slaves: Vec<Agent>,
}

#[derive(Deserialize)]
struct Agent {
    id: String,
    hostname: String,
    /// `slave(1)@ip:port`
    pid: String,
}

impl AgentSite {
    /// An agent speaks the scheme of its master.
    pub fn read(json: &[u8], id: &str, scheme: Scheme) -> Result<Option<Self>, serde_json::Error> {
        let agents = serde_json::from_slice::<Agents>(json)?.slaves;
        Ok(agents.into_iter().find(|agent| agent.id == id).and_then(|agent| Self::of(agent, scheme)))
    }

    fn of(agent: Agent, scheme: Scheme) -> Option<Self> {
        let (process, address) = agent.pid.split_once('@')?;
        let authority = match scheme {
            Scheme::Http => address.to_owned(),
            // Certificates name hosts.
            Scheme::Https => format!("{}:{}", agent.hostname, address.rsplit_once(':')?.1),
        };
        Some(Self { id: agent.id, scheme, authority, process: process.to_owned() })
    }

    /// Of its operator API.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}/{}/api/v1", self.scheme.name(), self.authority, self.process)
    }
}

impl fmt::Display for AgentSite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at {}", self.id, self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `model` of src/common/http.cpp writes tasks.
    const TASKS: &str = r#"{"tasks":[
        {"executor_id":"","framework_id":"f-1","id":"t-1","name":"a","resources":{"cpus":1.0},"role":"*",
         "slave_id":"S0","state":"TASK_FINISHED","statuses":[{"state":"TASK_FINISHED","timestamp":1.5}]},
        {"executor_id":"e","framework_id":"f-1","id":"t-2","name":"a","slave_id":"S1","state":"TASK_RUNNING"},
        {"executor_id":"","framework_id":"f-2","id":"t-3","name":"a","slave_id":"S1","state":"TASK_RUNNING"}]}"#;

    const AGENTS: &str = r#"{"slaves":[
        {"id":"S0","hostname":"a.example","port":5051,"pid":"slave(1)@10.0.0.1:5051","active":true},
        {"id":"S1","hostname":"b.example","port":5051,"pid":"slave(2)@[fd00::1]:5052","active":true}],
        "recovered_slaves":[]}"#;

    #[test]
    fn tasks_are_told_apart() {
        let tasks = TaskSite::read(TASKS.as_bytes(), "f-1").expect("tasks");
        let shown: Vec<_> = tasks
            .iter()
            .map(|task| (&*task.id, &*task.agent_id, task.executor(), task.has_ended()))
            .collect();
        assert_eq!(shown, [("t-1", "S0", "t-1", true), ("t-2", "S1", "e", false)]);
        assert!(TaskSite::read(b"<html>", "f-1").is_err());
    }

    #[test]
    fn agents_are_found_where_their_master_finds_them() {
        let of =
            |id, scheme| AgentSite::read(AGENTS.as_bytes(), id, scheme).expect("agents").map(|at| at.url());
        let url = |text: &str| Some(text.to_owned());
        assert_eq!(of("S0", Scheme::Http), url("http://10.0.0.1:5051/slave(1)/api/v1"));
        assert_eq!(of("S0", Scheme::Https), url("https://a.example:5051/slave(1)/api/v1"));
        assert_eq!(of("S1", Scheme::Http), url("http://[fd00::1]:5052/slave(2)/api/v1"));
        assert_eq!(of("S2", Scheme::Http), None);
    }
}
