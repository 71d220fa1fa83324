//! What the master knows of one framework.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::resources::{Format, Resources};
use base::time::{Deadline, Moment};
use mesos::wire::framework::{CapabilityType, FrameworkInfo};
use mesos::wire::id::{AgentId, FrameworkId, TaskId};
use mesos::wire::status::TaskState;

use super::StreamId;
use super::constraints::Constraints;
use super::identifier;
use super::roles;
use super::task::{Task, is_terminal};

/// Finished tasks that `/state` still shows, per framework; as many as the real master keeps.
const COMPLETED_TASKS: usize = 1000;

/// Unreachable tasks that are remembered, per framework; as many as the real master keeps.
const UNREACHABLE_TASKS: usize = 1000;

/// Longest failover timeout in seconds: what 64 bits of nanoseconds hold.
const MAX_FAILOVER_S: f64 = 9_223_372_036.0;

#[derive(Debug)]
pub struct Framework {
    pub id: FrameworkId,
    pub info: FrameworkInfo,
    pub roles: BTreeSet<String>,
    pub connection: Connection,
    pub suppressed: BTreeSet<String>,
    /// Which agents it wants to hear of.
    pub constraints: Constraints,
    /// What was refused, by role and agent.
    pub filters: BTreeMap<(String, AgentId), Vec<Filter>>,
    /// Agents that it is not asked for back before the deadline.
    pub inverse_filters: BTreeMap<AgentId, Deadline>,
    /// Every task whose terminal update is not acknowledged yet.
    pub tasks: BTreeMap<TaskId, Task>,
    pub completed_tasks: VecDeque<Task>,
    /// Those whose agents are out of reach.
    pub unreachable_tasks: BTreeMap<TaskId, Task>,
    pub registered: Moment,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Connection {
    Connected {
        stream: StreamId,
        next_heartbeat: Moment,
    },
    /// Removed when the deadline passes.
    Disconnected {
        until: Deadline,
    },
}

/// An offer within `refused` is not made before the deadline.
#[derive(Clone, Debug)]
pub struct Filter {
    pub refused: Resources,
    pub until: Deadline,
}

/// What was left of a task that ended without an update from its agent.
pub struct Ended {
    pub held: Option<Resources>,
    /// It had ended before, and only the acknowledgement was missing.
    pub was_terminal: bool,
}

impl Framework {
    /// One that a new master knows from its tasks only. Its failover timeout does not run.
    pub fn recovered(id: FrameworkId, info: FrameworkInfo, now: Moment) -> Self {
        let until = Deadline::after(now, Duration::MAX);
        Self::new(id, info, Connection::Disconnected { until }, now)
    }

    pub fn new(id: FrameworkId, info: FrameworkInfo, connection: Connection, now: Moment) -> Self {
        Self {
            id,
            roles: roles_of(&info),
            info,
            connection,
            suppressed: BTreeSet::new(),
            constraints: Constraints::default(),
            filters: BTreeMap::new(),
            inverse_filters: BTreeMap::new(),
            tasks: BTreeMap::new(),
            completed_tasks: VecDeque::new(),
            unreachable_tasks: BTreeMap::new(),
            registered: now,
        }
    }

    pub fn has(&self, capability: CapabilityType) -> bool {
        has(&self.info, capability)
    }

    pub fn format(&self) -> Format {
        if self.has(CapabilityType::ReservationRefinement) { Format::Refined } else { Format::Old }
    }

    pub fn stream(&self) -> Option<&StreamId> {
        match &self.connection {
            Connection::Connected { stream, .. } => Some(stream),
            Connection::Disconnected { .. } => None,
        }
    }

    pub fn failover_timeout(&self) -> Duration {
        let seconds = self.info.failover_timeout.unwrap_or_default();
        Duration::try_from_secs_f64(seconds.clamp(0.0, MAX_FAILOVER_S)).unwrap_or_default()
    }

    /// Whether offers for `role` may go out.
    pub fn wants(&self, role: &str) -> bool {
        self.stream().is_some() && self.roles.contains(role) && !self.suppressed.contains(role)
    }

    pub fn is_filtered(&self, role: &str, agent: &AgentId, offered: &Resources, now: Moment) -> bool {
        let filters = self.filters.get(&(role.to_owned(), agent.clone()));
        let holds = |filter: &Filter| !filter.until.has_passed(now) && filter.refused.contains(offered);
        filters.is_some_and(|filters| filters.iter().any(holds))
    }

    pub fn drop_filters(&mut self, mut concerned: impl FnMut(&str) -> bool) {
        self.filters.retain(|(role, _), _| !concerned(role));
    }

