//! What the master's `/tasks` and `/slaves`, and an agent's `/state`, say of where something is.

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

    /// Of one of its endpoints.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}://{}/{}/{path}", self.scheme.name(), self.authority, self.process)
    }
}

impl fmt::Display for AgentSite {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at {}", self.id, self.authority)
    }
}

#[derive(Deserialize)]
struct AgentState {
    #[serde(default)]
    frameworks: Vec<Framework>,
    #[serde(default)]
    completed_frameworks: Vec<Framework>,
}

#[derive(Deserialize)]
struct Framework {
    id: String,
    #[serde(default)]
    executors: Vec<Executor>,
    #[serde(default)]
    completed_executors: Vec<Executor>,
}

#[derive(Deserialize)]
struct Executor {
    id: String,
    directory: String,
}

/// Where the sandbox of an executor is on its agent, by the agent's `/state`.
pub(crate) fn directory(
    json: &[u8],
    framework_id: &str,
    executor: &str,
) -> Result<Option<String>, serde_json::Error> {
    let AgentState { frameworks, completed_frameworks } = serde_json::from_slice(json)?;
    let frameworks = frameworks.into_iter().chain(completed_frameworks);
    let meant = frameworks.filter(|framework| framework.id == framework_id);
    let mut executors =
        meant.flat_map(|framework| framework.executors.into_iter().chain(framework.completed_executors));
    Ok(executors.find(|found| found.id == executor).map(|found| found.directory))
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
    fn sandboxes_are_found_by_their_executors() {
        let state = r#"{"frameworks":[{"id":"f-1","executors":[{"id":"t-1","directory":"/w/1","tasks":[]}],
            "completed_executors":[{"id":"t-2","directory":"/w/2"}]}],
            "completed_frameworks":[{"id":"f-2","executors":[],"completed_executors":[{"id":"t-1","directory":"/w/3"}]}]}"#;
        let of = |framework, executor| directory(state.as_bytes(), framework, executor).expect("a state");
        let found = [("f-1", "t-1"), ("f-1", "t-2"), ("f-2", "t-1"), ("f-2", "t-2"), ("f-3", "t-1")]
            .map(|(framework, executor)| of(framework, executor));
        assert_eq!(
            found.each_ref().map(Option::as_deref),
            [Some("/w/1"), Some("/w/2"), Some("/w/3"), None, None]
        );
        assert!(directory(b"<html>", "f-1", "t-1").is_err());
    }

    #[test]
    fn agents_are_found_where_their_master_finds_them() {
        let of = |id, scheme| {
            AgentSite::read(AGENTS.as_bytes(), id, scheme).expect("agents").map(|at| at.url("api/v1"))
        };
        let url = |text: &str| Some(text.to_owned());
        assert_eq!(of("S0", Scheme::Http), url("http://10.0.0.1:5051/slave(1)/api/v1"));
        assert_eq!(of("S0", Scheme::Https), url("https://a.example:5051/slave(1)/api/v1"));
        assert_eq!(of("S1", Scheme::Http), url("http://[fd00::1]:5052/slave(2)/api/v1"));
        assert_eq!(of("S2", Scheme::Http), None);
    }
}