    /// Puts new information in the place of the old one, except what can never change.
    pub fn replace_info(&mut self, new: FrameworkInfo) {
        let old = &self.info;
        let info = FrameworkInfo {
            id: Some(self.id.clone()),
            user: old.user.clone(),
            checkpoint: old.checkpoint,
            principal: old.principal.clone(),
            ..new
        };
        self.roles = roles_of(&info);
        self.info = info;
    }

    /// Takes a task out of the living ones because its agent is gone or out of reach.
    pub fn end(&mut self, id: &TaskId, state: TaskState, is_unreachable: bool) -> Option<Ended> {
        let mut task = self.tasks.remove(id)?;
        let was_terminal = is_terminal(task.latest);
        let held = task.held.take();
        if !was_terminal {
            task.latest = state;
            task.forwarded = None;
        }
        if is_unreachable && !was_terminal {
            if self.unreachable_tasks.len() == UNREACHABLE_TASKS {
                self.unreachable_tasks.pop_first();
            }
            self.unreachable_tasks.insert(id.clone(), task);
        } else {
            self.keep_completed(task);
        }
        Some(Ended { held, was_terminal })
    }

    /// Takes a task out of the living ones.
    pub fn complete(&mut self, task: &TaskId) {
        if let Some(task) = self.tasks.remove(task) {
            self.keep_completed(task);
        }
    }

    fn keep_completed(&mut self, task: Task) {
        if self.completed_tasks.len() == COMPLETED_TASKS {
            self.completed_tasks.pop_front();
        }
        self.completed_tasks.push_back(task);
    }
}

pub fn has(info: &FrameworkInfo, capability: CapabilityType) -> bool {
    info.capabilities.iter().any(|c| c.r#type == Some(capability as i32))
}

/// The roles it subscribes to: one without MULTI_ROLE, `*` by default.
pub fn roles_of(info: &FrameworkInfo) -> BTreeSet<String> {
    if has(info, CapabilityType::MultiRole) {
        return info.roles.iter().cloned().collect();
    }
    BTreeSet::from([info.role.clone().unwrap_or_else(|| "*".to_owned())])
}

/// Why the master does not take a framework that describes itself so.
pub fn refuse(info: &FrameworkInfo, allowed: Option<&BTreeSet<String>>) -> Option<String> {
    refuse_roles(info)
        .or_else(|| refuse_id(info))
        .or_else(|| refuse_failover_timeout(info))
        .or_else(|| refuse_unknown_roles(info, allowed?))
}

fn refuse_roles(info: &FrameworkInfo) -> Option<String> {
    if !has(info, CapabilityType::MultiRole) {
        if !info.roles.is_empty() {
            let text = "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable";
            return Some(text.to_owned());
        }
        let wrong = roles::refuse(info.role.as_deref()?)?;
        return Some(format!("'FrameworkInfo.role' is not a valid role: {wrong}"));
    }
    if info.role.is_some() {
        let text = "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable";
        return Some(text.to_owned());
    }
    let mut seen = BTreeSet::new();
    let repeated: BTreeSet<_> = info.roles.iter().filter(|role| !seen.insert(*role)).collect();
    if !repeated.is_empty() {
        return Some(format!("'FrameworkInfo.roles' contains duplicate items: {}", braced(repeated)));
    }
    let wrong = info.roles.iter().find_map(|role| roles::refuse(role))?;
    Some(format!("'FrameworkInfo.roles' contains invalid role: {wrong}"))
}

fn refuse_id(info: &FrameworkInfo) -> Option<String> {
    let id = info.id.as_ref()?.text();
    if id.is_empty() { None } else { identifier::refuse(id) }
}

fn refuse_failover_timeout(info: &FrameworkInfo) -> Option<String> {
    let seconds = info.failover_timeout.unwrap_or_default();
    let valid = seconds.abs() <= MAX_FAILOVER_S;
    (!valid).then(|| format!("The framework failover_timeout ({seconds}) is invalid"))
}

fn refuse_unknown_roles(info: &FrameworkInfo, allowed: &BTreeSet<String>) -> Option<String> {
    let all = roles_of(info);
    let unknown: BTreeSet<_> = all.iter().filter(|role| !allowed.contains(*role) && *role != "*").collect();
    (!unknown.is_empty())
        .then(|| format!("Roles {} are not present in the master's --roles", braced(unknown)))
}

/// Why these roles cannot be suppressed.
pub fn refuse_suppression(info: &FrameworkInfo, suppressed: &[String]) -> Option<String> {
    let roles = roles_of(info);
    let unknown: BTreeSet<_> = suppressed.iter().filter(|role| !roles.contains(*role)).collect();
    (!unknown.is_empty())
        .then(|| format!("Suppressed roles {} are not contained in the set of roles", braced(unknown)))
}

fn braced(items: BTreeSet<&String>) -> String {
    let items: Vec<_> = items.into_iter().map(String::as_str).collect();
    format!("{{ {} }}", items.join(", "))
}
